"""Knowledge as dense arrays: datasets by configurations, for strategies.

A dataset that was evaluated under several protocols has one row for each, because losses and
seconds depend on the number of training rows.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from metaauto.errors import KnowledgeError
from metaauto.knowledge import validation
from metaauto.knowledge.records import STATUSES, ConfigurationFact, DatasetFact

__all__ = ["KnowledgeMatrix", "read_matrix", "training_rows", "used_rows"]

_NAN = np.array(np.nan, dtype="<f4").tobytes().hex()
_SUCCESS = STATUSES.index("success")
_TIMEOUT = STATUSES.index("timeout")
_FOLDS = re.compile(r"(\d+)-fold")
_ROWS = re.compile(r"rows<=(\d+)")
_HOLDOUT = re.compile(r"/holdout(0\.\d+)")
_DEFAULT_FOLDS = 3


@dataclass(frozen=True)
class KnowledgeMatrix:
    """Results of configurations on datasets of one kind of task, as arrays.

    Parameters
    ----------
    kind : str
        Kind of task.
    metric : str
        Name of the stored metric of the losses; see also ``metrics``.
    datasets : tuple of DatasetFact
        Dataset of each row, ordered by fingerprint and protocol, without metafeatures.
    configurations : tuple of ConfigurationFact
        Configuration of each column, ordered by key.
    protocols : tuple of str
        Evaluation protocol of each row: folds and maximum number of rows.
    metrics : tuple of str
        Metric of each row; they may differ if several stores are joined.
    loss : ndarray of shape (rows, configurations), float64
        Mean loss over the successful folds, corrected for the difficulty of the evaluated folds;
        NaN without a successful fold.
    seconds : ndarray of shape (rows, configurations), float64
        Total seconds of fitting and predicting over all folds, including failed ones; NaN without
        evaluations. After a time-out it is a lower bound.
    n_folds : ndarray of shape (rows, configurations), int64
        Successful folds with this metric.
    n_seen : ndarray of shape (rows, configurations), int64
        Evaluated folds with any status.
    timed_out : ndarray of shape (rows, configurations), bool
        Whether any fold timed out.
    failed : ndarray of shape (rows, configurations), bool
        Whether any fold failed, crashed or ran out of memory.
    speed : ndarray of shape (rows, configurations), float64
        Mean calibration seconds of the machines; NaN where unknown. Divide `seconds` by it to
        compare machines.
    metafeatures : ndarray of shape (rows, metafeatures), float64
        Metafeatures; NaN if undefined.
    metafeature_names : tuple of str
        ``extractor.key``, sorted.
    extractors : mapping of str to int
        Version of the extractors of the metafeatures.
    """

    kind: str
    metric: str
    datasets: tuple[DatasetFact, ...]
    configurations: tuple[ConfigurationFact, ...]
    protocols: tuple[str, ...]
    metrics: tuple[str, ...]
    loss: np.ndarray
    seconds: np.ndarray
    n_folds: np.ndarray
    n_seen: np.ndarray
    timed_out: np.ndarray
    failed: np.ndarray
    speed: np.ndarray
    metafeatures: np.ndarray
    metafeature_names: tuple[str, ...]
    extractors: Mapping[str, int]

    @property
    def groups(self) -> np.ndarray:
        """Group of each row, or its fingerprint if it has none; shape (rows,)."""
        return np.array([fact.group or fact.fingerprint for fact in self.datasets], dtype=object)

    @property
    def fingerprints(self) -> np.ndarray:
        """Fingerprint of the dataset of each row; shape (rows,)."""
        return np.array([fact.fingerprint for fact in self.datasets], dtype=object)

    @property
    def tables(self) -> np.ndarray:
        """Number of the dataset of each row, in order of appearance; shape (rows,), int."""
        numbers: dict[str, int] = {}
        of_rows = [numbers.setdefault(f.fingerprint, len(numbers)) for f in self.datasets]
        return np.array(of_rows, dtype=np.int64)

    @property
    def training_rows(self) -> np.ndarray:
        """Training rows of the models of each row; shape (rows,), float64."""
        pairs = zip(self.protocols, self.datasets, strict=True)
        return np.array([training_rows(*pair) for pair in pairs], dtype=np.float64)

    def rows(self, keep: Any) -> KnowledgeMatrix:
        """Return the matrix with some of its rows.

        Parameters
        ----------
        keep : array of shape (rows,) of bool, or of int
            Mask or indices of the rows to keep.
        """
        indices = np.arange(len(self.datasets))[np.asarray(keep)]
        names = ("loss", "seconds", "n_folds", "n_seen", "timed_out", "failed", "speed")
        parts: dict[str, Any] = {name: getattr(self, name)[indices] for name in names}
        parts["datasets"] = tuple(self.datasets[row] for row in indices)
        parts["protocols"] = tuple(self.protocols[row] for row in indices)
        parts["metrics"] = tuple(self.metrics[row] for row in indices)
        parts["metafeatures"] = self.metafeatures[indices]
        return KnowledgeMatrix(**{**self.__dict__, **parts})

    def without(self, fingerprint: str, group: str | None = None) -> KnowledgeMatrix:
        """Return the matrix without one dataset and, optionally, without a group."""
        is_other = self.fingerprints != fingerprint
        if group is not None:
            is_other &= self.groups != group
        return self.rows(is_other)


def read_matrix(
    connection: sqlite3.Connection,
    kind: str,
    metric: str,
    protocol: str | None,
    extractors: Mapping[str, int] | None,
    datasets: Mapping[int, DatasetFact],
    configurations: Mapping[int, ConfigurationFact],
) -> KnowledgeMatrix:
    """Read a `KnowledgeMatrix`; `datasets` (of the kind) and `configurations` are by row id."""
    names = dict(connection.execute("SELECT id, name FROM protocol").fetchall())
    for name in names.values():
        validation.text("Protocol", name, empty=False)
    blocks = [
        block
        for block in _blocks(connection, kind, metric)
        if protocol is None or names[block.protocol] == protocol
    ]
    blocks.sort(key=lambda block: (datasets[block.dataset].fingerprint, names[block.protocol]))
    row_ids = [block.dataset for block in blocks]
    table = _table(blocks)
    column_ids = sorted(set(table["configuration"].tolist()), key=lambda n: configurations[n].key)
    shape = (len(row_ids), len(column_ids))
    cell = table["row"] * shape[1]
    cell += _positions(table["configuration"], column_ids)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(cell, weights=values, minlength=shape[0] * shape[1]).reshape(shape)

    status = table["status"]
    is_scored = (status == _SUCCESS) & ~np.isnan(table["loss"])
    loss = _corrected_for_folds(table, is_scored)
    n_folds, n_seen = total(is_scored), total(np.ones(len(table)))
    speeds = _speeds(connection, table["provenance"])
    has_speed = ~np.isnan(speeds)
    values, keys, versions = _metafeatures(connection, kind, row_ids, extractors)
    return KnowledgeMatrix(
        kind=kind,
        metric=metric,
        datasets=tuple(datasets[number] for number in row_ids),
        configurations=tuple(configurations[number] for number in column_ids),
        protocols=tuple(names[block.protocol] for block in blocks),
        metrics=(metric,) * len(row_ids),
        loss=_ratio(total(np.where(is_scored, loss, 0.0)), n_folds),
        seconds=np.where(n_seen > 0, total(table["microseconds"]) / 1e6, np.nan),
        n_folds=n_folds.astype(np.int64),
        n_seen=n_seen.astype(np.int64),
        timed_out=total(status == _TIMEOUT) > 0,
        failed=total((status != _SUCCESS) & (status != _TIMEOUT)) > 0,
        speed=_ratio(total(np.where(has_speed, speeds, 0.0)), total(has_speed)),
        metafeatures=values,
        metafeature_names=keys,
        extractors=versions,
    )


class _Block(NamedTuple):
    """The evaluations of one dataset under one protocol; each column is one text."""

    dataset: int
    protocol: int
    size: int
    configuration: str
    fold: str
    status: str
    microseconds: str
    provenance: str
    loss: str


def _blocks(connection: sqlite3.Connection, kind: str, metric: str) -> list[_Block]:
    """Read all evaluations of a kind; aggregated columns are twice as fast as single rows."""
    sets = connection.execute("SELECT id, names FROM metric_set").fetchall()
    names_of_set = {number: json.loads(text) for number, text in sets}
    cases = " ".join(
        f"WHEN {int(number)} THEN hex(substr(losses, {1 + 4 * names.index(metric)}, 4))"
        for number, names in names_of_set.items()
        if metric in names
    )
    loss = f"CASE metric_set {cases} ELSE '{_NAN}' END" if cases else f"'{_NAN}'"
    columns = (
        "configuration", "fold", "status", "ifnull(fit_us, 0) + ifnull(predict_us, 0)",
        "provenance",
    )  # fmt: skip
    texts = ", ".join(f"group_concat(CAST({column} AS INTEGER))" for column in columns)
    rows = connection.execute(
        f"SELECT dataset, protocol, count(*), {texts}, group_concat({loss}, '') FROM evaluation"
        " WHERE dataset IN (SELECT id FROM dataset WHERE kind = ?) GROUP BY dataset, protocol",
        (kind,),
    )
    return [_Block(*row) for row in rows]


def _table(blocks: list[_Block]) -> np.ndarray:
    """Return the evaluations as one structured array; missing losses are NaN."""
    sizes = [block.size for block in blocks]
    columns = ("configuration", "fold", "status", "microseconds", "provenance")
    kinds = [*((name, np.int64) for name in ("row", *columns)), ("loss", np.float64)]
    table = np.empty(sum(sizes), dtype=kinds)
    if not len(table):
        return table
    table["row"] = np.repeat(np.arange(len(blocks)), sizes)
    for name in columns:
        text = ",".join(getattr(block, name) for block in blocks)
        table[name] = np.fromstring(text, dtype=np.int64, sep=",")
    packed = bytes.fromhex("".join(block.loss for block in blocks))
    table["loss"] = np.frombuffer(packed, dtype="<f4")
    unknown = (table["status"] < 0) | (table["status"] >= len(STATUSES))
    if np.isinf(table["loss"]).any() or (table["microseconds"] < 0).any() or unknown.any():
        raise KnowledgeError(
            "Evaluations contain invalid values.", hint="Restore a copy of the store."
        )
    return table


def _corrected_for_folds(table: np.ndarray, is_scored: np.ndarray) -> np.ndarray:
    """Subtract the difficulty of each fold from the losses.

    This makes configurations comparable that were evaluated on different folds. The difficulty of a
    fold is its median deviation over the configurations that were evaluated on all folds.
    """
    loss = table["loss"].copy()
    bounds = np.flatnonzero(np.diff(table["row"], prepend=-1, append=-1))
    for start, stop in pairwise(bounds):
        rows = np.arange(start, stop)[is_scored[start:stop]]
        folds, fold = np.unique(table["fold"][rows], return_inverse=True)
        columns, column = np.unique(table["configuration"][rows], return_inverse=True)
        if len(rows) == len(folds) * len(columns):
            continue
        cells = np.full((len(columns), len(folds)), np.nan)
        cells[column, fold] = loss[rows]
        complete = cells[~np.isnan(cells).any(axis=1)]
        if len(complete):
            difficulty = np.median(complete - complete.mean(axis=1, keepdims=True), axis=0)
            loss[rows] -= difficulty[fold]
    return loss


def _positions(values: np.ndarray, order: list[int]) -> np.ndarray:
    """Return the position of each value in `order`, which contains all of them."""
    positions = np.zeros(max(order, default=-1) + 1, dtype=np.int64)
    positions[order] = np.arange(len(order))
    return np.asarray(positions[values])


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _speeds(connection: sqlite3.Connection, provenance: np.ndarray) -> np.ndarray:
    """Return the calibration seconds of each evaluation, NaN where unknown."""
    stored = connection.execute("SELECT id, speed_us FROM provenance").fetchall()
    known = {number: np.nan if speed is None else speed / 1e6 for number, speed in stored}
    numbers = sorted(set(provenance.tolist()))
    speeds = np.array([known[number] for number in numbers], dtype=np.float64)
    return np.asarray(speeds[_positions(provenance, numbers)])


def _metafeatures(
    connection: sqlite3.Connection,
    kind: str,
    row_ids: list[int],
    extractors: Mapping[str, int] | None,
) -> tuple[np.ndarray, tuple[str, ...], dict[str, int]]:
    """Return the values by row, their names, and the version of each extractor."""
    stored = connection.execute("SELECT id, extractor, version, name FROM metafeature").fetchall()
    entries = {number: entry for number, *entry in stored}
    rows_of: dict[int, list[int]] = {}
    for row, number in enumerate(row_ids):
        rows_of.setdefault(number, []).append(row)
    rows = connection.execute(
        "SELECT dataset, metafeature, value FROM metafeature_value"
    ).fetchall()
    rows = [row for row in rows if row[0] in rows_of]
    datasets_of: dict[tuple[str, int], set[int]] = {}
    for dataset, number, _ in rows:
        datasets_of.setdefault((entries[number][0], entries[number][1]), set()).add(dataset)
    versions: dict[str, int] = {}
    for extractor, version in sorted(datasets_of, key=lambda e: (len(datasets_of[e]), e[1])):
        versions[extractor] = version
    if extractors is not None:
        versions = {name: extractors[name] for name in versions if name in extractors}
    names = {
        f"{extractor}.{name}": number
        for number, (extractor, version, name) in entries.items()
        if versions.get(extractor) == version and (extractor, version) in datasets_of
    }
    ordered = tuple(sorted(names))
    column = {names[name]: index for index, name in enumerate(ordered)}
    values = np.full((len(row_ids), len(ordered)), np.nan)
    for dataset, number, value in rows:
        if number in column and value is not None:
            values[rows_of[dataset], column[number]] = value
    return values, ordered, dict(sorted(versions.items()))


def used_rows(protocol: str, dataset: DatasetFact) -> int:
    """Return the number of rows of a dataset that a protocol uses."""
    found = _ROWS.search(protocol)
    return min(dataset.n_rows, int(found[1])) if found else dataset.rows_used


def training_rows(protocol: str, dataset: DatasetFact) -> float:
    """Return the number of training rows of each model under a protocol."""
    found = _FOLDS.search(protocol)
    folds = max(int(found[1]), 2) if found else _DEFAULT_FOLDS
    held_out = _HOLDOUT.search(protocol)
    share = 1.0 - float(held_out[1]) if held_out else 1.0
    return used_rows(protocol, dataset) * share * (folds - 1) / folds
