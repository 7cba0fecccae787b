from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from metaauto.api import BuildContext
from metaauto.builtin.preprocessors import PREPROCESSORS

KINDS = ("binary", "multiclass", "regression")


def target(kind: str, n_rows: int) -> np.ndarray:
    if kind == "regression":
        return np.random.default_rng(1).normal(size=n_rows)
    return np.arange(n_rows) % (2 if kind == "binary" else 3)


def build(slot: str, name: str, kind: str = "binary", **values):
    (step,) = [p for p in PREPROCESSORS if p.slot == slot and p.name == name]
    defaults = {key: bounds.default for key, bounds in step.space.items()}
    classes = {"binary": 2, "multiclass": 3, "regression": 0}[kind]
    return step.build(defaults | values, BuildContext(kind, 100, 3, classes))


def categories(values, names=None) -> pd.DataFrame:
    return pd.DataFrame({"k": pd.Categorical(values, categories=names)})


def test_indicators_say_where_values_were_missing():
    X = pd.DataFrame({"a": [1.0, np.nan, 5.0], "b": [1.0, 2.0, 3.0]})
    filler = build("impute", "mean", indicator=True)
    np.testing.assert_array_equal(filler.fit_transform(X), [[1, 1, 0], [3, 2, 1], [5, 3, 0]])
    assert list(filler.get_feature_names_out()) == ["a", "b", "a_missing"]


def test_onehot_merges_rare_categories_and_caps_their_number():
    values = ["a"] * 50 + ["b"] * 30 + ["c"] * 2 + ["d"] * 1 + [None]
    encoder = build("categorical", "onehot", min_frequency=0.03)
    matrix = encoder.fit_transform(categories(values, list("abcde")))
    assert list(encoder.get_feature_names_out()) == ["k=a", "k=b", "k=(rare)", "k=(missing)"]
    np.testing.assert_array_equal(matrix.sum(axis=0), [50, 30, 3, 1])
    new = encoder.transform(categories(["e"], list("abcde")))
    np.testing.assert_array_equal(new, [[0, 0, 1, 0]])
    many = categories([f"c{i}" for i in range(5000)])
    encoder = build("categorical", "onehot", min_frequency=0.0002)
    assert encoder.fit_transform(many).shape[1] == 64


def test_native_codes_fit_boosting_on_256_bins():
    many = categories([f"c{i % 1000}" for i in range(5000)] + [None])
    codes = build("categorical", "native").fit_transform(many)
    assert np.isnan(codes[-1])
    assert set(np.unique(codes[:-1])) == set(range(254))


def test_ordinal_orders_numbers_by_size():
    frame = categories(["10", "9", "100", None])
    result = build("categorical", "ordinal", order="value").fit_transform(frame)
    np.testing.assert_allclose(result[:, 0], [0.5, 0.0, 1.0, -1.0])
    by_rows = build("categorical", "ordinal").fit_transform(categories(list("abbbaacb")))
    np.testing.assert_allclose(by_rows[:, 0] * 2, [1, 0, 0, 0, 1, 1, 2, 0])


def test_target_codes_of_training_rows_do_not_see_their_own_target():
    random = np.random.default_rng(0)
    frame, y = categories([str(i) for i in range(400)]), random.integers(0, 2, 400)
    encoder = build("categorical", "target", smoothing=1.0)
    inside = encoder.fit_transform(frame, y)[:, 0]
    leaked = encoder.transform(frame)[:, 0]
    assert abs(np.corrcoef(inside, y)[0, 1]) < 0.3
    assert np.corrcoef(leaked, y)[0, 1] > 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_target_means_are_smoothed(kind):
    frame = categories(["a"] * 8 + ["b"] * 2, list("abc"))
    y = np.array([1.0] * 8 + [0.0] * 2) if kind == "regression" else np.array([1] * 8 + [0] * 2)
    encoder = build("categorical", "target", kind, smoothing=2.0).fit(frame, y)
    table = encoder.transform(categories(list("abc"), list("abc")))[:, -1]
    means = np.array([(8 + 2 * 0.8) / 10, (0 + 2 * 0.8) / 4, 0.8])
    expected = (means - 0.8) / 0.4 if kind == "regression" else means
    np.testing.assert_allclose(table, expected, atol=1e-12)


def test_date_parts_that_never_vary_are_left_out():
    dates = pd.DataFrame({"day": pd.to_datetime(["2024-01-05", "2024-02-05", None])})
    parts = build("datetime", "parts")
    result = parts.fit_transform(dates)
    names = list(parts.get_feature_names_out())
    assert names == ["day_days", "day_month", "day_day_of_week", "day_day_of_year"]
    np.testing.assert_array_equal(result[:2], [[0, 1, 4, 5], [31, 2, 0, 36]])
    assert np.isnan(result[2]).all()


def test_dates_give_the_days_between_them():
    dates = pd.DataFrame(
        {
            "start": pd.to_datetime(["2020-01-01", "2021-01-01"]),
            "end": pd.to_datetime(["2020-01-08"] * 2),
        }
    )
    parts = build("datetime", "parts")
    result = parts.fit_transform(dates)
    assert parts.get_feature_names_out()[-1] == "end_minus_start"
    np.testing.assert_allclose(result[:, -1], [7.0, -359.0])


def test_cycles_close():
    dates = pd.DataFrame({"t": pd.to_datetime(["2023-12-31 23:59", "2024-01-01 00:00"])})
    parts = build("datetime", "parts", cyclical=True)
    result = pd.DataFrame(parts.fit_transform(dates), columns=parts.get_feature_names_out())
    assert abs(result["t_hour_cos"].diff().iloc[1]) < 0.05
    assert abs(result["t_day_of_year_cos"].diff().iloc[1]) < 0.01


def test_text_components_tell_topics_apart():
    texts = ["cats and dogs purr", "dogs and cats bark"] * 20 + ["stocks fell today"] * 40
    text = build("text", "tfidf_svd", n_components=16)
    result = text.fit_transform(np.asarray(texts, dtype=object))
    assert text.get_feature_names_out("n").shape[0] == result.shape[1]
    assert abs(np.corrcoef(result[:, 0], np.arange(80) < 40)[0, 1]) > 0.95


def test_text_statistics_count_characters():
    texts = np.asarray(["Ab 1!", "", "ПРИВЕТ", "x" * 1500] * 300, dtype=object)
    text = build("text", "tfidf_svd").fit(texts)
    names = list(text.get_feature_names_out("n"))[-6:]
    values = text.transform(texts)[:4, -6:] * text.deviations_ + text.centers_
    found = dict(zip(names, values.T, strict=True))
    np.testing.assert_allclose(np.expm1(found["n_length"]), [5, 0, 6, 1500])
    np.testing.assert_allclose(np.expm1(found["n_words"]), [2, 0, 1, 1], atol=1e-12)
    np.testing.assert_allclose(found["n_digits"], [0.2, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found["n_capitals"], [0.2, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found["n_marks"], [0.2, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize("score", ["variance_ratio", "mutual_information"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_selection_finds_the_column_that_matters(score, kind, form):
    random = np.random.default_rng(0)
    y = target(kind, 300)
    X = random.normal(size=(300, 20))
    X[:, 3], X[:, 7] = y + random.normal(size=300) * 0.1, 1.0
    selector = build("reduce", "select", kind, share=0.05, score=score)
    kept = selector.fit_transform(form(X), y)
    assert sparse.issparse(kept) == (form is sparse.csr_matrix)
    assert list(selector.get_feature_names_out()) == ["x3"]
    assert selector.scores_[7] < 1e-9


@pytest.mark.parametrize("shape", [(200, 30), (30, 200), (1600, 1700)])
def test_principal_components_keep_the_variance_asked_for(shape):
    random = np.random.default_rng(0)
    X = random.normal(size=(shape[0], 3)) @ random.normal(size=(3, shape[1]))
    X[:, 0] = 1.0
    pca = build("reduce", "pca", variance=0.999)
    result = pca.fit_transform(X)
    assert result.shape == (shape[0], 3)
    z = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    np.testing.assert_allclose(result @ pca.components_.T, z, atol=1e-6)


def test_onehot_with_columns_out_of_bounds_cannot_be_restored():
    X = categories(["a", "b", "c"] * 20)
    encoder = build("categorical", "onehot").fit(X)
    state = encoder.__getstate__()
    encoder.__setstate__(state)
    kind, places, lengths = state["tables_"]
    for forged in ((kind, places + 10**6, lengths), [table + 10**6 for table in encoder.tables_]):
        with pytest.raises(ValueError, match="out of bounds"):
            encoder.__setstate__({**state, "tables_": forged})
