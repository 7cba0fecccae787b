"""``metaauto leaderboard``: the ensemble and the trials of a saved model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import json_option
from metaauto.cli.streams import model_file
from metaauto.cli.terminal import print_json, print_line, print_table

__all__ = ["command"]

_ERROR_WIDTH = 60


@click.command("leaderboard", short_help="Show the ensemble and trials of a saved model.")
@click.argument("model", shell_complete=complete_files)
@json_option("all columns, with the configurations,")
def command(model: str, as_json: bool) -> None:
    """Show the ensemble and every trial of MODEL, best first.

    MODEL is a model file, a run directory (--run-dir), also of a running fit, or -, the standard
    input.

    \b
    metaauto leaderboard price.metaauto
    metaauto leaderboard price.metaauto --json
    metaauto leaderboard run

    All scores are out-of-fold scores over the same rows. Only the manifest of the model file is
    read; no model is loaded.
    """
    from metaauto.text import format_score, metric_label

    shown = _of_run(model) if Path(model).expanduser().is_dir() else _of_model(model)
    rows = shown["leaderboard"]
    if as_json:
        print_json({"model": model, **shown})
        return
    label = metric_label(shown["metric"], shown["positive"])
    better = "lower" if shown["greater_is_better"] is False else "higher"
    print_line(f"{label}, {better} is better; target {shown['target']!r}")
    print_table(
        [
            {
                "Rank": "" if row.get("rank") is None else str(row["rank"]),
                "Model": str(row.get("name", "")),
                "Score": format_score(row.get("score")),
                "Weight": f"{row['weight']:.1%}" if row.get("weight") else "",
                "Seconds": f"{row.get('seconds') or 0.0:.1f}",
                "Source": str(row.get("source", "")),
                "Status": _status(row),
            }
            for row in rows
        ],
        left=("Model", "Source", "Status"),
    )
    for note in shown["notes"]:
        print_line(note)


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
        "notes": list(record.notes),
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
