"""``metaauto fit --dry-run``: print the plan of a fit on one page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from metaauto.cli.suggest import print_suggested
from metaauto.cli.terminal import print_json, print_line, print_table, say
from metaauto.text import counted

if TYPE_CHECKING:
    from metaauto.engine.dry_run import Plan

__all__ = ["print_plan"]

_MOST_COLUMNS = 30


def print_plan(plan: Plan, as_json: bool) -> None:
    """Print a plan to the standard output."""
    from metaauto.progress.lines import WARNING_CODES, table_lines

    found, clock = plan.suggestion, plan.clock
    for problem in found.problems:
        say(f"Warning: {problem} This store is ignored.")
    if as_json:
        print_json(plan.to_json())
        return
    for line in table_lines(found.task):
        print_line(line)
    print_line(f"Validation: {found.validation}")
    print_line(f"Budget: {_budget(plan)}")
    for finding in plan.dataset.findings:
        print_line(f"{'Warning' if finding.code in WARNING_CODES else 'Note'}: {finding.message}")
    print_line("")
    _print_columns(plan)
    print_line("")
    if found.stores:
        known = counted(found.known, "configuration")
        datasets, cores = counted(found.datasets, "dataset"), counted(clock.cores, "core")
        print_line(f"First configurations (from {known} on {datasets}; seconds on {cores}):")
    else:
        print_line(plan.source)
        print_line("First configurations:")
    print_suggested(found)
    total, fitting = len(found.configurations), plan.fitting_in
    if math.isfinite(clock.seconds) and fitting < total:
        print_line(f"About {fitting} of these {total} fit into the budget.")
    print_line("No model was fitted.")


def _budget(plan: Plan) -> str:
    clock = plan.clock
    parts = [f"{clock.seconds:g} s"] if clock.is_timed else []
    parts += [counted(clock.trials, "trial")] if clock.trials else []
    cores = counted(clock.cores, "core")
    return f"{' or '.join(parts)} on {cores} with {clock.memory / 1024:.1f} GB"


def _print_columns(plan: Plan) -> None:
    columns = plan.dataset.task.columns
    print_table(
        [
            {
                "column": column.name,
                "role": str(column.role),
                "distinct": f"{column.n_unique:,}",
                "missing": f"{column.missing:.1%}" if column.missing else "",
                "reason": column.reason,
            }
            for column in columns[:_MOST_COLUMNS]
        ],
        left=("column", "role", "reason"),
    )
    if len(columns) > _MOST_COLUMNS:
        print_line(f"... and {len(columns) - _MOST_COLUMNS:,} more; --json shows all")
