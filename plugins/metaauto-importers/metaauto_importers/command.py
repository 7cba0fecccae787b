"""``metaauto knowledge import``: add published knowledge to a store."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

__all__ = ["command"]


@click.command("import", short_help="Add published knowledge to a store.")
@click.argument("source")
@click.argument("path", type=click.Path())
@click.option(
    "--store",
    metavar="FILE",
    type=click.Path(),
    help="The store to add to.  [default: your own]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(source: str, path: str, store: str | None, as_json: bool) -> None:
    """Add published knowledge of SOURCE, read from the files in PATH, to a store.

    \b
    metaauto knowledge import autosklearn auto-sklearn/autosklearn/metalearning/files
    metaauto knowledge import oboe oboe/oboe/defaults --store oboe.db
    metaauto knowledge import portfolio flaml/flaml/default

    SOURCE is autosklearn, oboe or portfolio (FLAML, AutoGluon, TabRepo). Entries without an
    equivalent in metaauto are skipped and counted by reason. Each fact keeps its source and its
    licence. Importing the same files again changes nothing.
    """  # noqa: D301 (click takes a backspace for "do not wrap")
    from metaauto.api import UnknownName, own_store, writable_store
    from metaauto_importers.sources import SOURCES, import_published

    if source not in SOURCES:
        raise UnknownName.among("published source", source, SOURCES)
    place = own_store() if store is None else Path(store).expanduser().absolute()
    with writable_store(place) as opened:
        report = import_published(source, path, opened)
    if as_json:
        record = {"store": str(place), **report.to_json()}
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    for name in ("datasets", "configurations", "evaluations"):
        tally = getattr(report, name)
        if dataclasses.astuple(tally)[0]:
            click.echo(f"{name:<14} {tally.imported:,} of {tally.read:,} imported")
            for reason, count in tally.skipped.items():
                click.echo(f"  {count:>8,} skipped: {reason}")
    facts = "1 fact" if report.changed == 1 else f"{report.changed:,} facts"
    click.echo(f"{facts} in {place} added or changed.")
