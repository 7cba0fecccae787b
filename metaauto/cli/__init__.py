"""The command line: one file per command, imported when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import click

from metaauto import __version__
from metaauto.cli.terminal import NobodyReads, run

__all__ = ["COMMANDS", "command", "main"]

COMMANDS = {
    "fit": "metaauto.cli.fit",
    "predict": "metaauto.cli.predict",
    "evaluate": "metaauto.cli.evaluate",
    "leaderboard": "metaauto.cli.leaderboard",
    "suggest": "metaauto.cli.suggest",
    "metafeatures": "metaauto.cli.metafeatures",
    "knowledge": "metaauto.cli.knowledge",
    "plugins": "metaauto.cli.plugins",
}
"""metaauto's own commands in the order of use, and the modules that hold them."""


class _Commands(click.Group):
    """Imports a command's module when it is needed, and asks plugins only for unknown names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands of metaauto itself: asking plugins would slow every ``--help``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by name."""
        if cmd_name in COMMANDS:
            found: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
            return found
        if cmd_name.startswith("-"):
            return None
        return _of_plugin(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader of its output who leaves is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise NobodyReads from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command that is called, or say what was meant."""
        name = args[0]
        if self.get_command(ctx, name) is None:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            guess = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(COMMANDS)}."
            raise click.UsageError(f"There is no command {name!r}. {guess}", ctx)
        return super().resolve_command(ctx, args)


def _of_plugin(name: str) -> click.Command | None:
    from metaauto.plugins import load_plugins

    registry = load_plugins().registry
    if name not in registry.names("command"):
        return None
    found: click.Command = registry.entry("command", name).component
    return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="metaauto", message="%(prog)s %(version)s")
@click.option(
    "--traceback", is_flag=True, expose_value=False, help="Show where an error came from."
)
def command() -> None:
    """AutoML for tables: from a table to one honest, saved model.

    \b
    metaauto fit train.csv --target price --budget 5m --out model.metaauto
    metaauto predict model.metaauto new.csv -o predictions.csv
    metaauto evaluate model.metaauto test.csv

    A table is a file (csv, tsv, parquet, feather, json lines, arff), `-` for csv on the standard
    input, or an address such as sqlite:shop.db?table=orders, openml:31 or sklearn:iris.
    `metaauto COMMAND --help` explains each command. Plugins can add commands; `metaauto plugins`
    lists them.

    \b
    Exit status:
      0    done; for fit also when Ctrl-C ended the search early and a model was saved
      1    an error: one line on the standard error says what happened and what to do
      2    the command line was wrong
      70   a defect of metaauto or of a plugin; --traceback shows where
      130  interrupted before there was a result
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its status.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``metaauto``; by default that of this process.
    """
    raise SystemExit(run(command, arguments))
