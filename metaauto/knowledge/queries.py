"""Read facts from a store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.configuration import Configuration
from metaauto.errors import KnowledgeError
from metaauto.knowledge import metric_similarity
from metaauto.knowledge.connection import store_errors, transaction
from metaauto.knowledge.matrix import KnowledgeMatrix, read_matrix
from metaauto.knowledge.records import (
    STATUSES,
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    MetafeatureFact,
    ProvenanceFact,
)
from metaauto.knowledge.schema import MIGRATIONS
from metaauto.task import TASK_KINDS

__all__ = ["StoreInfo", "StoredFacts"]


@dataclass(frozen=True)
class StoreInfo:
    """Counts of the facts in a store.

    Parameters
    ----------
    path : str
        Path of the store.
    schema : int
        Number of its schema.
    size : int
        Bytes on disk.
    datasets, configurations, evaluations : mapping of str to int
        Counts by kind of task; only evaluated configurations are counted.
    statuses : mapping of str to int
        Evaluations by status.
    models : mapping of str to int
        Configurations by model.
    metrics : mapping of str to list of str
        Metrics of the evaluations, by kind of task.
    protocols, sources, licences : list of str
        All distinct values.
    """

    path: str
    schema: int
    size: int
    datasets: Mapping[str, int]
    configurations: Mapping[str, int]
    evaluations: Mapping[str, int]
    statuses: Mapping[str, int]
    models: Mapping[str, int]
    metrics: Mapping[str, list[str]]
    protocols: list[str]
    sources: list[str]
    licences: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


class StoredFacts:
    """The read-only interface of `metaauto.knowledge.KnowledgeStore`."""

    path: Path
    readonly: bool
    _connection: sqlite3.Connection

    @property
    def size(self) -> int:
        """Bytes on disk, including the write-ahead log."""
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(name.stat().st_size for name in names if name.exists())

    def provenances(self) -> list[ProvenanceFact]:
        """Return every provenance, by key."""
        with self._reading():
            return list(self._provenance_by_id().values())

    def datasets(
        self, kind: str | None = None, *, fingerprint: str | None = None, metafeatures: bool = True
    ) -> list[DatasetFact]:
        """Return the datasets, by kind and fingerprint.

        Parameters
        ----------
        kind : {'binary', 'multiclass', 'regression'}, optional
            Only datasets of this kind of task.
        fingerprint : str, optional
            Only this dataset.
        metafeatures : bool, default=True
            Whether to read the metafeatures.
        """
        with self._reading():
            found = self._dataset_by_id(kind, fingerprint, metafeatures)
        return sorted(found.values(), key=lambda fact: (fact.kind, fact.fingerprint))

    def configurations(self, kind: str | None = None) -> list[ConfigurationFact]:
        """Return the configurations, optionally those evaluated or proposed for a kind of task."""
        with self._reading():
            found = self._configuration_by_id()
            if kind is not None:
                rows = self._connection.execute(
                    "SELECT DISTINCT configuration FROM evaluation JOIN dataset"
                    " ON dataset.id = evaluation.dataset WHERE kind = ?",
                    (kind,),
                )
                evaluated = {number for (number,) in rows}
                found = {
                    number: fact
                    for number, fact in found.items()
                    if number in evaluated or kind in fact.proposed_for
                }
        return sorted(found.values(), key=lambda fact: fact.key)

    def evaluations(
        self, kind: str | None = None, *, fingerprint: str | None = None
    ) -> Iterator[EvaluationFact]:
        """Yield the evaluations by kind, fingerprint, configuration, protocol and fold.

        They are read dataset by dataset; facts written in the meantime may be included.
        """
        with self._reading():
            datasets = self._dataset_by_id(kind, fingerprint, metafeatures=False)
        for number in sorted(datasets, key=lambda n: datasets[n].key[::-1]):
            with self._reading():
                facts = self._evaluations_of(number, datasets[number])
            yield from facts

    def has_evaluation(
        self, fingerprint: str, kind: str, configuration: str, protocol: str, fold: int
    ) -> bool:
        """Return whether an evaluation is stored, with any status; call with ``*fact.key``."""
        with self._reading():
            row = self._connection.execute(
                "SELECT 1 FROM evaluation WHERE fold = ?"
                " AND dataset = (SELECT id FROM dataset WHERE fingerprint = ? AND kind = ?)"
                " AND protocol = (SELECT id FROM protocol WHERE name = ?)"
                " AND configuration = (SELECT id FROM configuration WHERE key = ?)",
                (fold, fingerprint, kind, protocol, configuration),
            ).fetchone()
        return row is not None

    def done_keys(
        self, protocol: str, kind: str | None = None
    ) -> set[tuple[str, str, str, str, int]]:
        """Return the `EvaluationFact.key` of all evaluations under a protocol, with any status."""
        with self._reading():
            rows = self._connection.execute(
                "SELECT fingerprint, kind, configuration.key, protocol.name, fold FROM evaluation"
                " JOIN dataset ON dataset.id = evaluation.dataset"
                " JOIN configuration ON configuration.id = evaluation.configuration"
                " JOIN protocol ON protocol.id = evaluation.protocol"
                " WHERE protocol.name = ? AND (? IS NULL OR kind = ?)",
                (protocol, kind, kind),
            ).fetchall()
        return set(rows)

    def matrix(
        self,
        kind: str,
        metric: str,
        protocol: str | None = None,
        *,
        extractors: Mapping[str, int] | None = None,
    ) -> KnowledgeMatrix:
        """Return datasets by configurations as dense arrays; see `KnowledgeMatrix`.

        Parameters
        ----------
        kind : {'binary', 'multiclass', 'regression'}
            Kind of task.
        metric : str
            Name of a stored metric, or another name of the same loss. For other metrics all losses
            are NaN; `metrics_like` lists similar ones.
        protocol : str, optional
            Only evaluations under this protocol. By default all; a dataset has one row per
            protocol, so that losses of one row are always comparable.
        extractors : mapping of str to int, optional
            Version of each extractor to read metafeatures of; by default the most frequent version.
        """
        with self._reading():
            stored = self._metrics_of(kind)
            same = next((m for m in metric_similarity.same(metric, kind) if m in stored), metric)
            datasets = self._dataset_by_id(kind, None, metafeatures=False)
            configurations = self._configuration_by_id()
            return read_matrix(
                self._connection, kind, same, protocol, extractors, datasets, configurations
            )

    def metrics_like(self, kind: str, metric: str) -> list[str]:
        """Return the stored metrics of a kind by similarity to a metric, the most similar first.

        Metrics with the same loss come first; the others follow in the order of
        `metaauto.knowledge.metric_similarity`.
        """
        with self._reading():
            stored = self._metrics_of(kind)
        return [name for name in metric_similarity.order(kind, metric, stored) if name in stored]

    def info(self) -> StoreInfo:
        """Return the counts of the facts in the store."""
        with self._reading():
            count = self._counts
            per_kind = (
                "SELECT kind, count({}) FROM evaluation JOIN dataset ON id = dataset GROUP BY 1"
            )
            statuses = count("SELECT status, count(*) FROM evaluation GROUP BY 1")
            return StoreInfo(
                path=str(self.path),
                schema=len(MIGRATIONS),
                size=self.size,
                datasets=count("SELECT kind, count(*) FROM dataset GROUP BY 1"),
                configurations=count(per_kind.format("DISTINCT configuration")),
                evaluations=count(per_kind.format("*")),
                statuses={STATUSES[status]: number for status, number in statuses.items()},
                models=count("SELECT model, count(*) FROM configuration GROUP BY 1"),
                metrics={kind: self._metrics_of(kind) for kind in TASK_KINDS},
                protocols=list(count("SELECT name, 1 FROM protocol")),
                sources=list(count("SELECT DISTINCT source, 1 FROM provenance")),
                licences=[
                    name for name in count("SELECT DISTINCT licence, 1 FROM provenance") if name
                ],
            )

    def close(self) -> None:
        """Close the file; SQLite then moves the write-ahead log into it."""
        self._connection.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Read one consistent snapshot of the store."""
        with store_errors(self.path), transaction(self._connection):
            yield

    def _counts(self, query: str) -> dict[Any, int]:
        return {name: int(number) for name, number in sorted(self._connection.execute(query))}

    def _provenance_by_id(self) -> dict[int, ProvenanceFact]:
        rows = self._connection.execute(
            "SELECT id, created, source, metaauto, versions, speed_us, cores, licence"
            " FROM provenance ORDER BY key"
        ).fetchall()
        return {
            number: ProvenanceFact(
                created, source, metaauto, json.loads(versions), _seconds(speed), cores, licence
            )
            for number, created, source, metaauto, versions, speed, cores, licence in rows
        }

    def _keys(self, table: str, column: str = "key") -> dict[int, str]:
        return dict(self._connection.execute(f"SELECT id, {column} FROM {table}").fetchall())

    def _dataset_by_id(
        self, kind: str | None, fingerprint: str | None, metafeatures: bool
    ) -> dict[int, DatasetFact]:
        where = "(? IS NULL OR kind = ?) AND (? IS NULL OR fingerprint = ?)"
        which = (kind, kind, fingerprint, fingerprint)
        rows = self._connection.execute(
            "SELECT id, fingerprint, kind, n_rows, n_features, n_classes, rows_used, source,"
            f" openml_id, label, family, provenance FROM dataset WHERE {where}",
            which,
        ).fetchall()
        values = self._metafeatures(where, which) if metafeatures else {}
        keys = self._keys("provenance")
        found = {}
        for row in rows:
            of_dataset = tuple(values.get(row[0], ()))
            parts = (*row[1:8], keys[row[11]], of_dataset, *row[8:11])
            found[row[0]] = DatasetFact(*parts)
        return found

    def _metafeatures(
        self, where: str, which: tuple[str | None, ...]
    ) -> dict[int, list[MetafeatureFact]]:
        rows = self._connection.execute(
            "SELECT dataset, extractor, version, name, value FROM metafeature_value"
            " JOIN metafeature ON metafeature.id = metafeature"
            f" WHERE dataset IN (SELECT id FROM dataset WHERE {where})",
            which,
        ).fetchall()
        found: dict[int, list[MetafeatureFact]] = {}
        for dataset, extractor, version, name, value in rows:
            fact = MetafeatureFact(extractor, version, name, value)
            found.setdefault(dataset, []).append(fact)
        return found

    def _configuration_by_id(self, key: str | None = None) -> dict[int, ConfigurationFact]:
        rows = self._connection.execute(
            "SELECT id, model, hyperparameters, provenance, space_version, plugin, plugin_version,"
            " proposed_for FROM configuration WHERE ? IS NULL OR key = ?",
            (key, key),
        ).fetchall()
        keys = self._keys("provenance")
        found = {}
        for number, model, values, provenance, version, plugin, plugin_version, proposed in rows:
            configuration = Configuration(model, json.loads(values))
            source = (version, plugin, plugin_version, tuple(json.loads(proposed)))
            found[number] = ConfigurationFact(configuration, keys[provenance], *source)
        return found

    def _evaluations_of(self, number: int, dataset: DatasetFact) -> list[EvaluationFact]:
        rows = self._connection.execute(
            "SELECT protocol, configuration, fold, status, fit_us, predict_us, memory, limit_us,"
            " metric_set, losses, provenance FROM evaluation WHERE dataset = ?",
            (number,),
        ).fetchall()
        protocols = self._keys("protocol", "name")
        configurations = self._keys("configuration")
        provenances = self._keys("provenance")
        names = {n: json.loads(text) for n, text in self._keys("metric_set", "names").items()}
        facts = [
            EvaluationFact(
                fingerprint=dataset.fingerprint,
                kind=dataset.kind,
                configuration=configurations[configuration],
                protocol=protocols[protocol],
                fold=fold,
                status=STATUSES[status],
                provenance=provenances[provenance],
                losses=unpacked(names[metrics], losses),
                fit_seconds=_seconds(fit),
                predict_seconds=_seconds(predict),
                memory=memory,
                limit_seconds=_seconds(limit),
            )
            for (
                protocol, configuration, fold, status, fit, predict, memory, limit, metrics,
                losses, provenance,
            ) in rows
        ]  # fmt: skip
        return sorted(facts, key=lambda fact: fact.key)

    def _metrics_of(self, kind: str) -> list[str]:
        rows = self._connection.execute(
            "SELECT names FROM metric_set WHERE id IN (SELECT DISTINCT metric_set FROM evaluation"
            " JOIN dataset ON dataset.id = evaluation.dataset WHERE kind = ?)",
            (kind,),
        )
        return sorted({name for (names,) in rows for name in json.loads(names)})


def unpacked(names: list[str], losses: bytes) -> dict[str, float]:
    """Unpack single-precision losses by metric; `EvaluationFact` rounds them as when stored."""
    values = np.frombuffer(losses, dtype="<f4")
    if len(values) != len(names):
        raise KnowledgeError(
            f"An evaluation has {len(values)} losses for {len(names)} metrics.",
            hint="Restore a copy of the store.",
        )
    return dict(zip(names, values.tolist(), strict=True))


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6
