"""Several matrices as one: the shipped store, packs and the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metaauto.knowledge.matrix import KnowledgeMatrix

__all__ = ["join"]

_ABSENT: dict[str, Any] = {
    "loss": np.nan,
    "seconds": np.nan,
    "n_folds": 0,
    "n_seen": 0,
    "timed_out": False,
    "failed": False,
    "speed": np.nan,
}


def join(matrices: Sequence[KnowledgeMatrix]) -> KnowledgeMatrix:
    """One matrix with the rows of all; of one table and protocol the fullest row is kept.

    Parameters
    ----------
    matrices : sequence of KnowledgeMatrix
        At least one, of the same kind of task. Their metrics may differ, for losses are only ever
        compared within a row.

    Raises
    ------
    ValueError
        If there is none, or their kinds differ.
    """
    if len({matrix.kind for matrix in matrices}) != 1:
        raise ValueError("matrices of one kind of task are joined")
    if len(matrices) == 1:
        return matrices[0]
    facts = {fact.key: fact for matrix in matrices for fact in matrix.configurations}
    columns = {key: place for place, key in enumerate(sorted(facts))}
    names = sorted({name for matrix in matrices for name in matrix.metafeature_names})
    wide = [_widened(matrix, columns, names) for matrix in matrices]
    rows = _fullest(wide)
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


def _widened(
    matrix: KnowledgeMatrix, columns: dict[str, int], names: Sequence[str]
) -> dict[str, Any]:
    """The arrays with a column for everything that any matrix knows."""
    places = [columns[fact.key] for fact in matrix.configurations]
    count = len(matrix.datasets)
    wide: dict[str, Any] = {"keys": list(zip(matrix.fingerprints, matrix.protocols, strict=True))}
    for name, absent in _ABSENT.items():
        values = getattr(matrix, name)
        wide[name] = np.full((count, len(columns)), absent, dtype=values.dtype)
        wide[name][:, places] = values
    wide["metafeatures"] = np.full((count, len(names)), np.nan)
    own = [names.index(name) for name in matrix.metafeature_names]
    wide["metafeatures"][:, own] = matrix.metafeatures
    return wide


def _fullest(wide: Sequence[dict[str, Any]]) -> list[int]:
    """Rows to keep: of each table and protocol the one with the most evaluations, or the first."""
    best: dict[tuple[str, str], tuple[int, int]] = {}
    row = 0
    for part in wide:
        for key, seen in zip(part["keys"], part["n_seen"].sum(axis=1), strict=True):
            if key not in best or seen > best[key][0]:
                best[key] = (int(seen), row)
            row += 1
    return sorted(place for _, place in best.values())
