"""The trees of a CatBoost booster as arrays."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.api import DecisionTrees, Refused

__all__ = ["decision_trees"]


def decision_trees(booster: Any, n_classes: int) -> DecisionTrees:
    """Return the trees of a booster; their sums are raw scores.

    Parameters
    ----------
    booster : catboost.CatBoost
        Fitted model.
    n_classes : int
        Number of classes, 0 in regression.

    Raises
    ------
    Refused
        The model has categorical columns, whose statistics are not trees.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        booster.save_model(str(path), format="json")
        model = json.loads(path.read_text("utf-8"))
    if model["features_info"].get("categorical_features"):
        raise Refused(
            "CatBoost's statistics of categorical columns have no equivalent in ONNX",
            hint="Fit again.",
        )
    features = {}
    for each in model["features_info"].get("float_features", ()):
        index, treatment = each["flat_feature_index"], each["nan_value_treatment"]
        features[each["feature_index"]] = index, treatment != "AsTrue"
    scale, bias = model["scale_and_bias"]
    width = n_classes if n_classes > 2 else 1
    if "oblivious_trees" in model:
        trees = [_symmetric(tree, features, width) for tree in model["oblivious_trees"]]
    else:
        trees = [_nested(tree, features, width) for tree in model["trees"]]
    found = DecisionTrees.joined(
        trees,
        outputs=width,
        offset=np.broadcast_to(np.asarray(bias, dtype=np.float64), width),
        single_precision=True,
        link={0: "identity", 2: "sigmoid"}.get(n_classes, "softmax"),
    )
    return found if scale == 1.0 else found.scaled(scale, 0.0)


def _symmetric(
    tree: dict[str, Any], features: dict[int, tuple[int, bool]], width: int
) -> dict[str, Any]:
    """Return the arrays of a tree with the same split in all nodes of a level.

    The split number i decides bit i of the number of the leaf.
    """
    splits = tree.get("splits") or []
    depth = len(splits)
    inner = 2**depth - 1
    level = np.log2(np.arange(1, inner + 1)).astype(np.int64)
    index = [features[split["float_feature_index"]] for split in splits]
    place = np.arange(inner)
    leaves = np.asarray(tree["leaf_values"], dtype=np.float64).reshape(2**depth, width)
    # From the left, the first split of a path is the lowest bit.
    order = [int(format(i, f"0{depth}b")[::-1], 2) if depth else 0 for i in range(2**depth)]
    none = np.zeros(2**depth)
    return {
        "feature": np.append(np.array([i for i, _ in index], dtype=np.int64)[level], none - 1),
        "threshold": np.append(np.array([s["border"] for s in splits], float)[level], none),
        "left": np.append(2 * place + 1, none),
        "right": np.append(2 * place + 2, none),
        "missing_left": np.append(np.array([left for _, left in index], bool)[level], none),
        "value": np.vstack([np.zeros((inner, width)), leaves[order]]),
    }


def _nested(
    root: dict[str, Any], features: dict[int, tuple[int, bool]], width: int
) -> dict[str, Any]:
    """Return the arrays of a tree whose nodes contain their children."""
    names = ("feature", "threshold", "left", "right", "missing_left", "value")
    arrays: dict[str, list[Any]] = {name: [] for name in names}
    waiting: list[tuple[dict[str, Any], int, str]] = [(root, -1, "")]
    while waiting:
        node, parent, side = waiting.pop()
        place = len(arrays["feature"])
        if parent >= 0:
            arrays[side][parent] = place
        row = (-1, 0.0, 0, 0, False, np.broadcast_to(node.get("value", 0.0), width))
        if "split" in node:
            index, missing_left = features[node["split"]["float_feature_index"]]
            row = (index, node["split"]["border"], 0, 0, missing_left, np.zeros(width))
            waiting += [(node[side], place, side) for side in ("right", "left")]
        for name, entry in zip(names, row, strict=True):
            arrays[name].append(entry)
    return arrays
