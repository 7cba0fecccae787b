"""``metaauto metrics``, and the help of commands with groups of options."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from command_line import Cli

from metaauto.cli import COMMANDS
from metaauto.cli import command as root
from metaauto.cli.group import GroupedCommand
from metaauto.metrics import ALIASES, DEFAULTS, METRICS

PLUGIN = """
import numpy as np
from metaauto.api import Metric, hookimpl

def hits(y, labels, sample_weight=None):
    return float(np.mean(y == labels))

@hookimpl
def register_metrics(register):
    register.metric(Metric("hits", ("multiclass",), "labels", hits, description="Own."))
"""


def test_every_metric_is_listed(quick_cli: Cli) -> None:
    done = quick_cli("metrics")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split("  ")[0] == "Metric"
    names = [line.split()[0] for line in lines]
    assert set(names) >= {*METRICS, "quantile@A"}
    by_name = {line.split()[0]: " ".join(line.split()) for line in lines}
    assert "binary, multiclass higher -1 to 1 builtin" in by_name["mcc"]
    assert "regression lower inf to 0 builtin" in by_name["rmse"]
    assert lines[-3:] == [f"Default of {kind}: {name}" for kind, name in DEFAULTS.items()]


def test_metrics_of_one_task_and_of_plugins(quick_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "own.py").write_text(PLUGIN)
    done = quick_cli("metrics", "--task", "multiclass", "--plugins", "plugins", "--json")
    found = {metric["name"]: metric for metric in json.loads(done.stdout)}
    assert found["hits"] == {
        **{"name": "hits", "tasks": ["multiclass"], "greater_is_better": True, "worst": None},
        **{"best": 1.0, "needs": "labels", "plugin": "own", "aliases": [], "description": "Own."},
    }
    assert set(found) == {name for name, m in METRICS.items() if "multiclass" in m.tasks} | {"hits"}
    assert found["log_loss"]["worst"] == "inf"
    assert all(ALIASES[alias] == "roc_auc" for alias in found["roc_auc"]["aliases"])
    text = quick_cli("metrics", "--task", "multiclass", "--plugins", "plugins").stdout
    assert "? to 1" in next(line for line in text.splitlines() if line.startswith("hits"))
    assert quick_cli("metrics", "--task", "clustering").returncode == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_groups_of_options_name_parameters_once(name: str) -> None:
    context = click.Context(root)
    command = root.get_command(context, name)
    if not isinstance(command, GroupedCommand):
        pytest.skip("its options are one list")
    grouped = [option for names in command.groups.values() for option in names]
    options = {p.name for p in command.params if isinstance(p, click.Option)}
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == options


def test_the_help_of_fit_has_groups_that_fit_80_columns(quick_cli: Cli, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = quick_cli("fit", "--help")
    lines = done.stdout.splitlines()
    headings = [line.rstrip(":") for line in lines if line.endswith(":") and line[0] != " "]
    assert headings == [
        *("Data", "Budget", "Evaluation", "Search", "Warm start", "Output", "Other options"),
    ]
    assert max(map(len, lines)) <= 80
    shown = lines[lines.index("Data:") :]
    options = [line.split()[0].rstrip(",") for line in shown if line.startswith("  -")]
    assert len(options) == len(set(options)) > 25
    assert lines.index("Data:") < lines.index("Budget:")
