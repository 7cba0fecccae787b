"""The trees of a LightGBM booster as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.api import DecisionTrees, Refused

__all__ = ["decision_trees"]

# LightGBM reads smaller numbers as 0.
_ZERO = float(np.float32(1e-35))


def decision_trees(booster: Any) -> DecisionTrees:
    """Return the trees of a booster; their sums are raw scores.

    Raises
    ------
    Refused
        Its objective is not one of those that this plugin uses.
    """
    model = booster.dump_model()
    objective, width = model["objective"].split()[0], int(model["num_tree_per_iteration"])
    links = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}
    if objective not in links:
        raise Refused(f"LightGBM's objective {objective!r} is not supported", hint="Fit again.")
    trees = [_tree(each["tree_structure"]) for each in model["tree_info"]]
    return DecisionTrees.joined(
        trees,
        outputs=width,
        offset=np.zeros(width),
        output=np.arange(len(trees)) % width,
        link=links[objective],
    )


def _tree(root: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays of a tree, given its nested nodes."""
    names = ("feature", "threshold", "left", "right", "missing_left", "value")
    arrays: dict[str, list[Any]] = {name: [] for name in names}
    categories: dict[int, tuple[int, ...]] = {}
    # Each entry is a node, its parent and the side on which it hangs.
    waiting: list[tuple[dict[str, Any], int, str]] = [(root, -1, "")]
    while waiting:
        node, parent, side = waiting.pop()
        place = len(arrays["feature"])
        if parent >= 0:
            arrays[side][parent] = place
        row = (-1, 0.0, 0, 0, False, node.get("leaf_value", 0.0))
        if "split_feature" in node:
            threshold, missing_left = node["threshold"], False
            if node["decision_type"] == "==":  # missing categories go right
                categories[place] = tuple(map(int, str(threshold).split("||")))
                threshold = 0.0
            elif node["missing_type"] == "NaN":
                missing_left = node["default_left"]
            else:  # NaN is read as 0
                missing_left = threshold >= 0.0
            if -_ZERO <= threshold <= _ZERO and place not in categories:
                threshold = _ZERO if threshold >= 0.0 else np.nextafter(-_ZERO, -1.0)
            row = (node["split_feature"], threshold, 0, 0, missing_left, 0.0)
            waiting += [(node[f"{s}_child"], place, s) for s in ("right", "left")]
        for name, entry in zip(names, row, strict=True):
            arrays[name].append(entry)
    return {**arrays, "categories": categories}
