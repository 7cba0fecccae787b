"""``metaauto leaderboard``: the ensemble and the trials of a saved model."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Show the ensemble and every trial of the saved MODEL, best first; - is the standard input.

    \b
    metaauto leaderboard price.metaauto
    metaauto leaderboard price.metaauto --json

    All scores are out-of-fold scores over the same rows. Only the manifest of the model file is
    read; no model is loaded.
    """
    from metaauto.model.save import read_manifest
    from metaauto.text import format_score

    with model_file(model) as path:
        manifest = read_manifest(path)
    facts: Mapping[str, Any] = manifest.get("facts", {})
    rows: list[Mapping[str, Any]] = manifest.get("leaderboard", [])
    if as_json:
        print_json(
            {
                "model": model,
                "task": manifest["task"]["kind"],
                "target": manifest["task"]["target"],
                "metric": manifest["metric"],
                "greater_is_better": facts.get("greater_is_better"),
                "notes": facts.get("notes") or [],
                "leaderboard": rows,
            }
        )
        return
    better = "higher" if facts.get("greater_is_better", True) else "lower"
    print_line(f"{manifest['metric']}, {better} is better; target {manifest['task']['target']!r}")
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
    for note in facts.get("notes") or []:
        print_line(note)


def _status(row: Mapping[str, Any]) -> str:
    error = " ".join(str(row.get("error") or "").split())
    if not error or row.get("status") == "dropped":
        return str(row.get("status", ""))
    short = error if len(error) <= _ERROR_WIDTH else f"{error[:_ERROR_WIDTH]}..."
    return f"{row.get('status', '')}: {short}"
