"""``metaauto metrics``: list the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.options import json_option, plugin_settings, plugins_option
from metaauto.cli.terminal import print_json, print_line, print_table
from metaauto.task import TASK_KINDS

if TYPE_CHECKING:
    from metaauto.metrics import Metric

__all__ = ["command"]


@click.command("metrics", short_help="List the metrics.")
@click.option("--task", type=click.Choice(TASK_KINDS), help="Only metrics of this task type.")
@plugins_option()
@json_option("the metrics, with their aliases and descriptions,")
def command(task: str | None, plugin_folders: tuple[str, ...], as_json: bool) -> None:
    """List the metrics: task types, direction, range, and the plugin that provides them.

    \b
    metaauto metrics
    metaauto metrics --task regression
    metaauto metrics --json

    The names are values of --metric of `fit`, `evaluate` and `leaderboard`. The range is from the
    worst to the best value; of a plugin's metric it may be unknown. quantile@A is the pinball loss
    of the quantile A, such as quantile@0.9. A neg_ name reports the negated loss, as scikit-learn
    does.
    """
    settings = plugin_settings(plugin_folders)
    from metaauto.metrics import ALIASES, DEFAULTS, quantile
    from metaauto.plugins.manager import load_plugins

    entries = load_plugins(settings).registry.entries("metric")
    sources: list[tuple[Metric, str]] = [(e.component, e.plugin.name) for e in entries]
    sources.append((quantile(0.9), "builtin"))
    sources = [(m, plugin) for m, plugin in sources if task is None or task in m.tasks]
    sources.sort(key=lambda one: (TASK_KINDS.index(one[0].tasks[0]), one[0].name))
    if as_json:
        print_json([_record(metric, plugin, ALIASES) for metric, plugin in sources])
        return
    print_table([_row(metric, plugin) for metric, plugin in sources], left=_LEFT)
    for kind, name in DEFAULTS.items():
        if task in (None, kind):
            print_line(f"Default of {kind}: {name}")


_LEFT = ("Metric", "Task", "Better", "Worst to best", "Plugin", "Description")


def _row(metric: Metric, plugin: str) -> dict[str, str]:
    name = metric.name.replace("@0.9", "@A")
    better = "higher" if metric.greater_is_better else "lower"
    cells = (name, ", ".join(metric.tasks), better, _range(metric), plugin, metric.description)
    return dict(zip(_LEFT, cells, strict=True))


def _range(metric: Metric) -> str:
    best = metric.optimum
    if metric.worst is None:
        return "-" if best in (float("inf"), -float("inf")) else f"? to {best:g}"
    return f"{metric.worst:g} to {best:g}"


def _record(metric: Metric, plugin: str, aliases: dict[str, str]) -> dict[str, Any]:
    return {
        "name": metric.name,
        "tasks": metric.tasks,
        "greater_is_better": metric.greater_is_better,
        # JSON has no infinity; the text is what Python and numpy read.
        "worst": None if metric.worst is None else _number(metric.worst),
        "best": _number(metric.optimum),
        "needs": metric.needs,
        "plugin": plugin,
        "aliases": sorted(alias for alias, name in aliases.items() if name == metric.name),
        "description": metric.description,
    }


def _number(value: float) -> float | str:
    return value if abs(value) != float("inf") else str(value)
