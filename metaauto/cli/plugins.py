"""``metaauto plugins``: list, show, check and create plugins."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from metaauto.cli.group import LazyGroup
from metaauto.cli.options import json_option, plugin_settings, plugins_option
from metaauto.cli.terminal import print_json, print_line

if TYPE_CHECKING:
    from metaauto.plugins.manager import LoadedPlugins
    from metaauto.plugins.registry import Plugin

__all__ = ["command", "load_quietly"]

_COMMANDS = {
    "show": "metaauto.cli.plugin_show",
    "check": "metaauto.cli.plugin_check",
    "new": "metaauto.cli.plugin_new",
}


@click.group(
    "plugins",
    cls=LazyGroup,
    modules=_COMMANDS,
    invoke_without_command=True,
    short_help="List, show, check and create plugins.",
)
@plugins_option()
@json_option("the plugins")
@click.pass_context
def command(ctx: click.Context, plugin_folders: tuple[str, ...], as_json: bool) -> None:
    """List metaauto's own components and every plugin: version, hooks, components, errors.

    \b
    metaauto plugins
    metaauto plugins --plugins my_folder --json
    metaauto plugins show lightgbm
    metaauto plugins new fancy
    metaauto plugins check metaauto-fancy

    Plugins are loaded from pip packages (entry points of the group `metaauto`) and from folders
    (--plugins, METAAUTO_PLUGINS_DIR); METAAUTO_PLUGINS=a,b and METAAUTO_DISABLE_PLUGINS=c select
    them. A broken plugin is listed with its errors and does not affect others;
    METAAUTO_STRICT_PLUGINS=1 turns it into an error.
    """
    ctx.obj = plugin_folders
    if ctx.invoked_subcommand is None:
        _list(plugin_folders, as_json)


@command.command("list", short_help="List the plugins, like `metaauto plugins`.")
@plugins_option()
@json_option("the plugins")
@click.pass_obj
def list_command(folders: tuple[str, ...], plugin_folders: tuple[str, ...], as_json: bool) -> None:
    """List metaauto's own components and every plugin: version, hooks, components, errors."""
    _list((*folders, *plugin_folders), as_json)


def load_quietly(folders: tuple[str, ...]) -> LoadedPlugins:
    """Load all plugins without warnings: the command itself reports their errors."""
    settings = plugin_settings(folders)
    from metaauto.plugins.manager import load_plugins

    logging.getLogger("metaauto.plugins").setLevel(logging.ERROR)
    return load_plugins(settings)


def _list(folders: tuple[str, ...], as_json: bool) -> None:
    found = load_quietly(folders).plugins
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
