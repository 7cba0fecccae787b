"""The record of a fit, which the final model holds and its file stores as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from metaauto.model.json_types import from_json, to_json
from metaauto.text import counted

__all__ = [
    "ClassRecall",
    "ExcludedColumn",
    "FinishedTrial",
    "FitRecord",
    "FitWarning",
    "GeneratedFeature",
    "Interval",
    "Pruned",
    "Refitted",
    "ReportRecord",
    "RoleName",
    "Score",
    "ScoredRows",
    "SimilarDataset",
    "WarmStartRecord",
]

RoleName = Literal[
    "numeric", "categorical", "boolean", "datetime", "text", "identifier", "constant"
]


@dataclass(frozen=True)
class Interval:
    """The bootstrap interval of a score.

    Parameters
    ----------
    low, high : float
        Its ends.
    level : float
        Its level, such as 0.95.
    rows : int
        Number of rows.
    over : str
        The rows: ``"out-of-fold"`` or ``"holdout"``.
    """

    low: float
    high: float
    level: float
    rows: int
    over: str


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval; unknown values are None."""

    score: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ScoredRows:
    """Scores and curves over rows with known targets.

    Parameters
    ----------
    diagnosis : mapping
        Curves, confusion counts and errors for the report, JSON-ready.
    intervals : mapping of str to Score
        Score of the ensemble and of what it is compared with; None if undefined.
    beats : mapping of str to float
        Share of the bootstrap samples in which the ensemble is better, by name.
    """

    diagnosis: Mapping[str, Any]
    intervals: Mapping[str, Score | None] = field(default_factory=dict)
    beats: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def ensemble(self) -> Score:
        """Score of the ensemble."""
        return self.intervals.get("ensemble") or Score()


@dataclass(frozen=True)
class FinishedTrial:
    """A trial in the order of the ends.

    Parameters
    ----------
    name, source, status : str
        Name, source and status, as on the leaderboard.
    at : float
        Seconds from the start of the fit.
    score : float, optional
        Out-of-fold score.
    why : str
        Why it was tried; only the first trials keep it.
    """

    name: str
    source: str
    at: float
    status: str
    score: float | None = None
    why: str = ""


@dataclass(frozen=True)
class SimilarDataset:
    """A dataset of the store that is similar to the table, with its weight."""

    dataset: str
    weight: float


@dataclass(frozen=True)
class WarmStartRecord:
    """The knowledge that the warm start used.

    Parameters
    ----------
    similar : tuple of SimilarDataset
        The most similar datasets.
    datasets, configurations : int
        Size of the knowledge for this kind of task.
    skipped : mapping of str to int
        Number of configurations that were not usable, by reason.
    """

    similar: tuple[SimilarDataset, ...] = ()
    datasets: int = 0
    configurations: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportRecord:
    """Data of the report.

    It contains no rows: of the table's values only class labels, and summaries of many rows each.

    Parameters
    ----------
    out_of_fold : ScoredRows, optional
        Scores and curves of the out-of-fold predictions.
    history : tuple of FinishedTrial
        The trials.
    warm_start : WarmStartRecord, optional
        The warm start; None without knowledge.
    command : str
        The command that repeats the fit.
    """

    out_of_fold: ScoredRows | None = None
    history: tuple[FinishedTrial, ...] = ()
    warm_start: WarmStartRecord | None = None
    command: str = ""


@dataclass(frozen=True)
class FitWarning:
    """A warning about the validity or usefulness of a fit.

    Parameters
    ----------
    code : str
        Short stable name: ``"leak"``, ``"near-zero"``, ``"almost-perfect"``, ``"no-better"``,
        ``"few-rows"``, ``"folds-differ"``, ``"rarely-right"``, ``"rare-class"``, ``"dates"``,
        ``"identifier"``, ``"failures"`` or ``"no-model"``.
    message : str
        Description of the problem, one sentence.
    advice : str
        Recommended action, one sentence.
    """

    code: str
    message: str
    advice: str


@dataclass(frozen=True)
class ExcludedColumn:
    """A column that no model uses, with its role and the reason."""

    name: str
    role: str
    reason: str = ""


@dataclass(frozen=True)
class ClassRecall:
    """Recall of a class in the out-of-fold predictions.

    Parameters
    ----------
    label : str, float or bool
        The class.
    rows : int
        Number of rows of the class.
    right : float, optional
        Share of them that is predicted as this class.
    """

    label: str | float | bool | None = None
    rows: int = 0
    right: float | None = None


@dataclass(frozen=True)
class GeneratedFeature:
    """A generated feature, such as ``"price / area"``.

    Parameters
    ----------
    name : str
        Readable formula.
    weight : float
        Share of the ensemble's weight whose members use it.
    importance : float
        Its share of the importance in these members, times their weight; 0 if they have no
        importances.
    """

    name: str
    weight: float
    importance: float


@dataclass(frozen=True)
class Pruned:
    """What `FinalModel.prune` left: members, of how many, and fold models of each."""

    members: int
    of: int
    folds: int | None = None


@dataclass(frozen=True)
class Refitted:
    """How the members of a model were refitted.

    Parameters
    ----------
    rows : int
        Number of rows.
    is_training : bool
        Whether they are the rows of the fit.
    fingerprint : str
        Fingerprint of their table.
    validated : tuple of str
        Members that stopped early on a validation part of these rows.
    dropped : tuple of str
        Why members were left out.
    seconds : float
        Wall time.
    created : str
        Time of the refit, ISO 8601.
    """

    rows: int
    is_training: bool
    fingerprint: str = ""
    validated: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    seconds: float = 0.0
    created: str = ""


@dataclass(frozen=True)
class FitRecord:
    """What is known about a fit: scores, columns, time, options, warnings.

    It is made when the members of the model have been verified. Unknown values are None or empty.
    Scores are in the user's direction.

    Parameters
    ----------
    score, single_score, baseline_score : float, optional
        Out-of-fold scores of the ensemble, the best single model and the baseline. The ensemble
        was selected on the same rows, so its score is slightly optimistic.
    greater_is_better : bool
        Direction of the scores.
    interval : Interval, optional
        Interval of the ensemble's score.
    fold_scores : tuple of float
        Score of the ensemble in each fold; None where it is undefined.
    classes : tuple of ClassRecall
        Recall by class.
    holdout_score : float, optional
        Score of the final model on the holdout, which is unbiased.
    holdout_rows : int, optional
        Number of rows predicted for it.
    holdout_interval : Interval, optional
        Its interval.
    holdout : ScoredRows, optional
        Its curves.
    warnings : tuple of FitWarning
        Warnings, the most severe first.
    next_steps, notes : tuple of str
        Next steps; reasons why the scores are optimistic.
    findings : tuple of str
        Findings about the table.
    dropped_members : tuple of str
        Why members were left out when the model was saved.
    roles : mapping of str to int
        Number of columns by role.
    left_out : tuple of ExcludedColumn
        Columns that no model uses.
    generated : tuple of GeneratedFeature
        Generated features of the members, the most important first.
    training : mapping
        What members say about the training of their first fold model, by name: the method
        ``training_record`` of their estimators.
    rows, dropped_rows : int, optional
        Rows of the training table, and rows dropped because their target is missing.
    fingerprint, validation : str
        Fingerprint of the table; description of the folds.
    trials : int, optional
        Number of trials.
    failures : mapping of str to int
        Number of failed trials by cause, the most frequent first.
    skipped : mapping of str to str
        Models that the search did not use, with the reason.
    budget : float, optional
        Budget in seconds; None without a time limit.
    seconds, search_seconds : float, optional
        Wall time of the fit, and until the end of the last trial, in seconds.
    newest_member : float, optional
        Seconds from the start until the newest member of the ensemble was fitted.
    later_trials : int, optional
        Number of successful trials after it.
    stages : mapping of str to float
        Seconds by stage.
    work_seconds, worker_seconds : float, optional
        Seconds of the workers for fitting and predicting, and altogether.
    cores, seed : int, optional
        Number of worker processes; seed.
    options : mapping
        Options of the fit, without paths and resources of the machine.
    metafeatures : mapping, optional
        Metafeatures of the table.
    created : str
        Time of the fit, ISO 8601.
    pruned : Pruned, optional
        Set by `FinalModel.prune`.
    refit : Refitted, optional
        Set by `FinalModel.refit`; the scores are then those of the fold models.
    report : ReportRecord
        Data of the report.

    Examples
    --------
    >>> record = FitRecord(score=0.9, baseline_score=0.5)
    >>> FitRecord.from_json(record.to_json()) == record
    True
    """

    score: float | None = None
    single_score: float | None = None
    baseline_score: float | None = None
    greater_is_better: bool = True
    interval: Interval | None = None
    fold_scores: tuple[float | None, ...] = ()
    classes: tuple[ClassRecall, ...] = ()
    holdout_score: float | None = None
    holdout_rows: int | None = None
    holdout_interval: Interval | None = None
    holdout: ScoredRows | None = None
    warnings: tuple[FitWarning, ...] = ()
    next_steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    dropped_members: tuple[str, ...] = ()
    roles: Mapping[RoleName, int] = field(default_factory=dict)
    left_out: tuple[ExcludedColumn, ...] = ()
    generated: tuple[GeneratedFeature, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    dropped_rows: int | None = None
    fingerprint: str = ""
    validation: str = ""
    trials: int | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    budget: float | None = None
    seconds: float | None = None
    search_seconds: float | None = None
    newest_member: float | None = None
    later_trials: int | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    work_seconds: float | None = None
    worker_seconds: float | None = None
    cores: int | None = None
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    metafeatures: Mapping[str, Any] | None = None
    created: str = ""
    pruned: Pruned | None = None
    refit: Refitted | None = None
    report: ReportRecord = field(default_factory=ReportRecord)

    @property
    def refit_note(self) -> str:
        """What the scores of a refitted model are about; empty for other models."""
        if self.refit is None:
            return ""
        rows = counted(self.refit.rows, "row")
        if self.refit.is_training:
            return (
                f"Refitted on all {rows} of the fit. Out-of-fold and holdout scores are estimated "
                "by the fold models; the refitted models were not scored."
            )
        return (
            f"Refitted on {rows} of another table. Out-of-fold and holdout scores are those of the "
            "fold models on the table of the fit; they are not estimated on these rows."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, which a model file holds."""
        found: dict[str, Any] = to_json(self)
        return found

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FitRecord:
        """Return the record from the JSON values of a model file."""
        found: FitRecord = from_json(value, cls)
        return found
