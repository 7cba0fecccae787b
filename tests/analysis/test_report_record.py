from __future__ import annotations

import json
import shlex

import numpy as np
import pytest

from metaauto.analysis.report_record import command_of, shown_options
from metaauto.engine.options import FitOptions
from metaauto.task import Task

TASK = Task("regression", "the price", (), "rmse", 10)


def command(source="train.csv", **options) -> list[str]:
    shown = shown_options(FitOptions(**options).to_json())
    return shlex.split(command_of(shown, source, TASK))


def test_the_command_asks_for_the_same_again():
    words = command(
        budget="5m", metric="mae", cv=3, include=["knn", "ridge"], roles={"a b": "text"}
    )
    assert words[:5] == ["metaauto", "fit", "train.csv", "--target", "the price"]
    assert words[words.index("--budget") + 1] == "300s"
    assert words[words.index("--metric") + 1] == "mae"
    assert words[words.index("--cv") + 1] == "3"
    assert words.count("--include") == 2
    assert words[words.index("--role") + 1] == "a b=text"
    assert "--holdout" not in words
    assert words[-2:] == ["--seed", "0"]


@pytest.mark.parametrize("positive", ["yes", 0, np.int64(0), False])
def test_the_command_names_the_positive_class(positive):
    words = command(positive=positive)
    assert words[words.index("--positive") + 1] == str(positive)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/home/someone/secret/train.csv", "train.csv"),
        ("sqlite:/home/someone/shop.db?table=orders", "sqlite:shop.db?table=orders"),
        ("openml:31", "openml:31"),
        (r"C:\Users\someone\train.csv", "train.csv"),
        (None, "TABLE"),
    ],
)
def test_places_on_this_machine_are_not_told(source, shown):
    assert command(source)[2] == shown


def test_options_keep_no_place_either():
    shown = shown_options(
        FitOptions(run_dir="/home/someone/run", knowledge="/home/someone/team.db").to_json()
    )
    assert "someone" not in json.dumps(shown)
    assert shown["knowledge"] == "team.db"
    assert "--knowledge team.db" in command_of(shown, None, TASK)
    assert "--no-knowledge" in command(knowledge=False)


def test_every_option_of_the_command_exists():
    from metaauto.cli.fit import command as fit

    known = {name for option in fit.params for name in option.opts}
    words = command(
        budget="5m", trials=3, metric="mae", cv=3, include=["knn"], exclude=["svm"], cores=2,
        holdout=0.2, groups="g", time="t", weights="w", roles={"a": "text"}, knowledge=False,
        task="regression",
    )  # fmt: skip
    assert {word for word in words if word.startswith("--")} <= known
