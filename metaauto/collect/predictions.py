"""Keep the predictions of a build, from which whole fits can be simulated."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.errors import KnowledgeError

__all__ = ["NO_PART", "EXTRA_PART", "PredictedDataset", "PredictionFile"]

NO_PART, EXTRA_PART = -1, -2
"""Parts of rows that are always in training, and of rows of no fold."""

_LEAST_PROBABILITY = 1e-7
_BUSY_SECONDS = 60.0
_TABLES = (
    """CREATE TABLE IF NOT EXISTS dataset (
        fingerprint TEXT, kind TEXT, protocol TEXT, label TEXT NOT NULL, "group" TEXT NOT NULL,
        y BLOB NOT NULL, parts BLOB NOT NULL, PRIMARY KEY (fingerprint, kind, protocol))""",
    """CREATE TABLE IF NOT EXISTS prediction (
        fingerprint TEXT, kind TEXT, protocol TEXT, configuration TEXT, fold INTEGER,
        "values" BLOB NOT NULL,
        PRIMARY KEY (fingerprint, kind, protocol, configuration, fold)) WITHOUT ROWID""",
)


@dataclass(frozen=True)
class PredictedDataset:
    """A dataset of a build and the predictions of all configurations for it.

    Parameters
    ----------
    fingerprint, kind, protocol : str
        Its key in the store.
    label, group : str
        Name and group of the dataset.
    y : ndarray of shape (rows,)
        Class codes, or values.
    parts : ndarray of int8, shape (rows,)
        The fold whose validation part has the row; -1 for rows that are always in training, -2 for
        rows of no fold.
    """

    fingerprint: str
    kind: str
    protocol: str
    label: str
    group: str
    y: np.ndarray
    parts: np.ndarray

    @property
    def key(self) -> tuple[str, str, str]:
        """Return fingerprint, kind and protocol."""
        return self.fingerprint, self.kind, self.protocol

    def rows(self, fold: int) -> np.ndarray:
        """Return the rows a fold model predicts: its validation part, then the rows of no fold."""
        parts = (self.parts == fold, self.parts == EXTRA_PART)
        return np.concatenate([np.flatnonzero(part) for part in parts])


class PredictionFile:
    """SQLite file with the predictions of a build.

    Probabilities are kept as logarithms and values in units of the standard deviation of the
    target, both as float16: an error of 0.05 % of the logarithm or of the value.

    Parameters
    ----------
    path : str or Path
        The file; it is created if it does not exist.

    Raises
    ------
    KnowledgeError
        The file cannot be opened, or is another kind of file.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", *_TABLES):
                self._db.execute(statement)
        except sqlite3.Error as error:
            raise KnowledgeError(
                f"The file of predictions {str(path)!r} cannot be used: {error}.",
                hint="Name another file; it is created if it does not exist.",
            ) from error

    def __enter__(self) -> PredictionFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add_dataset(self, dataset: PredictedDataset) -> None:
        """Add a dataset, unless the file has it."""
        y, parts = dataset.y.astype("<f8").tobytes(), dataset.parts.astype("i1").tobytes()
        row = (*dataset.key, dataset.label, dataset.group, y, parts)
        self._db.execute("INSERT OR IGNORE INTO dataset VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def add(
        self, dataset: PredictedDataset, configuration: str, fold: int, prediction: np.ndarray
    ) -> None:
        """Add the predictions of one fold model, in the order of `PredictedDataset.rows`."""
        values = _encoded(dataset, prediction).astype("<f2").tobytes()
        row = (*dataset.key, configuration, fold, values)
        self._db.execute("INSERT OR REPLACE INTO prediction VALUES (?, ?, ?, ?, ?, ?)", row)

    def datasets(self) -> list[PredictedDataset]:
        """Return all datasets by label and protocol."""
        query = "SELECT * FROM dataset ORDER BY label, kind, protocol"
        return [
            PredictedDataset(fingerprint, kind, protocol, label, group, *_arrays(kind, y, parts))
            for fingerprint, kind, protocol, label, group, y, parts in self._db.execute(query)
        ]

    def predictions(self, dataset: PredictedDataset) -> dict[str, dict[int, np.ndarray]]:
        """Return the predictions for a dataset by configuration and fold, as float32."""
        query = (
            'SELECT configuration, fold, "values" FROM prediction'
            " WHERE fingerprint = ? AND kind = ? AND protocol = ? ORDER BY configuration, fold"
        )
        found: dict[str, dict[int, np.ndarray]] = {}
        with closing(self._db.execute(query, dataset.key)) as rows:
            for configuration, fold, values in rows:
                decoded = _decoded(dataset, fold, np.frombuffer(values, dtype="<f2"))
                found.setdefault(configuration, {})[fold] = decoded
        return found


def _arrays(kind: str, y: bytes, parts: bytes) -> tuple[np.ndarray, np.ndarray]:
    values = np.frombuffer(y, dtype="<f8")
    codes: Any = values if kind == "regression" else values.astype(np.int64)
    return codes, np.frombuffer(parts, dtype="i1")


def _encoded(dataset: PredictedDataset, prediction: np.ndarray) -> np.ndarray:
    if dataset.kind != "regression":
        return np.asarray(np.log(np.clip(prediction, _LEAST_PROBABILITY, 1.0)))
    limit = float(np.finfo(np.float16).max)
    return np.clip((prediction - dataset.y.mean()) / _scale(dataset), -limit, limit)


def _decoded(dataset: PredictedDataset, fold: int, values: np.ndarray) -> np.ndarray:
    if dataset.kind == "regression":
        return values.astype(np.float64) * _scale(dataset) + dataset.y.mean()
    probabilities = np.exp(values.astype(np.float32)).reshape(len(dataset.rows(fold)), -1)
    return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))


def _scale(dataset: PredictedDataset) -> float:
    return float(dataset.y.std()) or 1.0
