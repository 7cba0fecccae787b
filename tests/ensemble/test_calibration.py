"""Calibration: kept where it lowers the loss, never changing the order of the rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.components import Deadline
from metaauto.ensemble import Calibrator, fit_calibrator
from metaauto.errors import SettingError
from metaauto.metrics import METRICS

FINITE = st.floats(-5, 5)
SLOPE = st.floats(0.05, 10)
CALIBRATORS = st.one_of(
    st.just(Calibrator()),
    SLOPE.map(lambda t: Calibrator("temperature", (t,))),
    st.tuples(SLOPE, FINITE).map(lambda v: Calibrator("platt", v)),
    st.tuples(SLOPE, SLOPE, FINITE).map(lambda v: Calibrator("beta", v)),
)


def sample(n, seed, distort=lambda odds: odds):
    random = np.random.default_rng(seed)
    odds = 2.0 * random.normal(size=n)
    y = (random.uniform(size=n) < 1 / (1 + np.exp(-odds))).astype(int)
    positive = 1 / (1 + np.exp(-distort(odds)))
    return y, np.column_stack([1 - positive, positive]).astype(np.float32)


@given(calibrator=CALIBRATORS, seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_rows_sum_to_one_and_keep_their_order(calibrator, seed):
    _, p = sample(60, seed)
    p[0], p[1], p[2] = (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)
    corrected = calibrator.apply(p)
    assert corrected.dtype == np.float32
    assert corrected.shape == p.shape
    assert ((corrected >= 0) & (corrected <= 1)).all()
    assert corrected.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    in_order = corrected[np.argsort(p[:, 1], kind="stable"), 1]
    assert (np.diff(in_order) >= 0).all()


@given(calibrator=CALIBRATORS, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_json_round_trip(calibrator, seed):
    copy = Calibrator.from_json(json.loads(json.dumps(calibrator.to_json())))
    assert copy == calibrator
    _, p = sample(20, seed)
    assert np.array_equal(copy.apply(p), calibrator.apply(p))


@given(seed=st.integers(0, 1000), temperature=SLOPE)
@settings(max_examples=30, deadline=None)
def test_multiclass_temperature(seed, temperature):
    p = np.random.default_rng(seed).dirichlet(np.full(5, 0.3), 40).astype(np.float32)
    corrected = Calibrator("temperature", (temperature,)).apply(p)
    assert corrected.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(corrected).all()
    assert np.array_equal(corrected.argmax(axis=1), p.argmax(axis=1))


@pytest.mark.parametrize(
    ("distort", "kinds"),
    [
        (lambda odds: 3 * odds, {"temperature"}),
        (lambda odds: odds + 2, {"platt"}),
        (lambda odds: np.where(odds > 0, 3 * odds, 0.4 * odds), {"beta"}),
    ],
)
def test_distortion_is_undone_on_new_rows(distort, kinds):
    calibrator = fit_calibrator(*reversed(sample(4000, 0, distort)))
    assert calibrator.kind in kinds
    y, p = sample(4000, 1, distort)
    _, ideal = sample(4000, 1)
    corrected = calibrator.apply(p)
    loss = METRICS["log_loss"].loss
    assert loss(y, corrected) < loss(y, p) - 0.02
    assert loss(y, corrected) < loss(y, ideal) + 0.03
    auc = METRICS["roc_auc"].score
    assert auc(y, corrected) == pytest.approx(auc(y, p), abs=1e-5)


def test_temperature_of_several_classes():
    random = np.random.default_rng(0)
    odds = 1.5 * random.normal(size=(3000, 4))
    share = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    y = np.array([random.choice(4, p=row) for row in share])
    sharp = np.exp(2.5 * odds) / np.exp(2.5 * odds).sum(axis=1, keepdims=True)
    calibrator = fit_calibrator(sharp.astype(np.float32), y)
    assert calibrator.kind == "temperature"
    assert calibrator.values[0] == pytest.approx(2.5, rel=0.1)


def test_temperature_with_certain_and_wrong_rows():
    y, p = sample(2000, 0)
    p[:20] = np.eye(2)[1 - y[:20]]
    calibrator = fit_calibrator(p, y)
    corrected = calibrator.apply(p)
    assert np.isfinite(METRICS["log_loss"].loss(y, corrected))
    assert METRICS["log_loss"].loss(y, corrected) <= METRICS["log_loss"].loss(y, p)


def separable(n: int, k: int, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that all have their true class as the most probable one, by far."""
    random = np.random.default_rng(n)
    y = np.arange(n) % k
    share = 1 - (1 - confidence) * random.uniform(0.2, 2.0, n)
    p = np.repeat(((1 - share) / (k - 1))[:, None], k, axis=1)
    p[np.arange(n), y] = share
    return y, p


@given(n=st.integers(100, 299), k=st.integers(2, 5), confidence=st.floats(0.8, 0.999))
@settings(max_examples=30, deadline=None)
def test_rows_without_errors_at_most_double_the_log_loss_of_a_new_wrong_row(n, k, confidence):
    y, p = separable(n, k, confidence)
    calibrator = fit_calibrator(p, y)
    wrong = p[0].copy()
    loss = -np.log(wrong[1])
    calibrated = -np.log(calibrator.apply(wrong[None])[0, 1])
    assert calibrator.kind in ("identity", "temperature")
    assert calibrated <= 2 * loss + 1e-3


def test_calibrated_probabilities_are_left_alone():
    kinds = [fit_calibrator(*reversed(sample(2000, seed))).kind for seed in range(6)]
    assert kinds.count("identity") >= 4


def test_few_rows_are_left_alone():
    y, p = sample(90, 0, lambda odds: 4 * odds)
    assert fit_calibrator(p, y).kind == "identity"
    y, p = sample(2000, 0, lambda odds: 4 * odds)
    assert fit_calibrator(p, np.zeros(2000, dtype=int)).kind == "identity"
    rare = np.zeros(2000, dtype=int)
    rare[:4] = 1
    assert fit_calibrator(p, rare).kind == "identity"


def classes_of(shares, rows, seed, sharpness):
    """Labels, and probabilities that are right at a sharpness of 1."""
    random = np.random.default_rng(seed)
    y = random.choice(len(shares), p=shares, size=rows)
    clue = random.normal(size=(rows, len(shares)))
    clue[np.arange(rows), y] += 1.2
    logits = sharpness * (1.2 * clue + np.log(shares))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return y, (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


RARE = [
    (150, (0.92, 0.08)),
    (1000, (0.99, 0.01)),
    (120, (0.32, 0.32, 0.32, 0.02, 0.02)),
    (300, (*[0.11] * 9, 0.01)),
]


@pytest.mark.parametrize(("rows", "shares"), RARE)
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_a_temperature_from_few_rows_of_a_class_pays(rows, shares, sharpness):
    gains, kinds = [], set()
    loss = METRICS["log_loss"].loss
    for seed in range(12):
        y, p = classes_of(shares, rows, seed, sharpness)
        calibrator = fit_calibrator(p, y, seed=seed)
        kinds.add(calibrator.kind)
        y, p = classes_of(shares, 5000, 1000 + seed, sharpness)
        gains.append(loss(y, p) - loss(y, calibrator.apply(p)))
    assert kinds <= {"identity", "temperature"}
    assert np.mean(gains) > (-0.003 if sharpness == 1 else 0.005)
    assert min(gains) > -0.08


def test_richer_corrections_take_more_rows_of_the_rarer_class():
    y, p = sample(4000, 0, lambda odds: odds + 2)
    few = np.r_[np.flatnonzero(y == 0)[:1500], np.flatnonzero(y == 1)[:20]]
    assert fit_calibrator(p[few], y[few]).kind in ("identity", "temperature")
    more = np.r_[np.flatnonzero(y == 0)[:1500], np.flatnonzero(y == 1)[:60]]
    assert fit_calibrator(p[more], y[more]).kind in ("platt", "beta")


def test_weights_count_as_rows():
    y, p = sample(1500, 0, lambda odds: 3 * odds)
    weight = np.where(np.arange(1500) % 3 == 0, 1.0, 0.0) + 1e-9
    heavy = fit_calibrator(p, y, weight)
    alone = fit_calibrator(p[::3], y[::3])
    assert heavy.kind == alone.kind == "temperature"
    assert heavy.values == pytest.approx(alone.values, rel=1e-3)


def test_fits_repeat():
    y, p = sample(1200, 0, lambda odds: 2 * odds)
    assert fit_calibrator(p, y, seed=3) == fit_calibrator(p, y, seed=3)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("isotonic", ()),
        ("identity", (1.0,)),
        ("temperature", (0.0,)),
        ("platt", (-1.0, 0.0)),
        ("beta", (0.0, 0.0, 1.0)),
        ("platt", (1.0, float("inf"))),
    ],
)
def test_impossible_calibrators(kind, values):
    with pytest.raises(SettingError, match=kind):
        Calibrator(kind, values)


def test_binary_kinds_refuse_several_classes():
    with pytest.raises(SettingError, match="two classes"):
        Calibrator("platt", (1.0, 0.0)).apply(np.full((2, 3), 1 / 3))


def test_a_correction_that_is_not_known_to_pay_in_time_is_left_out():
    y, probabilities = sample(4_000, 1, lambda odds: 3.0 * odds)
    assert fit_calibrator(probabilities, y).kind != "identity"
    assert fit_calibrator(probabilities, y, deadline=Deadline.after(60.0)).kind != "identity"
    assert fit_calibrator(probabilities, y, deadline=Deadline.after(0.0)).kind == "identity"
