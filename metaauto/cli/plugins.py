"""``metaauto plugins``: what is installed, what it adds, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from metaauto.cli.options import json_option, plugin_settings, plugins_option
from metaauto.cli.terminal import print_json, print_line

if TYPE_CHECKING:
    from metaauto.registry import Plugin

__all__ = ["command"]


@click.command("plugins", short_help="List the installed plugins and what they add.")
@plugins_option()
@json_option("the plugins")
def command(plugin_folders: tuple[str, ...], as_json: bool) -> None:
    """List metaauto's own components and every plugin: version, hooks, components, errors.

    \b
    metaauto plugins
    metaauto plugins --plugins my_folder --json

    Plugins come from pip packages (entry points of the group `metaauto`), from folders
    (--plugins, METAAUTO_PLUGINS_DIR), and are chosen by METAAUTO_PLUGINS=a,b and
    METAAUTO_DISABLE_PLUGINS=c. A broken plugin is listed with its errors and harms nothing else;
    METAAUTO_STRICT_PLUGINS=1 makes it an error.
    """
    settings = plugin_settings(plugin_folders)
    from metaauto.plugins import load_plugins

    # The errors are part of the list, so they need no warnings.
    logging.getLogger("metaauto.plugins").setLevel(logging.ERROR)
    found = load_plugins(settings).plugins
    if as_json:
        print_json([dataclasses.asdict(plugin) for plugin in found])
        return
    for plugin in found:
        for line in _lines(plugin):
            print_line(line)


def _lines(plugin: Plugin) -> Iterable[str]:
    state = "  (disabled)" if plugin.disabled else ""
    yield f"{plugin.label}  {plugin.source}{state}"
    kinds: dict[str, list[str]] = {}
    for component in plugin.components:
        kind, _, name = component.partition(":")
        kinds.setdefault(kind, []).append(name)
    if plugin.hooks:
        yield f"  hooks         {', '.join(plugin.hooks)}"
    for kind, names in kinds.items():
        yield f"  {kind:<13} {', '.join(names)}"
    for error in plugin.errors:
        yield f"  ERROR         {' '.join(error.split())}"
