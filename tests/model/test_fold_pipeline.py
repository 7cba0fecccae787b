"""The prepared rows are those of scikit-learn's own pipeline, bit for bit."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from metaauto.components import BuildContext
from metaauto.data import prepare
from metaauto.model.fold_pipeline import last_step, probabilities
from metaauto.model.serialization import TRUSTED_TYPES, dump_estimator, load_estimator
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.search.pipeline import plan_preparation
from metaauto.space import SearchSpace

TABLES = [range(60), pytest.param(range(60, 200), marks=pytest.mark.slow)]


def random_table(rng: np.random.Generator) -> pd.DataFrame:
    rows = int(rng.integers(30, 80))
    makers = {
        "number": lambda: rng.normal(size=rows) * 10.0 ** rng.integers(-3, 4),
        "count": lambda: rng.integers(0, 5, rows),
        "level": lambda: rng.choice(list("abcdef"), rows),
        "flag": lambda: rng.choice([True, False], rows),
        "date": lambda: (
            pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 999, rows), "D")
        ),
        "text": lambda: [" ".join(rng.choice(list("uvwxyz"), 6)) + f" {i}" for i in range(rows)],
    }
    names = rng.choice(list(makers), int(rng.integers(1, 7)))
    table = pd.DataFrame({f"{name}{i}": makers[name]() for i, name in enumerate(names)})
    table["number"] = rng.normal(size=rows)
    if rng.random() < 0.7:
        table = table.mask(rng.random(table.shape) < 0.15)
    return table.assign(y=rng.permutation(np.arange(rows) % 2))


@pytest.mark.parametrize("tables", TABLES, ids=["60", "140 more"])
def test_the_rows_equal_those_of_the_pipeline(tables: range) -> None:
    registry = load_plugins(PluginSettings(only=())).registry
    chosen = random.Random(0)
    kinds = set()
    for seed in tables:
        table = random_table(np.random.default_rng(seed))
        dataset = prepare(table, "y")
        space = SearchSpace(registry, dataset.task)
        configuration = space.sample(chosen)
        plan = plan_preparation(space, registry, configuration)
        context = BuildContext("binary", len(table), dataset.X.shape[1], 2, seed, 1, "roc_auc")
        steps = [("preprocess", plan.build(space, context))]
        rows = steps[0][1].fit_transform(dataset.X, dataset.y)
        if (reduce := plan.build_reduction(context)) is not None:
            rows = reduce.fit_transform(rows, dataset.y)
            steps.append(("reduce", reduce))
        model = DecisionTreeClassifier(max_depth=2).fit(rows, dataset.y)
        pipeline = Pipeline([*steps, ("model", model)])
        before = repr(steps[0][1].transformers_)
        new = (
            random_table(np.random.default_rng(seed)).replace({"a": "unseen"}).iloc[: 1 + seed % 3]
        )
        frame = dataset.schema.encode(new)
        expected = pipeline[:-1].transform(frame)
        wanted_probabilities = pipeline.predict_proba(frame).tobytes()
        selected: dict[str, object] = {}
        # Loaded models share what they learned of the categories, and prepared columns.
        data = dump_estimator(pipeline)
        loaded = [load_estimator(data, TRUSTED_TYPES) for _ in range(2)]
        assert repr(steps[0][1].transformers_) == before
        assert repr(loaded[0].steps[0][1].transformers_) == before
        for fold_model in (pipeline, FrozenEstimator(pipeline), *loaded):
            last, found = last_step(fold_model, frame, selected)
            assert last is model or fold_model in loaded
            assert type(found) is type(expected)
            kinds.add(type(found))
            assert found.dtype == expected.dtype
            assert probabilities(last, found).tobytes() == wanted_probabilities
            if sparse.issparse(found):
                found, wanted = found.toarray(), expected.toarray()
            else:
                assert found.flags.c_contiguous == expected.flags.c_contiguous
                wanted = expected
            assert found.tobytes() == wanted.tobytes()
    assert len(kinds) == 2, "sparse and dense rows"


def test_last_step_shares_only_columns_of_the_frame() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 5.0]})
    selected: dict[str, object] = {}
    for factor in (1.0, 3.0):
        steps = [
            ("multiply", FunctionTransformer(partial(np.multiply, factor))),
            ("select", ColumnTransformer([("same", FunctionTransformer(), [0, 1])])),
            ("model", DecisionTreeClassifier()),
        ]
        pipeline = Pipeline(steps).fit(frame, [0, 1, 0])
        _, rows = last_step(pipeline, frame, selected)
        np.testing.assert_array_equal(rows, factor * frame.to_numpy())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", [SVC(), FrozenEstimator(SVC()), GaussianNB()])
@pytest.mark.parametrize(
    ("method", "ensemble"), [("sigmoid", False), ("sigmoid", True), ("isotonic", True)]
)
def test_probabilities_equal_those_of_scikit_learn(n_classes, model, method, ensemble) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y = (X[:, 0] * n_classes).astype(int) % n_classes
    if isinstance(model, FrozenEstimator):
        model = FrozenEstimator(SVC().fit(X, y))
    calibrated = CalibratedClassifierCV(model, method=method, cv=3, ensemble=ensemble).fit(X, y)
    for new in (X[:1], rng.normal(size=(40, 3)) * 1e3):
        found = probabilities(calibrated, new)
        assert found.tobytes() == calibrated.predict_proba(new).tobytes()
    sparse_rows = CalibratedClassifierCV(SVC(), cv=3).fit(sparse.csr_matrix(X), y)
    found = probabilities(sparse_rows, sparse.csr_matrix(X))
    assert found.tobytes() == sparse_rows.predict_proba(sparse.csr_matrix(X)).tobytes()


def test_other_estimators_receive_the_frame() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    model = DecisionTreeClassifier()
    assert last_step(model, frame) == (model, frame) or last_step(model, frame)[1] is frame
    for nothing in (None, "passthrough"):
        last, rows = last_step(Pipeline([("preprocess", nothing), ("model", model)]), frame)
        assert last is model
        assert rows is frame
