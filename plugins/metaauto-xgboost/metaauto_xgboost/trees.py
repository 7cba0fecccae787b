"""The trees of an XGBoost booster as arrays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from metaauto.api import DecisionTrees, Refused

__all__ = ["decision_trees"]

_LINKS = {"binary:logistic": "sigmoid", "multi:softprob": "softmax", "reg:squarederror": "identity"}


def decision_trees(booster: Any) -> DecisionTrees:
    """Return the trees of a booster; their sums are margins.

    Raises
    ------
    Refused
        Its kind or its objective is not one of those that this plugin uses.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    objective, kind = learner["objective"]["name"], learner["gradient_booster"]["name"]
    if objective not in _LINKS or kind != "gbtree":
        raise Refused(f"XGBoost's {kind} with {objective!r} is not supported", hint="Fit again.")
    settings, model = learner["learner_model_param"], learner["gradient_booster"]["model"]
    width = max(int(settings["num_class"]), 1)
    # One number in older releases, a list in newer ones.
    base = np.array(settings["base_score"].strip("[]").split(","), dtype=np.float64)
    if objective == "binary:logistic":
        base = np.log(base / (1.0 - base))
    return DecisionTrees.joined(
        map(_tree, model["trees"]),
        outputs=width,
        offset=np.broadcast_to(base, width).astype(np.float64),
        output=np.array(model["tree_info"], dtype=np.int64),
        strict=True,
        single_precision=True,
        absent_is_missing=True,
        link=_LINKS[objective],
    )


def _tree(tree: dict[str, Any]) -> dict[str, Any]:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    missing_left = np.array(tree["default_left"], dtype=bool)
    is_leaf = left < 0
    condition = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    categories = {}
    segments = zip(tree["categories_segments"], tree["categories_sizes"], strict=True)
    for node, (start, size) in zip(tree["categories_nodes"], segments, strict=True):
        # The listed categories go right: exchange the children.
        categories[node] = tuple(tree["categories"][start : start + size])
        left[node], right[node] = right[node], left[node]
        missing_left[node] = not missing_left[node]
    return {
        "feature": np.where(is_leaf, -1, tree["split_indices"]),
        "threshold": condition,
        "left": np.where(is_leaf, 0, left),
        "right": np.where(is_leaf, 0, right),
        "missing_left": missing_left,
        "value": condition,
        "categories": categories,
    }
