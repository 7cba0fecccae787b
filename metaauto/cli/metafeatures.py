"""``metaauto metafeatures``: compute the metafeatures of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import (
    json_option,
    plugin_settings,
    plugins_option,
    source_options,
    target_option,
    task_option,
)
from metaauto.cli.terminal import print_json, print_line
from metaauto.errors import SettingError

if TYPE_CHECKING:
    from metaauto.metafeatures import Metafeatures

__all__ = ["command"]


@click.command("metafeatures", short_help="Compute metafeatures.")
@click.argument("data", shell_complete=complete_files)
@target_option()
@source_options()
@task_option()
@click.option(
    "--seconds",
    metavar="S",
    type=float,
    default=5.0,
    show_default=True,
    help="Time limit for all extractors together; those that do not fit are skipped.",
)
@plugins_option()
@json_option("the metafeatures")
def command(
    data: str,
    target: str | None,
    format: str | None,
    task: str,
    seconds: float,
    plugin_folders: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compute the metafeatures of the table DATA, by which datasets are compared.

    \b
    metaauto metafeatures train.csv --target price
    metaauto metafeatures sklearn:iris --seconds 1 --json

    Each extractor, metaauto's own or a plugin's, uses a sample of at most 2,000 rows and 300
    columns. A dash marks an undefined value. Metafeatures contain no rows, column names or
    values; a knowledge store holds nothing else of a table's content.
    """
    if not 0 < seconds < float("inf"):
        raise SettingError(
            f"--seconds must be > 0 (got {seconds:g}).", hint="For example: --seconds 5."
        )
    settings = plugin_settings(plugin_folders)
    from metaauto.engine.options import FitOptions
    from metaauto.engine.setup import read_dataset
    from metaauto.metafeatures import describe
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins(settings).registry
    dataset, _ = read_dataset(data, target, FitOptions(task=task, format=format), registry)
    found = describe(dataset, registry.metafeatures(), seconds=seconds)
    if as_json:
        about = dataset.task
        shape = {
            "task": about.kind,
            "target": about.target,
            "rows": about.n_rows,
            "columns": len(about.columns),
            "fingerprint": dataset.fingerprint,
        }
        print_json({**shape, **found.to_json()})
        return
    for line in _lines(found):
        print_line(line)


def _lines(found: Metafeatures) -> Iterator[str]:
    width = max((len(name.partition(".")[2]) for name in found.values), default=0)
    for extractor, version in found.versions.items():
        taken = found.seconds.get(extractor)
        yield f"{extractor} {version}" + ("" if taken is None else f"  ({taken:.3f} s)")
        if extractor in found.failures:
            yield f"  FAILED  {' '.join(found.failures[extractor].split())}"
            continue
        for name, value in found.values.items():
            if name.startswith(f"{extractor}."):
                number = "-" if value != value else f"{value:.6g}"
                note = f"  ({found.failures[name]})" if name in found.failures else ""
                yield f"  {name[len(extractor) + 1 :]:<{width}}  {number:>12}{note}"
