"""``metaauto knowledge export``: write a store as reviewable text."""

from __future__ import annotations

import click

from metaauto.cli.completers import complete_folders
from metaauto.cli.stores import named_or_own, read_store, store_option
from metaauto.cli.terminal import print_line
from metaauto.text import counted

__all__ = ["command"]


@click.command("export", short_help="Write a store as reviewable text.")
@click.argument("folder", shell_complete=complete_folders)
@store_option("Store to export.")
def command(folder: str, store: str | None) -> None:
    """Write a store as JSON lines into FOLDER, one file per dataset.

    \b
    metaauto knowledge export exported
    metaauto knowledge export exported --store team.db
    metaauto knowledge merge exported --store copy.db

    The same store always gives the same text, so that versions can be compared line by line. A
    second export into the folder rewrites changed files only. `merge` reads the folder.
    """
    from metaauto.knowledge import export_text

    with read_store(named_or_own(store)) as opened:
        report = export_text(opened, folder)
    deleted = f", {report.deleted:,} deleted" if report.deleted else ""
    print_line(
        f"{counted(report.files, 'file')}, {report.size / 1e6:.1f} MB, in {folder}: "
        f"{report.written:,} written{deleted}."
    )
