"""Stored configurations that can be tried on a new dataset, with their results elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from metaauto.configuration import Configuration
from metaauto.knowledge import KnowledgeMatrix
from metaauto.space import SearchSpace
from metaauto.warmstart.normalization import NormalisedLosses, normalise_losses
from metaauto.warmstart.runtime_model import Durations, size_features

__all__ = [
    "KnownConfigurations",
    "known_configurations",
    "repaired_configurations",
    "seconds_of_one_fit",
    "sizes_of",
]

_MIN_EVALUATED = 3
_MAX_SPEED_RATIO = 3.0


@dataclass(frozen=True)
class KnownConfigurations:
    """Stored configurations, repaired into the search space, and their results on other datasets.

    Parameters
    ----------
    configurations : tuple of Configuration
        Distinct configurations after the repair.
    matrix : KnowledgeMatrix
        Its rows are the known datasets.
    columns : ndarray of shape (configurations,), int
        Column of each configuration in the matrix.
    losses : NormalisedLosses
        Arrays of shape (rows, configurations).
    durations : Durations
        Predicts the seconds of one fit of each configuration.
    skipped : mapping of str to int
        Number of stored configurations that cannot be tried, by reason.
    """

    configurations: tuple[Configuration, ...]
    matrix: KnowledgeMatrix
    columns: np.ndarray
    losses: NormalisedLosses
    durations: Durations
    skipped: dict[str, int]


def known_configurations(
    matrix: KnowledgeMatrix, space: SearchSpace, speed: float | None = None
) -> KnownConfigurations:
    """Return the stored configurations that can be tried in a search space.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        Knowledge of this kind of task, without the dataset itself.
    space : SearchSpace
        Search space of the new dataset.
    speed : float, optional
        Result of `metaauto.knowledge.provenance.calibrate` on this machine; stored seconds are
        scaled by it.
    """
    rows = np.isfinite(matrix.loss).sum(axis=1) >= _MIN_EVALUATED
    matrix = matrix.rows(rows)
    chosen, skipped = repaired_configurations(matrix, space)
    columns = np.array(list(chosen.values()), dtype=np.int64)
    models = [configuration.model for configuration in chosen]
    losses = normalise_losses(
        matrix.loss[:, columns], matrix.n_seen[:, columns], models, matrix.tables
    )
    durations = Durations(sizes_of(matrix), seconds_of_one_fit(matrix, speed)[:, columns], models)
    return KnownConfigurations(
        tuple(chosen), matrix, columns, losses, durations, dict(skipped.most_common())
    )


def repaired_configurations(
    matrix: KnowledgeMatrix, space: SearchSpace
) -> tuple[dict[Configuration, int], Counter[str]]:
    """Return the column of each repaired configuration, and the counts of those skipped."""
    skipped: Counter[str] = Counter()
    chosen: dict[Configuration, int] = {}
    n_rows = (matrix.n_seen > 0).sum(axis=0)
    for column in np.argsort(-n_rows, kind="stable"):
        fact = matrix.configurations[column]
        if not n_rows[column]:
            continue
        if fact.model not in space.ranges:
            skipped[_reason(fact.model, fact.plugin, space)] += 1
            continue
        repaired = space.repair(fact.configuration).configuration
        if repaired in chosen:
            skipped["equal to another configuration on this dataset"] += 1
        else:
            chosen[repaired] = int(column)
    return chosen, skipped


def _reason(model: str, plugin: str, space: SearchSpace) -> str:
    if model in space.skipped:
        return f"{model} {space.skipped[model]}"
    is_own = plugin in ("", "metaauto")
    return f"{model} is excluded" if is_own else f"{model} is excluded or not installed ({plugin})"


def sizes_of(matrix: KnowledgeMatrix) -> np.ndarray:
    """Return the `size_features` of each row of a matrix, by its number of training rows."""
    features = np.array([fact.n_features for fact in matrix.datasets], dtype=np.float64)
    classes = np.array([fact.n_classes for fact in matrix.datasets], dtype=np.float64)
    return size_features(matrix.training_rows, features, classes)


def seconds_of_one_fit(matrix: KnowledgeMatrix, speed: float | None = None) -> np.ndarray:
    """Return the mean seconds of one fit, scaled to this machine where both speeds are known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        seconds = matrix.seconds / matrix.n_seen
    if speed is not None:
        # Calibration is unreliable under load; the first trials correct the remaining error.
        ratio = np.clip(speed / matrix.speed, 1.0 / _MAX_SPEED_RATIO, _MAX_SPEED_RATIO)
        seconds = seconds * np.where(np.isfinite(matrix.speed), ratio, 1.0)
    return np.asarray(np.where(matrix.n_seen > 0, seconds, np.nan))
