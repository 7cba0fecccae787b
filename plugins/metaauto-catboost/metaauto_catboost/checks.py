"""Check a serialised CatBoost model before CatBoost reads it.

CatBoost verifies the structure of its trees as a FlatBuffer, but trusts the numbers in it, and
everything in the tables of category statistics: in a forged file they could point anywhere in
memory, or make a prediction run forever.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["check_model"]

_MAGIC, _FORMAT, _STATISTICS = b"CBM1", b"FlabuffersModel_v1", b"static_provider_v1"
_MAX_DEPTH = 16
_MAX_NESTING = 32
_BUCKET = np.dtype([("hash", "<u8"), ("row", "<u4")])
_EMPTY = 2**64 - 1
# Kinds of category statistics, in the order of CatBoost's ECtrType.
_BORDERS, _BUCKETS, _BINARY_MEAN, _MEAN, _COUNTER, _FREQUENCY = range(6)
_BY_CLASS, _MEANS = (_BORDERS, _BUCKETS), (_BINARY_MEAN, _MEAN)


class _Table:
    """A table of a FlatBuffer, whose fields are read by their number in CatBoost's schema.

    Every read is within the data: https://flatbuffers.dev/internals.
    """

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        self._fields = place - self._number("<i", place)
        self._size = self._number("<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        """Return the outermost table."""
        return cls(data, _number(data, "<I", 0))

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """Return a number; kinds are those of `struct`."""
        place = self._field(field)
        return default if place is None else self._number(kind, place)

    def table(self, field: int) -> _Table:
        """Return a table that must exist."""
        place = self._field(field)
        _require(place is not None, "tables")
        return _Table(self._data, self._target(place or 0))

    def array(self, field: int, kind: Any) -> np.ndarray:
        """Return a vector of numbers or structures; empty if it does not exist."""
        place = self._field(field)
        if place is None:
            return np.zeros(0, kind)
        start = self._target(place)
        count = self._number("<I", start)
        _require(count * np.dtype(kind).itemsize <= len(self._data) - start - 4, "sizes")
        return np.frombuffer(self._data, kind, count, start + 4)

    def tables(self, field: int) -> list[_Table]:
        """Return a vector of tables."""
        return [_Table(self._data, place) for place in self._targets(field)]

    def text(self, field: int) -> bytes:
        """Return a text; empty if it does not exist."""
        return self.array(field, "u1").tobytes()

    def texts(self, field: int) -> list[bytes]:
        """Return a vector of texts."""
        counts = [(place + 4, self._number("<I", place)) for place in self._targets(field)]
        return [self._data[start : start + count] for start, count in counts]

    def _targets(self, field: int) -> Iterator[int]:
        offsets = self.array(field, "<u4")
        if not len(offsets):
            return
        start = self._target(self._field(field) or 0) + 4
        for number, offset in enumerate(offsets.tolist()):
            yield start + 4 * number + offset

    def _field(self, field: int) -> int | None:
        entry = 4 + 2 * field
        offset = self._number("<H", self._fields + entry) if entry < self._size else 0
        return self._place + offset if offset else None

    def _target(self, place: int) -> int:
        return place + self._number("<I", place)

    def _number(self, kind: str, place: int) -> int:
        return _number(self._data, kind, place)


def check_model(data: bytes, n_features: int, n_classes: int) -> None:
    """Raise `ValueError` unless all numbers in a model are within bounds.

    Parameters
    ----------
    data : bytes
        A serialised model (``cbm``).
    n_features : int
        Number of columns of the rows to predict.
    n_classes : int
        Number of classes; 0 in regression.
    """
    size = _number(data, "<I", 4)
    _require(data[:4] == _MAGIC and 0 < size <= len(data) - 8, "size")
    core, rest = _Table.root(data[8 : 8 + size]), data[8 + size :]
    _require(core.text(0) == _FORMAT, "format")
    _check_settings(core, n_classes)
    parts, model = core.texts(3), core.table(1)
    _require(parts in ([], [_STATISTICS]), "parts")
    dimension = n_classes if n_classes > 2 else 1
    _require(model.number(0, "<i") == dimension, "classes")
    _require(len(model.array(16, "<f8")) in (0, dimension), "classes")
    # Text, estimated and embedded features.
    _require(not any(model.tables(field) for field in (12, 13, 18)), "features")
    used = _check_features(model, n_features)
    n_borders = sum(len(feature.array(3, "<f4")) for feature in model.tables(5))
    n_borders += sum(len(feature.array(1, "<i4")) for feature in model.tables(6))
    n_borders += sum(len(feature.array(1, "<f4")) for feature in model.tables(7))
    _check_trees(model, n_borders, dimension)
    _check_statistics(model, rest if parts else b"", used)


def _check_settings(core: _Table, n_classes: int) -> None:
    """Check the settings of the training: the loss decides how scores are converted."""
    loss = ("Logloss" if n_classes == 2 else "MultiClass") if n_classes else "RMSE"
    settings = {pair.text(0): pair.text(1) for pair in core.tables(2)}
    for value in settings.values():
        letters = np.frombuffer(value, "u1")
        steps = np.isin(letters, list(b"[{")).astype(int) - np.isin(letters, list(b"]}"))
        _require(not len(steps) or np.cumsum(steps).max() <= _MAX_NESTING, "settings")
    found = [json.loads(settings[b"params"])["loss_function"]] if b"params" in settings else []
    found += [json.loads(settings[b"loss_function"])] if b"loss_function" in settings else []
    _require(found and all(each["type"] == loss for each in found), "loss")


def _check_features(model: _Table, n_features: int) -> set[int]:
    """Check the columns of a model; return the numbers of the category columns that it uses."""
    columns: list[int] = []
    for field in (4, 5):
        features = model.tables(field)
        own = [(f.number(0 if field == 4 else 1, "<i", -1), f) for f in features]
        places = [f.number(1 if field == 4 else 2, "<i", -1) for f in features]
        # CatBoost takes the count of the columns from the last one.
        _require([number for number, _ in own] == list(range(len(own))), "features")
        _require(places == sorted(places), "features")
        columns += places
    _require(sorted(columns) == list(range(n_features)), "features")
    used = {n for n, feature in enumerate(model.tables(4)) if feature.number(3, "<B", 1)}
    _require(all(feature.number(0, "<i", -1) in used for feature in model.tables(6)), "features")
    return used


def _check_trees(model: _Table, n_borders: int, dimension: int) -> None:
    splits, sizes = model.array(1, "<i4"), model.array(2, "<i4").astype(np.int64)
    starts, values = model.array(3, "<i4"), model.array(8, "<f8")
    _require(((splits >= 0) & (splits < max(n_borders, 1))).all(), "splits")
    _require((sizes >= 0).all() and len(starts) == len(sizes), "trees")
    _require((starts == np.cumsum(sizes) - sizes).all() and sizes.sum() == len(splits), "trees")
    _require(len(model.array(9, "<f8")) in (0, len(values) // dimension), "leaves")
    steps, leaves = model.array(10, "<u2,<u2"), model.array(11, "<u4")
    if not len(steps) and not len(leaves):
        _require(len(sizes) == 0 or sizes.max() <= _MAX_DEPTH, "trees")
        _require((2**sizes).sum() * dimension == len(values), "leaves")
        return
    _require(len(steps) == len(leaves) == len(splits) and (sizes > 0).all(), "nodes")
    place, end = np.arange(len(splits)), np.repeat(np.cumsum(sizes), sizes)
    # Children follow their parent, so that every path ends.
    is_leaf = np.zeros(len(splits), dtype=bool)
    for side in ("f0", "f1"):
        _require((place + steps[side] < end).all(), "nodes")
        is_leaf |= steps[side] == 0
    first = leaves[is_leaf].astype(np.int64)
    _require((first % dimension == 0).all() and (first + dimension <= len(values)).all(), "leaves")


def _check_statistics(model: _Table, data: bytes, used: set[int]) -> None:
    """Check the statistics of categories, each of which is a FlatBuffer after its size."""
    classes = []
    tables = list(_statistics(data))
    for table in tables:
        kind = _check_combination(table.table(0), used)
        buckets, n_classes = table.array(1, "u1"), table.number(4, "<i")
        _require(len(buckets) % _BUCKET.itemsize == 0 and len(buckets) > 0, "statistics")
        buckets = np.frombuffer(buckets.tobytes(), _BUCKET)
        is_filled = buckets["hash"] != _EMPTY
        # Looking up a category ends at an empty bucket.
        _require(not is_filled.all(), "statistics")
        width = 8 if kind in _MEANS else 4
        if kind in _BY_CLASS:
            _require(0 < n_classes < 2**16, "statistics")
            width = 4 * max(n_classes, 2 if kind == _BORDERS else 1)
            classes.append(n_classes)
        n_rows = len(table.array(2, "u1")) // width
        _require((buckets["row"][is_filled] < n_rows).all(), "statistics")
    _require(bool(tables) or not model.tables(7), "statistics")
    for feature in model.tables(7):
        kind, border = _check_combination(feature.table(0).table(0), used), feature.table(0)
        if kind in _BY_CLASS:
            _require(0 <= border.number(1, "<i") < min(classes, default=0), "statistics")


def _check_combination(base: _Table, used: set[int]) -> int:
    """Check a combination of features; return the kind of its statistics."""
    combination = base.table(0)
    columns = set(combination.array(0, "<i4").tolist())
    columns |= set(combination.array(2, "<i4,<i4")["f0"].tolist())
    # CatBoost looks up the borders in the combination among those of the features.
    combination.array(1, "<i4,<f4")
    _require(columns <= used, "features")
    base.number(2, "<i")
    kind = base.number(1, "<b")
    _require(kind in range(6), "statistics")
    return kind


def _statistics(data: bytes) -> Iterator[_Table]:
    place = 4
    for _ in range(_number(data, "<I", 0) if data else 0):
        size = _number(data, "<I", place)
        _require(0 < size <= len(data) - place - 4, "statistics")
        yield _Table.root(data[place + 4 : place + 4 + size])
        place += 4 + size
    _require(not data or place == len(data), "statistics")


def _number(data: bytes, kind: str, place: int) -> int:
    _require(0 <= place <= len(data) - struct.calcsize(kind), "sizes")
    return int(struct.unpack_from(kind, data, place)[0])


def _require(is_valid: Any, what: str) -> None:
    if not is_valid:
        raise ValueError(f"The {what} of the CatBoost model are invalid or out of bounds.")
