from __future__ import annotations

import time

import pytest

from metaauto.events import Event
from metaauto.progress.status import FitStatus, sparkline, status_rows
from metaauto.task import Task

TASK = Task("binary", "buys", (), "roc_auc", 100, ("no", "yes"), (50, 50))


def started(number: int, name: str, seconds: float = 0.0) -> Event:
    data = {"number": number, "name": name, "source": "smac", "why": "it is new"}
    return Event("trial_started", seconds, name, data)


def finished(number: int, name: str, status: str = "success", **data) -> Event:
    data = {"number": number, "name": name, "status": status, "best": 0.8, "error": "", **data}
    return Event("trial_finished", data.pop("seconds", 5.0), name, data)


def status_after(*events: Event) -> FitStatus:
    fit = FitStatus()
    for event in events:
        fit(event)
    return fit


def shown(fit: FitStatus, width: int = 80, plain: bool = False) -> dict[str, str]:
    rows = status_rows(fit, width, plain)
    assert all(len(row.text) + 12 <= width for row in rows if row.label != "Running")
    return {row.label: row.text for row in rows if row.label}


SEARCHING = Event("stage", 2.0, "Searching", {"left": 28.0, "trials": None})
TABLE = Event("table", 1.0, "", {"task": TASK})


def test_the_time_that_is_left_is_shown():
    fit = status_after(TABLE, SEARCHING)
    assert fit.seconds == 30.0
    assert shown(fit)["Searching"].endswith("left of 0:30")
    assert "0:27" in shown(fit)["Searching"]


def test_time_goes_on_between_events():
    fit = status_after(SEARCHING)
    before = fit.elapsed()
    time.sleep(0.02)
    assert 2.0 <= before < fit.elapsed() < 10.0


def test_trials_are_counted_where_they_are_the_budget():
    stage = Event("stage", 0.0, "Searching", {"left": None, "trials": 20})
    row = shown(status_after(stage, finished(1, "lda-1")), plain=True)["Searching"]
    assert row.startswith("#-----")
    assert "1 of 20 trials" in row


def test_the_best_is_named_with_its_time():
    fit = status_after(
        TABLE,
        SEARCHING,
        Event("incumbent", 4.0, ""),
        finished(1, "lda-1", best=0.7, seconds=4.0),
        Event("incumbent", 65.0, ""),
        finished(2, "svm-2", best=0.9, seconds=65.0),
        finished(3, "knn-3", "dropped", best=0.9, seconds=70.0),
    )
    assert shown(fit)["Best"] == "roc_auc 0.9  ▁██  by svm-2 at 1:05"
    assert shown(fit)["Trials"] == "2 successful, 1 pruned"


def test_what_is_tried_stands_there_with_its_reason_until_it_is_over():
    fit = status_after(TABLE, SEARCHING, started(1, "lda-1", 2.0), started(2, "svm-2", 2.0))
    assert shown(fit)["Running"] == "lda-1  0:00  smac: it is new"
    assert shown(fit)["Trials"] == "2 running"
    fit(finished(1, "lda-1"))
    assert shown(fit)["Running"].startswith("svm-2")


def test_many_trials_at_once_do_not_fill_the_screen():
    fit = status_after(TABLE, SEARCHING, *[started(n, f"lda-{n}") for n in range(64)])
    texts = [row.text for row in status_rows(fit)]
    assert texts[-1] == "and 60 more"
    assert len(texts) <= 8


def test_failures_are_grouped_by_cause_and_losers_are_none():
    fit = status_after(
        TABLE,
        finished(1, "svm-1", "failed", error="ValueError:\n bad"),
        finished(2, "svm-2", "failed", error="ValueError: bad"),
        finished(3, "knn-3", "timeout"),
        finished(4, "lda-4", "dropped"),
        finished(5, "lda-5", "stopped"),
    )
    rows = [row.text for row in status_rows(fit) if row.style == "red"]
    assert rows == ["2 x svm: ValueError: bad", "knn: timed out"]


def test_a_notice_is_shown():
    fit = status_after(TABLE)
    fit.notice = "Stopping."
    assert status_rows(fit)[-1].text == "Stopping."


@pytest.mark.parametrize("width", [20, 80, 200])
def test_rows_know_the_width(width: int):
    fit = status_after(TABLE, SEARCHING, *[finished(n, f"lda-{n}") for n in range(300)])
    texts = {row.label: row.text for row in status_rows(fit, width)}
    assert 10 <= texts["Searching"].count("╌") + texts["Searching"].count("━") <= 24
    assert texts["Best"].count("▅") == {20: 8, 80: 24, 200: 24}[width]


def test_plain_rows_are_ascii():
    fit = status_after(
        TABLE, SEARCHING, started(9, "lda-9"), finished(1, "lda-1"), finished(2, "b-2", best=0.9)
    )
    assert all(row.text.isascii() for row in status_rows(fit, plain=True))


def test_sparks_rise_and_keep_the_last():
    assert sparkline([1.0, 2.0, 3.0], 10) == "▁▅█"
    assert sparkline([3.0, 2.0, 1.0], 10) == "█▅▁"
    assert sparkline([1.0] * 99 + [2.0], 5) == "▁▁▁▁█"
    assert sparkline([2.0, 2.0], 5) == "▅▅"
    assert sparkline([], 5) == ""
