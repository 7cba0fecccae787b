"""``metaauto compare``: compare fits side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
from metaauto.cli.terminal import print_json, print_line, print_table
from metaauto.text import shown_address

if TYPE_CHECKING:
    from metaauto.analysis.comparison import Compared
    from metaauto.analysis.paired_scores import PairedScores
    from metaauto.model.fit_record import Interval

__all__ = ["command"]

_MEMBERS = 3


@click.command("compare", short_help="Compare fits: scores, trials, time, options.")
@click.argument("runs", metavar="RUN RUN ...", nargs=-1, shell_complete=complete_files)
@click.option(
    "--data",
    metavar="TEST",
    shell_complete=complete_files,
    help="Score the models on these rows with the target, with paired intervals.",
)
@truth_option("--data")
@source_options("--data")
@click.option(
    "--metric",
    metavar="M",
    shell_complete=complete_metrics,
    help="With --data: metric of the scores.  [default: the metric of the first model]",
)
@plugins_option()
@json_option("the complete comparison")
def command(
    runs: tuple[str, ...],
    data: str | None,
    target: str | None,
    format: str | None,
    metric: str | None,
    plugin_folders: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare the fits RUN: scores, ensembles, trials, time, and options that differ.

    \b
    metaauto compare monday.metaauto tuesday.metaauto
    metaauto compare monday.metaauto tuesday.metaauto --data test.csv
    metaauto compare run-a run-b --json

    A RUN is a model file or a run directory (--run-dir), also of a running fit. Scores are
    out-of-fold; the 95 % intervals cover the sampling of rows. No model is loaded.

    With --data, model files are loaded and scored on the same rows. The intervals of the
    differences are then paired: much narrower than those of two scores.
    """
    if len(runs) < 2:
        raise click.UsageError("Give two or more model files or run directories.")
    require_data(data, target=target, format=format, metric=metric)
    from metaauto.analysis.comparison import differing_options, read_compared, result

    fits = [read_compared(place) for place in runs]
    differing = differing_options(fits)
    scored = None
    if data is not None:
        scored = _on_rows(runs, data, target, format, metric, plugin_folders)
        data = shown_address(data)
    if as_json:
        print_json(
            {
                "runs": [fit.to_json() for fit in fits],
                "differing_options": differing,
                "result": result(fits) if scored is None else scored.result(),
                **({} if scored is None else {"data": {"path": data, **_scored_json(scored)}}),
            }
        )
        return
    keys = _keys(runs)
    rows = [_row(label, keys, [text(fit) for fit in fits]) for label, text in _LINES.items()]
    shown = [row for row in rows if any(row[key] != "-" for key in keys)]
    shown += [
        _row(f"option {name}", keys, [_value(value) for value in values])
        for name, values in differing.items()
    ]
    print_table(shown, left=("", *keys))
    for fit in fits:
        if fit.refit:
            print_line(f"{fit.name}: {fit.refit}")
    if scored is None:
        print_line(result(fits))
        return
    print_line("")
    _print_scored(scored, str(data))


def _on_rows(
    runs: Sequence[str],
    data: str,
    target: str | None,
    format: str | None,
    metric: str | None,
    folders: tuple[str, ...],
) -> PairedScores:
    settings = plugin_settings(folders)
    from metaauto.analysis.input_table import input_table
    from metaauto.analysis.paired_scores import paired_scores
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins(settings).registry
    keys = _keys(runs)
    models = {k: load_final_model(run, registry) for k, run in zip(keys, runs, strict=True)}
    # A pipe can be read once.
    frame, _ = input_table(next(iter(models.values())), data, target, registry, format)
    return paired_scores(models, frame, target=target, metric=metric, registry=registry)


def _scored_json(found: PairedScores) -> dict[str, Any]:
    return {
        "metric": found.metric.name,
        "greater_is_better": found.metric.greater_is_better,
        "rows": found.rows,
        "dropped_rows": found.dropped_rows,
        "scores": [asdict(line) for line in found.scores],
    }


def _print_scored(found: PairedScores, data: str) -> None:
    from metaauto.text import counted, format_score

    better = "higher" if found.metric.greater_is_better else "lower"
    print_line(f"{found.metric.name}, {better} is better; {counted(found.rows, 'row')} of {data}")
    print_table(
        [
            {
                "model": line.name,
                "score": format_score(line.score),
                "difference": "-" if line.difference is None else f"{line.difference:+.3g}",
                "95 % interval": "-"
                if line.low is None
                else f"{line.low:+.3g} to {line.high:+.3g}",
            }
            for line in found.scores
        ],
        left=("model",),
    )
    print_line(found.result())


def _keys(runs: Sequence[str]) -> list[str]:
    """Return unique headings; a run that is given twice gets a numbered one."""
    return [
        run if run not in runs[:place] else f"{run} ({place + 1})" for place, run in enumerate(runs)
    ]


def _row(label: str, keys: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {"": label, **dict(zip(keys, cells, strict=True))}


def _score(name: str, interval: str = "") -> Callable[[Compared], str]:
    def text(fit: Compared) -> str:
        from metaauto.text import format_interval, format_score

        found: Interval | None = getattr(fit, interval) if interval else None
        ends = ""
        if found:
            ends = f" ({format_interval(found.low, found.high)})"
        return f"{format_score(getattr(fit, name))}{ends}"

    return text


def _metric(fit: Compared) -> str:
    from metaauto.text import metric_label

    metric = metric_label(fit.metric, fit.positive)
    return f"{metric}{'' if fit.greater_is_better else ', lower is better'}"


def _ensemble(fit: Compared) -> str:
    total = sum(fit.members.values()) or 1.0
    heaviest = sorted(fit.members.items(), key=lambda member: -member[1])
    parts = [f"{name} {weight / total:.0%}" for name, weight in heaviest[:_MEMBERS]]
    more = [f"{len(heaviest) - _MEMBERS} more"] if len(heaviest) > _MEMBERS else []
    return ", ".join([*parts, *more]) or "-"


def _trials(fit: Compared) -> str:
    failed = f", {fit.failures} failed" if fit.failures else ""
    return f"{sum(fit.trials.values())}{failed}"


_LINES: dict[str, Callable[[Compared], str]] = {
    "status": lambda fit: fit.status,
    "target": lambda fit: fit.target or "-",
    "metric": _metric,
    "score": _score("score", "interval"),
    "holdout": _score("holdout_score", "holdout_interval"),
    "best single": _score("single_score"),
    "baseline": _score("baseline_score"),
    "ensemble": _ensemble,
    "trials": _trials,
    "seconds": lambda fit: "-" if fit.seconds is None else f"{fit.seconds:.1f}",
}


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
