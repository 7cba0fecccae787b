"""Build the final model of a finished search: check the members, fit calibration and thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.data import Dataset
from metaauto.ensemble import (
    Calibrator,
    Decision,
    Selection,
    fit_calibrator,
    fit_decision,
)
from metaauto.errors import RunError
from metaauto.metrics import Metric
from metaauto.model.final import FinalModel, Member
from metaauto.model.fit_record import GeneratedFeature
from metaauto.model.packing import (
    CheckedTrial,
    PackedModels,
    check_trial,
    read_packed,
    types_trusted_for,
)
from metaauto.plugins.manager import PluginSettings
from metaauto.plugins.registry import Registry
from metaauto.search import Executor, Trial
from metaauto.search.evaluate import Evaluator
from metaauto.search.timeouts import UNTIMED_HARD_SECONDS
from metaauto.search.trial import CallJob, CallResult
from metaauto.task import Task

__all__ = ["Packing", "assemble_model", "pack_members"]

NO_LIMIT = Deadline()
GRACE_SECONDS = 2.0
"""The first member may take this long after the deadline: without one there is no model."""

_LEAST_SHARE = 0.3
_POLL_SECONDS = 0.25
_SLOWEST = 5.0
START_SECONDS, _UNTIMED_START_SECONDS = 5.0, 60.0
_LEAST_BYTES_PER_SECOND = 1e6
_LARGEST_SHARE = 0.5
_HOLDOUT_SHARE = 0.6
_MESSAGE_BYTES = 64 * 2**20
_MAX_GENERATED = 40


def assemble_model(
    dataset: Dataset,
    metric: Metric,
    members: list[Member],
    blended: np.ndarray,
    evaluated: np.ndarray,
    leaderboard: list[dict[str, Any]],
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
        The ensemble, from `pack_members`.
    blended : ndarray
        Out-of-fold predictions of the ensemble over the evaluated rows.
    evaluated : ndarray
        Indices of these rows.
    leaderboard : list of dict
        Leaderboard of the model.
    seed : int
        Seed of the cross-validation of calibration and decision rule.
    deadline : Deadline
        End of the calibration and the tuning of the decision rule.
    """
    y = dataset.y[evaluated]
    weights = None if dataset.weights is None else dataset.weights[evaluated]
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
        leaderboard_rows=leaderboard,
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


@dataclass
class Packing:
    """The members that workers have checked, and the others.

    Parameters
    ----------
    members : dict of int to Member
        By trial number.
    holdout : dict of int to CheckedTrial
        Predictions of the holdout and generated features, by trial number.
    failures : dict of int to str
        Causes of members that cannot be loaded; members for which there was no time are neither
        here nor in `members`.
    """

    members: dict[int, Member] = field(default_factory=dict)
    holdout: dict[int, CheckedTrial] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)

    def update(self, other: Packing) -> None:
        """Add the members of another packing."""
        self.members.update(other.members)
        self.holdout.update(other.holdout)

    def generated(self, weights: Mapping[int, float]) -> tuple[GeneratedFeature, ...]:
        """Return the generated features of members, the most important first.

        Parameters
        ----------
        weights : mapping of int to float
            Weights of the members by trial number.
        """
        used: dict[str, float] = {}
        shares: dict[str, float] = {}
        total = sum(weights.values())
        for number, weight in weights.items():
            for name, share in self.holdout[number].generated.items():
                used[name] = used.get(name, 0.0) + weight / total
                shares[name] = shares.get(name, 0.0) + (share or 0.0) * weight / total
        order = sorted(used, key=lambda name: (-shares[name], -used[name], name))
        return tuple(
            GeneratedFeature(name, used[name], shares[name]) for name in order[:_MAX_GENERATED]
        )

    def training(self, numbers: Iterable[int]) -> dict[str, Any]:
        """Return what members say about their training, by name, given their trial numbers."""
        found = {self.members[number].name: self.holdout[number].training for number in numbers}
        return {name: dict(training) for name, training in found.items() if training}

    def predicted_holdout(
        self, model: FinalModel, numbers: Sequence[int], parts: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the rows of the holdout that all members predicted, and the model's predictions.

        Parameters
        ----------
        model : FinalModel
            Final model.
        numbers : sequence of int
            Trial numbers of its members, in their order.
        parts : sequence of ndarray
            Rows of the holdout, as passed to `pack_members`.
        """
        if not parts:
            return None
        packed = [self.holdout[number] for number in numbers]
        rows = np.concatenate(parts[: min(trial.parts for trial in packed)])
        predictions = ((p.value[: len(rows)], p.known[: len(rows)]) for p in packed)
        return rows, model.combine(predictions, len(rows))


def baseline_member(baseline: Trial, folder: Path, registry: Registry) -> Member | None:
    """Return the baseline as a member; None if its fold models cannot be read."""
    try:
        return _member(baseline, 1.0, read_packed(baseline.files(folder, "model")), registry)
    except (OSError, RunError):
        return None


def pack_here(
    trial: Trial, evaluator: Evaluator, row: Any, parts: Sequence[np.ndarray] = ()
) -> Packing:
    """Pack a trial of metaauto's own models in this process."""
    model, folder = trial.configuration.model, evaluator.folder
    files = trial.files(folder, "model")
    checked = check_trial(evaluator, model=model, files=files, row=row, parts=parts)
    member = _member(trial, 1.0, read_packed(files), evaluator.registry)
    return Packing({trial.number: member}, {trial.number: checked})


def pack_members(
    trials: Sequence[Trial],
    selection: Selection,
    registry: Registry,
    folder: Path,
    executor: Executor,
    row: Any,
    deadline: Deadline = NO_LIMIT,
    parts: Sequence[np.ndarray] = (),
    n_outputs: int = 1,
    plugins: PluginSettings | None = None,
) -> Packing:
    """Load and check the fold models of the selected trials in workers.

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
    executor : Executor
        Workers that are set up for this run; no job is running.
    row : DataFrame
        One typed row, see `missing_row`.
    deadline : Deadline
        After it no further member is started. The best single model comes first, since other
        members may be useless without it, then the members by weight. Until the first member is
        ready, a few seconds more are allowed.
    parts : sequence of ndarray
        Rows of the holdout to predict.
    n_outputs : int
        Number of predicted values per row.
    plugins : PluginSettings, optional
        Plugins of the registry, for a worker that converts their models to save them.
    """
    packing = Packing()
    best = min(selection.weights, key=lambda n: (_loss(trials[n]), n))
    waiting = sorted(selection.weights, key=lambda n: (n != best, -selection.weights[n], n))
    running: set[int] = set()
    final = Deadline(deadline.at + GRACE_SECONDS)
    while waiting or running:
        limit = deadline if packing.members or running else final
        if limit.passed() and (packing.members or not running):
            waiting = []
        elif waiting and not limit.passed() and executor.free():
            trial = trials[waiting.pop(0)]
            share = min(executor.workers / (len(waiting) + len(running) + 1), 1.0)
            executor.submit(_pack_job(trial, folder, row, parts, n_outputs, limit, deadline, share))
            running.add(trial.number)
            continue
        for result in executor.wait(_POLL_SECONDS) if running or waiting else ():
            if not isinstance(result, CallResult):
                continue
            running.discard(result.trial)
            if not isinstance(result.value, CheckedTrial):
                packing.failures[result.trial] = result.error or "The worker returned no result."
                continue
            trial, weight = trials[result.trial], selection.weights[result.trial]
            try:
                uses_plugin = _uses_plugin(trial.configuration, registry)
                files = trial.files(folder, "model")
                models = read_packed(files, plugins if uses_plugin else None)
            except (OSError, RunError) as error:
                packing.failures[trial.number] = str(error)
                continue
            packing.members[trial.number] = _member(trial, weight, models, registry)
            packing.holdout[trial.number] = result.value
    return packing


def _pack_job(
    trial: Trial,
    folder: Path,
    row: Any,
    parts: Sequence[np.ndarray],
    n_outputs: int,
    limit: Deadline,
    deadline: Deadline,
    share: float,
) -> CallJob:
    """Return the job for one member, whose time is limited by its share and by what it needs."""
    files = trial.files(folder, "model")
    size = sum(path.stat().st_size for path in files if path.is_file())
    is_timed = limit.at < float("inf")
    seconds = limit.remaining() if is_timed else UNTIMED_HARD_SECONDS
    needed = _SLOWEST * trial.check_seconds + size / _LEAST_BYTES_PER_SECOND
    needed += START_SECONDS if is_timed else _UNTIMED_START_SECONDS
    needed += seconds if parts else 0.0
    # While other members wait, none may take all the time.
    room = seconds if share == 1.0 else max(_LARGEST_SHARE * seconds, 2 * trial.check_seconds)
    call = partial(
        check_trial,
        model=trial.configuration.model,
        files=files,
        row=row,
        parts=parts,
        seconds=_HOLDOUT_SHARE * share * max(deadline.remaining(), 0.0),
    )
    cells = sum(len(rows) for rows in parts) * (n_outputs + 1)
    max_bytes = _MESSAGE_BYTES + 8 * cells
    return CallJob(trial.number, call, max(min(needed, room, seconds), 0.01), max_bytes)


def _loss(trial: Trial) -> float:
    return float("inf") if trial.loss is None else trial.loss


def _uses_plugin(configuration: Configuration, registry: Registry) -> bool:
    """Return whether the model or a preprocessor of a configuration is of a plugin."""
    used = [registry.entry("model", configuration.model)]
    values = configuration.values
    for entry in registry.entries("preprocessor"):
        if values.get(entry.component.slot) == entry.component.name:
            used.append(entry)
    return any(entry.plugin.name != "builtin" for entry in used)


def _member(trial: Trial, weight: float, models: PackedModels, registry: Registry) -> Member:
    plugin = registry.entry("model", trial.configuration.model).plugin
    return Member(
        name=trial.name,
        model=trial.configuration.model,
        values=dict(trial.configuration.values),
        weight=float(weight),
        estimators=models,
        plugin=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        trusted=types_trusted_for(trial.configuration.model, registry),
        rounds=trial.rounds,
    )
