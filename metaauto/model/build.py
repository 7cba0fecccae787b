"""Build the final model of a finished search: load the members, fit calibration and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.data import Dataset
from metaauto.ensemble import (
    Calibrator,
    Decision,
    Selection,
    blend,
    fit_calibrator,
    fit_decision,
)
from metaauto.errors import RunError
from metaauto.metrics import Metric
from metaauto.model.final import FinalModel, Member
from metaauto.model.serialization import declared_types
from metaauto.plugins.manager import SESSION
from metaauto.plugins.registry import Registry
from metaauto.search import Trial
from metaauto.search.sealing import load_sealed
from metaauto.task import Task

__all__ = ["assemble_model", "load_members"]

NO_LIMIT = Deadline()
_LEAST_SHARE = 0.3
_SMALL = 0.1


def assemble_model(
    dataset: Dataset,
    metric: Metric,
    members: list[Member],
    selection: Selection,
    out_of_fold: Mapping[int, np.ndarray],
    evaluated: np.ndarray,
    leaderboard: list[dict[str, Any]],
    facts: dict[str, Any],
    seed: int,
    deadline: Deadline = NO_LIMIT,
) -> FinalModel:
    """Build the final model.

    Parameters
    ----------
    dataset : Dataset
        The training table.
    metric : Metric
        Metric for the decision rule.
    members : list of Member
        The ensemble, from `load_members`.
    selection : Selection
        Weights by trial number.
    out_of_fold : mapping of int to ndarray
        Out-of-fold predictions of the members over the evaluated rows.
    evaluated : ndarray
        Indices of these rows.
    leaderboard, facts
        Leaderboard and facts of the model.
    seed : int
        Seed of the cross-validation of calibration and decision rule.
    deadline : Deadline
        End of the calibration and the tuning of the decision rule.
    """
    y = dataset.y[evaluated]
    weights = None if dataset.weights is None else dataset.weights[evaluated]
    blended = blend([out_of_fold[n] for n in selection.weights], list(selection.weights.values()))
    calibrator, decision = _tuned(dataset.task, metric, blended, y, weights, seed, deadline)
    fallback = None
    if not dataset.task.is_classification:
        fallback = float(np.average(dataset.y, weights=dataset.weights))
    return FinalModel(
        task=dataset.task,
        schema=dataset.schema,
        members=members,
        metric_name=metric.name,
        calibrator=calibrator,
        decision=decision,
        leaderboard=leaderboard,
        facts=facts,
        fallback=fallback,
    )


def _tuned(
    task: Task,
    metric: Metric,
    blended: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None,
    seed: int,
    deadline: Deadline,
) -> tuple[Calibrator | None, Decision | None]:
    """Return calibrator and decision rule, if they improve out-of-fold predictions."""
    if not task.is_classification:
        return None, None
    # For label metrics the decision rule matters more, so calibration gets a share of the time.
    share = _LEAST_SHARE if metric.needs == "labels" else 1.0
    within = Deadline.after(share * deadline.remaining())
    calibrator = fit_calibrator(blended, y, weights, seed, within)
    calibrated = calibrator.apply(blended)
    decision = fit_decision(calibrated, y, metric, weights, seed, deadline)
    return calibrator, decision


def load_members(
    trials: Sequence[Trial],
    selection: Selection,
    registry: Registry,
    folder: Path,
    deadline: Deadline = NO_LIMIT,
) -> dict[int, Member]:
    """Load the fold models of the selected trials from the run directory that wrote them.

    Parameters
    ----------
    trials : sequence of Trial
        By number.
    selection : Selection
        Weights by trial number.
    registry : Registry
        Installed components, for the sources of the models.
    folder : Path
        The run directory.
    deadline : Deadline
        After it no further large member is loaded. The best single model is loaded first, since
        other members may be useless without it, then the members by weight. Small members (in
        total up to a tenth of the bytes of the best) are loaded even after the deadline.

    Returns
    -------
    dict of int to Member
        By trial number, in the order of the selection; at least one.

    Raises
    ------
    RunError
        A model file is damaged or missing.
    """
    members: dict[int, Member] = {}
    best = min(selection.weights, key=lambda n: (_loss(trials[n]), n))
    spare = _SMALL * _size(trials[best], folder)
    for number in sorted(selection.weights, key=lambda n: (n != best, -selection.weights[n], n)):
        if members and deadline.passed():
            spare -= _size(trials[number], folder)
            if spare < 0:
                break
        members[number] = _load(trials[number], selection.weights[number], registry, folder)
    return {number: members[number] for number in selection.weights if number in members}


def _loss(trial: Trial) -> float:
    return float("inf") if trial.loss is None else trial.loss


def _size(trial: Trial, folder: Path) -> int:
    """Return the bytes of the fold models of a trial."""
    return sum(path.stat().st_size for path in trial.files(folder, "model"))


def _load(trial: Trial, weight: float, registry: Registry, folder: Path) -> Member:
    estimators = []
    for path in trial.files(folder, "model"):
        try:
            estimators.append(load_sealed(path))
        except RunError:
            raise
        except Exception as error:
            # Unpickling a damaged file or a model of a plugin may raise anything.
            raise RunError(
                f"The fold model {str(path)!r} of {trial.name} cannot be loaded: "
                f"{type(error).__name__}: {error}.",
                hint="Delete this file and resume the run; the fit then ignores this trial.",
            ) from error
    plugin = registry.entry("model", trial.configuration.model).plugin
    # The types of objects passed in Python are not declared by any plugin on loading.
    trusted = None if plugin.name == SESSION else declared_types(registry)
    return Member(
        name=trial.name,
        model=trial.configuration.model,
        values=dict(trial.configuration.values),
        weight=float(weight),
        estimators=estimators,
        plugin=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        trusted=trusted,
    )
