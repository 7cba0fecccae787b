"""A group of commands, each imported on demand."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Import a command's module on demand, and suggest a name for a misspelt one.

    Parameters
    ----------
    *args, **kwargs
        As of `click.Group`.
    modules : mapping of str to str
        Modules that hold a ``command``, by the name of the command, in the order of use.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of use, those defined on the group first."""
        return [*super().list_commands(ctx), *self._modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        if cmd_name in self._modules:
            found: click.Command = importlib.import_module(self._modules[cmd_name]).command
            return found
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that is called, or raise an error with a suggestion."""
        name = args[0]
        if not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            near = difflib.get_close_matches(name, known, n=1)
            guess = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(known)}."
            raise click.UsageError(f"There is no command {name!r}. {guess}", ctx)
        return super().resolve_command(ctx, args)
