"""``metaauto report``: write the HTML report of a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import (
    analysis_budget_option,
    check_writable,
    load_final_model,
    plugin_settings,
    plugins_option,
    refuse_replacing,
    require_data,
    seed_option,
    source_options,
    truth_option,
)
from metaauto.cli.streams import STANDARD_STREAM, model_file
from metaauto.cli.terminal import print_document, say

if TYPE_CHECKING:
    from metaauto.plugins.registry import Registry

__all__ = ["command"]

_SUFFIX = ".html"


@click.command("report", short_help="Write a report of a model or a run as one HTML file.")
@click.argument("model", shell_complete=complete_files)
@click.option(
    "--data",
    metavar="TEST",
    shell_complete=complete_files,
    help="Rows for the analysis: preferably not used in training, and with the target.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete_files,
    help="Where to write; - is the standard output.  [default: the model's name with .html, or - "
    "if it comes from the standard input]",
)
@truth_option("--data")
@source_options("--data")
@analysis_budget_option("feature importance and partial dependence", "--data")
@seed_option()
@plugins_option()
def command(
    model: str,
    data: str | None,
    output: str | None,
    target: str | None,
    format: str | None,
    budget: str,
    seed: int,
    plugin_folders: tuple[str, ...],
) -> None:
    """Write a report of the saved MODEL: scores, leaderboard, plots, importance, model card.

    MODEL or TEST can be -, the standard input. MODEL can also be a run directory (--run-dir), of a
    finished, running or killed fit; --data requires a model file.

    \b
    metaauto report price.metaauto --data test.csv
    metaauto report churn.metaauto -o - > churn.html
    metaauto report run -o run.html

    The report is one HTML file without external resources. A model file holds no rows: feature
    importance and error analysis require --data. Without it, only the manifest of the model file
    is read; no model is loaded.
    """
    require_data(data, target=target, format=format)
    is_run = Path(model).expanduser().is_dir()
    if is_run and data is not None:
        raise click.UsageError(
            "--data requires a model file. `metaauto fit --resume DIR --out FILE` makes a model of "
            "a run directory."
        )
    place = _place(output, model, data)
    settings = plugin_settings(plugin_folders)
    from metaauto.plugins.manager import load_plugins
    from metaauto.report.html import report_file, report_html

    registry, examined = load_plugins(settings).registry, None
    if is_run:
        manifest = _of_run(model)
    else:
        from metaauto.model.save import read_manifest

        with model_file(model, data) as file:
            manifest = read_manifest(file)
            if data is not None:
                examined = _examined(file, data, target, format, budget, seed, registry)
    text = report_html(manifest, examined, registry)
    if place is None:
        print_document(text)
        return
    with report_file(place) as (_, part):
        part.write_text(text, encoding="utf-8", newline="\n")
    say(f"Saved {place} ({place.stat().st_size / 1e3:.0f} kB)")
    if data is None and not is_run:
        say("Add --data TEST for feature importance and error analysis.")


def _place(output: str | None, model: str, data: str | None) -> Path | None:
    """Return the writable output path; None for the standard output."""
    if output is None and model == STANDARD_STREAM:
        output = STANDARD_STREAM
    if output == STANDARD_STREAM:
        return None
    named = Path(model).expanduser()
    if output is not None:
        path = Path(output).expanduser()
    elif named.is_dir():
        path = Path(f"{named.resolve().name}{_SUFFIX}")
    else:
        path = named.with_suffix(_SUFFIX)
    refuse_replacing(path, model, data)
    check_writable(path, "the report")
    return path


def _of_run(folder: str) -> dict[str, Any]:
    from metaauto.analysis.run_report import run_manifest
    from metaauto.run import read_run

    return run_manifest(folder, read_run(folder))


def _examined(
    model: str,
    data: str,
    target: str | None,
    format: str | None,
    budget: str,
    seed: int,
    registry: Registry,
) -> dict[str, Any]:
    from metaauto.analysis.examine import examine
    from metaauto.analysis.input_table import input_table
    from metaauto.budget import parse_seconds
    from metaauto.cli.explain import say_first_importance

    seconds = parse_seconds(budget)
    loaded = load_final_model(model, registry)
    frame, target = input_table(loaded, data, target, registry, format)
    return examine(
        loaded,
        frame,
        target=target,
        registry=registry,
        seconds=seconds,
        seed=seed,
        on_first=say_first_importance,
    )
