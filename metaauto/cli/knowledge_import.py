"""``metaauto knowledge import``: published knowledge, translated into a store."""

from __future__ import annotations

import dataclasses

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import json_option
from metaauto.cli.stores import named_or_own, store_option, written_store
from metaauto.cli.terminal import print_json, print_line
from metaauto.text import counted

__all__ = ["command"]


@click.command("import", short_help="Add published knowledge to a store.")
@click.argument("source")
@click.argument("path", shell_complete=complete_files)
@store_option("The store it is added to.")
@json_option("what was read and imported")
def command(source: str, path: str, store: str | None, as_json: bool) -> None:
    """Add the published knowledge of SOURCE, whose files lie in PATH, to a store.

    \b
    metaauto knowledge import autosklearn auto-sklearn/autosklearn/metalearning/files
    metaauto knowledge import oboe oboe/oboe/defaults --store oboe.db
    metaauto knowledge import portfolio flaml/flaml/default

    SOURCE is autosklearn, oboe or portfolio (FLAML, AutoGluon, TabRepo). What has no counterpart
    here is left out and counted by its reason. Each fact keeps its origin and its licence.
    Importing twice changes nothing more.
    """
    from metaauto.errors import UnknownName
    from metaauto.knowledge.importing import SOURCES, import_published

    if source not in SOURCES:
        raise UnknownName.among("published source", source, SOURCES)
    place = named_or_own(store)
    with written_store(place) as opened:
        report = import_published(source, path, opened)
    if as_json:
        print_json({"store": str(place), **report.to_json()})
        return
    for name in ("datasets", "configurations", "evaluations"):
        tally = getattr(report, name)
        if dataclasses.astuple(tally)[0]:
            print_line(f"{name:<14} {tally.imported:,} of {tally.read:,} imported")
            for reason, count in tally.skipped.items():
                print_line(f"  {count:>8,} skipped: {reason}")
    are = "is" if report.changed == 1 else "are"
    print_line(f"{counted(report.changed, 'fact')} of {place} {are} new or changed.")
