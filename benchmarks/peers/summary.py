"""Ranks, wins and losses, normalised losses, times and memory of several systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from benchmarks.guard.summary import header, line
from benchmarks.tables import mean_interval

__all__ = ["report"]

SYSTEM = "metaauto"
_TIE = 1e-3


def report(rows: Sequence[Mapping[str, Any]], every: bool = False) -> str:
    """Return the comparison as Markdown, by budget.

    A system whose fit failed has the loss of a constant.
    """
    frame = pd.DataFrame(rows)
    frame["system"] = frame["system"] + frame["budget"].map(" {:g} s".format)
    loss = frame.pivot_table(index="table", columns="system", values="loss", dropna=False)
    ran = frame.pivot_table(index="table", columns="system", values="budget", dropna=False)
    loss = loss.reindex_like(ran).where(loss.notna() | ran.isna(), 1.0)
    parts = [_ranks(frame, loss.dropna())]
    parts += [_pairs(loss, name) for name in loss.columns if name.startswith(SYSTEM)]
    if every:
        parts.append(_every(loss))
    return "\n\n".join(parts)


def _ranks(frame: pd.DataFrame, loss: pd.DataFrame) -> str:
    """Return ranks, losses, times and memory on the tables that all systems fitted."""
    ranks = loss.rank(axis=1).mean()
    lines = header(
        ["system", "tables", "failed", "mean rank", "mean loss", "fit s, median", "max", "MiB"]
    )
    for name in ranks.sort_values().index:
        own = frame[frame["system"] == name]
        failed = own["error"].notna().sum() if "error" in own else 0
        shown = [f"{ranks[name]:.2f}", f"{loss[name].mean():.4f}"]
        shown += [f"{own['seconds'].median():.1f}", f"{own['seconds'].max():.1f}"]
        shown += [f"{own['memory_mib'].median():.0f}"]
        lines.append(line([name, str(len(own)), str(failed), *shown]))
    return "\n".join([f"{len(loss)} tables that all systems were run on.", "", *lines])


def _pairs(loss: pd.DataFrame, name: str) -> str:
    """Return wins and losses of one system against each other one."""
    lines = header(
        [f"{name} against", "wins-losses (ties)", "sign test", "loss difference, 95 % interval"]
    )
    for other in loss.columns.drop(name):
        both = loss[[name, other]].dropna()
        relative = (both[name] - both[other]) / both[[name, other]].max(axis=1)
        difference = (both[name] - both[other]).to_numpy()
        if not len(both):
            continue
        wins, losses = int((relative < -_TIE).sum()), int((relative > _TIE).sum())
        p = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        low, high = mean_interval(difference)
        interval = f"{difference.mean():+.4f} ({low:+.4f} to {high:+.4f})"
        ties = len(both) - wins - losses
        lines.append(line([other, f"{wins}-{losses} ({ties})", f"{p:.3f}", interval]))
    return "\n".join(lines)


def _every(loss: pd.DataFrame) -> str:
    """Return the loss of each system on each table, the worst of metaauto's first."""
    own = [name for name in loss.columns if name.startswith(SYSTEM)]
    others = loss.columns.difference(own)
    gap = loss[own].min(axis=1) / loss[others].min(axis=1)
    lines = header(["table", *loss.columns])
    for table in gap.sort_values(ascending=False).index:
        lines.append(line([str(table), *(f"{loss.loc[table, one]:.4f}" for one in loss.columns)]))
    return "\n".join(lines)
