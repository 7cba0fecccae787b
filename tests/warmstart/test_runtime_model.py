from __future__ import annotations

import numpy as np
import pytest

from metaauto.warmstart.runtime_model import Correction, Durations, size_features


def sizes(rows, features=10.0, classes=2.0):
    rows = np.atleast_1d(np.asarray(rows, dtype=float))
    return size_features(rows, np.full(len(rows), features), np.full(len(rows), classes))


def test_the_growth_with_the_rows_is_learned():
    rows = np.geomspace(100, 10_000, 40)
    seconds = np.column_stack([1e-4 * rows, 1e-7 * rows**2])
    durations = Durations(sizes(rows), seconds, ["linear", "square"])
    for new in (200.0, 5_000.0, 20_000.0):
        linear, square = np.exp(durations.log_seconds(sizes(new)[0]))
        assert linear == pytest.approx(1e-4 * new, rel=0.25)
        assert square == pytest.approx(1e-7 * new**2, rel=0.25)


def test_beyond_the_known_rows_seconds_grow_at_least_with_them():
    """On small tables most is overhead, and what bends there goes anywhere further out."""
    rows = np.repeat(np.geomspace(100, 3_000, 10), [1, 1, 1, 1, 1, 1, 1, 1, 1, 3])
    overhead = 0.5 + 1e-4 * rows
    levelling = np.exp(-0.4 * (np.log(rows / 3_000) ** 2))
    seconds = np.column_stack([overhead, levelling, 1e-7 * rows**2, 1e-12 * rows**4])
    durations = Durations(sizes(rows), seconds, ["overhead", "levelling", "kernel", "monster"])
    edge, far = (np.exp(durations.log_seconds(sizes(n)[0])) for n in (3_000.0, 60_000.0))
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
    near, far = (np.exp(durations.log_seconds(sizes(n)[0])) for n in (3_000.0, 60_000.0))
    assert (far >= 10.0 * near).all()


def test_a_configuration_that_was_seldom_timed_is_like_its_model():
    rows = np.geomspace(100, 10_000, 40)
    seconds = np.column_stack([1e-3 * rows, np.full(40, np.nan), 1e-6 * rows])
    durations = Durations(sizes(rows), seconds, ["slow", "slow", "quick"])
    found = np.exp(durations.log_seconds(sizes(1_000.0)[0]))
    assert found[1] == pytest.approx(found[0], rel=0.5)
    assert found[1] > 20 * found[2]
    assert durations.of_model("slow", sizes(1_000.0)[0]) == pytest.approx(1.0, rel=0.3)
    assert durations.of_model("unheard of", sizes(1_000.0)[0]) is None


def test_without_any_measurement_everything_takes_finite_time():
    durations = Durations(np.zeros((0, 6)), np.zeros((0, 2)), ["a", "b"])
    found = np.exp(durations.log_seconds(sizes(1e9, 1e6, 500)[0]))
    assert found.shape == (2,)
    assert np.isfinite(found).all()
    assert (found > 0).all()


def boosting(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Tables on which two boosters run long or short together, whatever their size says."""
    random = np.random.default_rng(0)
    rows = np.geomspace(100, 10_000, count)
    long = np.exp(random.normal(0.0, 1.0, count))
    noise = np.exp(random.normal(0.0, 0.1, (count, 3)))
    seconds = np.column_stack([1e-3 * rows * long, 3e-3 * rows * long, 1e-4 * rows]) * noise
    return rows, seconds


def corrected(seconds: np.ndarray, rows: np.ndarray) -> Correction:
    durations = Durations(sizes(rows), seconds, ["one", "other", "linear"])
    return Correction(*durations.factors())


def test_what_one_booster_took_says_what_the_other_will():
    rows, seconds = boosting()
    shift = np.exp(corrected(seconds, rows).shift({0: np.log(5.0)}))
    assert shift[0] == pytest.approx(5.0, rel=0.2)
    assert shift[1] == pytest.approx(5.0, rel=0.5)
    assert 1.0 <= shift[2] < 2.5


def test_a_slow_machine_slows_everything():
    rows, seconds = boosting()
    correction = corrected(seconds, rows)
    assert (correction.shift({0: np.log(4.0), 2: np.log(4.0)}) > np.log(2.0)).all()
    assert (correction.shift({}) == 0.0).all()


def test_similar_tables_say_whether_it_will_be_long():
    rows, seconds = boosting()
    durations = Durations(sizes(rows), seconds, ["one", "other", "linear"])
    longest = np.argsort(-seconds[:, 0] / rows)[:5]
    weights = np.zeros(len(rows))
    weights[longest] = 0.2
    before = durations.log_seconds(sizes(1_000.0)[0])
    after = durations.log_seconds(sizes(1_000.0)[0], weights)
    assert after[0] - before[0] > np.log(1.5)
    assert after[2] == pytest.approx(before[2], abs=0.2)
