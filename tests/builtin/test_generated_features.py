"""Generated features say what no single column says, and nothing about chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.builtin.transformers.generated import FeatureGenerator

KINDS = ("binary", "multiclass", "regression")


def table(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.lognormal(size=(rows, 3)), columns=["price", "area", "age"])
    frame["city"] = pd.Categorical.from_codes(random.integers(-1, 5, rows), list("abcde"))
    frame["kind"] = pd.Categorical.from_codes(random.integers(0, 4, rows), list("wxyz"))
    return frame


def target(kind: str, values: np.ndarray) -> np.ndarray:
    if kind == "regression":
        return values
    bins = [0.5] if kind == "binary" else [0.33, 0.66]
    return np.searchsorted(np.quantile(values, bins), values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", ["div", "mul", "sub", "add"])
def test_the_formula_of_the_target_is_found(kind, operation):
    frame = table()
    formula = getattr(frame["price"], operation)(frame["area"])
    found = FeatureGenerator(kind=kind, groups=False)
    values = found.fit_transform(frame, target(kind, formula.to_numpy()))
    assert pd.DataFrame(values).rank().corrwith(formula.rank()).abs().max() > 0.999


def test_statistics_of_groups_are_found():
    frame = table()
    means = frame.groupby("city", observed=True)["price"].transform("mean").fillna(0.0)
    found = FeatureGenerator(arithmetic=False).fit(frame, (frame["price"] - means).to_numpy())
    assert "price - mean(price) by city" in found.get_feature_names_out()
    pairs = frame["city"].cat.codes.to_numpy() * frame["kind"].cat.codes.to_numpy() % 3
    found = FeatureGenerator(arithmetic=False).fit(frame, pairs.astype(float))
    assert "mean target by city & kind" in found.get_feature_names_out()


@given(st.integers(0, 10_000), st.sampled_from(KINDS))
def test_chance_gives_next_to_no_features(seed, kind):
    frame = table(300, seed)
    y = target(kind, np.random.default_rng(seed + 1).normal(size=300))
    assert FeatureGenerator(kind=kind, seed=seed).fit_transform(frame, y).shape[1] <= 3


def test_the_mean_target_of_a_row_does_not_contain_its_own_target():
    """Each pair has one row, so that a mean that is not cross-fitted would be its target."""
    codes = np.arange(400)
    frame = pd.DataFrame(
        {
            name: pd.Categorical.from_codes(place, [f"{name}{i}" for i in range(20)])
            for name, place in (("a", codes % 20), ("b", codes // 20))
        }
    )
    y = np.random.default_rng(0).normal(size=400)
    found = FeatureGenerator(arithmetic=False)
    values = found.fit_transform(frame, y)
    for column in values.T:
        assert abs(np.corrcoef(column, y)[0, 1]) < 0.5
    assert not np.isnan(found.transform(frame)).any()


@given(st.integers(0, 200))
def test_rows_are_computed_alone_as_together(seed):
    frame = table(200, seed)
    y = (frame["price"] / frame["area"]).to_numpy() + frame["kind"].cat.codes.to_numpy()
    found = FeatureGenerator().fit(frame, y)
    np.testing.assert_array_equal(found.transform(frame.iloc[7:8])[0], found.transform(frame)[7])


def test_division_by_zero_and_missing_parts_are_missing():
    frame = table()
    found = FeatureGenerator(groups=False).fit(frame, (frame["price"] / frame["area"]).to_numpy())
    new = frame.iloc[:2].copy()
    new.iloc[0, 1] = 0.0
    new.iloc[1, 1] = np.nan
    ratio = list(found.get_feature_names_out()).index("price / area")
    assert np.isnan(found.transform(new)[:, ratio]).all()


@pytest.mark.parametrize("n_features", [1, 4])
def test_there_are_at_most_as_many_features_as_allowed(n_features):
    frame = table()
    y = (frame["price"] / frame["area"]).to_numpy()
    assert FeatureGenerator(n_features=n_features).fit_transform(frame, y).shape[1] == n_features


def test_redundant_features_are_left_out():
    frame = table().drop(columns=["city", "kind"])
    frame["copy"] = frame["price"] * 2.0
    y = (frame["price"] / frame["area"]).to_numpy()
    values = FeatureGenerator().fit_transform(frame, y)
    ranks = pd.DataFrame(values).rank().corr().to_numpy() - np.eye(values.shape[1])
    assert np.abs(ranks).max() <= 0.99
