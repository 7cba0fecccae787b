"""The contracts of the other components notice what breaks them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from metaauto.api import MetafeatureExtractor, Metric, Preprocessor, Reader, ReadError
from metaauto.testing import (
    MetafeatureContract,
    MetricContract,
    PreprocessorContract,
    ReaderContract,
)


def read_json(source):
    try:
        return pd.read_json(source)
    except ValueError as error:
        raise ReadError(f"{source!r} is not valid JSON.", hint="Write it again.") from error


class TestAnHonestReader(ReaderContract):
    reader = Reader("records", lambda source: source.endswith(".json"), read_json)

    def source(self, folder):
        path = folder / "table.json"
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_json(path)
        return str(path)

    def broken_source(self, folder):
        path = folder / "broken.json"
        path.write_text("{[")
        return str(path)

    test_imports_no_heavy_library = None  # this module imports scikit-learn


def hits(y, labels, sample_weight=None):
    return float(np.average(y == labels, weights=sample_weight))


class Careless(TransformerMixin, BaseEstimator):
    """A scaler with a fault."""

    def __init__(self, fault="none"):
        self.fault = fault

    def fit(self, X, y=None):
        self.random_ = np.random.default_rng()
        return self

    def transform(self, X):
        made = np.array(X, dtype=float)
        if self.fault == "missing":
            made[0, 0] = np.nan
        if self.fault == "fewer rows":
            made = made[1:]
        if self.fault == "batch":
            made = made - made.mean(axis=0)
        if self.fault == "input":
            X.iloc[0, 0] = 7.0
        if self.fault == "random":
            made = made + self.random_.normal(size=made.shape)
        return made

    def get_feature_names_out(self, names=None):
        return ["same"] * len(names)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("missing", "test_fits_and_transforms"),
        ("fewer rows", "test_fits_and_transforms"),
        ("batch", "test_one_row_is_transformed_as_in_a_batch"),
        ("input", "test_keeps_input"),
        ("random", "test_same_seed_same_output"),
        ("none", "test_feature_names_out"),
    ],
)
def test_broken_preprocessors(fault, check):
    checks = PreprocessorContract()
    checks.preprocessor = Preprocessor("careless", "scale", lambda v, c: Careless(fault))
    with pytest.raises(AssertionError):
        getattr(checks, check)("binary")


def test_a_preprocessor_without_feature_names():
    class Nameless:
        def fit_transform(self, X, y):
            return np.asarray(X)

    checks = PreprocessorContract()
    checks.preprocessor = Preprocessor("nameless", "scale", lambda v, c: Nameless())
    with pytest.raises(AssertionError, match="inherit OneToOneFeatureMixin"):
        checks.test_feature_names_out("binary")


@pytest.mark.parametrize(
    ("extract", "check", "match"),
    [
        (lambda t: {}, "test_extracts_values", "contain all keys"),
        (lambda t: {"n": float("inf")}, "test_extracts_values", "infinite"),
        (lambda t: {"n": "many"}, "test_extracts_values", "is 'many'"),
        (lambda t: {"n": float("nan")}, "test_extracts_values", None),
        (lambda t: {"n": np.random.default_rng().random()}, "test_same_table_same_values", None),
        (lambda t: {"n": t.X.__setitem__(0, 1.0) or 1.0}, "test_no_side_effects", "changed X"),
    ],
)
def test_broken_extractors(extract, check, match):
    checks = MetafeatureContract()
    checks.metafeature = MetafeatureExtractor("broken", extract, keys=("n",))
    with pytest.raises(AssertionError, match=match):
        getattr(checks, check)("binary")


def test_slow_extractor():
    import time

    checks = MetafeatureContract()
    checks.metafeature = MetafeatureExtractor(
        "slow", lambda t: time.sleep(0.15) or {"n": 1.0}, keys=("n",), seconds=0.05
    )
    checks.slowdown = 1.0
    with pytest.raises(AssertionError, match="It took"):
        checks.test_time_limit("binary")


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"greater_is_better": False}, "test_better_predictions_have_less_loss"),
        ({"optimum": 2.0}, "test_perfect_prediction_is_the_optimum"),
        (
            {"function": lambda y, p, sample_weight=None: float((y == p).mean())},
            "test_weights_equal_repeated_rows",
        ),
        (
            {"function": lambda y, p, sample_weight=None: float(np.dot(y == p, np.arange(len(y))))},
            "test_order_of_rows_does_not_matter",
        ),
    ],
)
def test_broken_metrics(settings, check):
    checks = MetricContract()
    values = {"tasks": ("binary",), "needs": "labels", "function": hits, **settings}
    checks.metric = Metric("broken", **values)
    with pytest.raises(AssertionError):
        getattr(checks, check)("binary")


class Fickle:
    """A reader with a fault."""

    def __init__(self, frame):
        self.frame = frame

    def __call__(self, source):
        return self.frame


@pytest.mark.parametrize(
    "frame",
    [
        {"a": [1, 2]},
        pd.DataFrame({"a": [1]}),
        pd.DataFrame([[1], [2]]),
        pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
    ],
    ids=["no table", "one row", "numbered columns", "one name twice"],
)
def test_broken_readers(frame, tmp_path):
    checks = TestAnHonestReader()
    checks.reader = Reader("fickle", lambda source: True, Fickle(frame))
    with pytest.raises(AssertionError):
        checks.test_reads_a_table(tmp_path)


def test_a_reader_that_takes_everything(tmp_path):
    checks = TestAnHonestReader()
    checks.reader = Reader("greedy", lambda source: True, read_json)
    with pytest.raises(AssertionError, match="it matches"):
        checks.test_matches(tmp_path)
