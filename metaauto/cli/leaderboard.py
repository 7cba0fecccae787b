"""``metaauto leaderboard``: the ensemble and the trials of a saved model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from metaauto.cli.completers import complete_files, complete_metrics
from metaauto.cli.options import (
    json_option,
    load_final_model,
    plugin_settings,
    plugins_option,
    require_data,
    source_options,
    truth_option,
)
from metaauto.cli.streams import model_file
from metaauto.cli.terminal import print_json, print_line, print_table
from metaauto.text import counted, format_score, shown_address

__all__ = ["command"]

_ERROR_WIDTH = 60
_LINES = 20


@click.command("leaderboard", short_help="Show the ensemble and trials of a saved model.")
@click.argument("model", shell_complete=complete_files)
@click.option(
    "--data",
    metavar="TEST",
    shell_complete=complete_files,
    help="Score the ensemble and each of its members on these rows with the target.",
)
@truth_option("--data")
@source_options("--data")
@click.option(
    "--metric",
    metavar="M",
    shell_complete=complete_metrics,
    help="With --data: metric of the scores.  [default: the metric of the fit]",
)
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"Number of lines.  [default: {_LINES}; all with --json]",
)
@plugins_option()
@json_option("all columns, with the configurations,")
def command(
    model: str,
    data: str | None,
    target: str | None,
    format: str | None,
    metric: str | None,
    top: int | None,
    plugin_folders: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the ensemble and the trials of MODEL, best first.

    MODEL is a model file, a run directory (--run-dir), also of a running fit, or -, the standard
    input.

    \b
    metaauto leaderboard price.metaauto --top 10
    metaauto leaderboard price.metaauto --data test.csv
    metaauto leaderboard run --json

    Without --data all scores are out-of-fold scores over the same rows, and the seconds to fit and
    to predict are of all folds. Only the manifest of the model file is read; no model is loaded.

    With --data: the scores of the ensemble and its members on these rows, and the seconds to
    predict them with all fold models.
    """
    require_data(data, target=target, format=format, metric=metric)
    if data is not None:
        shown = _on_rows(model, data, target, format, metric, plugin_folders)
    elif Path(model).expanduser().is_dir():
        shown = _of_run(model)
    else:
        shown = _of_model(model)
    if top is None and not as_json:
        top = _LINES
    hidden = len(shown["leaderboard"]) - len(shown["leaderboard"][:top])
    shown["leaderboard"] = shown["leaderboard"][:top]
    if as_json:
        print_json({"model": model, **shown})
        return
    _print(shown, hidden)


def _print(shown: Mapping[str, Any], hidden: int) -> None:
    from metaauto.text import metric_label

    label = metric_label(shown["metric"], shown["positive"])
    better = "lower" if shown["greater_is_better"] is False else "higher"
    where = f"; {counted(shown['rows'], 'row')} of {shown['data']}" if "data" in shown else ""
    print_line(f"{label}, {better} is better; target {shown['target']!r}{where}")
    columns = _SCORED if "data" in shown else _COLUMNS
    print_table(
        [{name: text(row) for name, text in columns.items()} for row in shown["leaderboard"]],
        left=("Model", "Source", "Status"),
    )
    if hidden:
        print_line(f"{counted(hidden, 'more line')}: raise --top.")
    for note in shown["notes"]:
        print_line(note)


def _on_rows(
    model: str,
    data: str,
    target: str | None,
    format: str | None,
    metric: str | None,
    folders: tuple[str, ...],
) -> dict[str, Any]:
    settings = plugin_settings(folders)
    from metaauto.analysis.input_table import input_table
    from metaauto.analysis.member_scores import member_scores
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins(settings).registry
    with model_file(model, data) as path:
        loaded = load_final_model(path, registry)
    frame, target = input_table(loaded, data, target, registry, format)
    found = member_scores(loaded, frame, target=target, metric=metric, registry=registry)
    dropped = found.dropped_rows
    return {
        "task": loaded.task.kind,
        "target": loaded.task.target,
        "metric": found.metric.name,
        "positive": found.metric.positive_label(loaded.task.classes),
        "greater_is_better": found.metric.greater_is_better,
        "data": shown_address(data),
        "rows": found.rows,
        "dropped_rows": dropped,
        "notes": [f"{counted(dropped, 'row')} without a target dropped."] if dropped else [],
        "leaderboard": found.lines,
    }


def _of_model(model: str) -> dict[str, Any]:
    from metaauto.model.fit_record import FitRecord
    from metaauto.model.manifest import scored_class_of
    from metaauto.model.save import read_manifest

    with model_file(model) as path:
        manifest = read_manifest(path)
    record = FitRecord.from_json(manifest["facts"])
    return {
        "task": manifest["task"]["kind"],
        "target": manifest["task"]["target"],
        "metric": manifest["metric"],
        "positive": scored_class_of(manifest),
        "greater_is_better": record.greater_is_better,
        "notes": [*([record.refit_note] if record.refit_note else []), *record.notes],
        "leaderboard": manifest.get("leaderboard") or [],
    }


def _of_run(folder: str) -> dict[str, Any]:
    from metaauto.analysis.comparison import of_run
    from metaauto.analysis.leaderboard import run_leaderboard
    from metaauto.run import read_run

    record = read_run(folder)
    run = of_run(folder, record)
    notes = []
    if run.status == "running":
        notes = ["The run is not finished: it is running, or was killed and can be resumed."]
    return {
        "task": record.settings.get("task_used"),
        "target": run.target,
        "metric": run.metric,
        "positive": run.positive,
        "greater_is_better": run.greater_is_better,
        "notes": notes,
        "leaderboard": run_leaderboard(record),
    }


def _status(row: Mapping[str, Any]) -> str:
    error = " ".join(str(row.get("error") or "").split())
    if not error or row.get("status") == "dropped":
        return str(row.get("status", ""))
    short = error if len(error) <= _ERROR_WIDTH else f"{error[:_ERROR_WIDTH]}..."
    return f"{row.get('status', '')}: {short}"


def _seconds(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: "-" if row.get(name) is None else f"{row[name]:.3g}"


def _weight(row: Mapping[str, Any]) -> str:
    return f"{row['weight']:.1%}" if row.get("weight") else ""


_FIRST: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "Rank": lambda row: "" if row.get("rank") is None else str(row["rank"]),
    "Model": lambda row: str(row.get("name", "")),
    "Score": lambda row: format_score(row.get("score")),
}
_TIMES = {"Fit (s)": _seconds("fit_seconds"), "Predict (s)": _seconds("predict_seconds")}
_COLUMNS = {
    **_FIRST,
    "Weight": _weight,
    **_TIMES,
    "Source": lambda row: str(row.get("source", "")),
    "Status": _status,
}
_SCORED = {
    **_FIRST,
    "Out-of-fold": lambda row: format_score(row.get("out_of_fold_score")),
    "Weight": _weight,
    **_TIMES,
}
