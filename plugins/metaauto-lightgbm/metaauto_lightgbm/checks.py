"""Check the text of a LightGBM model before LightGBM reads it.

LightGBM trusts the node, feature and class numbers in a model: in a forged file they could point
anywhere in memory, or make a prediction run forever.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["check_model_text"]

_HEADER = {
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "feature_names",
    "feature_infos",
    "tree_sizes",
}
# The lines of a tree: one value per inner node, one per leaf, others.
_NODES = (
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "internal_value",
    "internal_weight",
    "internal_count",
)
_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_OTHER = ("num_leaves", "num_cat", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage")
_ARRAYS = frozenset((*_NODES, *_LEAVES))
_KNOWN = frozenset((*_ARRAYS, *_OTHER))
_INTEGERS = re.compile(r"(?:-?[0-9]++(?: -?[0-9]++)*+)?")
# Most trees have these lines in this order; others are read line by line.
_ORDER = ("num_leaves", "num_cat", *_NODES[:6], *_LEAVES, *_NODES[6:], "is_linear", "shrinkage")
_TREE = re.compile("".join(f"{name}=(.*+)\n" for name in _ORDER) + "\n\n")
_END = "end of trees\n"
# A tree sends a row left or right by the bits 1 and 2; the bits 4 and 8 say what is missing.
_IS_CATEGORICAL, _MAX_DECISION = 1, 15


def check_model_text(text: str, n_features: int, n_classes: int) -> str:
    """Return a model's text without the parts that predictions do not need, after checking it.

    Parameters
    ----------
    text : str
        Output of ``Booster.model_to_string``.
    n_features : int
        Number of columns of the rows to predict.
    n_classes : int
        Number of classes; 0 in regression.

    Raises
    ------
    ValueError
        The text is not as LightGBM writes it, or a number is out of bounds.
    """
    _require(text.isascii() and "\0" not in text and "\r" not in text, "characters")
    head, _, rest = text.partition("\n\n")
    name, *lines = head.split("\n")
    header = _fields(lines, _HEADER)
    _require(name == "tree" and header.keys() == _HEADER, "header")
    per_round = n_classes if n_classes > 2 else 1
    objective = f"multiclass num_class:{n_classes}" if n_classes > 2 else "binary sigmoid:1"
    _require(header["objective"] == (objective if n_classes else "regression"), "classes")
    _require(header["num_class"] == header["num_tree_per_iteration"] == str(per_round), "classes")
    _require(header["max_feature_idx"] == str(n_features - 1), "features")
    for names in ("feature_names", "feature_infos"):
        _require(len(header[names].split(" ")) == n_features, "features")
    sizes = _integers(header["tree_sizes"])
    _require(len(sizes) > 0 and len(sizes) % per_round == 0 and (sizes > 0).all(), "trees")
    # LightGBM finds the trees by their sizes, in parallel.
    end, trees = 0, []
    for number, size in enumerate(sizes.tolist()):
        title = f"Tree={number}\n"
        start, end = end + len(title), end + size
        _require(rest.startswith(title, start - len(title)), "trees")
        trees.append(_tree(rest, start, end))
    _require(rest.startswith(_END, end), "trees")
    _check_lengths(trees)
    _check_nodes([tree for tree in trees if tree["num_leaves"] != "1"], n_features)
    # Next come the parameters of the training, which LightGBM reads without checks.
    return f"{head}\n\n{rest[:end]}{_END}"


def _tree(text: str, start: int, end: int) -> dict[str, str]:
    """Return the fields of a tree, whose lines are a part of the text."""
    match = _TREE.fullmatch(text, start, end)
    if match and text.count("=", start, end) == len(_ORDER):
        return dict(zip(_ORDER, match.groups(), strict=True))
    lines = text[start:end].split("\n")
    _require(lines[-3:] == ["", "", ""], "trees")
    tree = _fields(lines[:-3], _KNOWN)
    _require({"num_leaves", "num_cat", "leaf_value", "is_linear", "shrinkage"} <= tree.keys())
    _require(tree["num_leaves"] == "1" or tree.keys() >= _ARRAYS)
    return tree


def _check_lengths(trees: Sequence[Mapping[str, str]]) -> None:
    """Check that each line of a tree has one value per node or leaf."""
    leaves, _ = (_counts(trees, name) for name in ("num_leaves", "num_cat"))
    _require((leaves >= 1).all() and all(tree["is_linear"] == "0" for tree in trees))
    _require((_lengths(trees, "leaf_value") == leaves).all())
    trees, leaves = [tree for tree in trees if tree["num_leaves"] != "1"], leaves[leaves > 1]
    _require(all((_lengths(trees, name) == leaves - 1).all() for name in _NODES))
    _require(all((_lengths(trees, name) == leaves).all() for name in _LEAVES))


def _counts(trees: Sequence[Mapping[str, str]], name: str) -> np.ndarray:
    """Return a count of each tree, written as LightGBM does: it reads others differently."""
    counts = [tree[name] for tree in trees]
    _require(all(count.isdigit() and (count == "0" or count[0] != "0") for count in counts))
    return _integers(" ".join(counts))


def _lengths(trees: Sequence[Mapping[str, str]], name: str) -> np.ndarray:
    return np.array([tree[name].count(" ") for tree in trees], dtype=np.int64) + 1


def _check_nodes(trees: Sequence[Mapping[str, str]], n_features: int) -> None:
    """Check the nodes of all trees at once: a model may have thousands of small trees."""
    if not trees:
        return
    leaves = np.array([int(tree["num_leaves"]) for tree in trees])
    n_leaves = np.repeat(leaves, leaves - 1)
    place = np.concatenate([np.arange(count - 1) for count in leaves])
    for name in ("left_child", "right_child"):
        child = _integers(" ".join(tree[name] for tree in trees))
        # Leaves have negative numbers. Nodes follow their parent, so that every path ends.
        is_valid = (child > place) & (child < n_leaves - 1)
        _require(np.where(child < 0, ~child < n_leaves, is_valid).all())
    feature = _integers(" ".join(tree["split_feature"] for tree in trees))
    decision = _integers(" ".join(tree["decision_type"] for tree in trees))
    _require(((feature >= 0) & (feature < n_features)).all(), "features")
    _require(((decision >= 0) & (decision <= _MAX_DECISION)).all())
    is_split = decision & _IS_CATEGORICAL != 0
    if not is_split.any() and all(tree["num_cat"] == "0" for tree in trees):
        return
    for tree, split in zip(trees, np.split(is_split, np.cumsum(leaves - 1)[:-1]), strict=True):
        _check_categories(tree, split, int(tree["num_cat"]))


def _check_categories(tree: Mapping[str, str], split: np.ndarray, n_categorical: int) -> None:
    if n_categorical == 0:
        _require(not split.any(), "categories")
        return
    _require({"cat_boundaries", "cat_threshold"} <= tree.keys(), "categories")
    bounds, bits = _integers(tree["cat_boundaries"]), _integers(tree["cat_threshold"])
    _require(len(bounds) == n_categorical + 1 and bounds[0] == 0, "categories")
    _require((np.diff(bounds) >= 0).all() and bounds[-1] == len(bits), "categories")
    _require(((bits >= 0) & (bits < 2**32)).all(), "categories")
    thresholds = np.asarray(tree["threshold"].split(" "))[split]
    chosen = _integers(" ".join(thresholds))
    _require(((chosen >= 0) & (chosen < n_categorical)).all(), "categories")


def _fields(lines: list[str], allowed: Collection[str]) -> dict[str, str]:
    """Return the values of ``name=value`` lines; each name is allowed and occurs once."""
    fields: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        _require(equals and name in allowed and name not in fields and "=" not in value, "fields")
        fields[name] = value
    return fields


def _integers(text: str) -> np.ndarray:
    _require(_INTEGERS.fullmatch(text), "numbers")
    # Numbers beyond 64 bits become the largest ones, which no check allows.
    return np.fromstring(text, dtype=np.int64, sep=" ")


def _require(is_valid: Any, what: str = "nodes") -> None:
    if not is_valid:
        raise ValueError(f"The {what} of the LightGBM model are invalid or out of bounds.")
