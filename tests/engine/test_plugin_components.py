"""A fit uses the components of a plugin that the knowledge stores do not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stores import make_store

import metaauto
from metaauto.engine.dry_run import plan_fit
from metaauto.engine.options import FitOptions
from metaauto.knowledge import MetafeatureFact
from metaauto.plugins.manager import PluginSettings

PARITY = '''
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, OneToOneFeatureMixin, TransformerMixin

from metaauto.api import MetafeatureExtractor, Model, Preprocessor, hookimpl


def parity(X):
    """Return whether an even number of columns is positive."""
    return ((np.asarray(X)[:, :5] > 0).sum(axis=1) % 2).astype(int)


class ParityClassifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        positive = np.where(parity(X) == 1, 0.99, 0.01)
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[parity(X)]


class ParityScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.repeat(parity(X)[:, None].astype(float), X.shape[1], axis=1)


@hookimpl
def register_models(register):
    register.model(Model("parity", lambda values, context: ParityClassifier()))


@hookimpl
def register_preprocessors(register):
    register.preprocessor(Preprocessor("parity", "scale", lambda values, context: ParityScaler()))


@hookimpl
def register_metafeatures(register):
    keys = ("share",)
    register.metafeature(
        MetafeatureExtractor("parity", lambda table: {"share": 0.5}, keys, seconds=0.01)
    )
'''
OPTIONS = {"cores": 1, "cv": 2, "memory": 2.0, "metric": "log_loss"}


@pytest.fixture
def plugins(tmp_path) -> PluginSettings:
    """A folder with a plugin whose components solve `table`."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "parity_plugin.py").write_text(PARITY, encoding="utf-8")
    return PluginSettings(only=(), folders=(str(folder),))


def table(rows: int = 240) -> pd.DataFrame:
    """Return columns of which only the parity of the signs tells the class."""
    numbers = np.random.default_rng(0).normal(size=(rows, 5))
    frame = pd.DataFrame(numbers, columns=list("abcde"))
    frame["y"] = np.where((numbers > 0).sum(axis=1) % 2 == 1, "yes", "no")
    return frame


def test_a_model_new_to_the_store_is_tried_early_and_enters_the_ensemble(plugins):
    include = ["parity", "naive_bayes", "lda", "qda", "logistic", "knn"]
    model = metaauto.fit(table(), "y", trials=8, include=include, plugins=plugins, **OPTIONS)
    [row] = [row for row in model.leaderboard_rows if row["name"].startswith("parity-")]
    assert int(row["name"].removeprefix("parity-")) <= 5
    assert row["source"] == "portfolio"
    assert row["weight"] > 0.9


def test_a_preprocessor_new_to_the_store_is_found_and_named(plugins):
    include = ["knn", "logistic", "svm"]
    model = metaauto.fit(table(), "y", trials=26, include=include, plugins=plugins, **OPTIONS)
    rows = [row for row in model.leaderboard_rows if row["configuration"]]
    using = [row for row in rows if row["configuration"]["values"].get("scale") == "parity"]
    assert sum(row["weight"] for row in using) > 0.9


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_extractor_decides_which_datasets_are_similar(plugins, tmp_path, share):
    """The store has its metafeature, 0 on datasets of even number and 1 on the others."""
    file = Path(plugins.folders[0]) / "parity_plugin.py"
    file.write_text(PARITY.replace("0.5}", f"{share}}}"), encoding="utf-8")
    store = make_store(
        tmp_path / "known.db",
        tables=40,
        further=lambda table: (MetafeatureFact("parity", 1, "share", float(table % 2)),),
    )
    options = FitOptions(knowledge=str(store), plugins=plugins, cores=1)
    similar = plan_fit(table(), "y", options, 2).suggestion.similar
    assert len(similar) > 2
    assert {int(name.removeprefix("table ")) % 2 for name, _ in similar} == {share}
