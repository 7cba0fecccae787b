"""What a knowledge matrix says of the configurations that can be tried here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from metaauto.configuration import Configuration
from metaauto.knowledge import KnowledgeMatrix
from metaauto.space import SearchSpace
from metaauto.warmstart.normalization import RelativeLosses, relative_losses
from metaauto.warmstart.runtime_model import Durations, size_features

__all__ = ["KnownConfigurations", "known_configurations", "seconds_of_one_fit", "sizes_of"]

_LEAST_MEASURED = 3
_MOST_FASTER = 3.0


@dataclass(frozen=True)
class KnownConfigurations:
    """Stored configurations, fitted to this table's space, and what is known of them elsewhere.

    Parameters
    ----------
    configurations : tuple of Configuration
        As they would be tried; each once.
    matrix : KnowledgeMatrix
        Its rows are the known tables.
    columns : ndarray of shape (configurations,), int
        Column of each configuration in the matrix.
    relative : RelativeLosses
        Of shape (rows, configurations).
    durations : Durations
        Predicts the seconds of one fit of each.
    skipped : mapping of str to int
        Why stored configurations cannot be tried, and how many.
    """

    configurations: tuple[Configuration, ...]
    matrix: KnowledgeMatrix
    columns: np.ndarray
    relative: RelativeLosses
    durations: Durations
    skipped: dict[str, int]


def known_configurations(
    matrix: KnowledgeMatrix, space: SearchSpace, speed: float | None = None
) -> KnownConfigurations:
    """Find what can be tried of all that is stored.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        Of the task's kind; without the table itself.
    space : SearchSpace
        What can be tried here.
    speed : float, optional
        This machine's `metaauto.knowledge.provenance.calibrate`; stored seconds are scaled to it.
    """
    rows = np.isfinite(matrix.loss).sum(axis=1) >= _LEAST_MEASURED
    matrix = matrix.rows(rows)
    skipped: Counter[str] = Counter()
    chosen: dict[Configuration, int] = {}
    measured = (matrix.n_seen > 0).sum(axis=0)
    for column in np.argsort(-measured, kind="stable"):
        fact = matrix.configurations[column]
        if not measured[column]:
            continue
        if fact.model not in space.ranges:
            skipped[_reason(fact.model, fact.plugin, space)] += 1
            continue
        repaired = space.repair(fact.configuration).configuration
        if repaired in chosen:
            skipped["equal to another one on this table"] += 1
        else:
            chosen[repaired] = int(column)
    columns = np.array(list(chosen.values()), dtype=np.int64)
    models = [configuration.model for configuration in chosen]
    relative = relative_losses(
        matrix.loss[:, columns], matrix.n_seen[:, columns], models, matrix.tables
    )
    durations = Durations(sizes_of(matrix), seconds_of_one_fit(matrix, speed)[:, columns], models)
    return KnownConfigurations(
        tuple(chosen), matrix, columns, relative, durations, dict(skipped.most_common())
    )


def _reason(model: str, plugin: str, space: SearchSpace) -> str:
    if model in space.skipped:
        return f"{model} {space.skipped[model]}"
    own = plugin in ("", "metaauto")
    return f"{model} is left out" if own else f"{model} is left out or not installed ({plugin})"


def sizes_of(matrix: KnowledgeMatrix) -> np.ndarray:
    """`size_features` of the rows that each table's models were trained on."""
    features = np.array([fact.n_features for fact in matrix.datasets], dtype=np.float64)
    classes = np.array([fact.n_classes for fact in matrix.datasets], dtype=np.float64)
    return size_features(matrix.training_rows, features, classes)


def seconds_of_one_fit(matrix: KnowledgeMatrix, speed: float | None = None) -> np.ndarray:
    """Seconds of one fit, at this machine's speed where both are known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        seconds = matrix.seconds / matrix.n_seen
    if speed is not None:
        # A busy machine calibrates badly; what the first trials take corrects the rest.
        ratio = np.clip(speed / matrix.speed, 1.0 / _MOST_FASTER, _MOST_FASTER)
        seconds = seconds * np.where(np.isfinite(matrix.speed), ratio, 1.0)
    return np.asarray(np.where(matrix.n_seen > 0, seconds, np.nan))
