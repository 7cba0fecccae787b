"""The page on events names every event of a fit, and only fields that a record has."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.plugins.manager import PluginSettings

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
EVENTS, RECORD = PAGE.split("## The record of a fit")


def rows(part: str) -> dict[str, str]:
    lines = re.findall(r"^\| (`.*?) \|(.*)\|$", part, flags=re.MULTILINE)
    return dict(lines)


@pytest.fixture(scope="module")
def fitted():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"size": random.normal(size=80), "land": "D"})
    frame["y"] = np.where(frame["size"] + random.normal(size=80) > 0, "yes", "no")
    events: list = []
    settings = {"trials": 1, "cores": 1, "cv": 2, "include": ["lda"], "holdout": 0.2}
    alone = PluginSettings(only=())
    model = metaauto.fit(
        frame, "y", on_event=events.append, plugins=alone, remember=False, **settings
    )
    return events, model.record.to_json()


def test_every_event_is_told_with_its_data(fitted) -> None:
    told = rows(EVENTS)
    for event in fitted[0]:
        text = told[f"`{event.kind}`"]
        missing = [name for name in event.data if f"`{name}`" not in text]
        assert event.kind == "warm_start" or not missing, (event.kind, missing)
    assert {f"`{event.kind}`" for event in fitted[0]} <= set(told)


def test_the_table_names_the_fields_of_the_record(fitted) -> None:
    names = [name for cell in rows(RECORD) for name in re.findall(r"`(\w+)`", cell)]
    assert [name for name in names if name not in fitted[1]] == []
    assert len(names) >= 25


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
def test_python_is_python(block: str) -> None:
    compile(block, "events.md", "exec")
