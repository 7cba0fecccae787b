"""Summaries and comparisons of guard results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.tables import mean_interval

__all__ = ["comparison", "header", "line", "summary"]

Row = Mapping[str, Any]

FIGURES = {
    "loss": "normalised loss",
    "seconds": "seconds",
    "overrun": "overrun (s)",
    "first_answer": "first answer (s)",
    "model_mib": "model (MiB)",
    "memory_mib": "memory (MiB)",
    "trials": "trials",
    "members": "members",
}
_DECIMALS = {"loss": 4, "memory_mib": 0, "trials": 0, "members": 0}
_TIE = 1e-3


def summary(rows: Sequence[Row]) -> str:
    """Return a table of all fits and a summary line."""
    lines = header(["table", "task", "repeat", *FIGURES.values()])
    for row in rows:
        cells = [row["table"], row["task"], str(row["repeat"])]
        lines.append(line(cells + [_shown(name, row.get(name)) for name in FIGURES]))
    late = sum(row["overrun"] > 0.02 * row["budget"] + 1 for row in rows)
    failed = [row for row in rows if "error" in row]
    figures = [
        f"{FIGURES[name]} median {np.median(found):.1f}, max {np.max(found):.1f}"
        for name in ("first_answer", "model_mib", "memory_mib")
        if len(found := _values(rows, name))
    ]
    losses = _values(rows, "loss")
    lines += [
        "",
        f"{len(rows)} fits, {len(failed)} failed. "
        f"Mean normalised loss {np.mean(losses) if losses else np.nan:.4f}; {late} overruns "
        f"beyond 2 % and 1 s, {np.sum(_values(rows, 'overrun')):.1f} s over the budget in total; "
        f"{'; '.join(figures)}.",
    ]
    lines += [f"Failed: {row['table']}, repeat {row['repeat']}: {row['error']}" for row in failed]
    return "\n".join(lines)


def comparison(before: Sequence[Row], after: Sequence[Row]) -> str:
    """Return the paired differences of the losses, and the medians of all measurements."""
    old, new = ({(row["table"], row["repeat"]): row for row in rows} for rows in (before, after))
    both = [key for key in old if key in new]
    paired = [key for key in both if "error" not in old[key] and "error" not in new[key]]
    if not paired:
        return "No table and repeat has a normalised loss in both files."
    lines = header(["table", "repeat", "before", "after", "difference"])
    of_table: dict[str, list[float]] = {}
    for table, repeat in paired:
        losses = [rows[table, repeat]["loss"] for rows in (old, new)]
        of_table.setdefault(table, []).append(losses[1] - losses[0])
        shown = [f"{losses[0]:.4f}", f"{losses[1]:.4f}", f"{losses[1] - losses[0]:+.4f}"]
        lines.append(line([table, str(repeat), *shown]))
    differences = np.concatenate(list(of_table.values()))
    means = np.array([np.mean(found) for found in of_table.values()])
    low, high = mean_interval(means)
    conclusion = "better" if high < 0 else "worse" if low > 0 else "within noise"
    wins, losses = np.sum(differences < -_TIE), np.sum(differences > _TIE)
    lines += [
        "",
        f"Normalised loss after minus before: mean {means.mean():+.4f}, 95 % bootstrap interval "
        f"over {len(means)} tables {low:+.4f} to {high:+.4f}: {conclusion}. {wins} wins, "
        f"{len(differences) - wins - losses} ties (up to {_TIE:g}), {losses} losses.",
        f"Not compared: {len(both) - len(paired)} pairs with a failed fit, "
        f"{len(old) + len(new) - 2 * len(both)} fits without a partner.",
        "",
        *header(["median", "before", "after"]),
    ]
    for name, title in FIGURES.items():
        medians = [_median([rows[key] for key in paired], name) for rows in (old, new)]
        lines.append(line([title, *(_shown(name, value) for value in medians)]))
    failed = [str(sum("error" in rows[key] for key in both)) for rows in (old, new)]
    return "\n".join([*lines, line(["failed fits (count)", *failed])])


def _values(rows: Iterable[Row], name: str) -> list[float]:
    return [row[name] for row in rows if row.get(name) is not None]


def _median(rows: Iterable[Row], name: str) -> float | None:
    found = _values(rows, name)
    return float(np.median(found)) if found else None


def _shown(name: str, value: float | None) -> str:
    return "" if value is None else f"{value:.{_DECIMALS.get(name, 1)}f}"


def header(names: Sequence[str]) -> list[str]:
    """Return the first two lines of a table in Markdown."""
    return [line(names), line(["---"] * len(names))]


def line(cells: Sequence[str]) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"
