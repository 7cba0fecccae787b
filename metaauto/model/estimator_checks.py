"""Check that the parts of loaded scikit-learn estimators fit together.

scikit-learn's compiled code relies on the shapes that `fit` gives an estimator. In a forged file
the parts can come from different models, and predicting would then read or write beyond an array.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metaauto.errors import ModelFileError

__all__ = ["check_outputs", "check_parts", "require"]

# More threads are no use anywhere, and starting a million of them ends the process.
MAX_THREADS = 4096


def require(is_valid: Any, what: str) -> None:
    """Raise `ModelFileError` for invalid parts, such as ``"the nodes of a tree"``."""
    if not bool(is_valid):
        raise ModelFileError(
            f"{what} are out of bounds.", hint="Do not use the file: it is forged or damaged."
        )


def check_parts(item: Any) -> None:
    """Raise `ModelFileError` if the shapes of an estimator's parts contradict one another.

    Parameters
    ----------
    item : sklearn.base.BaseEstimator
        The estimator; the estimators in it are checked separately.
    """
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting

    state = vars(item)
    threads = state.get("n_jobs")
    require(threads is None or abs(int(threads)) <= MAX_THREADS, "the threads of a model")
    if isinstance(item, BaseGradientBoosting) and "estimators_" in state:
        _check_gradient_boosting(item, state)
    if isinstance(item, BaseForest) and "estimators_" in state:
        _check_forest(item, state)
    if "_bin_mapper" in state:
        _check_rounds(item, state)
    if "estimators_features_" in state:
        _check_bagging(state)
    if "_fit_X" in state:
        _check_neighbours(state)
    if "cluster_centers_" in state:
        width = np.asarray(state["cluster_centers_"]).shape[1:]
        require(width == (state.get("n_features_in_"),), "the centers of a model")
    if isinstance(state.get("vocabulary_"), Mapping):
        places = list(state["vocabulary_"].values())
        require(all(0 <= int(n) < len(places) for n in places), "the terms of a vocabulary")
    if "_n_features_outs" in state:
        widths = list(item._compute_n_features_outs())
        require(widths == list(state["_n_features_outs"]), "the columns of an encoder")


def check_outputs(item: Any) -> None:
    """Raise `ModelFileError` if a part that computes has an output of another width.

    Call it after `check_parts` for all estimators, because it predicts one row.
    """
    from sklearn.ensemble._gb import BaseGradientBoosting

    state = vars(item)
    if isinstance(item, BaseGradientBoosting) and "estimators_" in state:
        row = np.zeros((1, item.n_features_in_), dtype=np.float32)
        initial = np.asarray(item._raw_predict_init(row))
        require(initial.shape == (1, item.estimators_.shape[1]), "the scores of a model")
    if state.get("_bin_mapper") is not None and state.get("_preprocessor") is not None:
        width = item.n_features_in_
        prepared = item._preprocessor.transform(_row(item, width))
        require(prepared.shape == (1, width), "the columns of a model")


def _row(item: Any, width: int) -> Any:
    import pandas as pd

    names = vars(item).get("feature_names_in_")
    row = np.zeros((1, width))
    return row if names is None else pd.DataFrame(row, columns=names)


def _n_scores(item: Any, state: Mapping[str, Any]) -> int:
    """Return the number of scores per row: one for a regression and for two classes."""
    from sklearn.base import is_classifier

    n_classes = len(state["classes_"]) if is_classifier(item) else 1
    return n_classes if n_classes > 2 else 1


def _check_gradient_boosting(item: Any, state: Mapping[str, Any]) -> None:
    from sklearn.tree import DecisionTreeRegressor

    trees = state["estimators_"]
    what = "the trees of a model"
    require(isinstance(trees, np.ndarray) and trees.ndim == 2 and trees.size > 0, what)
    require(trees.shape[1] == _n_scores(item, state) == state["n_trees_per_iteration_"], what)
    for tree in trees.ravel():
        require(isinstance(tree, DecisionTreeRegressor), what)
        require(tree.n_features_in_ == state["n_features_in_"], "the columns of a tree")
        require(tree.tree_.value.shape[1:] == (1, 1), "the values of a tree")


def _check_forest(item: Any, state: Mapping[str, Any]) -> None:
    from sklearn.base import is_classifier
    from sklearn.tree import BaseDecisionTree

    n_outputs = int(state["n_outputs_"])
    n_classes = np.atleast_1d(state["n_classes_"]).tolist() if is_classifier(item) else [1]
    classes = state.get("classes_", [None])
    groups = classes if n_outputs > 1 else [classes]
    if is_classifier(item):
        require([len(group) for group in groups] == n_classes, "the classes of a forest")
    require(len(state["estimators_"]) > 0, "the trees of a forest")
    for tree in state["estimators_"]:
        require(isinstance(tree, BaseDecisionTree), "the trees of a forest")
        require(tree.n_features_in_ == state["n_features_in_"], "the columns of a tree")
        shape = (n_outputs, max(n_classes))
        require(tree.tree_.value.shape[1:] == shape, "the values of a tree")
        found = np.atleast_1d(getattr(tree, "n_classes_", 1)).tolist()
        require(found == n_classes or not is_classifier(item), "the classes of a tree")


def _check_rounds(item: Any, state: Mapping[str, Any]) -> None:
    """Check the trees per round of a histogram gradient boosting."""
    n_scores = _n_scores(item, state)
    require(state["n_trees_per_iteration_"] == n_scores, "the trees of a model")
    per_round = {len(trees) for trees in state["_predictors"]}
    require(per_round <= {n_scores}, "the trees of a model")
    baseline = np.shape(state["_baseline_prediction"])
    require(baseline in ((), (1,), (1, n_scores)), "the scores of a model")


def _check_bagging(state: Mapping[str, Any]) -> None:
    what = "the columns of an ensemble"
    width = int(state["n_features_in_"])
    require(len(state["estimators_"]) == len(state["estimators_features_"]), what)
    for estimator, columns in zip(state["estimators_"], state["estimators_features_"], strict=True):
        columns = np.asarray(columns)
        require(((columns >= 0) & (columns < width)).all(), what)
        require(getattr(estimator, "n_features_in_", len(columns)) == len(columns), what)


def _check_neighbours(state: Mapping[str, Any]) -> None:
    """Check the rows and labels of a nearest-neighbours model."""
    what = "the rows of a nearest-neighbours model"
    rows, width = state["_fit_X"].shape
    require(width == state["n_features_in_"], what)
    if state.get("_tree") is not None:
        require(np.asarray(state["_tree"].data).shape == (rows, width), what)
    if state.get("_y") is None:
        return
    labels = np.asarray(state["_y"])
    require(len(labels) == rows, what)
    classes = state.get("classes_")
    if classes is not None:
        groups = classes if labels.ndim == 2 and labels.shape[1] > 1 else [classes]
        columns = labels.reshape(rows, -1).T
        require(len(groups) == len(columns), what)
        for column, known in zip(columns, groups, strict=True):
            require(((column >= 0) & (column < len(known))).all(), what)
