"""The command line: one file per command, imported when it is called."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from metaauto import __version__
from metaauto.cli.completers import COMPLETE_VARIABLE
from metaauto.cli.exit_status import exit_status_help
from metaauto.cli.group import plugin_command
from metaauto.cli.terminal import OutputClosed, run, say

__all__ = ["COMMANDS", "command", "main"]

COMMANDS = {
    "fit": "metaauto.cli.fit",
    "predict": "metaauto.cli.predict",
    "evaluate": "metaauto.cli.evaluate",
    "leaderboard": "metaauto.cli.leaderboard",
    "compare": "metaauto.cli.compare",
    "explain": "metaauto.cli.explain",
    "report": "metaauto.cli.report",
    "metrics": "metaauto.cli.metrics",
    "export": "metaauto.cli.export",
    "refit": "metaauto.cli.refit",
    "suggest": "metaauto.cli.suggest",
    "metafeatures": "metaauto.cli.metafeatures",
    "knowledge": "metaauto.cli.knowledge",
    "plugins": "metaauto.cli.plugins",
    "completion": "metaauto.cli.completion",
}
"""metaauto's own commands in the order of use, and the modules that hold them."""


@click.command("help", hidden=True)
@click.argument("names", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def _help(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command."""
    run_again = ctx.find_root()
    run_again.command.main([*names, "--help"], prog_name="metaauto", standalone_mode=False)


@click.command("version", hidden=True)
def _version() -> None:
    """Show the version."""
    click.echo(f"metaauto {__version__}")


_ALIASES = {"help": _help, "version": _version}


class _Commands(click.Group):
    """Import a command's module on demand; load plugins only for unknown names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return metaauto's own commands; loading plugins would slow down every ``--help``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        if cmd_name in COMMANDS:
            found: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
            return found
        if cmd_name in _ALIASES:
            return _ALIASES[cmd_name]
        if cmd_name.startswith("-"):
            return None
        return plugin_command(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed output pipe is not an error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise OutputClosed from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that is called, or raise an error with a suggestion."""
        name = args[0]
        if not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            guess = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(COMMANDS)}."
            raise click.UsageError(f"There is no command {name!r}. {guess}", ctx)
        found = super().resolve_command(ctx, args)
        _with_defaults(ctx, found[1], args)
        return found


def _with_defaults(ctx: click.Context, command: click.Command | None, args: list[str]) -> None:
    from metaauto.cli.defaults import use_defaults
    from metaauto.errors import SettingError

    if command is None or ctx.resilient_parsing:
        return
    try:
        use_defaults(ctx, args[0], command)
    except SettingError:
        # An invalid file must not block --help.
        if not {"-h", "--help"} & set(args):
            raise


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=exit_status_help(),
)
@click.version_option(
    __version__, "-V", "--version", prog_name="metaauto", message="%(prog)s %(version)s"
)
@click.option(
    "--traceback", is_flag=True, expose_value=False, help="Print the traceback of an error."
)
def command() -> None:
    """AutoML for tabular data: from a table to one evaluated, saved model.

    \b
    metaauto fit train.csv --target price --budget 5m --out model.metaauto
    metaauto predict model.metaauto new.csv -o predictions.csv
    metaauto evaluate model.metaauto test.csv

    A table is a file (csv, tsv, parquet, feather, json lines, arff, xlsx), or
    an address such as https://example.org/train.csv, s3://bucket/train.parquet,
    sqlite:shop.db?table=orders, duckdb:shop.duckdb, openml:31 or sklearn:iris.
    Where a file is read or written, - means the standard input or output.
    `metaauto COMMAND --help` explains each command. Plugins can add commands; `metaauto plugins`
    lists them.

    Defaults of options are read from metaauto.toml in the working directory (one table per
    command) or from [tool.metaauto] in pyproject.toml.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after ``metaauto``; by default those of this process.
    """
    if COMPLETE_VARIABLE not in os.environ:
        if sys.platform == "win32":
            say("Warning: Windows is not supported. Use WSL (Windows Subsystem for Linux).")
        raise SystemExit(run(command, arguments))
    # A shell asks for completions while a line is being typed: messages would garble it.
    with open(os.devnull, "w") as devnull, contextlib.redirect_stderr(devnull):
        status = run(command, arguments)
    raise SystemExit(status)
