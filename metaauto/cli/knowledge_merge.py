"""``metaauto knowledge merge``: add the records of another store."""

from __future__ import annotations

from pathlib import Path

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import same_file
from metaauto.cli.stores import named_or_own, read_store, store_option
from metaauto.cli.terminal import print_line
from metaauto.errors import Refused
from metaauto.text import counted

__all__ = ["command"]


@click.command("merge", short_help="Add the records of another store.")
@click.argument("other", shell_complete=complete_files)
@store_option("Store to add them to.")
@click.option(
    "--source",
    metavar="NAME",
    help="Only records of this source, such as build, which excludes imported ones.",
)
@click.option("--compact", is_flag=True, help="Compact and seal the store, for sharing.")
def command(other: str, store: str | None, source: str | None, compact: bool) -> None:
    """Add all records of OTHER, a store or a folder written by `export`, to a store.

    \b
    metaauto knowledge merge colleague.db
    metaauto knowledge merge exported --store team.db
    metaauto knowledge merge mine.db --store pack.db --source build --compact

    OTHER is not changed. Merging is idempotent, and the order of merges does not matter. A damaged
    store is refused, and nothing is added.
    """
    place = named_or_own(store)
    if same_file(place, other):
        raise Refused(f"{other!r} is the store itself.", hint="Name another store.")
    from metaauto.knowledge import import_text, merge, writable_store

    path = Path(other).expanduser()
    if path.is_dir() and source is not None:
        raise Refused(
            "--source requires a store (got a folder).",
            hint="Merge the folder into a new store first.",
        )
    with writable_store(place) as opened:
        if path.is_dir():
            count = import_text(path, opened)
            are = "is" if count == 1 else "are"
            result = f"{counted(count, 'evaluation')} of {place} {are} new or changed."
        else:
            with read_store(path) as read:
                report = merge(opened, read, source)
            result = (
                f"{counted(report.datasets, 'dataset')}, "
                f"{counted(report.configurations, 'configuration')} and "
                f"{counted(report.evaluations, 'evaluation')} of {place} are new or changed."
            )
        size = opened.compact() if compact else None
    print_line(result if size is None else f"{result} Size: {size / 1e6:.1f} MB.")
