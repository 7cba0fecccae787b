from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.budget import Budget, available_cores, available_memory, parse_seconds
from metaauto.errors import SettingError

PARTS = st.tuples(*[st.none() | st.integers(0, 500) for _ in range(4)])


@given(PARTS, st.sampled_from(("", " ")), st.booleans())
def test_durations_add_up(parts, space, upper):
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    text = space.join(f"{n}{unit}" for n, (unit, _) in zip(parts, units) if n is not None)
    seconds = sum(n * size for n, (_, size) in zip(parts, units) if n is not None)
    text = text.upper() if upper else text
    if seconds > 0:
        assert parse_seconds(text) == seconds
    else:
        with pytest.raises(SettingError):
            parse_seconds(text)


@given(st.floats(min_value=1e-3, max_value=1e7))
def test_a_number_is_seconds(seconds):
    assert parse_seconds(seconds) == seconds
    assert parse_seconds(f"{seconds:.6f}") == pytest.approx(seconds, abs=1e-6)


@given(st.text(max_size=8))
def test_any_text_is_a_duration_or_a_clear_error(text):
    try:
        seconds = parse_seconds(text)
    except SettingError as error:
        assert error.hint
        assert repr(text) in error.message
    else:
        assert 0 < seconds < math.inf


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5m", 90), (".5h", 1800), ("2min", 120), (" 5 m ", 300), ("1h 30m", 5400)],
)
def test_usual_ways_to_write_a_duration(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "5x",
        "-5s",
        "0",
        "0s",
        "1 000s",
        "1.5.2s",
        "90 30",
        "1h30",
        "5 5",
        "1e3",
        "٣s",
        True,
        None,
        math.nan,
        math.inf,
        -1,
        "1m30m",
        "30s1m",
    ],
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(SettingError) as caught:
        parse_seconds(text)
    assert caught.value.hint


def test_the_clock_runs_from_its_start():
    budget = Budget(seconds=100.0, reserve=10.0)
    assert budget.elapsed() == 0.0
    assert budget.deadline() == math.inf
    budget.start(at=time.monotonic() - 30)
    assert budget.elapsed() == pytest.approx(30, abs=5)
    assert budget.remaining() == pytest.approx(70, abs=5)
    assert budget.for_search() == pytest.approx(60, abs=5)
    assert budget.deadline() == pytest.approx(time.monotonic() + 60, abs=5)


def test_seconds_of_an_interrupted_run_count():
    budget = Budget(seconds=100.0)
    budget.start()
    budget.use_up(40.0)
    assert budget.remaining() == pytest.approx(60, abs=5)


def test_trials_alone_set_no_time():
    budget = Budget(trials=3)
    budget.start()
    assert not budget.is_timed
    assert budget.for_search() == math.inf
    assert budget.deadline() == math.inf


def test_stages_are_charged_even_if_they_raise():
    budget = Budget()
    with pytest.raises(KeyError), budget.stage("read"):
        raise KeyError
    before = budget.spent["read"]
    with budget.stage("read"):
        time.sleep(0.01)
    assert budget.spent["read"] >= before + 0.01


def test_the_machine_has_something_to_offer():
    assert available_cores() >= 1
    assert available_memory() > 0


def test_what_is_kept_for_the_end_is_not_for_the_search():
    budget = Budget(seconds=90.0, reserve=5.0)
    budget.start()
    budget.keep(10.0)
    assert budget.for_search() == pytest.approx(75, abs=5)
    assert budget.deadline() == pytest.approx(time.monotonic() + 75, abs=5)
    budget.keep(80.0)
    assert budget.for_search() == pytest.approx(55, abs=5), "a third of the budget at most"
    budget.keep(0.0)
    assert budget.for_search() == pytest.approx(85, abs=5)
    untimed = Budget(trials=3)
    untimed.start()
    untimed.keep(10.0)
    assert untimed.for_search() == math.inf
