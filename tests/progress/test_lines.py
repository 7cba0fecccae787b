from __future__ import annotations

from metaauto.events import Event
from metaauto.progress.lines import Progress, without_repeats
from metaauto.task import Column, Role, Task
from metaauto.text import clock_time, format_score


def task(**more) -> Task:
    columns = (
        Column("age", Role.NUMERIC, "float64", 50, 0.0),
        Column("city", Role.CATEGORICAL, "str", 3, 0.0),
        Column("number", Role.IDENTIFIER, "str", 90, 0.0),
    )
    values = {"classes": ("no", "yes"), "class_counts": (1200, 30), **more}
    return Task("binary", "buys", columns, "roc_auc", 1230, **values)


def lines_of(*events: Event) -> list[str]:
    lines: list[str] = []
    progress = Progress(lines.append)
    for event in events:
        progress(event)
    return lines


def trial(seconds: float, best: float, name: str = "lda-1") -> Event:
    return Event("trial_finished", seconds, name, {"best": best, "name": name})


BETTER = Event("incumbent", 0.0, "")


def test_the_table_is_told_before_the_search() -> None:
    lines = lines_of(Event("table", 0.1, "", {"task": task(groups="shop", time="day")}))
    assert lines == [
        "1,230 rows; target 'buys': 2 classes (no 1,200, yes 30)",
        "2 features: 1 numeric, 1 categorical",
        "Groups: 'shop'",
        "Time: 'day' (validation on later rows)",
        "Metric: roc_auc",
    ]


def test_many_classes_are_cut_short_and_amounts_are_named() -> None:
    many = task(classes=tuple("abcdefgh"), class_counts=tuple(range(1, 9)))
    lines = lines_of(Event("table", 0.1, "", {"task": many}))
    assert lines[0].endswith("8 classes (a 1, b 2, c 3, d 4, e 5, f 6, ...)")
    amounts = task(classes=None, class_counts=None)
    assert lines_of(Event("table", 0.1, "", {"task": amounts}))[0].endswith("(regression)")


def test_only_better_answers_are_told_and_a_sign_of_life() -> None:
    lines = lines_of(
        Event("table", 0.0, "", {"task": task()}),
        BETTER,
        trial(1.0, 0.8),
        trial(2.0, 0.8),
        BETTER,
        trial(3.0, 0.800000001),
        BETTER,
        trial(4.0, 0.9, "svm-4"),
        trial(5.0, 0.8999),
        trial(70.0, 0.9),
        trial(80.0, 0.9),
    )[3:]
    assert lines == [
        "     1.0 s  roc_auc 0.8  by lda-1  (1 trial)",
        "     4.0 s  roc_auc 0.9  by svm-4  (4 trials)",
        "    70.0 s  roc_auc 0.9  (6 trials)",
    ]


def test_findings_are_notes_and_the_rest_warnings() -> None:
    lines = lines_of(
        Event("warning", 0.0, "An identifier is left out.", {"code": "dropped-identifier"}),
        Event("warning", 0.0, "A column gives the target away.", {"code": "leak"}),
        Event("warning", 0.0, "Interrupted."),
    )
    assert [line.split(":")[0] for line in lines] == ["Note", "Warning", "Warning"]


def test_models_that_are_left_out_are_told_with_a_reason_that_may_surprise() -> None:
    skipped = {"ridge": "does not support binary", "svm": "takes too long on 1,000,000 rows"}
    event = Event("stage", 0.0, "Searching", {"models": ["lda", "knn"], "skipped": skipped})
    assert lines_of(event) == [
        "Searching. Models: lda, knn",
        "  skipped svm: takes too long on 1,000,000 rows",
    ]


def test_a_warning_that_comes_twice_is_told_once() -> None:
    lines: list[str] = []
    write = without_repeats(lines.append)
    for line in ("Warning: a", "Warning: a", "Warning: b", "Note: c", "Note: c"):
        write(line)
    assert lines == ["Warning: a", "Warning: b", "Note: c", "Note: c"]


def test_scores_are_short() -> None:
    assert [format_score(s) for s in (0.123456789, 123456.7, None, float("nan"))] == [
        "0.12346", "1.2346e+05", "-", "-",
    ]  # fmt: skip


def test_times_are_those_of_a_clock() -> None:
    assert [clock_time(s) for s in (0.0, 59.9, 75.0, 3725.0)] == ["0:00", "0:59", "1:15", "1:02:05"]
