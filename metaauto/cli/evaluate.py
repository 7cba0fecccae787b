"""``metaauto evaluate``: score a saved model on a table with the target."""

from __future__ import annotations

import click

from metaauto.cli.completers import complete_files, complete_metrics
from metaauto.cli.options import (
    json_option,
    load_final_model,
    plugin_settings,
    plugins_option,
    source_options,
    truth_option,
)
from metaauto.cli.streams import model_file
from metaauto.cli.terminal import print_json, print_line, print_table
from metaauto.text import counted

__all__ = ["command"]


@click.command("evaluate", short_help="Score a saved model on a table with the target.")
@click.argument("model", shell_complete=complete_files)
@click.argument("data", shell_complete=complete_files)
@click.option(
    "--metric",
    "metrics",
    metavar="M",
    shell_complete=complete_metrics,
    multiple=True,
    help="Metric to compute. Repeatable.  [default: the model's metric and common metrics]",
)
@truth_option()
@source_options()
@plugins_option()
@json_option("the scores")
def command(
    model: str,
    data: str,
    metrics: tuple[str, ...],
    target: str | None,
    format: str | None,
    plugin_folders: tuple[str, ...],
    as_json: bool,
) -> None:
    """Score the saved MODEL on the table DATA with the target; - is the standard input.

    \b
    metaauto evaluate price.metaauto test.csv
    metaauto evaluate churn.metaauto test.csv --metric roc_auc --metric f1 --json

    Rows without a target are dropped. Use rows that the model was not trained on; scores on
    training rows are too optimistic.
    """
    settings = plugin_settings(plugin_folders)
    from metaauto.analysis.evaluation import evaluate
    from metaauto.analysis.input_table import input_table
    from metaauto.plugins.manager import load_plugins
    from metaauto.text import format_score, metric_label

    registry = load_plugins(settings).registry
    with model_file(model, data) as path:
        loaded = load_final_model(path, registry)
    frame, target = input_table(loaded, data, target, registry, format)
    found = evaluate(loaded, frame, target=target, metrics=metrics, registry=registry)
    if as_json:
        print_json(
            {
                "model": model,
                "rows": found.rows,
                "dropped_rows": found.dropped_rows,
                "metric": found.metric,
                "scores": found.scores,
                "greater_is_better": found.greater_is_better,
                "positive": found.positive,
                "notes": found.notes,
            }
        )
        return
    dropped = f"; {found.dropped_rows:,} without a target dropped" if found.dropped_rows else ""
    print_line(f"{counted(found.rows, 'row')}{dropped}")
    print_table(
        [
            {
                "metric": metric_label(name, found.positive.get(name)),
                "score": format_score(score),
                "better": "higher" if found.greater_is_better[name] else "lower",
                "": "optimised by the fit" if name == found.metric else "",
            }
            for name, score in found.scores.items()
        ],
        left=("metric", "better", ""),
    )
    for name, note in found.notes.items():
        print_line(f"{name}: {note}.")
