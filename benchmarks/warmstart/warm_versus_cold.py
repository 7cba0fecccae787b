"""Compare fits with and without knowledge of other datasets, in parallel on one core each.

python -m benchmarks.warmstart.warm_versus_cold run STORE --tables FOLDER --names a,b --out R.jsonl
python -m benchmarks.warmstart.warm_versus_cold table R.jsonl

A warm fit uses the store, a cold one the portfolio of the models' authors, and a random one starts
with eight random configurations. Run random fits with ``--arms random`` into a separate file; then
``table R.jsonl S.jsonl``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.side_by_side import side_by_side, without_group
from benchmarks.tables import (
    GIVEN_NAMES,
    GIVEN_OUT,
    GIVEN_SEED,
    GIVEN_STORE,
    GIVEN_TABLES,
    append_row,
    median_interval,
    read_rows,
)
from metaauto.warmstart.evaluation import interval

WARM, COLD, RANDOM = "warm", "cold", "random"
_TIE = 1e-4
_NEAR = 0.01
_LOOKS = (5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0)


@click.group()
def main() -> None:
    """Compare, then tabulate."""


@main.command()
@GIVEN_STORE
@GIVEN_TABLES
@GIVEN_NAMES
@click.option("--budgets", default="10,30,60", show_default=True, help="Seconds, with commas.")
@click.option("--arms", default=f"{WARM},{COLD}", show_default=True, help="Fits run in parallel.")
@GIVEN_SEED
@GIVEN_OUT
def run(store: str, tables: str, names: str, budgets: str, arms: str, seed: int, out: str) -> None:
    """Fit each dataset in several ways in parallel, with its group removed from the store."""
    path = Path(out)
    done = {(r["table"], r["budget"], r["seed"]) for r in read_rows(path)}
    for name in names.split(","):
        left = [b for b in map(float, budgets.split(",")) if (name, b, seed) not in done]
        if not left:
            continue
        with tempfile.TemporaryDirectory() as folder:
            known = Path(folder) / "others.db"
            without_group(Path(store), known, name)
            for budget in left:
                options = {"budget": budget, "seed": seed, "cores": 1}
                ways = {
                    WARM: {**options, "knowledge": str(known)},
                    COLD: {**options, "knowledge": False},
                    RANDOM: {**options, "knowledge": False, "strategy": "random"},
                }
                asked = {arm: ways[arm] for arm in arms.split(",")}
                fits = side_by_side(Path(tables) / f"{name}.parquet", asked, Path(folder))
                append_row(path, {"table": name, "budget": budget, "seed": seed, **fits})
                scores = {arm: fit.get("score", fit.get("error")) for arm, fit in fits.items()}
                click.echo(json.dumps({"table": name, "budget": budget, **scores}))


@main.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(exists=True))
def table(results: Sequence[str]) -> None:
    """Print the comparison as Markdown; files with other arms of the same fits are merged."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in (row for path in results for row in read_rows(Path(path))):
        merged.setdefault((row["table"], row["budget"], row["seed"]), {}).update(row)
    rows = list(merged.values())
    for other in (COLD, RANDOM):
        both = [row for row in rows if _has(row, WARM) and _has(row, other)]
        if both:
            parts = (_by_budget, _over_time, _time_to)
            for line in (line for part in parts for line in (*part(both, other), "")):
                click.echo(line)
    for line in _by_table([row for row in rows if _has(row, WARM) and _has(row, COLD)]):
        click.echo(line)


def _has(row: Mapping[str, Any], arm: str) -> bool:
    return "score" in row.get(arm, {})


def _by_budget(rows: Sequence[Mapping[str, Any]], other: str) -> Iterator[str]:
    yield f"| budget | tables | warm wins | ties | {other} wins | mean ahead (95 %) | median |"
    yield "|---|---|---|---|---|---|---|"
    for budget in sorted({row["budget"] for row in rows}):
        gains = np.array([improvement(row, other) for row in rows if row["budget"] == budget])
        wins, losses = int((gains > _TIE).sum()), int((gains < -_TIE).sum())
        low, high = interval(gains)
        yield (
            f"| {budget:g} s | {len(gains)} | {wins} | {len(gains) - wins - losses} | {losses} | "
            f"{100 * gains.mean():+.2f} % ({100 * low:+.2f}, {100 * high:+.2f}) | "
            f"{100 * float(np.median(gains)):+.2f} % |"
        )


def improvement(row: Mapping[str, Any], other: str) -> float:
    """Return the lead of the warm fit, relative to the distance from baseline to best."""
    warm, found = row[WARM], row[other]
    sign = 1.0 if warm["greater_is_better"] else -1.0
    best = max(sign * warm["score"], sign * found["score"])
    way = best - sign * found["baseline"]
    return float(np.clip(sign * (warm["score"] - found["score"]) / max(way, 1e-12), -1.0, 1.0))


def _over_time(rows: Sequence[Mapping[str, Any]], other: str) -> Iterator[str]:
    """Yield the shortfall to the better final out-of-fold score, by time."""
    longest = max(row["budget"] for row in rows)
    last = [row for row in rows if row["budget"] == longest]
    times = [second for second in _LOOKS if second <= longest]
    lacking = np.array([[_lacking(row, arm, times) for arm in (WARM, other)] for row in last])
    yield f"| lacking in a fit of {longest:g} s | " + " | ".join(f"{t:g} s" for t in times) + " |"
    yield "|---" * (1 + len(times)) + "|"
    for place, arm in enumerate((WARM, other)):
        for name, of in (("mean", np.mean), ("median", np.median)):
            cells = (f"{100 * float(value):.2f} %" for value in of(lacking[:, place], axis=0))
            yield f"| {arm}, {name} | " + " | ".join(cells) + " |"
    ahead = lacking[:, 1] - lacking[:, 0]
    cells = (f"{(a > _TIE).sum()} / {(a < -_TIE).sum()}" for a in ahead.T)
    yield "| warm ahead / behind | " + " | ".join(cells) + " |"


def _lacking(row: Mapping[str, Any], arm: str, times: Sequence[float]) -> list[float]:
    """Return the shortfall after some seconds, relative to the distance from baseline to best."""
    sign = 1.0 if row[WARM]["greater_is_better"] else -1.0
    curves = {name: fit["curve"] for name, fit in row.items() if name in (WARM, COLD, RANDOM)}
    best = max(sign * curve[-1][1] for curve in curves.values() if curve)
    way = max(best - sign * row[arm]["baseline"], 1e-12)
    found = []
    for second in times:
        seen = [sign * score for when, score in curves[arm] if when <= second]
        found.append(float(np.clip((best - max(seen)) / way, 0.0, 1.0)) if seen else 1.0)
    return found


def _time_to(rows: Sequence[Mapping[str, Any]], other: str) -> Iterator[str]:
    """Yield the time until the warm fit reaches the final out-of-fold score of the other."""
    longest = max(row["budget"] for row in rows)
    last = [row for row in rows if row["budget"] == longest]
    goal = f"the last out-of-fold answer of the {other} one"
    for share, words in (
        (0.0, goal),
        (_NEAR, f"{goal} to within 1 % of its way from the baseline"),
    ):
        times = np.array([_reached(row, other, share) for row in last])
        never = int(np.isinf(times).sum())
        low, high = median_interval(np.where(np.isinf(times), longest, times))
        middle = f"{np.median(times):.1f}" if 2 * never < len(times) else f"over {longest:g}"
        yield (
            f"Within {longest:g} s the warm fit reaches {words} after {middle} s in the median "
            f"(95 % {low:.1f} to {high:.1f}); on {never} of {len(times)} tables it does not."
        )
        yield ""


def _reached(row: Mapping[str, Any], other: str, share: float) -> float:
    """Return the seconds until the shortfall is at most a share of the distance."""
    warm, found = row[WARM], row[other]
    sign = 1.0 if warm["greater_is_better"] else -1.0
    if not found["curve"]:
        return 0.0
    goal = sign * found["curve"][-1][1]
    slack = max(_TIE * abs(goal), share * (goal - sign * found["baseline"]))
    return next((s for s, score in warm["curve"] if sign * score >= goal - slack), np.inf)


def _by_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    budgets = sorted({row["budget"] for row in rows})
    yield "| table | metric | " + " | ".join(f"warm / cold {b:g} s" for b in budgets) + " |"
    yield "|---" * (2 + len(budgets)) + "|"
    found = {(row["table"], row["budget"]): row for row in rows}
    for name in sorted({row["table"] for row in rows}):
        cells = []
        for budget in budgets:
            row = found.get((name, budget))
            cells.append(
                f"{row[WARM]['score']:.5g} / {row[COLD]['score']:.5g}" if row is not None else ""
            )
        metric = next(row[WARM]["metric"] for row in rows if row["table"] == name)
        yield f"| {name} | {metric} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
