from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.components.hyperparameters import (
    Choice,
    Float,
    Int,
    check_space,
    is_within_tolerance,
    values_out_of_range,
)
from metaauto.errors import ComponentError

GARBAGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.binary(max_size=3),
)


@st.composite
def numeric_ranges(draw):
    kind = draw(st.sampled_from((Float, Int)))
    log = draw(st.booleans())
    if kind is Int:
        low = draw(st.integers(1 if log else -1000, 1000))
        high = low + draw(st.integers(0, 10_000))
        return Int(low, high, draw(st.integers(low, high)), log)
    low = draw(st.floats(1e-6 if log else -1e3, 1e3))
    high = low + draw(st.floats(0, 1e6))
    return Float(low, high, draw(st.floats(low, high)), log)


CHOICES = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(("a", "1", 1.0, 0.5))),
    min_size=1,
    max_size=6,
).map(lambda options: Choice(tuple(options)))


@given(st.one_of(numeric_ranges(), CHOICES), GARBAGE)
def test_whatever_is_clipped_lies_in_the_range(bounds, value):
    clipped = bounds.clip(value)
    assert bounds.contains(clipped)
    assert bounds.clip(clipped) == clipped
    assert bounds.contains(value) in (True, False)


@given(st.one_of(numeric_ranges(), CHOICES), GARBAGE)
def test_what_the_range_contains_stays_as_it_is(bounds, value):
    if bounds.contains(value):
        assert bounds.clip(value) == value


@given(numeric_ranges())
def test_the_ends_belong_to_the_range(bounds):
    assert bounds.contains(bounds.low)
    assert bounds.contains(bounds.high)
    assert bounds.clip(bounds.high + 1) == bounds.high
    assert bounds.clip(bounds.low - 1) == bounds.low


@given(st.one_of(numeric_ranges(), CHOICES), GARBAGE)
def test_clipped_values_can_be_written_as_json(bounds, value):
    json.dumps(bounds.clip(value), allow_nan=False)


def test_int_takes_whole_floats_alone():
    bounds = Int(1, 10, 5)
    assert bounds.contains(3.0)
    assert not bounds.contains(3.5)
    assert type(bounds.clip(3.0)) is int
    assert bounds.clip(3.6) == 4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "3", None])
def test_what_is_no_number_becomes_the_default(value):
    assert Float(0.0, 1.0, 0.25).clip(value) == 0.25
    assert Int(0, 9, 4).clip(value) == 4


def test_choice_tells_options_of_different_types_apart():
    bounds = Choice((1, True, "1", None), default="1")
    assert bounds.contains(True)
    assert bounds.contains(1)
    assert not Choice((1, 2)).contains(True)
    assert not Choice((1, 2)).contains(1.0)
    assert Choice((1, 2), default=2).clip(True) == 2


def test_the_first_option_is_the_default_unless_another_is_named():
    assert Choice(("a", "b")).default == "a"
    assert Choice(("a", "b"), "b").default == "b"
    assert Choice(("a", None)).default is None
    assert Choice(["a", "b"]).options == ("a", "b")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Float(1.0, 0.0, 0.5),
        lambda: Float(0.0, 1.0, 2.0),
        lambda: Float(0.0, 1.0, 0.5, log=True),
        lambda: Float(-1.0, 1.0, 0.5, log=True),
        lambda: Float(0.0, math.inf, 1.0),
        lambda: Float(math.nan, 1.0, 0.5),
        lambda: Float("0", 1.0, 0.5),
        lambda: Float(0.0, 1.0, None),
        lambda: Int(0, 10, 3, log=True),
        lambda: Int(3, 1, 2),
        lambda: Int(0, 10, 2.5),
        lambda: Int(0, 10, True),
        lambda: Int(0.5, 10, 2),
        lambda: Int(1, 9.5, 2),
        lambda: Choice(()),
        lambda: Choice(("a",), default="b"),
        lambda: Choice((1, 2), default=True),
    ],
)
def test_impossible_ranges_are_refused_with_a_hint(make):
    with pytest.raises(ComponentError) as caught:
        make()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("space", "word"),
    [
        ([Float(0.0, 1.0, 0.5)], "list"),
        ({"a": (0.0, 1.0)}, "tuple"),
        ({"a": Float(0.0, 1.0, 0.5, when={"b": (1,)})}, "'b'"),
        ({"a": Choice((1, 2), when={"a": (1,)})}, "'a'"),
        ({1: Float(0.0, 1.0, 0.5)}, "1"),
        ({"a.b": Float(0.0, 1.0, 0.5)}, "'a.b'"),
        ({"a": Int(1, 2, 1, when={"b": (1,)}), "b": Choice((1, 2), when={"a": (1,)})}, "'a'"),
        ({"a": Int(1, 2, 1, when={"b": (3,)}), "b": Choice((1, 2))}, "'a'"),
        ({"a": Int(1, 2, 1, when={"b": "xy"}), "b": Choice(("x", "xy"))}, "'a'"),
    ],
)
def test_impossible_spaces_are_refused_by_name(space, word):
    with pytest.raises(ComponentError) as caught:
        check_space("mine", space)
    assert "'mine'" in str(caught.value)
    assert word in str(caught.value)


def test_a_sound_space_comes_back_as_a_dict():
    space = {"a": Choice((1, 2)), "b": Int(1, 3, 2, when={"a": (2,)})}
    assert check_space("mine", space) == space
    assert check_space("mine", {}) == {}


RATE = Float(0.01, 0.3, 0.1, log=True)
SHARE = Float(0.5, 1.0, 0.8)


@pytest.mark.parametrize(
    ("bounds", "value", "expected"),
    [
        (RATE, 0.1, True),
        (RATE, 0.006, True),
        (RATE, 0.004, False),
        (RATE, 0.6, True),
        (RATE, 0.7, False),
        (RATE, 0.0, False),
        (RATE, -1.0, False),
        (SHARE, 0.46, True),
        (SHARE, 0.44, False),
        (Int(1, 4, 2), 5, True),
        (Int(1, 4, 2), 6, False),
        (Int(4, 255, 31, log=True), 2, True),
        (Int(4, 255, 31, log=True), 600, False),
        (Choice((1, 2)), 2, True),
        (Choice((1, 2)), 3, False),
        (RATE, "auto", False),
        (RATE, None, False),
        (RATE, True, False),
        (RATE, float("inf"), False),
    ],
)
def test_is_within_tolerance_allows_a_factor_of_two_a_tenth_or_one_step(bounds, value, expected):
    assert is_within_tolerance(bounds, value) is expected


def test_values_out_of_range_ignores_names_without_a_range():
    assert values_out_of_range({"rate": RATE}, {"rate": 5.0, "other": 5.0}) == ["rate"]
