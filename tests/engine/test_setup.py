"""Time is reserved to check and convert the members of the final ensemble."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metaauto.configuration import Configuration
from metaauto.engine.setup import saving_seconds
from metaauto.ensemble import Selection
from metaauto.search import Outcome, Status, Trial

SECONDS = st.lists(st.floats(0.001, 100.0), min_size=1, max_size=20)


def trials_of(seconds) -> list[Trial]:
    trials = [Trial(0, Configuration("dummy"), "baseline", loss=1.0)]
    for number, each in enumerate(seconds, start=1):
        trial = Trial(number, Configuration("lda"), "knowledge", loss=0.5)
        trial.outcomes[0] = Outcome(number, 0, Status.SUCCESS)
        trial.outcomes[1] = Outcome(number, 1, Status.SUCCESS, save_seconds=each)
        trials.append(trial)
    return trials


@given(data=st.data(), seconds=SECONDS, workers=st.integers(1, 8))
def test_saving_seconds_cover_the_selected_members(data, seconds, workers):
    trials = trials_of(seconds)
    chosen = data.draw(st.sets(st.integers(1, len(seconds)), min_size=1))
    found = saving_seconds(Selection(dict.fromkeys(chosen, 1.0), 0.5, 0.5), trials, workers)
    needed = [3 * seconds[number - 1] for number in chosen]
    assert found >= max(needed)
    assert found >= sum(needed) / workers
    assert found >= saving_seconds(
        Selection(dict.fromkeys(chosen, 1.0), 0.5, 0.5), trials, workers + 1
    )


def test_saving_seconds_are_zero_before_the_first_model():
    assert saving_seconds(Selection({0: 1.0}, 1.0, 1.0), trials_of([]), 2) == 0.0
