"""``metaauto knowledge info``: show the contents of the stores in numbers."""

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


@click.command("info", short_help="Show the contents of the stores in numbers.")
@click.argument("store", required=False, shell_complete=complete_files)
@plugins_option()
@json_option("the numbers")
def command(
    store: str | None = None, plugin_folders: tuple[str, ...] = (), as_json: bool = False
) -> None:
    """Show the contents of STORE in numbers; by default of all stores in use.

    \b
    metaauto knowledge info
    metaauto knowledge info team.db --json

    Stores in use are the one shipped with metaauto (shipped), those of installed knowledge packs
    (pack) and your own (own), to which every fit adds. An unusable store is shown with its error;
    a fit ignores it.
    """
    from metaauto.cli.plugins import load_quietly

    if store is not None:
        path = Path(store).expanduser()
        with read_store(path) as opened:
            shown = [("named", path, opened.info(), "")]
    else:
        shown = [
            (origin, path, *_info_or_error(path))
            for origin, path in in_use(load_quietly(plugin_folders).registry)
        ]
    if as_json:
        print_json([_plain(origin, path, info, error) for origin, path, info, error in shown])
        return
    for origin, path, info, error in shown:
        print_line(f"{origin:<8} {path}")
        for line in _lines(info) if info is not None else [error]:
            print_line(f"  {line}")


def _info_or_error(path: Path) -> tuple[StoreInfo | None, str]:
    if not path.exists():
        return None, "does not exist yet"
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
        ("datasets", info.datasets),
        ("configurations", info.configurations),
        ("evaluations", info.evaluations),
        ("statuses", info.statuses),
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
