"""``metaauto knowledge merge``: the facts of another store."""

from __future__ import annotations

from pathlib import Path

import click

from metaauto.cli.options import same_file
from metaauto.cli.stores import named_or_own, read_store, store_option, written_store
from metaauto.cli.terminal import print_line
from metaauto.errors import Refused

__all__ = ["command"]


@click.command("merge", short_help="Add all facts of another store.")
@click.argument("other")
@store_option("The store they are added to.")
def command(other: str, store: str | None) -> None:
    """Add all facts of OTHER, a store or a folder that `export` wrote, to a store.

    \b
    metaauto knowledge merge colleague.db
    metaauto knowledge merge exported --store team.db

    OTHER is left as it is. Merging twice changes nothing more, and the order of merges does not
    matter. A damaged store is refused, and then nothing is added.
    """
    place = named_or_own(store)
    if same_file(place, other):
        raise Refused(f"{other!r} is the store itself.", hint="Name another one.")
    from metaauto.knowledge import import_text, merge

    source = Path(other).expanduser()
    if source.is_dir():
        with written_store(place) as opened:
            count = import_text(source, opened)
        print_line(f"{count:,} evaluations of {place} are new or changed.")
        return
    with read_store(source) as read, written_store(place) as opened:
        report = merge(opened, read)
    print_line(
        f"{report.datasets:,} tables, {report.configurations:,} configurations and "
        f"{report.evaluations:,} evaluations of {place} are new or changed."
    )
