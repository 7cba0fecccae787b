from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaauto.api import ExplainerInput
from metaauto.builtin.explainers import EXPLAINERS, permutation
from metaauto.testing import ExplainerContract


class TestPermutation(ExplainerContract):
    explainer = EXPLAINERS[0]


def test_of_a_sum_each_term_is_its_distance_from_the_mean():
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(5, 3)), columns=list("abc"), index=[9, 3, 5, 1, 2])
    background = pd.DataFrame(random.normal(size=(11, 3)), columns=list("abc"))
    weights = np.array([1.0, -2.0, 0.5])
    found = permutation(ExplainerInput(lambda f: f.to_numpy() @ weights, X, background))
    expected = (X - background.mean()) * weights
    pd.testing.assert_frame_equal(found, expected)


def test_a_row_is_explained_alike_whatever_its_company():
    random = np.random.default_rng(1)
    X = pd.DataFrame(random.normal(size=(8, 2)), columns=list("ab"))
    background = pd.DataFrame(random.normal(size=(300, 2)), columns=list("ab"))
    predict = lambda f: (f["a"] * f["b"]).to_numpy()  # noqa: E731
    together = permutation(ExplainerInput(predict, X, background))
    alone = permutation(ExplainerInput(predict, X.iloc[4:5], background))
    pd.testing.assert_frame_equal(alone, together.iloc[4:5])


@pytest.mark.parametrize("n_rows", [1, 999, 1001])
def test_rows_beyond_a_chunk_are_explained_too(n_rows):
    X = pd.DataFrame({"a": np.arange(n_rows, dtype=float)})
    background = pd.DataFrame({"a": np.zeros(20)})
    found = permutation(ExplainerInput(lambda f: f["a"].to_numpy(), X, background))
    assert found["a"].tolist() == X["a"].tolist()
