"""Compare fits from model files and run directories: scores, trials, options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metaauto.analysis.report_record import shown_options
from metaauto.errors import ReadError, RunError
from metaauto.metrics import METRICS
from metaauto.model.fit_record import FitRecord, Interval
from metaauto.model.json_types import from_json, type_problem
from metaauto.model.manifest import scored_class_of
from metaauto.model.save import read_manifest
from metaauto.run import MARKER, RunRecord, read_run
from metaauto.text import FAILURES

__all__ = ["Compared", "differing_options", "of_model", "of_run", "read_compared", "result"]

_USED = ("metric_used", "task_used", "positive_used")
_NO_OPTIONS = ("data", "target", "fingerprint", "positional", "task_record", "versions", *_USED)


@dataclass(frozen=True)
class Compared:
    """One of the compared fits; unknown values are None.

    Parameters
    ----------
    name : str
        Display name.
    kind : {'model', 'run'}
        Source of the record.
    status : str
        ``"finished"``, or ``"running"`` for a running or killed run.
    metric, target : str
        Metric and target column.
    greater_is_better : bool
        Direction of the scores.
    score, single_score, baseline_score, holdout_score : float, optional
        Out-of-fold scores of the ensemble, the best single model and the baseline; score of the
        ensemble on the holdout.
    positive : object
        Positive class, if the metric scores it.
    interval, holdout_interval : Interval, optional
        Intervals of the ensemble's scores.
    trials : dict of str to int
        Number of trials by status.
    seconds : float, optional
        Wall time.
    members : dict of str to float
        Names and weights of the ensemble.
    options : mapping
        Options of the fit.
    fingerprint : str
        Fingerprint of the table.
    refit : str
        What the scores of a refitted model are about; empty for other fits.
    """

    name: str
    kind: str
    status: str
    metric: str
    target: str
    positive: Any = None
    greater_is_better: bool = True
    score: float | None = None
    single_score: float | None = None
    baseline_score: float | None = None
    holdout_score: float | None = None
    interval: Interval | None = None
    holdout_interval: Interval | None = None
    trials: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    members: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    refit: str = ""

    @property
    def failures(self) -> int:
        """Number of failed trials."""
        return sum(count for status, count in self.trials.items() if status in FAILURES)

    def to_json(self) -> dict[str, Any]:
        """Return the fit as JSON-ready values."""
        return asdict(self)


def read_compared(place: str | Path, name: str = "") -> Compared:
    """Read a model file (its manifest only) or a run directory.

    Parameters
    ----------
    place : str or Path
        Path of the file or directory.
    name : str, optional
        Display name; by default the path.

    Raises
    ------
    ReadError, RunError, ModelFileError
        The path is neither a model file nor a run directory.
    """
    path = Path(place).expanduser()
    name = name or str(place)
    if path.is_dir():
        return of_run(name, read_run(path))
    if not path.exists():
        raise ReadError(
            f"Model file or run directory not found: {str(place)!r}.",
            hint=f"Name a model file, or a directory that holds {MARKER}.",
        )
    return of_model(name, read_manifest(path))


def of_model(name: str, manifest: Mapping[str, Any]) -> Compared:
    """Return the fit of a model file, from its manifest."""
    record = FitRecord.from_json(manifest["facts"])
    rows = [row for row in manifest.get("leaderboard", []) if row.get("name") != "ensemble"]
    return Compared(
        name=name,
        kind="model",
        status="finished",
        metric=manifest["metric"],
        target=manifest["task"]["target"],
        positive=scored_class_of(manifest),
        greater_is_better=record.greater_is_better,
        trials=dict(Counter(str(row.get("status")) for row in rows)),
        seconds=record.seconds,
        members={member["name"]: member["weight"] for member in manifest["members"]},
        options=record.options,
        fingerprint=record.fingerprint,
        refit=record.refit_note,
        **_scores(record),
    )


@dataclass
class _Settings:
    metric_used: str | None = None
    positive_used: bool | float | str | None = None
    target: str | None = None
    fingerprint: str | None = None
    holdout: float | None = None
    seed: int | None = None


@dataclass
class _Trial:
    number: int
    name: str
    status: str
    loss: float | None
    source: str
    error: str | None


@dataclass(frozen=True)
class _Result(FitRecord):
    members: Mapping[str, float] = field(default_factory=dict)
    rounds: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Record:
    status: str
    settings: _Settings
    trials: list[_Trial]
    result: _Result


def of_run(name: str, record: RunRecord) -> Compared:
    """Return the fit of a run directory, from its record.

    Raises
    ------
    RunError
        A recorded value has another type than a fit records.
    """
    problem = type_problem(vars(record), _Record)
    if problem:
        raise RunError(
            f"The record of the run in {name!r} is damaged: {problem}.",
            hint="Leave this run out, or copy its directory again.",
        )
    settings, result = record.settings, from_json(record.result, _Result)
    metric = str(settings.get("metric_used") or "")
    known = METRICS.get(metric)
    scores = _scores(result)
    if known is not None and not record.result:
        losses = {t["number"]: t["loss"] for t in record.trials if t["status"] == "success"}
        found = [loss for number, loss in losses.items() if number > 0 and loss is not None]
        if found:
            scores["single_score"] = known.loss_to_score(min(found))
        if losses.get(0) is not None:
            scores["baseline_score"] = known.loss_to_score(losses[0])
    better = True if known is None else known.greater_is_better
    options = {key: value for key, value in settings.items() if key not in _NO_OPTIONS}
    return Compared(
        name=name,
        kind="run",
        status=record.status,
        metric=metric,
        target=str(settings.get("target") or ""),
        positive=settings.get("positive_used"),
        greater_is_better=result.greater_is_better if record.result else better,
        trials=dict(Counter(trial["status"] for trial in record.trials)),
        seconds=record.seconds if result.seconds is None else result.seconds,
        members=result.members,
        options=shown_options(options),
        fingerprint=str(settings.get("fingerprint") or ""),
        **scores,
    )


def _scores(record: FitRecord) -> dict[str, Any]:
    names = (
        *("score", "single_score", "baseline_score", "holdout_score"),
        *("interval", "holdout_interval"),
    )
    return {name: getattr(record, name) for name in names}


def differing_options(fits: Sequence[Compared]) -> dict[str, list[Any]]:
    """Return the options that differ between fits, with their values (None if unknown)."""
    names = sorted({name for fit in fits for name in fit.options})
    values = {name: [fit.options.get(name) for fit in fits] for name in names}
    return {name: found for name, found in values.items() if any(v != found[0] for v in found)}


def result(fits: Sequence[Compared]) -> str:
    """Return in one sentence which fit is best and whether the intervals overlap."""
    if len({(fit.metric, fit.positive) for fit in fits}) > 1:
        return "The metrics differ: the scores are not comparable."
    if len({fit.fingerprint for fit in fits if fit.fingerprint}) > 1:
        return "The tables differ: the scores are not comparable."
    held = all(fit.holdout_score is not None for fit in fits)
    if held and len({repr((f.options.get("holdout"), f.options.get("seed"))) for f in fits}) == 1:
        scored = [(fit.holdout_score, fit.holdout_interval, fit.name) for fit in fits]
    else:
        scored = [(fit.score, fit.interval, fit.name) for fit in fits]
    known = [(score, interval, name) for score, interval, name in scored if score is not None]
    if len(known) < 2:
        return "Fewer than two fits have an ensemble score yet."
    known.sort(key=lambda item: item[0], reverse=fits[0].greater_is_better)
    (best, first, name), (second, other, _) = known[0], known[1]
    if best == second:
        return "The best fits have the same score."
    if first and other and first.low <= other.high and other.low <= first.high:
        return f"{name} is best, but the intervals overlap: the difference may be due to chance."
    return f"{name} is best."
