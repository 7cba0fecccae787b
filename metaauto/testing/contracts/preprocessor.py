"""Contract of preprocessors."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metaauto.components import BuildContext, Preprocessor
from metaauto.plugins.registry import Registry
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state
from metaauto.testing.sampling import default_values, draw_values, invalid_values

__all__ = ["PreprocessorContract"]

_WORDS = ("red", "green", "blue", "late", "early", "good", "bad", "new", "old", "quick")


class PreprocessorContract:
    """Contract tests of a preprocessor in its slot.

    Subclass it in a test module, under a name that starts with ``Test``, and set `preprocessor`.
    The input depends on the slot: numeric columns, category columns, dates, one text column, or
    the complete matrix.

    Attributes
    ----------
    preprocessor : Preprocessor
        The component under test.
    rows : int
        Training rows.
    draws : int
        Number of random configurations that are fitted, besides the default.

    Examples
    --------
    >>> from metaauto.api import Preprocessor
    >>> def build(values, context):
    ...     from sklearn.preprocessing import MaxAbsScaler
    ...
    ...     return MaxAbsScaler()
    >>> class TestMine(PreprocessorContract):
    ...     preprocessor = Preprocessor("max_abs", "scale", build)
    """

    preprocessor: Preprocessor
    rows: int = 100
    draws: int = 5

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Parametrise the checks with a ``kind`` argument by the tasks of the preprocessor."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", self.preprocessor.tasks)

    # -- helpers ------------------------------------------------------------------------------

    def columns(self, n_rows: int, seed: int = 0) -> Any:
        """Make an input of the slot."""
        return _MAKERS[self.preprocessor.slot](n_rows, np.random.default_rng(seed))

    def target(self, kind: str, n_rows: int) -> np.ndarray:
        """Make a target with all classes."""
        if kind == "regression":
            return np.linspace(-1.0, 1.0, n_rows)
        return np.arange(n_rows) % (2 if kind == "binary" else 3)

    def built(self, kind: str, X: Any, values: Any = None, seed: int = 0) -> Any:
        """Build an unfitted transformer; skip the check if ``build`` returns None."""
        width = X.shape[1] if getattr(X, "ndim", 1) == 2 else 1
        context = BuildContext(
            kind=kind,
            n_rows=len(X),
            n_features=width,
            n_classes={"binary": 2, "multiclass": 3}.get(kind, 0),
            seed=seed,
        )
        if values is None:
            values = default_values(self.preprocessor.space)
        transformer = self.preprocessor.build(values, context)
        if transformer is None:
            pytest.skip("build returns None (columns are unchanged)")
        return transformer

    def fitted(self, kind: str, X: Any, values: Any = None, seed: int = 0) -> Any:
        """Fit a transformer as the search does; return it and the transformed training rows."""
        transformer = self.built(kind, X, values, seed)
        output = transformer.fit_transform(X, self.target(kind, len(X)))
        self.check(output, len(X))
        return transformer, output

    def check(self, output: Any, n_rows: int) -> None:
        """Assert that the output is a numeric matrix that agrees with the tags."""
        sparse = hasattr(output, "tocsr")
        assert not sparse or self.preprocessor.outputs_sparse, (
            "sparse output requires outputs_sparse=True"
        )
        matrix = np.asarray(output.toarray() if sparse else output, dtype=np.float64)
        assert matrix.ndim == 2, f"the output has shape {matrix.shape}"
        assert matrix.shape[0] == n_rows
        assert not np.isinf(matrix).any(), "the output contains infinite values"
        if self.preprocessor.outputs_categories:
            codes = matrix[~np.isnan(matrix)]
            assert (codes == np.round(codes)).all(), "category codes must be integers"
            assert (codes >= -1).all(), "category codes must be >= -1"
        elif self.preprocessor.slot != "datetime" and not self.preprocessor.passes_nan:
            # Missing dates are imputed after the datetime slot.
            assert not np.isnan(matrix).any(), "NaN in the output requires passes_nan=True"

    # -- output -------------------------------------------------------------------------------

    def test_fits_and_transforms(self, kind: str) -> None:
        """The output of new rows has as many columns as that of the training rows."""
        X = self.columns(self.rows)
        transformer, training = self.fitted(kind, X)
        new = self.columns(17, seed=1)
        out = transformer.transform(new)
        self.check(out, 17)
        assert out.shape[1] == training.shape[1]

    def test_random_configurations(self, kind: str) -> None:
        """Random configurations of the space can be built and fitted."""
        X = self.columns(self.rows)
        for seed in range(self.draws if self.preprocessor.space else 0):
            values = draw_values(self.preprocessor.space, seed)
            try:
                transformer, _ = self.fitted(kind, X, values)
                self.check(transformer.transform(self.columns(9, seed=2)), 9)
            except Exception as error:
                raise AssertionError(f"{values} fails: {error}") from error

    def test_one_row_is_transformed_as_in_a_batch(self, kind: str) -> None:
        """The output of a row does not depend on the other rows."""
        X = self.columns(self.rows)
        transformer, _ = self.fitted(kind, X)
        new = self.columns(6, seed=1)
        batch = _dense(transformer.transform(new))
        alone = _dense(transformer.transform(_take(new, slice(2, 3))))
        np.testing.assert_allclose(alone[0], batch[2], rtol=1e-5, atol=1e-8)

    def test_feature_names_out(self, kind: str) -> None:
        """``get_feature_names_out`` returns one unique name per output column."""
        X = self.columns(self.rows)
        transformer, output = self.fitted(kind, X)
        names = [str(c) for c in X.columns] if hasattr(X, "columns") else None
        assert hasattr(transformer, "get_feature_names_out"), (
            "the transformer has no get_feature_names_out; inherit OneToOneFeatureMixin if each "
            "input column gives one output column"
        )
        names_out = list(transformer.get_feature_names_out(names))
        assert len(names_out) == output.shape[1]
        assert len(set(names_out)) == len(names_out), "output columns have duplicate names"

    # -- difficult columns --------------------------------------------------------------------

    def test_unseen_and_missing_cells(self, kind: str) -> None:
        """Cells that are missing, or unseen at training, are accepted."""
        slot = self.preprocessor.slot
        transformer, _ = self.fitted(kind, self.columns(self.rows))
        new = _with_unseen_cells(slot, self.columns(8, seed=3))
        self.check(transformer.transform(new), 8)

    def test_columns_without_information(self, kind: str) -> None:
        """Constant columns and, if the slot allows them, empty columns are accepted."""
        X = _uninformative(self.preprocessor.slot, self.columns(self.rows))
        try:
            transformer, output = self.fitted(kind, X)
        except ValueError as error:
            if self.preprocessor.slot == "text" and "vocabulary" in str(error):
                raise AssertionError("a column of empty texts must be accepted") from error
            raise
        out = transformer.transform(self.columns(5, seed=1))
        assert out.shape == (5, output.shape[1])

    def test_few_rows(self, kind: str) -> None:
        """Six training rows are accepted."""
        self.fitted(kind, self.columns(6))

    # -- side effects -------------------------------------------------------------------------

    def test_same_seed_same_output(self, kind: str) -> None:
        """Two fits with the same seed give the same output."""
        X = self.columns(self.rows)
        first, second = (_dense(self.fitted(kind, X, seed=4)[1]) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_is_saved_and_loaded(self, kind: str) -> None:
        """The transformer can be pickled, and loaded with the types in ``trusted`` only."""
        from metaauto.model.serialization import dump_estimator, load_estimator, trusted_types

        transformer, _ = self.fitted(kind, self.columns(self.rows))
        new = self.columns(9, seed=1)
        expected = _dense(transformer.transform(new))
        trusted = {*trusted_types(Registry()), *self.preprocessor.trusted}
        for again in (
            pickle.loads(pickle.dumps(transformer)),
            load_estimator(dump_estimator(transformer), trusted),
        ):
            np.testing.assert_array_equal(_dense(again.transform(new)), expected)

    def test_keeps_input(self, kind: str) -> None:
        """Columns, which trials share, are not changed."""
        X = self.columns(self.rows)
        copy = pickle.loads(pickle.dumps(X))
        transformer, _ = self.fitted(kind, X)
        transformer.transform(X)
        same = X.equals(copy) if hasattr(X, "equals") else np.array_equal(X, copy)
        assert same, "the input was changed"

    def test_keeps_global_state(self, kind: str) -> None:
        """Global state is not changed, and there are no warnings."""
        X = self.columns(self.rows)
        self.fitted(kind, X)
        with unchanged_global_state(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            transformer, _ = self.fitted(kind, X)
            transformer.transform(X)
        assert not caught, f"It warns: {caught[0].message}"

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``build``, not when the plugin is loaded."""
        component = self.preprocessor
        heavy = heavy_imports_of(component.build.__module__, component.requires)
        assert not heavy, f"Import {', '.join(heavy)} inside build."

    def test_values_go_through_json(self) -> None:
        """Values are unchanged by a JSON round trip, as in the knowledge store."""
        space = self.preprocessor.space
        for values in (default_values(space), *(draw_values(space, s) for s in range(20))):
            again = json.loads(json.dumps(values, allow_nan=False))
            assert again == values
            assert not invalid_values(space, again)


def _numbers(n_rows: int, random: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(random.normal(size=(n_rows, 4)), columns=["a", "b", "c", "d"])


def _numbers_with_missing(n_rows: int, random: np.random.Generator) -> pd.DataFrame:
    frame = _numbers(n_rows, random)
    return frame.mask(random.random(frame.shape) < 0.15)


def _matrix(n_rows: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(size=(n_rows, 12))


def _categories(n_rows: int, random: np.random.Generator) -> pd.DataFrame:
    few = pd.Categorical.from_codes(random.integers(-1, 3, n_rows), ["low", "middle", "high"])
    known = [f"town {i}" for i in range(40)]
    many = pd.Categorical.from_codes(random.integers(0, 40, n_rows), known)
    return pd.DataFrame({"few": few, "many": many})


def _dates(n_rows: int, random: np.random.Generator) -> pd.DataFrame:
    start = np.datetime64("2019-01-01T00:00:00", "ns")
    minutes = random.integers(0, 3 * 365 * 24 * 60, size=(n_rows, 2))
    times = start + minutes * np.timedelta64(1, "m").astype("timedelta64[ns]")
    frame = pd.DataFrame({"ordered": times[:, 0], "paid": times[:, 1]})
    frame.loc[frame.index % 9 == 4, "paid"] = pd.NaT
    return frame


def _texts(n_rows: int, random: np.random.Generator) -> np.ndarray:
    texts = [" ".join(random.choice(_WORDS, size=6)) for _ in range(n_rows)]
    texts[:: max(n_rows // 5, 2)] = [""] * len(texts[:: max(n_rows // 5, 2)])
    return np.asarray(texts, dtype=object)


def _mixed(n_rows: int, random: np.random.Generator) -> pd.DataFrame:
    return pd.concat([_numbers_with_missing(n_rows, random), _categories(n_rows, random)], axis=1)


_MAKERS: dict[str, Callable[[int, np.random.Generator], Any]] = {
    "generate": _mixed,
    "impute": _numbers_with_missing,
    "scale": _numbers,
    "categorical": _categories,
    "datetime": _dates,
    "text": _texts,
    "reduce": _matrix,
}


def _with_unseen_cells(slot: str, X: Any) -> Any:
    """Add missing and unseen cells that can occur in the slot."""
    if slot == "text":
        X = X.copy()
        X[:3] = ["", "nobody ever wrote this", "\N{SNOWMAN} \N{GREEK SMALL LETTER ALPHA}"]
    elif slot == "categorical":
        X = X.copy()
        X.iloc[:3, :] = np.nan
    elif slot == "datetime":
        X = X.copy()
        X.iloc[:3, :] = pd.NaT
        X.iloc[3, 0] = pd.Timestamp("1901-02-03")
    elif slot in ("generate", "impute"):
        X = X.copy()
        X.iloc[:3, :] = np.nan
    else:
        X = X * 1e6
    return X


def _uninformative(slot: str, X: Any) -> Any:
    if slot == "text":
        return np.asarray([""] * len(X), dtype=object)
    X = X.copy()
    if slot == "reduce":
        X[:, 0] = 1.0
    elif slot == "scale":
        X.iloc[:, 0] = 1.0
    else:
        X.iloc[:, 0] = pd.NaT if slot == "datetime" else np.nan
        X.iloc[:, 1] = X.iloc[:, 1].dropna().iloc[0]
    return X


def _take(X: Any, rows: slice) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _dense(output: Any) -> np.ndarray:
    return np.asarray(output.toarray() if hasattr(output, "toarray") else output, dtype=np.float64)
