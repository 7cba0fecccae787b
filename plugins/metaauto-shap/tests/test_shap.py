"""The explainer fulfils its contract, and its values are Shapley values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from metaauto_shap import EXPLAINER, ROW_PREDICTIONS
from metaauto_shap.values import Coding, shapley_values

from metaauto.api import ExplainerInput
from metaauto.testing import ExplainerContract


@pytest.mark.slow
class TestShap(ExplainerContract):
    explainer = EXPLAINER


def question(columns, rows=6, others=10):
    random = np.random.default_rng(0)
    names = [f"x{i}" for i in range(columns)]
    frame = pd.DataFrame(random.normal(size=(rows + others, columns)), columns=names)
    predict = lambda f: (f["x0"] * f["x1"] + f["x2"]).to_numpy()  # noqa: E731
    return ExplainerInput(predict, frame.iloc[:rows], frame.iloc[rows:])


@pytest.mark.parametrize("columns", [4, 12])
def test_rows_sum_to_the_distance_from_the_mean_prediction(columns):
    table = question(columns)
    found = EXPLAINER.explain(table)
    expected = table.predict(table.X) - table.predict(table.background).mean()
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=1e-8)


def test_a_product_is_shared_as_shapley_says():
    table = question(3)
    x, others = table.X, table.background
    found = EXPLAINER.explain(table)
    mean_0, mean_1 = others["x0"].mean(), others["x1"].mean()
    alone = x["x0"] * mean_1 - (others["x0"] * others["x1"]).mean()
    last = x["x0"] * x["x1"] - mean_0 * x["x1"]
    np.testing.assert_allclose(found["x0"], (alone + last) / 2, atol=1e-8)


def test_estimates_lie_near_the_exact_values():
    table = question(6)
    exact = shapley_values(table, 8, 25, 4)
    estimated = shapley_values(table, 0, 25, 4)
    np.testing.assert_allclose(estimated, exact, atol=1e-6)


def test_cells_come_back_as_they_were():
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan, 1.5],
            "category": pd.Categorical(["a", None, "b"], categories=["c", "b", "a"]),
            "date": pd.to_datetime(["2020-01-01", None, "2020-01-02"]),
            "text": pd.Series(["x", "", "x"], dtype=object),
        }
    )
    coding = Coding(frame.iloc[:1], frame.iloc[1:])
    again = pd.concat([coding.decode(matrix) for matrix in coding.matrices], ignore_index=True)
    pd.testing.assert_frame_equal(again, frame)


def test_a_wide_table_does_not_cost_without_bound():
    table = question(600, rows=1, others=60)
    asked = []

    def predict(frame):
        asked.append(len(frame))
        return table.predict(frame)

    found = EXPLAINER.explain(ExplainerInput(predict, table.X, table.background))
    assert sum(asked) < 2 * ROW_PREDICTIONS
    ordered = found.abs().iloc[0].sort_values(ascending=False)
    assert set(ordered.index[:3]) == {"x0", "x1", "x2"}
