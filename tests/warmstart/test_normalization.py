from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metaauto.warmstart.normalization import WORST, normalise_losses

TABLES = arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)),
)


def seen_of(loss: np.ndarray) -> np.ndarray:
    return np.isfinite(loss).astype(int)


def test_the_best_is_zero_and_the_median_one():
    loss = np.array([[0.1, 0.2, 0.3, 0.9]])
    found = normalise_losses(loss, seen_of(loss), list("aabb"))
    assert found.values[0, 0] == 0.0
    assert np.median(found.values[0]) == 1.0
    assert found.values[0, 3] == WORST
    assert found.is_known.all()


def test_what_was_tried_without_a_loss_is_worst():
    found = normalise_losses(np.array([[0.1, np.nan, 0.3]]), np.array([[1, 2, 1]]), list("abc"))
    assert found.values[0, 1] == WORST
    assert found.is_known[0, 1]


@given(TABLES, st.floats(0.01, 100), st.floats(-100, 100))
def test_unit_and_origin_of_the_metric_do_not_matter(loss, scale, shift):
    loss = np.round(loss, 2)
    models = ["m"] * loss.shape[1]
    one = normalise_losses(loss, seen_of(loss), models)
    other = normalise_losses(scale * loss + shift, seen_of(loss), models)
    assert np.allclose(one.values[one.is_known], other.values[one.is_known], atol=1e-3)


@given(TABLES)
def test_every_gap_is_filled_within_the_scale(loss):
    found = normalise_losses(loss, seen_of(loss), ["m"] * loss.shape[1])
    assert np.isfinite(found.values).all()
    assert (found.values >= 0).all()
    assert (found.values <= WORST).all()
    assert (found.is_known == np.isfinite(loss)).all()


def test_a_gap_is_guessed_from_tables_that_are_alike():
    random = np.random.default_rng(0)
    kind = np.repeat([0.0, 1.0], 20)
    loss = np.where(np.arange(8) < 4, kind[:, None], 1.0 - kind[:, None])
    loss = loss + 0.05 * random.random((40, 8))
    truth = normalise_losses(loss, seen_of(loss), list("aaaabbbb")).values
    holes = loss.copy()
    holes[0, 1] = holes[39, 1] = np.nan
    found = normalise_losses(holes, seen_of(holes), list("aaaabbbb"))
    assert not found.is_known[0, 1]
    assert truth[0, 1] < 0.5 < truth[39, 1]
    assert found.values[0, 1] < found.values[39, 1] - 0.3


LOSSES = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
MODELS = list("aaabbbccc")
ONE_TABLE = np.array([0, 0])


def test_a_row_with_few_configurations_is_read_by_the_fullest_of_its_table():
    """The best of three poor ones is as poor as the fullest row says."""
    few = np.full(9, np.nan)
    few[[4, 6, 8]] = [2.0, 3.0, 4.0]
    loss = np.stack([LOSSES, few])
    alone = normalise_losses(loss, seen_of(loss), MODELS).values
    found = normalise_losses(loss, seen_of(loss), MODELS, ONE_TABLE)
    assert alone[1, 4] == 0.0
    assert found.values[0] == pytest.approx(LOSSES / 0.4)
    assert found.values[1] == pytest.approx(LOSSES / 0.4)
    assert found.is_known[1].tolist() == [False] * 4 + [True, False] * 2 + [True]


def test_what_was_not_measured_on_more_rows_changes_as_its_model_does():
    few = np.full(9, np.nan)
    few[[0, 3, 6]] = [0.9, 0.5, 0.0]
    loss = np.stack([LOSSES, few])
    values = normalise_losses(loss, seen_of(loss), MODELS, ONE_TABLE).values
    assert values[1, [6, 3]] == pytest.approx([0.0, 0.75])
    change = values[1] - values[0]
    assert change[1] == change[2] == pytest.approx(change[0])
    assert change[4] == change[5] == pytest.approx(change[3])
    assert (values[1, 7:] < values[0, 7:]).all()


def test_a_failure_on_more_rows_stays_one():
    few = np.array([0.0, np.nan, 0.1, 0.2, *[np.nan] * 5])
    seen = np.isfinite(np.stack([LOSSES, few])).astype(int)
    seen[1, 1] = 1
    found = normalise_losses(np.stack([LOSSES, few]), seen, MODELS, ONE_TABLE)
    assert found.values[1, 1] == WORST
    assert found.values[0, 1] < 1.0


@given(TABLES, st.data())
def test_rows_of_one_table_are_filled_within_the_scale(loss, data):
    tables = np.array(
        data.draw(st.lists(st.integers(0, 2), min_size=len(loss), max_size=len(loss)))
    )
    found = normalise_losses(loss, seen_of(loss), ["m"] * loss.shape[1], tables)
    assert np.isfinite(found.values).all()
    assert (found.values >= 0).all()
    assert (found.values <= WORST).all()
    assert (found.is_known == np.isfinite(loss)).all()
