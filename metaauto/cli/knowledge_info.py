"""``metaauto knowledge info``: what the stores hold, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import json_option, plugins_option
from metaauto.cli.stores import in_use, read_store
from metaauto.cli.terminal import print_json, print_line
from metaauto.errors import KnowledgeError

if TYPE_CHECKING:
    from metaauto.knowledge import StoreInfo

__all__ = ["command"]


@click.command("info", short_help="Show what the stores hold, in numbers.")
@click.argument("store", required=False, shell_complete=complete_files)
@plugins_option()
@json_option("the numbers")
def command(
    store: str | None = None, plugin_folders: tuple[str, ...] = (), as_json: bool = False
) -> None:
    """Show what STORE holds in numbers; without it, all stores that a fit asks.

    \b
    metaauto knowledge info
    metaauto knowledge info team.db --json

    These are the store that comes with metaauto (shipped), those of installed knowledge packs
    (pack) and your own, which every fit adds to. One that cannot be used is shown with its error;
    a fit leaves it out.
    """
    from metaauto.cli.plugins import load_quietly

    if store is not None:
        path = Path(store).expanduser()
        with read_store(path) as opened:
            told = [("named", path, opened.info(), "")]
    else:
        told = [
            (origin, path, *_looked_into(path))
            for origin, path in in_use(load_quietly(plugin_folders).registry)
        ]
    if as_json:
        print_json([_plain(origin, path, info, error) for origin, path, info, error in told])
        return
    for origin, path, info, error in told:
        print_line(f"{origin:<8} {path}")
        for line in _lines(info) if info is not None else [error]:
            print_line(f"  {line}")


def _looked_into(path: Path) -> tuple[StoreInfo | None, str]:
    if not path.exists():
        return None, "not there yet"
    try:
        with read_store(path) as store:
            return store.info(), ""
    except KnowledgeError as error:
        return None, f"ERROR  {' '.join(str(error).split())}"


def _plain(origin: str, path: Path, info: StoreInfo | None, error: str) -> dict[str, Any]:
    about = {"error": error} if info is None else info.to_json()
    return {"origin": origin, **about, "path": str(path)}


def _lines(info: StoreInfo) -> Iterator[str]:
    yield f"{info.size / 1e6:.1f} MB, schema {info.schema}"
    for name, counts in (
        ("tables", info.datasets),
        ("configurations", info.configurations),
        ("evaluations", info.evaluations),
        ("ended", info.statuses),
        ("models", info.models),
    ):
        if counts:
            yield f"{name:<14} {_counted(counts)}"
    for kind, metrics in info.metrics.items():
        if metrics:
            yield f"{'metrics':<14} {kind}: {', '.join(metrics)}"
    for name, texts in (
        ("protocols", info.protocols),
        ("sources", info.sources),
        ("licences", info.licences),
    ):
        if texts:
            yield f"{name:<14} {', '.join(texts)}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
