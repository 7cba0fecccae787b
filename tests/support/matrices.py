"""Make knowledge matrices from arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from metaauto.configuration import Configuration
from metaauto.knowledge import ConfigurationFact, DatasetFact, KnowledgeMatrix

PROVENANCE = "0" * 16


def fingerprint(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def matrix(
    loss: np.ndarray,
    configurations: Sequence[Configuration],
    *,
    seconds: np.ndarray | None = None,
    metafeatures: np.ndarray | None = None,
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    kind: str = "binary",
    metric: str = "log_loss",
    rows: Sequence[int] | None = None,
    speed: float = np.nan,
    plugin: str = "metaauto",
) -> KnowledgeMatrix:
    """Make a matrix; NaN losses are configurations without evaluation."""
    loss = np.asarray(loss, dtype=np.float64)
    count = len(loss)
    labels = [f"table{i}" for i in range(count)] if labels is None else labels
    seen = np.isfinite(loss).astype(np.int64)
    if metafeatures is None:
        metafeatures = np.arange(count, dtype=np.float64)[:, None]
    datasets = tuple(
        DatasetFact(
            fingerprint(label),
            kind,
            n_rows=1000 if rows is None else rows[i],
            n_features=10,
            n_classes=0 if kind == "regression" else 2,
            rows_used=1000 if rows is None else rows[i],
            source="folder",
            provenance=PROVENANCE,
            label=label,
            group=None if groups is None else groups[i],
        )
        for i, label in enumerate(labels)
    )
    return KnowledgeMatrix(
        kind=kind,
        metric=metric,
        datasets=datasets,
        configurations=tuple(
            ConfigurationFact(c, PROVENANCE, plugin=plugin) for c in configurations
        ),
        protocols=("3-fold/seed0",) * count,
        metrics=(metric,) * count,
        loss=loss,
        seconds=np.where(seen > 0, 1.0 if seconds is None else seconds, np.nan),
        n_folds=seen,
        n_seen=seen,
        timed_out=np.zeros(loss.shape, dtype=bool),
        failed=np.zeros(loss.shape, dtype=bool),
        speed=np.full(loss.shape, speed),
        metafeatures=metafeatures,
        metafeature_names=tuple(f"simple.m{i}" for i in range(metafeatures.shape[1])),
        extractors={"simple": 1},
    )
