"""``metaauto suggest``: rank configurations for a table, with reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import complete_files, complete_metrics
from metaauto.cli.options import (
    exclude_option,
    include_option,
    json_option,
    plugin_settings,
    plugins_option,
    source_options,
    strategy_option,
    target_option,
    task_option,
)
from metaauto.cli.terminal import print_json, print_line, print_table, say
from metaauto.text import counted

if TYPE_CHECKING:
    from metaauto.warmstart.suggest import SuggestedConfiguration, Suggestion

__all__ = ["command", "print_suggested"]

_VALUES = 3
_OTHER_TASK = "does not support"
_LABEL = 17


@click.command("suggest", short_help="Rank configurations for a table, with reasons.")
@click.argument("data", shell_complete=complete_files)
@target_option()
@source_options()
@task_option()
@click.option(
    "--metric",
    metavar="M",
    shell_complete=complete_metrics,
    help="Metric to optimise, as for fit.  [default: roc_auc (two classes), log_loss (more), rmse]",
)
@click.option(
    "--knowledge",
    metavar="STORE",
    shell_complete=complete_files,
    help="Use this store only.  [default: the shipped store, installed packs and your own]",
)
@strategy_option("Warm-start strategy, as for fit.")
@include_option()
@exclude_option()
@click.option(
    "--cores",
    metavar="N",
    type=click.IntRange(min=1),
    help="Cores that run the folds, for the expected seconds.  [default: all cores]",
)
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Number of configurations.",
)
@plugins_option()
@json_option("the result, with complete configurations,")
def command(
    data: str,
    target: str | None,
    plugin_folders: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Rank the configurations to try first on the table DATA, without fitting any.

    \b
    metaauto suggest train.csv --target price
    metaauto suggest shop.parquet --target churn --metric f1 --knowledge team.db --top 5
    metaauto suggest train.csv --target price --include lightgbm --json

    The table is compared with the datasets of the knowledge stores by its metafeatures. The
    configurations complement each other: try them in this order. Hyperparameter values are shown
    if they differ from the model's default. The seconds are the expected time of all folds on
    this machine. The score is the mean over similar datasets, not a prediction for this one.

    A fit starts with the same configurations, updates the ranking after each result, and continues
    with the search.
    """
    settings = plugin_settings(plugin_folders)
    from metaauto.engine.dry_run import plan_fit
    from metaauto.engine.options import FitOptions

    knowledge, top = given.pop("knowledge"), given.pop("top")
    options = FitOptions(
        knowledge=True if knowledge is None else knowledge, plugins=settings, **given
    )
    found = plan_fit(data, target, options, top).suggestion
    for problem in found.problems:
        say(f"Warning: {problem} This store is ignored.")
    if as_json:
        print_json(found.to_json())
        return
    for line in _about(found, options.strategy):
        print_line(line)
    print_suggested(found)


def _about(found: Suggestion, strategy: str) -> Iterator[str]:
    from metaauto.knowledge import shipped_store
    from metaauto.warmstart.select import KNOWLEDGE

    task = found.task
    kinds = ", ".join(f"{count:,} {role}" for role, count in found.roles.items())
    classes = f", {counted(task.n_classes, 'class', 'classes')}" if task.is_classification else ""
    unused = len(task.columns) - len(task.features)
    yield _labelled(
        "Table",
        f"{task.kind} target {task.target!r}{classes}; {counted(task.n_rows, 'row')}, "
        f"{counted(len(task.columns), 'column')}: {kinds}"
        + (f", {unused:,} unused" if unused else ""),
    )
    yield _labelled("Metric", task.metric_label)
    yield _labelled("Validation", found.validation)
    if not found.stores:
        text = "none for this task type; these are model defaults"
        if strategy != KNOWLEDGE:
            text = f"not used by the strategy {strategy!r}"
        yield _labelled("Knowledge", text)
        return
    datasets = counted(found.datasets, f"{task.kind} dataset")
    yield _labelled("Knowledge", f"{counted(found.known, 'configuration')} on {datasets}")
    shipped = str(shipped_store())
    for path, count in found.stores.items():
        place = "the shipped store" if path == shipped else path
        yield _labelled("", f"{counted(count, 'dataset')} in {place}")
    names = ", ".join(f"{name} {weight:.1%}" for name, weight in found.similar)
    yield _labelled("Similar datasets", names)


def _labelled(label: str, text: str) -> str:
    return f"{label:<{_LABEL}} {text}"


def print_suggested(found: Suggestion) -> None:
    """Print the ranked configurations, then the skipped ones and the unsuitable models."""
    print_table(
        [_row(rank, entry, found) for rank, entry in enumerate(found.configurations, start=1)],
        left=("model", "values", "reason"),
    )
    for line in _left_out(found):
        print_line(line)


def _row(rank: int, entry: SuggestedConfiguration, found: Suggestion) -> dict[str, str]:
    row = {
        "": str(rank),
        "model": entry.configuration.model,
        "values": _values(entry.changes),
        "seconds": "-" if entry.seconds is None else _seconds(entry.seconds),
    }
    if any(other.score is not None for other in found.configurations):
        row[found.known_metric] = "-" if entry.score is None else f"{entry.score:.4f}"
    return {**row, "reason": entry.why}


def _values(changes: Mapping[str, Any]) -> str:
    texts = [
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in changes.items()
    ]
    more = ["..."] if len(texts) > _VALUES else []
    return ", ".join([*texts[:_VALUES], *more]) or "default"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def _left_out(found: Suggestion) -> Iterator[str]:
    total = sum(found.skipped.values())
    if total:
        reasons = "; ".join(f"{count} {reason}" for reason, count in found.skipped.items())
        yield _labelled("Skipped", f"{counted(total, 'stored configuration')}: {reasons}")
    unfit = [
        f"{name} {why}" for name, why in found.unfit.items() if not why.startswith(_OTHER_TASK)
    ]
    if unfit:
        yield _labelled("Unsuitable", "; ".join(unfit))
