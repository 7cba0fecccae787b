"""Options that are wrong for every table are refused before the table is read."""

from __future__ import annotations

from typing import Any

import pytest

from metaauto.engine.dry_run import plan_fit
from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions
from metaauto.errors import MetaautoError, ReadError
from metaauto.plugins.manager import PluginSettings

NO_PLUGINS = PluginSettings(only=())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "rmsee"}, "no metric named 'rmsee'"),
        ({"metric": "rmse", "task": "classification"}, "does not support"),
        ({"metric": "f1", "task": "regression"}, "does not support"),
        ({"task": "clasification"}, "no task named"),
        ({"include": ["knnn"]}, "no model or plugin named 'knnn'"),
        ({"exclude": ["knnn"]}, "no model, plugin or preprocessor named 'knnn'"),
        ({"cv": 1}, "Invalid cv=1"),
        ({"cv": 1.5}, "Invalid cv=1.5"),
        ({"cv": "five"}, "Invalid cv='five'"),
        ({"cv": True}, "Invalid cv=True"),
        ({"cv": None}, "Invalid cv=None"),
        ({"holdout": 1.0}, "Invalid holdout=1.0"),
        ({"roles": {"zip": "numbr"}}, "no role named 'numbr'"),
        ({"strategy": "knowlege"}, "no strategy named 'knowlege'"),
        ({"knowledge": "no.db"}, "no knowledge store 'no.db'"),
    ],
)
def test_an_option_that_no_table_makes_valid_is_refused_before_reading(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(MetaautoError, match=words):
        plan_fit("missing.csv", "y", FitOptions(plugins=NO_PLUGINS, **options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metric": "rmse"},
        {"metric": "f1", "task": "multiclass"},
        {"cv": 0.2, "holdout": 0.2, "roles": {"zip": "text"}, "strategy": "portfolio"},
        {"cv": [([0], [1])]},
    ],
)
def test_valid_options_are_not_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ReadError):
        plan_fit("missing.csv", "y", FitOptions(plugins=NO_PLUGINS, **options))


def test_a_fit_checks_its_options_before_reading() -> None:
    runner = FitRunner(FitOptions(plugins=NO_PLUGINS, cv=1, cores=1))
    with pytest.raises(MetaautoError, match="Invalid cv=1"):
        runner.run("missing.csv", "y")
