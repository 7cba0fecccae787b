"""Run metafeature extractors over a subsample of a table, within a time limit."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metaauto.components import MetafeatureExtractor, MetafeatureInput
from metaauto.errors import ComponentError, DataError
from metaauto.metafeatures.sample import view

__all__ = ["Metafeatures", "describe"]

_logger = logging.getLogger("metaauto")


@dataclass(frozen=True)
class Metafeatures:
    """A table described by numbers.

    Parameters
    ----------
    values : mapping of str to float
        By ``extractor.key``; NaN where it cannot be said. Never infinite.
    seconds : mapping of str to float
        Time each extractor took.
    failures : mapping of str to str
        Why an extractor, or one ``extractor.key``, has no value.
    versions : mapping of str to int
        Version of each extractor.

    Raises
    ------
    DataError
        If a value is infinite.
    """

    values: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, value in self.values.items():
            if math.isinf(value):
                raise DataError(
                    f"Metafeature {key!r} is {value}.", hint="Use NaN for what cannot be said."
                )

    def vector(self, keys: Sequence[str]) -> np.ndarray:
        """Values of shape (keys,), float64, in the order of ``keys``; NaN for unknown keys."""
        return np.asarray([self.values.get(key, math.nan) for key in keys], dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values; NaN becomes None."""
        values = {k: None if math.isnan(v) else v for k, v in self.values.items()}
        return {
            "values": values,
            "seconds": dict(self.seconds),
            "failures": dict(self.failures),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Metafeatures:
        """Rebuild what `to_json` wrote."""
        values = {k: math.nan if v is None else float(v) for k, v in record["values"].items()}
        return cls(
            values,
            {k: float(v) for k, v in record.get("seconds", {}).items()},
            {k: str(v) for k, v in record.get("failures", {}).items()},
            {k: int(v) for k, v in record.get("versions", {}).items()},
        )


def describe(
    dataset: Any,
    extractors: Iterable[MetafeatureExtractor],
    *,
    seconds: float = 1.0,
    seed: int = 0,
    max_rows: int = 2000,
    max_columns: int = 300,
) -> Metafeatures:
    """Describe a table by what the extractors say about a subsample of it.

    Extractors run one after the other, those that declare the least time first. One is skipped when
    no time is left, or when it declares more than is left and something ran before it; Python code
    cannot be stopped safely from outside, so one that runs may end late. An extractor that raises,
    or returns something other than numbers by its keys, leaves NaN and a note in ``failures``. An
    infinite value becomes NaN, with a note too.

    Parameters
    ----------
    dataset : Dataset
        Or any object with a ``task``, a typed frame ``X`` and a target ``y`` of codes or numbers.
    extractors : iterable of MetafeatureExtractor
        Those for other kinds of task are left out.
    seconds : float, default=1.0
        Time limit of all together.
    seed : int, default=0
        Seed of the subsample, handed on to the extractors. Same table and seed, same values.
    max_rows : int, default=2000
        Rows of the subsample; the shares of classes are kept, and two rows of each where there are.
    max_columns : int, default=300
        Columns of the subsample.

    Returns
    -------
    Metafeatures

    Examples
    --------
    >>> import pandas as pd
    >>> from metaauto.components import MetafeatureExtractor
    >>> from metaauto.data.dataset import prepare
    >>> dataset = prepare(pd.DataFrame({"a": [1.5, 2.5, 3.5, 4], "y": list("noon")}), "y")
    >>> def shape(table):
    ...     return {"rows": float(table.n_rows)}
    >>> rows = MetafeatureExtractor("shape", shape, keys=("rows",))
    >>> dict(describe(dataset, [rows]).values)
    {'shape.rows': 4.0}
    """
    chosen = [e for e in extractors if dataset.task.kind in e.tasks]
    chosen.sort(key=lambda extractor: (extractor.seconds, extractor.name))
    start = time.monotonic()
    table = view(dataset, seed, max_rows, max_columns)
    values: dict[str, float] = {}
    taken: dict[str, float] = {}
    failures: dict[str, str] = {}
    for extractor in chosen:
        name = extractor.name
        values.update({f"{name}.{key}": math.nan for key in extractor.keys})
        left = seconds - (time.monotonic() - start)
        if left <= 0 or (extractor.seconds > left and taken):
            failures[name] = f"skipped: may take {extractor.seconds:g} s, {max(left, 0):.2f} s left"
            continue
        began = time.monotonic()
        try:
            found, notes = _run(extractor, table)
        except Exception as error:
            failures[name] = f"{type(error).__name__}: {error}"
            _logger.warning("Metafeature extractor %r failed: %s", name, failures[name])
        else:
            values.update(found)
            failures.update(notes)
        taken[name] = time.monotonic() - began
    versions = {extractor.name: extractor.version for extractor in chosen}
    return Metafeatures(values, taken, failures, versions)


def _run(
    extractor: MetafeatureExtractor, table: MetafeatureInput
) -> tuple[dict[str, float], dict[str, str]]:
    """Values of one extractor by full key, and notes about those it could not say."""
    with np.errstate(all="ignore"):
        result = extractor.extract(table)
    if not isinstance(result, Mapping):
        raise ComponentError(
            f"Metafeature extractor {extractor.name!r} returned a {type(result).__name__}.",
            hint="Return a dict of numbers by key.",
        )
    wrong = set(result).symmetric_difference(extractor.keys)
    if wrong:
        raise ComponentError(
            f"Metafeature extractor {extractor.name!r} returned other keys than it declares: "
            f"{', '.join(sorted(map(str, wrong)))}.",
            hint="Return all keys, NaN for what cannot be said.",
        )
    values, notes = {}, {}
    for key in extractor.keys:
        full, value = f"{extractor.name}.{key}", float(result[key])
        if math.isinf(value):
            notes[full] = f"was {value}"
            value = math.nan
        values[full] = value
    return values, notes
