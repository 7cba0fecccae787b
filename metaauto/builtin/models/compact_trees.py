"""Forests and boosting whose many trees are stored as a few long arrays.

A forest of 200 trees is 200 Python objects of a dozen attributes each, and a model file holds one
for every fold: writing and reading them one by one takes longer than fitting. Concatenated, they
take a fraction of a second. Nothing else changes: they are scikit-learn's estimators.
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

__all__ = [
    "CompactBoostingClassifier",
    "CompactBoostingRegressor",
    "CompactExtraTreesClassifier",
    "CompactExtraTreesRegressor",
    "CompactRandomForestClassifier",
    "CompactRandomForestRegressor",
]


class _CompactForest:
    """Stores ``estimators_`` as arrays."""

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[misc]
        trees = state.get("estimators_")
        if trees:
            state["estimators_"] = _pack_trees(trees)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        packed = state.get("estimators_")
        if isinstance(packed, dict):
            state["estimators_"] = _unpack_trees(packed)
        super().__setstate__(state)  # type: ignore[misc]


class _CompactBoosting:
    """Stores the predictors of all rounds as arrays."""

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[misc]
        rounds = state.get("_predictors")
        if rounds:
            state["_predictors"] = _pack_rounds(rounds)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        packed = state.get("_predictors")
        if isinstance(packed, dict):
            state["_predictors"] = _unpack_rounds(packed)
        super().__setstate__(state)  # type: ignore[misc]


class CompactRandomForestClassifier(_CompactForest, RandomForestClassifier):
    """scikit-learn's random forest, stored compactly."""


class CompactRandomForestRegressor(_CompactForest, RandomForestRegressor):
    """scikit-learn's random forest, stored compactly."""


class CompactExtraTreesClassifier(_CompactForest, ExtraTreesClassifier):
    """scikit-learn's extremely randomised trees, stored compactly."""


class CompactExtraTreesRegressor(_CompactForest, ExtraTreesRegressor):
    """scikit-learn's extremely randomised trees, stored compactly."""


class CompactBoostingClassifier(_CompactBoosting, HistGradientBoostingClassifier):
    """scikit-learn's histogram gradient boosting, stored compactly."""


class CompactBoostingRegressor(_CompactBoosting, HistGradientBoostingRegressor):
    """scikit-learn's histogram gradient boosting, stored compactly."""


def _pack_trees(trees: list[Any]) -> dict[str, Any]:
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


def _unpack_trees(packed: dict[str, Any]) -> list[Any]:
    n_features, n_outputs = packed["shape"]
    trees = []
    ends = np.cumsum(packed["sizes"])
    for seed, depth, size, end in zip(
        packed["seeds"], packed["depths"], packed["sizes"], ends, strict=True
    ):
        tree = Tree(n_features, packed["n_classes"], n_outputs)
        tree.__setstate__(
            {
                "max_depth": int(depth),
                "node_count": int(size),
                "nodes": packed["nodes"][end - size : end],
                "values": packed["values"][end - size : end],
            }
        )
        member = copy.copy(packed["template"])
        member.random_state = int(seed)
        member.tree_ = tree
        trees.append(member)
    return trees


def _pack_rounds(rounds: list[list[Any]]) -> dict[str, Any]:
    trees = [tree for group in rounds for tree in group]
    return {
        "width": len(rounds[0]),
        "sizes": np.array([len(tree.nodes) for tree in trees], dtype=np.int64),
        "nodes": np.concatenate([tree.nodes for tree in trees]),
        "splits": np.array([len(tree.raw_left_cat_bitsets) for tree in trees], dtype=np.int64),
        "binned": np.concatenate([tree.binned_left_cat_bitsets for tree in trees]),
        "raw": np.concatenate([tree.raw_left_cat_bitsets for tree in trees]),
    }


def _unpack_rounds(packed: dict[str, Any]) -> list[list[Any]]:
    trees = []
    ends, split_ends = np.cumsum(packed["sizes"]), np.cumsum(packed["splits"])
    for size, end, splits, split_end in zip(
        packed["sizes"], ends, packed["splits"], split_ends, strict=True
    ):
        categories = slice(split_end - splits, split_end)
        trees.append(
            TreePredictor(
                packed["nodes"][end - size : end],
                packed["binned"][categories],
                packed["raw"][categories],
            )
        )
    width = packed["width"]
    return [trees[start : start + width] for start in range(0, len(trees), width)]
