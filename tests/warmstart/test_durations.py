from __future__ import annotations

import numpy as np
import pytest

from metaauto.warmstart.durations import Durations, size_features


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
