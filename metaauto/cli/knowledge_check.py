"""``metaauto knowledge check``: check the integrity of stores."""

from __future__ import annotations

from pathlib import Path

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import plugins_option
from metaauto.cli.stores import in_use, read_store
from metaauto.cli.terminal import print_line
from metaauto.errors import KnowledgeError

__all__ = ["command"]


@click.command("check", short_help="Check store integrity.")
@click.argument("store", required=False, shell_complete=complete_files)
@plugins_option()
@click.pass_context
def command(ctx: click.Context, store: str | None, plugin_folders: tuple[str, ...]) -> None:
    """Check the integrity of STORE; by default of all stores in use.

    \b
    metaauto knowledge check
    metaauto knowledge check team.db

    Checks the file, its database tables, every record and, in a sealed store, whether any value
    has changed since it was sealed. The exit status is 0 if no problem is found and 1 otherwise.
    """
    if store is not None:
        paths = [Path(store).expanduser()]
        if not paths[0].exists():
            read_store(paths[0])
    else:
        from metaauto.cli.plugins import load_quietly

        paths = [path for _, path in in_use(load_quietly(plugin_folders).registry)]
        paths = [path for path in paths if path.exists()]
    if not paths:
        print_line("No store exists yet.")
    is_good = True
    for path in paths:
        problems = _problems(path)
        is_good = is_good and not problems
        print_line(f"{path}: {'damaged' if problems else 'intact'}")
        for problem in problems:
            print_line(f"  {problem}")
    ctx.exit(0 if is_good else 1)


def _problems(path: Path) -> list[str]:
    from metaauto.knowledge import check

    try:
        with read_store(path) as store:
            return check(store)
    except KnowledgeError as error:
        return [" ".join(error.message.split())]
