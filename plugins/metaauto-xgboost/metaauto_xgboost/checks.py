"""Check a serialised XGBoost model before XGBoost reads it.

XGBoost trusts the node, feature and class numbers in a model: in a forged file they could point
anywhere in memory, or make a prediction run forever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["check_model", "read_ubj"]

# Bits of the sets of categories that a model may allocate.
MAX_CATEGORY_BITS = 2**31
MAX_DEPTH = 12
# Big-endian types by their marker: https://ubjson.org/type-reference/value-types/
_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_TYPES = {marker.encode(): np.dtype(kind) for marker, kind in _NUMBERS.items()}
_INTEGERS = "iUIlL"
# A key of up to 255 letters, and the type and length of an array, or digits in a text.
_SHORT_PAIR = re.compile(rb"L\0{7}(.)([a-z_]+)(?:\[\$(.)#L(.{8})|SL\0{7}(.)([0-9]+))", re.DOTALL)
_CONSTANTS = {"T": True, "F": False, "Z": None}


def check_model(data: bytes, n_features: int, n_classes: int) -> None:
    """Raise `ValueError` unless a model is as XGBoost writes it, with valid numbers.

    Parameters
    ----------
    data : bytes
        Output of ``Booster.save_raw("ubj")``.
    n_features : int
        Number of columns of the rows to predict.
    n_classes : int
        Number of classes; 0 in regression.
    """
    learner = read_ubj(data)["learner"]
    groups = n_classes if n_classes > 2 else 1
    objectives = {True: "multi:softprob", False: "binary:logistic"}
    objective = objectives[groups > 1] if n_classes else "reg:squarederror"
    _require(learner["objective"]["name"] == objective, "objective")
    stated = str(groups if groups > 1 else 0)
    settings = learner["objective"].get("softmax_multiclass_param", {"num_class": stated})
    _require(settings["num_class"] == stated, "classes")
    shape = learner["learner_model_param"]
    _require(shape["num_class"] == stated, "classes")
    _require(shape["num_feature"] == str(n_features), "features")
    _require(shape.get("num_target", "1") in ("0", "1"), "targets")
    scores = re.fullmatch(r"\[?([-+0-9.Einf]+(,[-+0-9.Einf]+)*)\]?", shape["base_score"], re.I)
    _require(scores and len(scores[1].split(",")) in (1, groups), "base score")
    _require(len(learner["feature_types"]) in (0, n_features), "features")
    _require(len(learner["feature_names"]) in (0, n_features), "features")
    _require(learner["gradient_booster"]["name"] == "gbtree", "booster")
    _check_trees(learner["gradient_booster"]["model"], n_features, groups)


def _check_trees(model: Mapping[str, Any], n_features: int, groups: int) -> None:
    trees, group = model["trees"], _integers(model["tree_info"])
    settings = model["gbtree_model_param"]
    _require(settings["num_trees"] == str(len(trees)) and len(group) == len(trees), "trees")
    _require(settings["num_parallel_tree"] == "1", "trees")
    _require(((group >= 0) & (group < groups)).all(), "trees")
    rounds = _integers(model["iteration_indptr"])
    _require(len(rounds) > 0 and rounds[0] == 0 and rounds[-1] == len(trees), "rounds")
    _require((np.diff(rounds) >= 0).all(), "rounds")
    # Names of categories; metaauto passes codes.
    _require(len(model.get("cats", {}).get("enc", ())) == 0, "categories")
    _check_nodes(trees, n_features)


def _check_nodes(trees: list[Mapping[str, Any]], n_features: int) -> None:
    """Check the nodes of all trees at once, because a model can have thousands of trees."""
    settings = [tree["tree_param"] for tree in trees]
    sizes = [int(one["num_nodes"]) for one in settings]
    _require(all(size > 0 for size in sizes))
    _require(all(one["size_leaf_vector"] in ("0", "1") for one in settings))
    _require(all(one["num_feature"] == str(n_features) for one in settings), "features")
    names = ("left_children", "right_children", "parents", "split_indices", "split_type")
    others = ("split_conditions", "base_weights", "default_left", "loss_changes", "sum_hessian")
    for name in (*names, *others):
        _require([len(tree[name]) for tree in trees] == sizes)
    if not trees:
        return
    left, right, parents, feature, kind = (_joined(trees, name) for name in names)
    first = np.cumsum(sizes) - sizes
    start, size = np.repeat(first, sizes), np.repeat(sizes, sizes)
    number = np.arange(len(left)) - start
    is_leaf = left == -1
    _require((right[is_leaf] == -1).all())
    left, right, start, number, size = (
        part[~is_leaf] for part in (left, right, start, number, size)
    )
    # Children follow their parent, so that every path ends. XGBoost takes the two as neighbours.
    _require(((left > number) & (right == left + 1) & (right < size)).all())
    _require((parents[start + left] == number).all() and (parents[start + right] == number).all())
    feature = feature[~is_leaf]
    _require(((feature >= 0) & (feature < n_features)).all(), "features")
    _require(((kind == 0) | (kind == 1)).all() and not kind[is_leaf].any(), "categories")
    split = np.add.reduceat(kind, first)
    bits = sum(
        _check_categories(tree)
        for tree, count in zip(trees, split, strict=True)
        if count or any(len(tree[name]) for name in _CATEGORIES)
    )
    _require(bits <= MAX_CATEGORY_BITS, "categories")


_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def _check_categories(tree: Mapping[str, Any]) -> int:
    """Check the categories of a tree; return the number of bits of their sets."""
    what = "categories"
    categories, nodes, starts, sizes = (_integers(tree[name]) for name in _CATEGORIES)
    _require(np.array_equal(np.flatnonzero(_integers(tree["split_type"])), nodes), what)
    _require(len(nodes) == len(starts) == len(sizes) > 0, what)
    _require((sizes > 0).all() and np.array_equal(starts, np.cumsum(sizes) - sizes), what)
    _require(sizes.sum() == len(categories) and (categories >= 0).all(), what)
    return int((np.maximum.reduceat(categories, starts) + 32).sum())


def read_ubj(data: bytes) -> Any:
    """Decode a document of Universal Binary JSON; typed arrays become numpy arrays.

    Raises
    ------
    ValueError
        The bytes are no such document, or an object names a key twice.
    """
    reader = _Reader(bytes(data))
    try:
        value = reader.value(reader.text(1), 0)
    except (UnicodeDecodeError, KeyError) as error:
        raise ValueError(f"The XGBoost model cannot be read: {error}.") from error
    _require(reader.place == len(data), "bytes")
    return value


class _Reader:
    """Reads values at a place in bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, size: int) -> bytes:
        _require(0 <= size <= len(self.data) - self.place, "bytes")
        self.place += size
        return self.data[self.place - size : self.place]

    def text(self, size: int) -> str:
        return self.take(size).decode("utf-8")

    def number(self, marker: str) -> Any:
        kind = _NUMBERS[marker]
        data = self.take(int(kind[2]))
        if kind[1] == "f":
            return np.frombuffer(data, kind)[0].item()
        return int.from_bytes(data, "big", signed=kind[1] == "i")

    def length(self) -> int:
        marker = self.text(1)
        _require(marker in _INTEGERS, "bytes")
        return int(self.number(marker))

    def value(self, marker: str, depth: int) -> Any:
        _require(depth < MAX_DEPTH, "bytes")
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == "S":
            return self.text(self.length())
        if marker == "{":
            return self.object(depth)
        if marker == "[":
            return self.array(depth)
        return self.number(marker)

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            self.short_pairs(found)
            if self.data[self.place : self.place + 1] == b"}":
                break
            key = self.text(self.length())
            _require(key not in found, "keys")
            found[key] = self.value(self.text(1), depth + 1)
        self.place += 1
        return found

    def short_pairs(self, found: dict[str, Any]) -> None:
        """Read keys and values as long as they are typed arrays, or numbers in texts.

        Most of a tree are such pairs; `value` gives the same, in several times as many steps.
        """
        data, match_at, size, integer = self.data, _SHORT_PAIR.match, len(self.data), int.from_bytes
        while match := match_at(data, self.place):
            n_key, name, marker, n_items, n_text, text = match.groups()
            if n_key[0] != len(name) or (text is not None and n_text[0] != len(text)):
                return
            key = name.decode()
            _require(key not in found, "keys")
            self.place = match.end()
            if text is not None:
                found[key] = text.decode()
                continue
            kind, count = _TYPES[marker], integer(n_items, "big", signed=True)
            _require(0 <= count <= (size - self.place) // kind.itemsize, "bytes")
            found[key] = np.frombuffer(data, kind, count, self.place)
            self.place += count * kind.itemsize

    def array(self, depth: int) -> Any:
        marker = self.text(1)
        kind = None
        if marker == "$":
            kind = np.dtype(_NUMBERS[self.text(1)])
            marker = self.text(1)
        # XGBoost always writes the length.
        _require(marker == "#", "bytes")
        length = self.length()
        _require(length >= 0, "bytes")
        if kind is not None:
            return np.frombuffer(self.take(length * kind.itemsize), kind)
        return [self.value(self.text(1), depth + 1) for _ in range(length)]


def _joined(trees: list[Mapping[str, Any]], name: str) -> np.ndarray:
    """Return the integers of all trees under a name."""
    arrays = [np.asarray(tree[name]) for tree in trees]
    _require({array.dtype.kind for array in arrays} <= {"i", "u"}, "numbers")
    return _integers(np.concatenate(arrays))


def _integers(values: Any) -> np.ndarray:
    array = np.asarray(values)
    _require(array.ndim == 1 and (array.dtype.kind in "iu" or len(array) == 0), "numbers")
    return array.astype(np.int64)


def _require(is_valid: Any, what: str = "nodes") -> None:
    if not is_valid:
        raise ValueError(f"The {what} of the XGBoost model are invalid or out of bounds.")
