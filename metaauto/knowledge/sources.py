"""Load knowledge from the shipped store, installed packs and the user's own store."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.errors import KnowledgeError
from metaauto.knowledge.matrix import KnowledgeMatrix
from metaauto.knowledge.store import KnowledgeStore

__all__ = [
    "OWN_STORE_VARIABLE",
    "LoadedKnowledge",
    "join",
    "own_store",
    "load_knowledge",
    "shipped_store",
    "stores",
    "writable_store",
]

OWN_STORE_VARIABLE = "METAAUTO_KNOWLEDGE"
_ABSENT: dict[str, Any] = {
    "loss": np.nan,
    "seconds": np.nan,
    "n_folds": 0,
    "n_seen": 0,
    "timed_out": False,
    "failed": False,
    "speed": np.nan,
}


def own_store() -> Path:
    """Return the path of the user's own store.

    It is ``METAAUTO_KNOWLEDGE``, or a file in the platform's data directory.
    """
    given = os.environ.get(OWN_STORE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("metaauto", appauthor=False) / "knowledge.db"


def shipped_store() -> Path | None:
    """Return the path of the store shipped with metaauto; None if it is not installed."""
    from importlib.resources import files

    path = Path(str(files("metaauto"))) / "metaknowledge" / "knowledge.db"
    if not path.is_file():
        # In a source checkout the folder is next to the package.
        path = path.parents[2] / "metaknowledge" / "knowledge.db"
    return path if path.is_file() else None


@dataclass(frozen=True)
class LoadedKnowledge:
    """Knowledge of a kind of task.

    Parameters
    ----------
    matrix : KnowledgeMatrix or None
        The joined matrix of all stores; None without knowledge.
    used : mapping of str to int
        Number of datasets by store.
    metric : str
        The stored metric that is most similar to the requested one.
    problems : tuple of str
        Stores that could not be used, with the reason.
    """

    matrix: KnowledgeMatrix | None
    used: Mapping[str, int] = field(default_factory=dict)
    metric: str = ""
    problems: tuple[str, ...] = ()


def load_knowledge(
    paths: Iterable[str | Path],
    kind: str,
    metric: str,
    *,
    without: str | None = None,
    without_openml_id: int | None = None,
    extractors: Mapping[str, int] | None = None,
    timeout: float = 30.0,
) -> LoadedKnowledge:
    """Load the knowledge of a kind of task from stores; skip and report unreadable ones.

    Parameters
    ----------
    paths : iterable of str or Path
        Stores; missing files are ignored.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    metric : str
        Requested metric; the most similar stored metric is used.
    without : str, optional
        Fingerprint of a dataset to exclude, so that a fit does not use results on its own dataset.
    without_openml_id : int, optional
        OpenML data id of a dataset to exclude; published results have no fingerprints.
    extractors : mapping of str to int, optional
        Version of each installed metafeature extractor.
    timeout : float, default=30.0
        Seconds to wait for stores that are locked by other processes, in total.
    """
    deadline = time.monotonic() + timeout
    matrices: list[KnowledgeMatrix] = []
    used: dict[str, int] = {}
    problems: list[str] = []
    for path in dict.fromkeys(Path(path).expanduser().absolute() for path in paths):
        if not path.exists():
            continue
        try:
            left = max(deadline - time.monotonic(), 0.0)
            with KnowledgeStore.open(path, timeout=left) as store:
                similar = store.metrics_like(kind, metric)
                if not similar:
                    continue
                matrix = store.matrix(kind, similar[0], extractors=extractors)
        except KnowledgeError as error:
            problems.append(str(error))
            continue
        if without is not None:
            matrix = matrix.without(without)
        if without_openml_id is not None:
            matrix = matrix.rows([fact.openml_id != without_openml_id for fact in matrix.datasets])
        if len(matrix.datasets):
            matrices.append(matrix)
            used[str(path)] = len(set(matrix.fingerprints))
    joined = join(matrices) if matrices else None
    name = joined.metric if joined is not None else ""
    return LoadedKnowledge(joined, used, name, tuple(problems))


def stores(packs: Sequence[Path] = (), own: bool = True) -> list[Path]:
    """Return the paths of the shipped store, knowledge packs and the user's own store."""
    shipped = shipped_store()
    found = [shipped] if shipped is not None else []
    return [*found, *packs, *([own_store()] if own else [])]


@contextmanager
def writable_store(path: Path) -> Iterator[KnowledgeStore]:
    """Open a store for writing, and create it if it is missing; remove a new one that stays empty.

    Parameters
    ----------
    path : Path
        The file of the store.
    """
    is_new, is_empty = not path.exists(), False
    try:
        with KnowledgeStore.create(path, exist_ok=True) as store:
            try:
                yield store
            finally:
                is_empty = is_new and not store.provenances()
    finally:
        if is_empty:
            path.unlink(missing_ok=True)


def join(matrices: Sequence[KnowledgeMatrix]) -> KnowledgeMatrix:
    """Join matrices; of each dataset and protocol the row with the most evaluations is kept.

    Parameters
    ----------
    matrices : sequence of KnowledgeMatrix
        At least one, of the same kind of task. Their metrics may differ, because losses are
        compared within a row only.

    Raises
    ------
    ValueError
        There is no matrix, or their kinds differ.
    """
    if len({matrix.kind for matrix in matrices}) != 1:
        raise ValueError("expected at least one matrix, all of the same kind of task")
    if len(matrices) == 1:
        return matrices[0]
    facts = {fact.key: fact for matrix in matrices for fact in matrix.configurations}
    columns = {key: column for column, key in enumerate(sorted(facts))}
    names = sorted({name for matrix in matrices for name in matrix.metafeature_names})
    wide = [_reindexed(matrix, columns, names) for matrix in matrices]
    rows = _rows_to_keep(wide)
    stacked = {name: np.concatenate([part[name] for part in wide])[rows] for name in _ABSENT}
    return KnowledgeMatrix(
        kind=matrices[0].kind,
        metric=matrices[0].metric,
        datasets=tuple([fact for m in matrices for fact in m.datasets][row] for row in rows),
        configurations=tuple(facts[key] for key in columns),
        protocols=tuple([name for m in matrices for name in m.protocols][row] for row in rows),
        metrics=tuple([name for m in matrices for name in m.metrics][row] for row in rows),
        metafeatures=np.concatenate([part["metafeatures"] for part in wide])[rows],
        metafeature_names=tuple(names),
        extractors={k: v for matrix in reversed(matrices) for k, v in matrix.extractors.items()},
        **stacked,
    )


def _reindexed(
    matrix: KnowledgeMatrix, columns: dict[str, int], names: Sequence[str]
) -> dict[str, Any]:
    """Return the arrays with the columns of all matrices."""
    positions = [columns[fact.key] for fact in matrix.configurations]
    count = len(matrix.datasets)
    wide: dict[str, Any] = {"keys": list(zip(matrix.fingerprints, matrix.protocols, strict=True))}
    for name, absent in _ABSENT.items():
        values = getattr(matrix, name)
        wide[name] = np.full((count, len(columns)), absent, dtype=values.dtype)
        wide[name][:, positions] = values
    wide["metafeatures"] = np.full((count, len(names)), np.nan)
    own = [names.index(name) for name in matrix.metafeature_names]
    wide["metafeatures"][:, own] = matrix.metafeatures
    return wide


def _rows_to_keep(wide: Sequence[dict[str, Any]]) -> list[int]:
    """Return the first row of each dataset and protocol with the most evaluations."""
    best: dict[tuple[str, str], tuple[int, int]] = {}
    row = 0
    for part in wide:
        for key, count in zip(part["keys"], part["n_seen"].sum(axis=1), strict=True):
            if key not in best or count > best[key][0]:
                best[key] = (int(count), row)
            row += 1
    return sorted(kept for _, kept in best.values())
