"""Forests and gradient boosting whose trees are pickled as a few concatenated arrays.

A forest of 200 trees is 200 Python objects with a dozen attributes each, and a model file contains
one forest per fold: serialising the trees one by one takes longer than fitting. As concatenated
arrays it takes a fraction of a second. Forests also predict few rows faster. Otherwise these are
scikit-learn's estimators.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree._tree import Tree

from metaauto.api import DecisionTrees

__all__ = [
    "CompactBoostingClassifier",
    "CompactBoostingRegressor",
    "CompactExtraTreesClassifier",
    "CompactExtraTreesRegressor",
    "CompactRandomForestClassifier",
    "CompactRandomForestRegressor",
]


# scikit-learn's loop over the trees takes 90 us for each tree, most of a prediction of few rows.
_FEW_ROWS = 100


class _CompactForest:
    """Mixin that pickles ``estimators_`` as arrays, and predicts few rows faster."""

    def decision_trees(self) -> DecisionTrees:
        """Return the trees; their sums are values, or probabilities of the classes."""
        trees: list[Any] = self.estimators_  # type: ignore[attr-defined]
        n_classes = len(getattr(self, "classes_", ()))
        parts = [_forest_tree(tree.tree_, n_classes, len(trees)) for tree in trees]
        outputs = n_classes if n_classes != 2 else 1
        return DecisionTrees.joined(
            parts, outputs=max(outputs, 1), offset=np.zeros(max(outputs, 1)), single_precision=True
        )

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        trees = state.get("estimators_")
        if trees:
            state["estimators_"] = _arrays_from_trees(trees)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        arrays = state.get("estimators_")
        if isinstance(arrays, dict):
            state["estimators_"] = _trees_from_arrays(arrays)
        super().__setstate__(state)  # type: ignore[misc]

    def _mean_of_trees(self, X: Any) -> np.ndarray | None:
        """Return the mean value of shape (rows, classes or 1), or None for many rows.

        The trees are added in the order of scikit-learn, so that the sum is the same bit for bit.
        """
        if np.shape(X)[0] > _FEW_ROWS:
            return None
        X = self._validate_X_predict(X)  # type: ignore[attr-defined]
        trees: list[Any] = self.estimators_  # type: ignore[attr-defined]
        total = np.zeros((X.shape[0], trees[0].tree_.max_n_classes))
        for tree in trees:
            total += tree.tree_.predict(X)
        return total / len(trees)


class _CompactForestClassifier(_CompactForest):
    def predict_proba(self, X: Any) -> Any:
        """Return probabilities of shape (rows, classes)."""
        mean = self._mean_of_trees(X)
        return super().predict_proba(X) if mean is None else mean  # type: ignore[misc]


class _CompactForestRegressor(_CompactForest):
    def predict(self, X: Any) -> Any:
        """Return one value per row."""
        mean = self._mean_of_trees(X)
        return super().predict(X) if mean is None else mean[:, 0]  # type: ignore[misc]


class _CompactBoosting:
    """Mixin that pickles the predictors of all rounds as arrays."""

    def decision_trees(self) -> DecisionTrees:
        """Return the trees; their sums are raw scores."""
        rounds: list[list[Any]] = self._predictors  # type: ignore[attr-defined]
        baseline = np.ravel(self._baseline_prediction)  # type: ignore[attr-defined]
        n_classes = len(getattr(self, "classes_", ()))
        trees = [tree for group in rounds for tree in group]
        columns, codes = _encoding(self)
        return DecisionTrees.joined(
            (_boosted_tree(tree, columns, codes) for tree in trees),
            outputs=len(baseline),
            offset=baseline.astype(np.float64),
            output=np.arange(len(trees)) % len(baseline),
            link={0: "identity", 2: "sigmoid"}.get(n_classes, "softmax"),
        )

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        rounds = state.get("_predictors")
        if rounds:
            state["_predictors"] = _arrays_from_rounds(rounds)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        arrays = state.get("_predictors")
        if isinstance(arrays, dict):
            state["_predictors"] = _rounds_from_arrays(arrays)
        super().__setstate__(state)  # type: ignore[misc]


class CompactRandomForestClassifier(_CompactForestClassifier, RandomForestClassifier):
    """scikit-learn's random forest, pickled as arrays."""


class CompactRandomForestRegressor(_CompactForestRegressor, RandomForestRegressor):
    """scikit-learn's random forest, pickled as arrays."""


class CompactExtraTreesClassifier(_CompactForestClassifier, ExtraTreesClassifier):
    """scikit-learn's extremely randomised trees, pickled as arrays."""


class CompactExtraTreesRegressor(_CompactForestRegressor, ExtraTreesRegressor):
    """scikit-learn's extremely randomised trees, pickled as arrays."""


class CompactBoostingClassifier(_CompactBoosting, HistGradientBoostingClassifier):
    """scikit-learn's histogram gradient boosting, pickled as arrays."""


class CompactBoostingRegressor(_CompactBoosting, HistGradientBoostingRegressor):
    """scikit-learn's histogram gradient boosting, pickled as arrays."""


def _arrays_from_trees(trees: list[Any]) -> dict[str, Any]:
    template = copy.copy(trees[0])
    first = template.__dict__.pop("tree_")
    states = [tree.tree_.__getstate__() for tree in trees]
    return {
        "template": template,
        "shape": [int(first.n_features), int(first.n_outputs)],
        "n_classes": np.asarray(first.n_classes, dtype=np.intp),
        "seeds": np.array([tree.random_state for tree in trees], dtype=np.int64),
        "depths": np.array([state["max_depth"] for state in states], dtype=np.int64),
        "sizes": np.array([len(state["nodes"]) for state in states], dtype=np.int64),
        "nodes": np.concatenate([state["nodes"] for state in states]),
        "values": np.concatenate([state["values"] for state in states]),
    }


def _trees_from_arrays(arrays: dict[str, Any]) -> list[Any]:
    n_features, n_outputs = arrays["shape"]
    trees = []
    ends = np.cumsum(arrays["sizes"])
    for seed, depth, size, end in zip(
        arrays["seeds"], arrays["depths"], arrays["sizes"], ends, strict=True
    ):
        tree = Tree(n_features, arrays["n_classes"], n_outputs)
        tree.__setstate__(
            {
                "max_depth": int(depth),
                "node_count": int(size),
                "nodes": arrays["nodes"][end - size : end],
                "values": arrays["values"][end - size : end],
            }
        )
        member = copy.copy(arrays["template"])
        member.random_state = int(seed)
        member.tree_ = tree
        trees.append(member)
    return trees


def _arrays_from_rounds(rounds: list[list[Any]]) -> dict[str, Any]:
    trees = [tree for group in rounds for tree in group]
    return {
        "width": len(rounds[0]),
        "sizes": np.array([len(tree.nodes) for tree in trees], dtype=np.int64),
        "nodes": np.concatenate([tree.nodes for tree in trees]),
        "splits": np.array([len(tree.raw_left_cat_bitsets) for tree in trees], dtype=np.int64),
        "binned": np.concatenate([tree.binned_left_cat_bitsets for tree in trees]),
        "raw": np.concatenate([tree.raw_left_cat_bitsets for tree in trees]),
    }


def _rounds_from_arrays(arrays: dict[str, Any]) -> list[list[Any]]:
    trees = []
    ends, split_ends = np.cumsum(arrays["sizes"]), np.cumsum(arrays["splits"])
    for size, end, splits, split_end in zip(
        arrays["sizes"], ends, arrays["splits"], split_ends, strict=True
    ):
        categories = slice(split_end - splits, split_end)
        trees.append(
            TreePredictor(
                arrays["nodes"][end - size : end],
                arrays["binned"][categories],
                arrays["raw"][categories],
            )
        )
    width = arrays["width"]
    return [trees[start : start + width] for start in range(0, len(trees), width)]


def _forest_tree(tree: Any, n_classes: int, n_trees: int) -> dict[str, Any]:
    """Return the arrays of a tree of a forest; its share of the mean is in the values."""
    value = tree.value[:, 0, :]
    if n_classes:
        # Older releases of scikit-learn store weights instead of shares.
        value = value / value.sum(axis=1, keepdims=True)
        value = value[:, 1:] if n_classes == 2 else value
    is_leaf = tree.children_left < 0
    return {
        "feature": np.where(is_leaf, -1, tree.feature),
        "threshold": tree.threshold,
        "left": np.where(is_leaf, 0, tree.children_left),
        "right": np.where(is_leaf, 0, tree.children_right),
        "missing_left": tree.missing_go_to_left,
        "value": value / n_trees,
    }


def _encoding(model: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the column of each feature of the trees, and the codes of the first ones.

    scikit-learn moves category columns to the front and numbers their codes.
    """
    is_category = model.is_categorical_
    if is_category is None:
        return np.arange(model.n_features_in_), []
    columns = np.concatenate([np.flatnonzero(is_category), np.flatnonzero(~is_category)])
    encoder = model._preprocessor.named_transformers_["encoder"]
    known = [np.asarray(codes, dtype=np.float64) for codes in encoder.categories_]
    return columns, [codes[~np.isnan(codes)] for codes in known]


def _boosted_tree(tree: Any, columns: np.ndarray, codes: list[np.ndarray]) -> dict[str, Any]:
    """Return the arrays of a tree; see `_encoding`."""
    nodes = tree.nodes
    left, right = nodes["left"].copy(), nodes["right"].copy()
    missing_left = nodes["missing_go_to_left"].astype(bool)
    categories = {}
    for node in np.flatnonzero(nodes["is_categorical"] & (nodes["is_leaf"] == 0)):
        known = codes[nodes["feature_idx"][node]]
        listed = _bits(tree.raw_left_cat_bitsets[nodes["bitset_idx"][node]])[: len(known)]
        if missing_left[node]:
            # Unknown codes are treated as missing: list those that go right, and exchange both.
            listed = ~listed
            left[node], right[node], missing_left[node] = right[node], left[node], False
        categories[int(node)] = tuple(map(int, known[listed]))
    feature = columns[nodes["feature_idx"].astype(np.int64)]
    return {
        "feature": np.where(nodes["is_leaf"], -1, feature),
        "threshold": nodes["num_threshold"],
        "left": left,
        "right": right,
        "missing_left": missing_left,
        "value": nodes["value"],
        "categories": categories,
    }


def _bits(words: np.ndarray) -> np.ndarray:
    """Return the bits of 32-bit words, the lowest first."""
    return ((np.asarray(words)[:, None] >> np.arange(32)) & 1).astype(bool).ravel()
