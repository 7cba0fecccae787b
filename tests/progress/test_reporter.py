from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
from builders import make_trial

from metaauto.budget import Budget
from metaauto.components import Model
from metaauto.configuration import Configuration
from metaauto.data import prepare
from metaauto.events import Event
from metaauto.metrics import METRICS
from metaauto.plugins.registry import Plugin, Registered, Registry
from metaauto.progress.reporter import EventReporter
from metaauto.search import Status, Trial

FANCY = Registered("model", "fancy", Model("fancy", print), Plugin("mine", "1.2"))
WORK = SimpleNamespace(metric=METRICS["accuracy"], registry=Registry([FANCY]))


def heard(tell) -> list[Event]:
    events: list[Event] = []
    clock = Budget(seconds=60.0)
    clock.start()
    tell(EventReporter(clock, events.append))
    return events


def trial(number: int, status: Status, loss: float | None = None, error: str = "") -> Trial:
    text = {"source": "smac", "why": "it is new", "error": error}
    return make_trial(number, status, configuration=Configuration("fancy", {}), loss=loss, **text)


def test_without_a_listener_nothing_happens():
    EventReporter(Budget())("stage", "Searching")


def test_events_carry_the_time_and_what_is_given():
    (event,) = heard(lambda tell: tell("stage", "Searching", models=["lda"]))
    assert (event.kind, event.message) == ("stage", "Searching")
    assert event.data == {"models": ["lda"], "left": event.data["left"], "trials": None}
    assert 0 < event.data["left"] <= 60
    assert 0 <= event.seconds < 60


def test_a_table_is_told_with_what_is_odd_about_it():
    frame = pd.DataFrame({"size": [0.5, 1.5, 3.25] * 20, "land": "D", "y": ["no", "yes"] * 30})
    dataset = prepare(frame, "y")
    table, *findings = heard(lambda tell: tell.table(dataset))
    assert (table.kind, table.message) == ("table", "60 rows")
    assert table.data == {"task": dataset.task}
    assert [event.kind for event in findings] == ["warning"] * len(dataset.findings)
    assert "land" in [event.data["column"] for event in findings]


def test_trials_are_told_when_they_start_and_end():
    done = trial(3, Status.SUCCESS, 0.25)
    started, finished = heard(
        lambda tell: (tell.trial_started(done), tell.trial_finished(done, WORK, 0.8))
    )
    assert started.message == "fancy-3 (smac: it is new)"
    assert started.data == {
        "number": 3, "name": "fancy-3", "model": "fancy", "source": "smac", "why": "it is new",
        "expected_seconds": None,
    }  # fmt: skip
    assert finished.message == "fancy-3: success"
    assert finished.data["score"] == 0.75
    assert finished.data["best"] == 0.8


def test_each_fault_of_a_plugin_is_blamed_once():
    def tell_all(tell: EventReporter) -> None:
        for number, error in enumerate(["ValueError: a", "ValueError: a", "ValueError: b"]):
            tell.trial_finished(trial(number, Status.FAILED, error=error), WORK, None)

    events = heard(tell_all)
    assert [event.data["score"] for event in events if event.kind == "trial_finished"] == [None] * 3
    assert [event.message for event in events if event.kind == "warning"] == [
        "Plugin 'mine 1.2': model 'fancy' failed: ValueError: a",
        "Plugin 'mine 1.2': model 'fancy' failed: ValueError: b",
    ]
