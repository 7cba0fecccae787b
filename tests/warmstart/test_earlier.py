from __future__ import annotations

import math

import pytest
from builders import drain, frame_model, space_of
from hypothesis import given
from hypothesis import strategies as st

from metaauto.components.hyperparameters import Float, Int
from metaauto.components.strategy import Observation, Recommendation, WarmStart, WarmStartSummary
from metaauto.configuration import Configuration
from metaauto.warmstart.earlier import EARLIER_MODEL, EarlierWarmStart

SPACE = space_of(
    frame_model("fast", {"a": Float(0.0, 1.0, 0.5)}),
    frame_model("slow", {"n": Int(1, 9, 3)}),
    frame_model("small", {}, max_rows=10),
)


class Seconds:
    """Predicts one second for the model `fast` and 100 for `slow`."""

    def expected_seconds(self, configuration: Configuration) -> float:
        return 1.0 if configuration.model == "fast" else 100.0

    least_seconds = expected_seconds


class Then(WarmStart):
    """Recommends some configurations and keeps what it receives."""

    def __init__(self, *configurations: Configuration) -> None:
        self.waiting = list(configurations)
        self.received: list = []

    def recommend(self, seconds: float) -> Recommendation | None:
        return Recommendation(self.waiting.pop(0), "portfolio", "") if self.waiting else None

    def inform(self, metafeatures) -> None:
        self.received.append(metafeatures)

    def observe(self, observation: Observation) -> None:
        self.received.append(observation)

    def summary(self) -> WarmStartSummary:
        return WarmStartSummary(datasets=3, skipped={"other": 2})


def fast(a: float) -> Configuration:
    return Configuration("fast", {"a": a})


def slow(n: int) -> Configuration:
    return Configuration("slow", {"n": n})


def started(members, *then, **more) -> EarlierWarmStart:
    return EarlierWarmStart(members, SPACE, Seconds(), Then(*then), **more)


def test_members_come_first_by_weight_and_are_repaired() -> None:
    found = drain(
        started([(fast(0.1), 0.2), (slow(99), 0.6), (fast(0.3), 0.0)], slow(2), slow(9), fast(0.1))
    )
    assert [r.configuration for r in found] == [slow(9), fast(0.1), slow(2)]
    assert [r.source for r in found] == [EARLIER_MODEL, EARLIER_MODEL, "portfolio"]
    assert [r.why for r in found][:2] == [
        "weight 75% in the earlier model",
        "weight 25% in the earlier model",
    ]
    assert found[0].expected_seconds == 100.0


def test_members_that_do_not_fit_into_the_time_are_left_out() -> None:
    warm = started([(slow(2), 0.9), (fast(0.1), 0.1)], slow(2), slow(3))
    found = drain(warm, seconds=10.0)
    assert [r.configuration for r in found] == [fast(0.1), slow(3)]


def test_models_that_cannot_be_used_are_named() -> None:
    members = [(Configuration(name), 1.0) for name in ("small", "absent", "excluded")]
    warm = started([*members, (fast(0.1), 1.0)], installed=("excluded", "fast"))
    assert warm.unusable == {
        "small": "supports at most 10 rows, the table has 1000",
        "absent": "is not installed",
        "excluded": "is excluded",
    }
    assert len(warm) == 1
    assert warm.summary().skipped == {
        "small of the earlier model supports at most 10 rows, the table has 1000": 1,
        "absent of the earlier model is not installed": 1,
        "excluded of the earlier model is excluded": 1,
        "other": 2,
    }
    assert warm.summary().datasets == 3


def test_results_and_metafeatures_reach_the_other_warm_start() -> None:
    then = Then()
    warm = EarlierWarmStart([], SPACE, Seconds(), then)
    observation = Observation(fast(0.1), 0.5, 1.0)
    warm.inform("metafeatures")
    warm.observe(observation)
    assert then.received == ["metafeatures", observation]
    assert warm.uses_metafeatures
    assert warm.recommend(math.inf) is None


@given(
    st.lists(st.tuples(st.floats(-1.0, 2.0), st.floats(0.0, 5.0)), max_size=8),
    st.lists(st.floats(0.0, 1.0), max_size=5),
)
def test_each_configuration_is_recommended_once(members, others) -> None:
    given_members = [(fast(a), weight) for a, weight in members]
    found = drain(started(given_members, *map(fast, dict.fromkeys(others))))
    configurations = [r.configuration for r in found]
    assert len(set(configurations)) == len(configurations)
    first = [r for r in found if r.source == EARLIER_MODEL]
    assert found[: len(first)] == first
    kept = {SPACE.repair(c).configuration for c, weight in given_members if weight > 0}
    assert {r.configuration for r in first} == kept
    assert {fast(a) for a in others} <= set(configurations)


@pytest.mark.parametrize("weights", [[], [0.0]])
def test_no_member_of_positive_weight(weights) -> None:
    found = drain(started([(fast(0.1), weight) for weight in weights], fast(0.2)))
    assert [r.configuration for r in found] == [fast(0.2)]
