"""Simulate the warm start on a store, leave-one-group-out, for every task.

python -m benchmarks.warmstart.replay STORE --out benchmarks/results/warmstart_replay.json
python -m benchmarks.warmstart.replay STORE --replayed "3-fold/seed0/rows<=20000" [--unknown ...]
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from metaauto.knowledge import KnowledgeMatrix, KnowledgeStore
from metaauto.warmstart.evaluation import WARM_START, interval
from metaauto.warmstart.simulation import (
    FOLDS,
    POLICIES,
    SECONDS,
    TRIALS,
    Case,
    Regrets,
    cases,
    simulate,
)

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
ORACLE = "oracle"
_NEXT_TO_NOTHING = 0.1


@click.command()
@click.argument("store", type=click.Path(exists=True, dir_okay=False))
@click.option("--seeds", default=10, show_default=True, help="Runs of the random policy.")
@click.option("--replayed", metavar="PROTOCOL", help="Evaluate on results of this protocol.")
@click.option("--unknown", metavar="PROTOCOL", help="Exclude results of this protocol.")
@click.option("--out", type=click.Path(dir_okay=False), help="A JSON file; Markdown beside it.")
def main(
    store: str, seeds: int, replayed: str | None, unknown: str | None, out: str | None
) -> None:
    """Print the regret of each policy by trials and by seconds, with paired intervals."""
    found = []
    with KnowledgeStore.open(store) as opened:
        for kind, metric in METRICS.items():
            matrix = opened.matrix(kind, metric)
            protocols = np.array(matrix.protocols)
            which = None if replayed is None else protocols == replayed
            known = None if unknown is None else protocols != unknown
            found.append(measured(matrix, list(cases(matrix, which, known)), seeds))
    text = "\n\n".join(markdown(one) for one in found)
    click.echo(text)
    if out is not None:
        Path(out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        Path(out).with_suffix(".md").write_text(HEADING + text + "\n", encoding="utf-8")


def measured(matrix: KnowledgeMatrix, found: list[Case], seeds: int) -> dict[str, Any]:
    """Return mean regrets by policy and point, and the gain of metaauto, as JSON values."""
    results: Mapping[str, Regrets] = simulate(found, seeds=seeds)
    points = []
    for unit, amounts, of in (("trials", TRIALS, "by_trials"), ("s", SECONDS, "by_seconds")):
        for place, amount in enumerate(amounts):
            at = {name: getattr(result, of)[:, place] for name, result in results.items()}
            points.append(
                {
                    "point": f"{amount:g} {unit}",
                    "regret": {name: float(values.mean()) for name, values in at.items()},
                    "gain": {name: _gain(at, name) for name in POLICIES if name != WARM_START},
                }
            )
    return {
        "kind": matrix.kind,
        "metric": matrix.metric,
        "tables": len(results[WARM_START].by_trials),
        "rows": len(matrix.datasets),
        "groups": len(set(matrix.groups)),
        "configurations": len(matrix.configurations),
        "measured_share": float((matrix.n_seen > 0).mean()),
        "seconds_error": float(np.mean([_seconds_error(case) for case in found])),
        "points": points,
    }


def _seconds_error(case: Case) -> float:
    """Return the mean absolute error of the predicted log seconds, without observations."""
    expected = np.exp(case.durations.log_seconds(case.size, case.known.weights))
    taken = case.seconds / FOLDS
    long = taken > _NEXT_TO_NOTHING
    if not long.any():
        return 0.0
    return float(np.abs(np.log(expected[long] / taken[long])).mean())


def _gain(at: Mapping[str, np.ndarray], rival: str) -> list[float]:
    """Return the mean difference of regrets to metaauto and its 95 % bootstrap interval."""
    gains = at[rival] - at[WARM_START]
    return [float(gains.mean()), *interval(gains)]


def markdown(one: Mapping[str, Any]) -> str:
    """Return the regrets and the gains as Markdown tables."""
    points, names = one["points"], [*POLICIES, ORACLE]
    head = " | ".join(point["point"] for point in points)
    lines = [
        f"## {one['kind']}, {one['metric']}",
        "",
        f"{one['tables']} tables in {one['groups']} groups, {one['configurations']} "
        f"configurations; {one['rows']} rows of the matrix, as some tables were measured at two "
        f"sizes; {one['measured_share']:.0%} of it measured.",
        "",
        f"| mean regret | {head} |",
        "|---" * (len(points) + 1) + "|",
    ]
    for name in names:
        cells = " | ".join(_shown(point, name, names) for point in points)
        lines.append(f"| {name} | {cells} |")
    lines += ["", f"| {WARM_START} lower than | {head} |", "|---" * (len(points) + 1) + "|"]
    for name in POLICIES:
        if name != WARM_START:
            cells = " | ".join(_interval(point["gain"][name]) for point in points)
            lines.append(f"| {name} | {cells} |")
    lines += [
        "",
        _shortfalls(points),
        "",
        "Seconds of a fit, before any is seen: mean error of the logarithm "
        f"{one['seconds_error']:.2f}.",
    ]
    return "\n".join(lines)


def _shortfalls(points: Sequence[Mapping[str, Any]]) -> str:
    """Return the points where another policy is better, and whether significantly."""
    found = []
    for point in points:
        better = [name for name in POLICIES if point["regret"][name] < point["regret"][WARM_START]]
        for name in better:
            surely = "surely" if point["gain"][name][2] < 0 else "within the interval"
            found.append(f"{name} after {point['point']} ({surely})")
    if not found:
        return f"No other policy is better than {WARM_START} at any point."
    return f"Better than {WARM_START}: {', '.join(found)}; nobody at the other points."


def _shown(point: Mapping[str, Any], name: str, names: list[str]) -> str:
    """Return a regret, in bold for the best policy except the oracle."""
    regrets = point["regret"]
    best = min(regrets[other] for other in names if other != ORACLE)
    text = f"{regrets[name]:.3f}"
    return f"**{text}**" if name != ORACLE and regrets[name] == best else text


def _interval(gain: list[float]) -> str:
    mean, low, high = gain
    return f"{mean:+.3f} ({low:+.3f}, {high:+.3f})"


HEADING = """# Simulation of the warm start

`python -m benchmarks.warmstart.replay STORE`: leave-one-group-out evaluation. Each dataset of the
store is treated as new, and the datasets of its group are excluded. Regret: 0 for the best stored
configuration of a dataset, 1 for the median one. By seconds, a trial may take a third of the
budget; a trial that would take longer costs that time and gives no result, for every policy alike,
so the regret of the oracle is not 0 either. The second table of each task has the reduction of the
mean regret by metaauto, with the 95 % interval of that mean (paired bootstrap over datasets). The
random policy is the mean of ten runs.

"""

if __name__ == "__main__":
    main()
