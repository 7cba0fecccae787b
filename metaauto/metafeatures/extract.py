"""Compute metafeatures on a subsample of a dataset, within a time limit."""

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
    """Metafeatures of a dataset.

    Parameters
    ----------
    values : mapping of str to float
        Values by ``extractor.key``; NaN if undefined, never infinite.
    seconds : mapping of str to float
        Seconds of each extractor.
    failures : mapping of str to str
        Reasons for missing values, by ``extractor`` or ``extractor.key``.
    versions : mapping of str to int
        Version of each extractor.

    Raises
    ------
    DataError
        A value is infinite.
    """

    values: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, value in self.values.items():
            if math.isinf(value):
                raise DataError(
                    f"Metafeature {key!r} must be finite or NaN (got {value}).",
                    hint="Use NaN for undefined values.",
                )

    def vector(self, keys: Sequence[str]) -> np.ndarray:
        """Return the values in the order of ``keys``, as float64; NaN for unknown keys."""
        return np.asarray([self.values.get(key, math.nan) for key in keys], dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values; NaN becomes None."""
        values = {k: None if math.isnan(v) else v for k, v in self.values.items()}
        return {
            "values": values,
            "seconds": dict(self.seconds),
            "failures": dict(self.failures),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Metafeatures:
        """Restore metafeatures from the output of `to_json`."""
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
    """Compute the metafeatures of a dataset on a subsample.

    Extractors run one after the other, by increasing declared seconds. An extractor is skipped if
    no time is left, or if it declares more than the time left and is not the first. A running
    extractor is not stopped, because Python code cannot be interrupted safely. If an extractor
    raises or returns invalid values, its values are NaN and ``failures`` has the reason. Infinite
    values become NaN, also with a reason.

    Parameters
    ----------
    dataset : Dataset
        Or any object with a ``task``, a typed frame ``X`` and a target ``y`` of codes or numbers.
    extractors : iterable of MetafeatureExtractor
        Extractors; those for other kinds of task are ignored.
    seconds : float, default=1.0
        Total time limit.
    seed : int, default=0
        Seed of the subsample and of the extractors; the same dataset and seed give the same values.
    max_rows : int, default=2000
        Maximum number of rows, stratified by class, with at least two rows per class where
        available.
    max_columns : int, default=300
        Maximum number of columns.

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
    spent: dict[str, float] = {}
    failures: dict[str, str] = {}
    for extractor in chosen:
        name = extractor.name
        values.update({f"{name}.{key}": math.nan for key in extractor.keys})
        left = seconds - (time.monotonic() - start)
        if left <= 0 or (extractor.seconds > left and spent):
            failures[name] = f"skipped: may take {extractor.seconds:g} s, {max(left, 0):.2f} s left"
            continue
        began = time.monotonic()
        try:
            extracted, problems = _run(extractor, table)
        except Exception as error:
            failures[name] = f"{type(error).__name__}: {error}"
            _logger.warning("Metafeature extractor %r failed: %s", name, failures[name])
        else:
            values.update(extracted)
            failures.update(problems)
        spent[name] = time.monotonic() - began
    versions = {extractor.name: extractor.version for extractor in chosen}
    return Metafeatures(values, spent, failures, versions)


def _run(
    extractor: MetafeatureExtractor, table: MetafeatureInput
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the values of one extractor by full key, and the reasons of undefined ones."""
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
            hint="Return all keys, with NaN for undefined values.",
        )
    values, problems = {}, {}
    for key in extractor.keys:
        full, value = f"{extractor.name}.{key}", float(result[key])
        if math.isinf(value):
            problems[full] = f"was {value}"
            value = math.nan
        values[full] = value
    return values, problems
