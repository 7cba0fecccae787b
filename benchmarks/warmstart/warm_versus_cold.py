"""The same fits with and without knowledge of other tables, side by side on a core each.

python -m benchmarks.warmstart.warm_versus_cold run STORE --tables FOLDER --names a,b --out R.jsonl
python -m benchmarks.warmstart.warm_versus_cold table R.jsonl
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
from metaauto.warmstart.verdict import interval

WARM, COLD = "warm", "cold"
_TIE = 1e-4
_NEAR = 0.01
_NEAR_WORDS = "it to within 1 % of its way from the baseline"


@click.group()
def main() -> None:
    """Compare, then tabulate."""


@main.command()
@GIVEN_STORE
@GIVEN_TABLES
@GIVEN_NAMES
@click.option("--budgets", default="10,30,60", show_default=True, help="Seconds, with commas.")
@GIVEN_SEED
@GIVEN_OUT
def run(store: str, tables: str, names: str, budgets: str, seed: int, out: str) -> None:
    """Fit each table warm and cold at the same time; its group is taken out of the store."""
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
                arms = {
                    arm: {**options, "knowledge": knowledge}
                    for arm, knowledge in ((WARM, str(known)), (COLD, False))
                }
                fits = side_by_side(Path(tables) / f"{name}.parquet", arms, Path(folder))
                append_row(path, {"table": name, "budget": budget, "seed": seed, **fits})
                scores = {arm: fit.get("score", fit.get("error")) for arm, fit in fits.items()}
                click.echo(json.dumps({"table": name, "budget": budget, **scores}))


@main.command()
@click.argument("results", type=click.Path(exists=True))
def table(results: str) -> None:
    """Print the comparison as Markdown."""
    rows = [r for r in read_rows(Path(results)) if "score" in r[WARM] and "score" in r[COLD]]
    for line in (*_by_budget(rows), "", *_time_to_cold(rows), "", *_by_table(rows)):
        click.echo(line)


def _by_budget(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| budget | tables | warm wins | ties | losses | mean improvement (95 %) | median |"
    yield "|---|---|---|---|---|---|---|"
    for budget in sorted({row["budget"] for row in rows}):
        gains = np.array([improvement(row) for row in rows if row["budget"] == budget])
        wins, losses = int((gains > _TIE).sum()), int((gains < -_TIE).sum())
        low, high = interval(gains)
        yield (
            f"| {budget:g} s | {len(gains)} | {wins} | {len(gains) - wins - losses} | {losses} | "
            f"{100 * gains.mean():+.2f} % ({100 * low:+.2f}, {100 * high:+.2f}) | "
            f"{100 * float(np.median(gains)):+.2f} % |"
        )


def improvement(row: Mapping[str, Any]) -> float:
    """How much of the way from the baseline to the better of both the warm fit is ahead."""
    warm, cold = row[WARM], row[COLD]
    sign = 1.0 if warm["greater_is_better"] else -1.0
    best = max(sign * warm["score"], sign * cold["score"])
    way = best - sign * cold["baseline"]
    return float(np.clip(sign * (warm["score"] - cold["score"]) / max(way, 1e-12), -1.0, 1.0))


def _time_to_cold(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """When the warm fit's answer was as good as the last one of the cold fit, out-of-fold."""
    longest = max(row["budget"] for row in rows)
    last = [row for row in rows if row["budget"] == longest]
    for share, words in ((0.0, "the cold one's last out-of-fold answer"), (_NEAR, _NEAR_WORDS)):
        times = np.array([_reached(row, share) for row in last])
        never = int(np.isinf(times).sum())
        low, high = median_interval(np.where(np.isinf(times), longest, times))
        yield (
            f"Within {longest:g} s the warm fit reaches {words} after {np.median(times):.1f} s in "
            f"the median (95 % {low:.1f} to {high:.1f}); on {never} of {len(times)} tables it does "
            "not."
        )
        yield ""


def _reached(row: Mapping[str, Any], share: float) -> float:
    """Seconds until the answer lacked no more than a share of the way from the baseline."""
    warm, cold = row[WARM], row[COLD]
    sign = 1.0 if warm["greater_is_better"] else -1.0
    if not cold["curve"]:
        return 0.0
    goal = sign * cold["curve"][-1][1]
    slack = max(_TIE * abs(goal), share * (goal - sign * cold["baseline"]))
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
