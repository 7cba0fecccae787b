from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer

from metaauto.api import SLOTS, BuildContext, Preprocessor
from metaauto.builtin.preprocessors import PREPROCESSORS
from metaauto.testing import PreprocessorContract

KINDS = ("binary", "multiclass", "regression")
WORKING = [p for p in PREPROCESSORS if p.name != "none"]
SUPERVISED = {("categorical", "target"), ("reduce", "select")}
"""The steps that depend on the target; the others are tested with one kind of task."""
few_examples = settings(max_examples=40, deadline=None)


def kinds(step: Preprocessor) -> tuple[str, ...]:
    """The kinds of task that make a difference for a step."""
    return KINDS if (step.slot, step.name) in SUPERVISED else KINDS[:1]


CASES = [
    pytest.param(step, kind, id=f"{step.slot}-{step.name}-{kind}")
    for step in WORKING
    for kind in kinds(step)
]

for _step in WORKING:
    _name = "Test" + f"{_step.slot}_{_step.name}".title().replace("_", "")
    _settings = {"preprocessor": replace(_step, tasks=kinds(_step)), "rows": 60, "draws": 3}
    globals()[_name] = type(_name, (PreprocessorContract,), {**_settings, "__module__": __name__})


def defaults(step: Preprocessor) -> dict:
    return {key: bounds.default for key, bounds in step.space.items()}


def ends(step: Preprocessor) -> list[dict]:
    """Values at the lower and at the upper end of each range."""
    low = {k: b.options[0] if hasattr(b, "options") else b.low for k, b in step.space.items()}
    high = {k: b.options[-1] if hasattr(b, "options") else b.high for k, b in step.space.items()}
    return [low, high]


def context(kind: str, n_rows: int) -> BuildContext:
    classes = {"binary": 2, "multiclass": 3, "regression": 0}[kind]
    return BuildContext(kind=kind, n_rows=n_rows, n_features=3, n_classes=classes, seed=7)


def target(kind: str, n_rows: int) -> np.ndarray:
    random = np.random.default_rng(1)
    if kind == "regression":
        return random.normal(size=n_rows)
    return np.arange(n_rows) % (2 if kind == "binary" else 3)


def data(slot: str, n_rows: int, missing: bool = True, seed: int = 0):
    random = np.random.default_rng(seed)
    if slot == "generate":
        parts = [data(one, n_rows, missing, seed) for one in ("impute", "categorical")]
        return pd.concat(parts, axis=1)
    holes = (random.random((n_rows, 3)) < 0.2) & missing
    if slot in ("impute", "scale"):
        numbers = random.normal(size=(n_rows, 3)) * [1.0, 1e6, 0.0] + [0.0, 1e9, 5.0]
        return pd.DataFrame(np.where(holes, np.nan, numbers), columns=["a", "b", "constant"])
    if slot == "categorical":
        columns = {}
        for j, size in enumerate((2, 5, 400)):
            codes = random.integers(0, size, n_rows)
            codes[holes[:, j]] = -1
            names = [f"c{i}" for i in range(size)]
            columns[f"k{size}"] = pd.Categorical.from_codes(codes, names)
        return pd.DataFrame(columns)
    if slot == "datetime":
        seconds = random.integers(0, 10**9, (n_rows, 2))
        dates = pd.DataFrame(seconds.astype("datetime64[s]").astype("datetime64[ns]"))
        return dates.set_axis(["start", "end"], axis=1).mask(holes[:, :2])
    if slot == "text":
        words = np.array(["good", "bad", "Älter", "42", "", "the,", "ПРИВЕТ"])
        rows = [" ".join(random.choice(words, random.integers(0, 9))) for _ in range(n_rows)]
        return pd.Series(rows, dtype=object, name="note")
    return random.normal(size=(n_rows, 3))


def dense(matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def steps(*slots: str):
    chosen = [p for p in WORKING if not slots or p.slot in slots]
    return pytest.mark.parametrize("step", chosen, ids=lambda p: f"{p.slot}-{p.name}")


def test_each_slot_has_one_default_and_names_are_unique():
    assert len({(p.slot, p.name) for p in PREPROCESSORS}) == len(PREPROCESSORS)
    for slot in SLOTS:
        assert sum(p.default for p in PREPROCESSORS if p.slot == slot) == 1, slot


@pytest.mark.parametrize("slot", ["scale", "reduce"])
def test_none_leaves_the_columns_as_they_are(slot):
    (step,) = [p for p in PREPROCESSORS if p.slot == slot and p.name == "none"]
    assert step.build({}, context("binary", 10)) is None


@steps()
def test_defaults_of_the_space_are_those_of_the_class(step):
    built = step.build(defaults(step), context("binary", 10)).get_params()
    bare = step.build({}, context("binary", 10)).get_params()
    assert built == bare


@steps()
def test_only_supervised_steps_depend_on_the_target(step):
    X, fitted = data(step.slot, 60), []
    for kind in KINDS:
        transformer = step.build(defaults(step), context(kind, 60))
        fitted.append(dense(transformer.fit_transform(X, target(kind, 60))))
    is_equal = all(np.array_equal(fitted[0], other, equal_nan=True) for other in fitted[1:])
    assert is_equal == ((step.slot, step.name) not in SUPERVISED)


@pytest.mark.parametrize(("step", "kind"), [c for c in CASES if c.values[0].space])
@pytest.mark.parametrize("values", [0, 1], ids=["low", "high"])
def test_the_ends_of_the_ranges_keep_the_contract(step, kind, values):
    n_rows = 60
    X, y = data(step.slot, n_rows), target(kind, n_rows)
    transformer = clone(step.build(ends(step)[values], context(kind, n_rows)))
    before = X.copy()
    fitted = transformer.fit_transform(X, y)
    assert fitted.shape[0] == n_rows
    assert sparse.issparse(fitted) <= step.outputs_sparse
    batch = dense(transformer.transform(X))
    assert batch.shape == fitted.shape
    assert len(set(transformer.get_feature_names_out())) == batch.shape[1]
    # Features are generated only where they say something about the target.
    assert batch.shape[1] >= 1 or step.slot == "generate"
    if not (step.passes_nan or step.slot in ("scale", "datetime")):
        assert np.isfinite(batch).all()
        assert np.isfinite(dense(fitted)).all()
    rows = [dense(transformer.transform(X[i : i + 1])) for i in range(0, n_rows, 7)]
    np.testing.assert_allclose(np.vstack(rows), batch[::7], rtol=1e-6, atol=1e-9)
    again = clone(transformer).fit_transform(X, y)
    np.testing.assert_array_equal(dense(again), dense(fitted))
    (pd.testing.assert_frame_equal if hasattr(X, "columns") else np.testing.assert_array_equal)(
        X, before
    )


@steps()
def test_saved_and_loaded_it_transforms_alike(step):
    X = data(step.slot, 150)
    transformer = step.build(defaults(step), context("binary", 150))
    transformer.fit(X, target("binary", 150))
    transformer.transform(X)
    expected = dense(transformer.transform(data(step.slot, 40, seed=5)))
    written = skops.io.dumps(transformer)
    foreign = skops.io.get_untrusted_types(data=written)
    assert set(foreign) <= set(step.trusted)
    assert set(step.trusted) <= set(foreign)
    for copy in (
        skops.io.loads(written, trusted=list(step.trusted)),
        pickle.loads(pickle.dumps(transformer)),
    ):
        found = dense(copy.transform(data(step.slot, 40, seed=5)))
        np.testing.assert_array_equal(found, expected)
        assert list(copy.get_feature_names_out()) == list(transformer.get_feature_names_out())


@pytest.mark.parametrize(("step", "kind"), CASES)
@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_tiny_training_folds(step, kind, n_rows):
    X, y = data(step.slot, n_rows, missing=False), target(kind, n_rows)
    transformer = step.build(defaults(step), context(kind, n_rows))
    assert np.isfinite(dense(transformer.fit_transform(X, y))).all()
    more = dense(transformer.transform(data(step.slot, 20, missing=False)))
    assert step.passes_nan or np.isfinite(more).all()


@steps("impute", "scale", "categorical", "datetime", "text")
def test_nothing_but_missing_values(step):
    X = data(step.slot, 12)
    if step.slot == "categorical":
        X = pd.DataFrame({"k": pd.Categorical([None] * 12, categories=[])})
    elif step.slot == "text":
        X = pd.Series([""] * 12, dtype=object)
    else:
        X.loc[:, X.columns[0]] = np.nan if step.slot != "datetime" else pd.NaT
    transformer = step.build(defaults(step), context("binary", 12))
    result = dense(transformer.fit_transform(X, target("binary", 12)))
    assert len(transformer.get_feature_names_out()) == result.shape[1] >= 1
    if step.slot == "impute" and step.name != "keep":
        assert (result[:, 0] == 0.0).all()


@steps()
def test_one_column(step):
    X = data(step.slot, 30)
    X = (
        X.to_frame().iloc[:, 0]
        if step.slot == "text"
        else X[X.columns[:1]]
        if hasattr(X, "columns")
        else X[:, :1]
    )
    transformer = step.build(defaults(step), context("binary", 30))
    assert dense(transformer.fit_transform(X, target("binary", 30))).shape[0] == 30


@steps("impute", "scale", "categorical", "datetime")
def test_other_columns_than_fitted_on_are_refused(step):
    X = data(step.slot, 20)
    transformer = step.build(defaults(step), context("binary", 20)).fit(X, target("binary", 20))
    with pytest.raises(ValueError, match="expected .* columns, got an array of shape"):
        transformer.transform(X[X.columns[:1]])


@steps("impute", "categorical", "scale", "datetime", "text")
def test_inside_a_column_transformer(step):
    X = data(step.slot, 80)
    frame = X.to_frame() if step.slot == "text" else X
    columns = "note" if step.slot == "text" else list(frame.columns)
    transformer = ColumnTransformer(
        [("branch", step.build(defaults(step), context("binary", 80)), columns)]
    )
    result = transformer.fit_transform(frame, target("binary", 80))
    names = transformer.get_feature_names_out()
    assert len(names) == result.shape[1]
    assert all(name.startswith("branch__") for name in names)


@few_examples
@given(
    numbers=st.lists(
        st.one_of(st.floats(allow_infinity=False, allow_nan=True), st.just(0.0)), min_size=1
    )
)
@example(numbers=[1.0, 0.0, 0.0, 3e-272, -4e36])
@example(numbers=[0.0, 5e-324, 1.7e308])
@pytest.mark.parametrize("name", ["standard", "robust", "quantile"])
def test_any_numbers_can_be_scaled(name, numbers):
    (step,) = [p for p in PREPROCESSORS if p.slot == "scale" and p.name == name]
    X = np.asarray(numbers)[:, None]
    result = step.build(defaults(step), context("binary", len(X))).fit_transform(X)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(X))
    assert (np.abs(result[~np.isnan(result)]) <= 3.1e38).all()
    order = np.argsort(X[:, 0][~np.isnan(X[:, 0])], kind="stable")
    assert (np.diff(result[~np.isnan(X)][order]) >= -1e-6).all()


@few_examples
@given(texts=st.lists(st.text(), min_size=1, max_size=12))
@steps("text")
def test_any_texts_become_numbers(step, texts):
    X = np.asarray([*texts, ""], dtype=object)
    transformer = step.build(defaults(step), context("binary", len(X)))
    fitted = dense(transformer.fit_transform(X))
    assert np.isfinite(fitted).all()
    names = transformer.get_feature_names_out()
    assert len(names) == len(set(names)) == fitted.shape[1]


@few_examples
@given(codes=st.lists(st.integers(-1, 4), min_size=1), new=st.lists(st.integers(-1, 4), min_size=1))
@steps("categorical")
def test_any_categories_are_encoded(step, codes, new):
    def frame(values):
        return pd.DataFrame({"k": pd.Categorical.from_codes(values, list("abcde"))})

    transformer = step.build(defaults(step), context("binary", len(codes)))
    fitted = dense(transformer.fit_transform(frame(codes), target("binary", len(codes))))
    result = dense(transformer.transform(frame(new)))
    assert result.shape == (len(new), fitted.shape[1])
    if not step.passes_nan:
        assert np.isfinite(result).all()


@steps("categorical")
def test_categories_of_another_dtype_are_matched_by_name(step):
    X = data("categorical", 100, missing=False)
    transformer = step.build(defaults(step), context("binary", 100)).fit(X, target("binary", 100))
    other = X.copy()
    for name in other:
        names = list(other[name].cat.categories)
        other[name] = other[name].cat.set_categories([*names[::-1], "never seen"])
    np.testing.assert_array_equal(
        dense(transformer.transform(other)), dense(transformer.transform(X))
    )
    np.testing.assert_array_equal(
        dense(transformer.transform(X.astype(object))), dense(transformer.transform(X))
    )
    unseen, missing = X[:1].copy(), X[:1].copy()
    unseen["k5"] = pd.Categorical(["never seen"])
    missing["k5"] = pd.Categorical([None], categories=X["k5"].cat.categories)
    np.testing.assert_array_equal(
        dense(transformer.transform(unseen)), dense(transformer.transform(missing))
    )
