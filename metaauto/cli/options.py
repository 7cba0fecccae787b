"""Options and checks that several commands share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.errors import SettingError

if TYPE_CHECKING:
    from metaauto.plugins import PluginSettings

__all__ = ["check_writable", "json_option", "plugin_settings", "plugins_option", "same_file"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def plugins_option() -> Decorator:
    """Return the option ``--plugins DIR``."""
    return click.option(
        "--plugins",
        "plugin_folders",
        metavar="DIR",
        multiple=True,
        help="A folder of plugin files (*.py), besides the installed plugins. Repeatable.",
    )


def json_option(what: str) -> Decorator:
    """Return the flag ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def plugin_settings(folders: tuple[str, ...]) -> PluginSettings:
    """Which plugins to load: what the environment says, and some folders."""
    from metaauto.plugins import PluginSettings

    settings = PluginSettings.from_environment()
    if not folders:
        return settings
    return PluginSettings.from_environment(folders=(*settings.folders, *folders))


def check_writable(path: Path, what: str) -> None:
    """Raise `SettingError` unless a file can be written there; nothing is left behind."""
    if path.is_dir():
        raise SettingError(f"{str(path)!r} is a directory.", hint=f"Name a file for {what} in it.")
    try:
        # Access rights alone do not tell whether a disk is read-only or full.
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(b"x")
    except FileNotFoundError:
        raise SettingError(
            f"The directory {str(path.parent)!r} for {what} does not exist.",
            hint="Create it, or name another place.",
        ) from None
    except OSError as error:
        raise SettingError(
            f"{what[0].upper()}{what[1:]} cannot be written to {str(path)!r}: "
            f"{error.strerror or error}.",
            hint="Name a place that you may write to.",
        ) from error
    if path.exists() and not path.is_file():
        raise SettingError(f"{str(path)!r} is no regular file.", hint="Name another file.")


def same_file(one: str | Path, other: str) -> bool:
    """Whether both name one existing file."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
