"""Dense views of a store: datasets by configurations, for strategies to compute with.

A table that was measured under several protocols has a row for each: on more of its rows, losses
and seconds are others.
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
from metaauto.knowledge.records import STATUSES, ConfigurationFact, DatasetFact

__all__ = ["KnowledgeMatrix", "measured_rows", "read_matrix", "training_rows"]

_NAN = np.array(np.nan, dtype="<f4").tobytes().hex()
_SUCCESS = STATUSES.index("success")
_TIMEOUT = STATUSES.index("timeout")
_FOLDS = re.compile(r"(\d+)-fold")
_ROWS = re.compile(r"rows<=(\d+)")
_USUAL_FOLDS = 3


@dataclass(frozen=True)
class KnowledgeMatrix:
    """What is known of configurations on datasets of one kind of task, as arrays.

    Parameters
    ----------
    kind : str
        Kind of task.
    metric : str
        Name of the stored metric whose losses these are, mostly.
    datasets : tuple of DatasetFact
        The table of each row, by fingerprint and protocol; without metafeatures, which stand in the
        array.
    configurations : tuple of ConfigurationFact
        Columns, by key.
    protocols : tuple of str
        How the folds of each row were made, and of how many rows of the table.
    metrics : tuple of str
        Metric of each row; where several stores were joined they may differ.
    loss : ndarray of shape (rows, configurations), float64
        Mean loss over the folds that succeeded, less what the folds of a configuration were
        harder than all of the dataset's; NaN where none did.
    seconds : ndarray of shape (rows, configurations), float64
        Seconds of fitting and predicting of all folds together, failed ones included; NaN where
        there are no evaluations. With a time-out, it would have taken longer.
    n_folds : ndarray of shape (rows, configurations), int64
        Folds that succeeded and have the metric.
    n_seen : ndarray of shape (rows, configurations), int64
        Folds that were evaluated, however they ended.
    timed_out : ndarray of shape (rows, configurations), bool
        Whether any fold ran out of time.
    failed : ndarray of shape (rows, configurations), bool
        Whether any fold failed, crashed or ran out of memory.
    speed : ndarray of shape (rows, configurations), float64
        Mean seconds of the calibration on the machines that said so; NaN where unknown. Divide
        `seconds` by it to compare machines.
    metafeatures : ndarray of shape (rows, metafeatures), float64
        NaN where it cannot be said.
    metafeature_names : tuple of str
        ``extractor.key``, sorted.
    extractors : mapping of str to int
        Version of each extractor that the metafeatures come from.
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
        """Shape (rows,): the group of each row, its fingerprint if it belongs to none."""
        return np.array([fact.group or fact.fingerprint for fact in self.datasets], dtype=object)

    @property
    def fingerprints(self) -> np.ndarray:
        """Shape (rows,): the fingerprint of each row's table."""
        return np.array([fact.fingerprint for fact in self.datasets], dtype=object)

    @property
    def tables(self) -> np.ndarray:
        """Shape (rows,), int: which table each row is of, numbered as they first appear."""
        numbers: dict[str, int] = {}
        found = [numbers.setdefault(f.fingerprint, len(numbers)) for f in self.datasets]
        return np.array(found, dtype=np.int64)

    @property
    def training_rows(self) -> np.ndarray:
        """Shape (rows,), float64: on how many rows of its table each row's models were trained."""
        pairs = zip(self.protocols, self.datasets, strict=True)
        return np.array([training_rows(*pair) for pair in pairs], dtype=np.float64)

    def rows(self, keep: Any) -> KnowledgeMatrix:
        """The matrix with some of its rows.

        Parameters
        ----------
        keep : array of shape (rows,) of bool, or of int
            Which rows.
        """
        places = np.arange(len(self.datasets))[np.asarray(keep)]
        names = ("loss", "seconds", "n_folds", "n_seen", "timed_out", "failed", "speed")
        parts: dict[str, Any] = {name: getattr(self, name)[places] for name in names}
        parts["datasets"] = tuple(self.datasets[place] for place in places)
        parts["protocols"] = tuple(self.protocols[place] for place in places)
        parts["metrics"] = tuple(self.metrics[place] for place in places)
        parts["metafeatures"] = self.metafeatures[places]
        return KnowledgeMatrix(**{**self.__dict__, **parts})

    def without(self, fingerprint: str, group: str | None = None) -> KnowledgeMatrix:
        """The matrix without one table, and without all that belong to a group."""
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
    """Read what `KnowledgeMatrix` holds; `datasets` (of the kind) and `configurations` by id."""
    names = dict(connection.execute("SELECT id, name FROM protocol").fetchall())
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
    cell += _places(table["configuration"], column_ids)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(cell, weights=values, minlength=shape[0] * shape[1]).reshape(shape)

    status = table["status"]
    is_scored = (status == _SUCCESS) & ~np.isnan(table["loss"])
    loss = _on_equal_folds(table, is_scored)
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
    """The evaluations of one dataset under one protocol, each column as one text."""

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
    """All evaluations of a kind; a text per column is twice as fast as a row per evaluation."""
    sets = connection.execute("SELECT id, names FROM metric_set").fetchall()
    places = {number: json.loads(text) for number, text in sets}
    cases = " ".join(
        f"WHEN {int(number)} THEN hex(substr(losses, {1 + 4 * names.index(metric)}, 4))"
        for number, names in places.items()
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
    """The evaluations as one structured array; the loss is NaN where there is none."""
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
            "Evaluations hold values that were never written.", hint="Restore a copy of the store."
        )
    return table


def _on_equal_folds(table: np.ndarray, is_scored: np.ndarray) -> np.ndarray:
    """The losses, less how much harder than the others each fold was.

    Configurations that were measured on fewer folds than others could not be compared otherwise.
    The folds' hardness is the median over those that were measured on all of them.
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
        whole = cells[~np.isnan(cells).any(axis=1)]
        if len(whole):
            hardness = np.median(whole - whole.mean(axis=1, keepdims=True), axis=0)
            loss[rows] -= hardness[fold]
    return loss


def _places(values: np.ndarray, order: list[int]) -> np.ndarray:
    """Place of each value in `order`, which holds them all."""
    places = np.zeros(max(order, default=-1) + 1, dtype=np.int64)
    places[order] = np.arange(len(order))
    return places[values]


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _speeds(connection: sqlite3.Connection, provenance: np.ndarray) -> np.ndarray:
    """Seconds of the calibration for each evaluation, NaN where unknown."""
    stored = connection.execute("SELECT id, speed_us FROM provenance").fetchall()
    known = {number: np.nan if speed is None else speed / 1e6 for number, speed in stored}
    numbers = sorted(set(provenance.tolist()))
    speeds = np.array([known[number] for number in numbers], dtype=np.float64)
    return speeds[_places(provenance, numbers)]


def _metafeatures(
    connection: sqlite3.Connection,
    kind: str,
    row_ids: list[int],
    extractors: Mapping[str, int] | None,
) -> tuple[np.ndarray, tuple[str, ...], dict[str, int]]:
    """Values by row, their names, and the version of each extractor."""
    stored = connection.execute("SELECT id, extractor, version, name FROM metafeature").fetchall()
    about = {number: entry for number, *entry in stored}
    places: dict[int, list[int]] = {}
    for row, number in enumerate(row_ids):
        places.setdefault(number, []).append(row)
    rows = connection.execute(
        "SELECT dataset, metafeature, value FROM metafeature_value"
    ).fetchall()
    rows = [row for row in rows if row[0] in places]
    having: dict[tuple[str, int], set[int]] = {}
    for dataset, number, _ in rows:
        having.setdefault((about[number][0], about[number][1]), set()).add(dataset)
    versions: dict[str, int] = {}
    for extractor, version in sorted(having, key=lambda entry: (len(having[entry]), entry[1])):
        versions[extractor] = version
    if extractors is not None:
        versions = {name: extractors[name] for name in versions if name in extractors}
    names = {
        f"{extractor}.{name}": number
        for number, (extractor, version, name) in about.items()
        if versions.get(extractor) == version and (extractor, version) in having
    }
    ordered = tuple(sorted(names))
    column = {names[name]: index for index, name in enumerate(ordered)}
    values = np.full((len(row_ids), len(ordered)), np.nan)
    for dataset, number, value in rows:
        if number in column and value is not None:
            values[places[dataset], column[number]] = value
    return values, ordered, dict(sorted(versions.items()))


def measured_rows(protocol: str, dataset: DatasetFact) -> int:
    """Rows of a table that were measured under a protocol."""
    found = _ROWS.search(protocol)
    return min(dataset.n_rows, int(found[1])) if found else dataset.rows_used


def training_rows(protocol: str, dataset: DatasetFact) -> float:
    """Rows of a table that each of its models was trained on."""
    found = _FOLDS.search(protocol)
    folds = max(int(found[1]), 2) if found else _USUAL_FOLDS
    return measured_rows(protocol, dataset) * (folds - 1) / folds
