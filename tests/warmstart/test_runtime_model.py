from __future__ import annotations

import numpy as np
import pytest

from metaauto.warmstart.runtime_model import Correction, Durations, Timing, size_features


def sizes(rows, features=10.0, classes=2.0):
    rows = np.atleast_1d(np.asarray(rows, dtype=float))
    return size_features(rows, np.full(len(rows), features), np.full(len(rows), classes))


def test_the_growth_with_the_rows_is_learned():
    rows = np.geomspace(100, 10_000, 40)
    seconds = np.column_stack([1e-4 * rows, 1e-7 * rows**2])
    durations = Durations(sizes(rows), seconds, ["linear", "square"])
    for new in (200.0, 5_000.0, 20_000.0):
        linear, square = durations.predict(sizes(new)[0])
        assert linear == pytest.approx(1e-4 * new, rel=0.25)
        assert square == pytest.approx(1e-7 * new**2, rel=0.25)


def test_beyond_the_known_rows_seconds_grow_at_least_with_them():
    """On small tables most is overhead, and what bends there goes anywhere further out."""
    rows = np.repeat(np.geomspace(100, 3_000, 10), [1, 1, 1, 1, 1, 1, 1, 1, 1, 3])
    overhead = 0.5 + 1e-4 * rows
    levelling = np.exp(-0.4 * (np.log(rows / 3_000) ** 2))
    seconds = np.column_stack([overhead, levelling, 1e-7 * rows**2, 1e-12 * rows**4])
    durations = Durations(sizes(rows), seconds, ["overhead", "levelling", "kernel", "monster"])
    edge, far = (durations.predict(sizes(n)[0]) for n in (3_000.0, 60_000.0))
    growth = np.log(far / edge) / np.log(20.0)
    assert growth[:2] == pytest.approx(1.0)
    assert growth[2] == pytest.approx(2.0, abs=0.1)
    assert growth[3] == pytest.approx(2.2)
    assert durations.of_model("kernel", sizes(60_000.0)[0]) == pytest.approx(far[2], rel=0.5)


def test_one_large_table_does_not_say_how_all_seconds_grow():
    """A fit that was cut short there would make all tables in between look quick."""
    rows = np.append(np.geomspace(100, 3_000, 30), 1e6)
    levelling = np.exp(-0.4 * (np.log(np.minimum(rows, 3_000) / 3_000) ** 2))
    seconds = np.column_stack([levelling, levelling])
    seconds[-1] = np.nan, 2.0
    durations = Durations(sizes(rows), seconds, ["unseen", "seen"])
    near, far = (durations.predict(sizes(n)[0]) for n in (3_000.0, 60_000.0))
    assert (far >= 10.0 * near).all()


def test_a_configuration_that_was_seldom_timed_is_like_its_model():
    rows = np.geomspace(100, 10_000, 40)
    seconds = np.column_stack([1e-3 * rows, np.full(40, np.nan), 1e-6 * rows])
    durations = Durations(sizes(rows), seconds, ["slow", "slow", "quick"])
    found = durations.predict(sizes(1_000.0)[0])
    assert found[1] == pytest.approx(found[0], rel=0.5)
    assert found[1] > 20 * found[2]
    assert durations.of_model("slow", sizes(1_000.0)[0]) == pytest.approx(1.0, rel=0.3)
    assert durations.of_model("unheard of", sizes(1_000.0)[0]) is None


def test_without_any_measurement_everything_takes_finite_time():
    durations = Durations(np.zeros((0, 6)), np.zeros((0, 2)), ["a", "b"])
    found = durations.predict(sizes(1e9, 1e6, 500)[0])
    assert found.shape == (2,)
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_seconds_are_corrected_by_those_that_were_seen():
    correction = Correction()
    assert correction.factor("tree") == 1.0
    for seconds in (2.0, 3.0, 40.0):
        correction.observe("tree", seconds, 1.0)
    correction.observe("line", 0.0, 1.0)
    assert correction.factor("tree") == pytest.approx(3.0)
    assert correction.factor("line") == pytest.approx(3.0)
    correction.observe("line", 1.0, 1.0)
    assert correction.factor("line") == pytest.approx(1.0)
    assert correction.factor("knn") == pytest.approx(3.0**0.5)


def boosting(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Tables on which two boosters run long or short together, whatever their size says."""
    random = np.random.default_rng(0)
    rows = np.geomspace(100, 10_000, count)
    long = np.exp(random.normal(0.0, 1.0, count))
    noise = np.exp(random.normal(0.0, 0.1, (count, 3)))
    seconds = np.column_stack([1e-3 * rows * long, 3e-3 * rows * long, 1e-4 * rows]) * noise
    return rows, seconds


def test_what_one_booster_took_says_what_the_other_will():
    rows, seconds = boosting()
    durations = Durations(sizes(rows), seconds, ["one", "other", "linear"])
    timing = Timing(durations, sizes(1_000.0)[0])
    before = timing.seconds
    timing.observe(0, 5.0 * before[0])
    assert timing.seconds[0] == pytest.approx(5.0 * before[0], rel=0.2)
    assert timing.seconds[1] == pytest.approx(5.0 * before[1], rel=0.5)
    assert before[2] <= timing.seconds[2] < 2.5 * before[2]
    assert timing.factor("other") == pytest.approx(timing.seconds[1] / before[1])
    assert timing.factor("nobody's") == pytest.approx(
        float(np.exp(np.log(timing.seconds / before).mean()))
    )


def test_a_slow_machine_slows_everything():
    rows, seconds = boosting()
    durations = Durations(sizes(rows), seconds, ["one", "other", "linear"])
    timing = Timing(durations, sizes(1_000.0)[0])
    before = timing.seconds
    for column in (0, 2):
        timing.observe(column, 4.0 * before[column])
    assert (timing.seconds > 2.0 * before).all()


def test_similar_tables_say_whether_it_will_be_long():
    rows, seconds = boosting()
    durations = Durations(sizes(rows), seconds, ["one", "other", "linear"])
    longest = np.argsort(-seconds[:, 0] / rows)[:5]
    weights = np.zeros(len(rows))
    weights[longest] = 0.2
    timing = Timing(durations, sizes(1_000.0)[0])
    before = timing.seconds
    timing.set_weights(weights)
    assert timing.seconds[0] > 1.5 * before[0]
    assert timing.seconds[2] == pytest.approx(before[2], rel=0.2)
    timing.observe(1, 0.0)
    assert timing.seconds[0] > 1.5 * before[0]
