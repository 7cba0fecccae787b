"""A group of commands, each imported on demand; plugins can add commands."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["GroupedCommand", "LazyGroup", "plugin_command"]


class LazyGroup(click.Group):
    """Import a command's module on demand, and suggest a name for a misspelt one.

    Parameters
    ----------
    *args, **kwargs
        As of `click.Group`.
    modules : mapping of str to str
        Modules that hold a ``command``, by the name of the command, in the order of use.
    packages : mapping of str to str, optional
        Packages to install for commands that metaauto's own plugins add, by the name of the
        command. By default plugins cannot add commands to the group.
    """

    def __init__(
        self,
        *args: Any,
        modules: Mapping[str, str],
        packages: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._modules = modules
        self._packages = packages or {}
        self.takes_plugins = packages is not None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of use, those defined on the group first."""
        return [*super().list_commands(ctx), *self._modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        if cmd_name in self._modules:
            found: click.Command = importlib.import_module(self._modules[cmd_name]).command
            return found
        own = super().get_command(ctx, cmd_name)
        if own is not None or not self.takes_plugins or cmd_name.startswith("-"):
            return own
        return plugin_command(f"{self.name} {cmd_name}")

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that is called, or raise an error with a suggestion."""
        name = args[0]
        if not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            if name in self._packages:
                raise click.UsageError(
                    f"The command {name!r} needs a plugin: pip install {self._packages[name]}.", ctx
                )
            known = [*self.list_commands(ctx), *self._packages]
            near = difflib.get_close_matches(name, known, n=1)
            guess = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(known)}."
            raise click.UsageError(f"There is no command {name!r}. {guess}", ctx)
        return super().resolve_command(ctx, args)


class GroupedCommand(click.Command):
    """Show the options of a command in groups.

    Parameters
    ----------
    *args, **kwargs
        As of `click.Command`.
    groups : mapping of str to sequence of str
        Names of parameters by heading; the other options are under "Other options".
    """

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, one section for each group."""
        params = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        left = {param.name: param for param in params}
        sections = [
            (heading, [left.pop(name) for name in names]) for heading, names in self.groups.items()
        ]
        for heading, params in [*sections, ("Other options", list(left.values()))]:
            lines = [line for param in params if (line := param.get_help_record(ctx)) is not None]
            with formatter.section(heading):
                formatter.write_dl(lines)


def plugin_command(path: str) -> click.Command | None:
    """Return a command that a plugin registered, by its group and name; None if there is none."""
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins().registry
    if path not in registry.names("command"):
        return None
    found: click.Command = registry.entry("command", path).component
    return found
