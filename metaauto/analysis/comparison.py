"""Fits side by side: models and run directories, what they came to and how they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metaauto.analysis.fit_record import shown_options
from metaauto.errors import ReadError
from metaauto.metrics import METRICS
from metaauto.model.save import read_manifest
from metaauto.run import MARKER, RunRecord, read_run

__all__ = ["Compared", "differing_options", "read_compared", "verdict"]

_NO_OPTIONS = ("data", "target", "fingerprint", "metric_used")
_FAILURES = ("failed", "crashed", "timeout", "memory")


@dataclass(frozen=True)
class Compared:
    """One of the fits that are compared; None stands for what it does not tell.

    Parameters
    ----------
    name : str
        As it was called.
    kind : {'model', 'run'}
        What it was read from.
    status : str
        ``"finished"``, or ``"running"`` for a run that goes on or was killed.
    metric, target : str
        What was optimised, of which column.
    greater_is_better : bool
        Direction of the scores.
    score, single_score, baseline_score, holdout_score : float, optional
        Those of the ensemble, of the best model alone and of the baseline, out-of-fold; and that
        of the ensemble on rows that nothing has seen.
    interval, holdout_interval : mapping, optional
        Where the ensemble's scores lie; as `metaauto.analysis.fit_summary` tells.
    trials : dict of str to int
        How many trials ended how.
    seconds : float, optional
        Wall time.
    members : dict of str to float
        Names and weights of the ensemble.
    options : mapping
        What was asked for.
    fingerprint : str
        Tells whether the tables were the same.
    """

    name: str
    kind: str
    status: str
    metric: str
    target: str
    greater_is_better: bool = True
    score: float | None = None
    single_score: float | None = None
    baseline_score: float | None = None
    holdout_score: float | None = None
    interval: Mapping[str, Any] | None = None
    holdout_interval: Mapping[str, Any] | None = None
    trials: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    members: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def failures(self) -> int:
        """Trials in which something went wrong."""
        return sum(count for status, count in self.trials.items() if status in _FAILURES)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


def read_compared(place: str | Path, name: str = "") -> Compared:
    """Read a model file or the directory of a run; nothing in a model file is loaded.

    Parameters
    ----------
    place : str or Path
        Where it is.
    name : str, optional
        What it is called; by default its path.

    Raises
    ------
    ReadError, RunError, ModelFileError
        There is nothing there that can be compared.
    """
    path = Path(place).expanduser()
    name = name or str(place)
    if path.is_dir():
        return _of_run(name, read_run(path))
    if not path.exists():
        raise ReadError(
            f"There is no model or run directory {str(place)!r}.",
            hint=f"Name a model file, or a directory that holds {MARKER}.",
        )
    return _of_model(name, read_manifest(path))


def _of_model(name: str, manifest: Mapping[str, Any]) -> Compared:
    facts: Mapping[str, Any] = manifest.get("facts", {})
    rows = [row for row in manifest.get("leaderboard", []) if row.get("name") != "ensemble"]
    return Compared(
        name=name,
        kind="model",
        status="finished",
        metric=manifest["metric"],
        target=manifest["task"]["target"],
        greater_is_better=facts.get("greater_is_better", True),
        trials=dict(Counter(str(row.get("status")) for row in rows)),
        seconds=facts.get("seconds"),
        members={member["name"]: member["weight"] for member in manifest["members"]},
        options=facts.get("options", {}),
        fingerprint=facts.get("fingerprint", ""),
        **_scores(facts),
    )


def _of_run(name: str, record: RunRecord) -> Compared:
    settings, answer = record.settings, record.answer
    metric = str(settings.get("metric_used") or "")
    known = METRICS.get(metric)
    scores = _scores(answer)
    if known is not None and not answer:
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
        greater_is_better=answer.get("greater_is_better", better),
        trials=dict(Counter(trial["status"] for trial in record.trials)),
        seconds=answer.get("seconds", record.seconds),
        members=answer.get("members", {}),
        options=shown_options(options),
        fingerprint=str(settings.get("fingerprint") or ""),
        **scores,
    )


def _scores(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        *("score", "single_score", "baseline_score", "holdout_score"),
        *("interval", "holdout_interval"),
    )
    return {name: facts.get(name) for name in names}


def differing_options(fits: Sequence[Compared]) -> dict[str, list[Any]]:
    """The options that are not the same in all fits, and their values; None where not told."""
    names = sorted({name for fit in fits for name in fit.options})
    values = {name: [fit.options.get(name) for fit in fits] for name in names}
    return {name: found for name, found in values.items() if any(v != found[0] for v in found)}


def verdict(fits: Sequence[Compared]) -> str:
    """Which fit is best and whether that may be chance, in one sentence."""
    if len({fit.metric for fit in fits}) > 1:
        return "They were judged by different metrics, so their scores cannot be compared."
    if len({fit.fingerprint for fit in fits if fit.fingerprint}) > 1:
        return "They learned from different tables, so their scores cannot be compared."
    held = all(fit.holdout_score is not None for fit in fits)
    if held and len({(f.options.get("holdout"), f.options.get("seed")) for f in fits}) == 1:
        scored = [(fit.holdout_score, fit.holdout_interval, fit.name) for fit in fits]
    else:
        scored = [(fit.score, fit.interval, fit.name) for fit in fits]
    told = [(score, interval, name) for score, interval, name in scored if score is not None]
    if len(told) < 2:
        return "Fewer than two of them have a score of an ensemble yet."
    told.sort(key=lambda item: item[0], reverse=fits[0].greater_is_better)
    (best, first, name), (second, other, _) = told[0], told[1]
    if best == second:
        return "The best of them have the same score."
    if first and other and first["low"] <= other["high"] and other["low"] <= first["high"]:
        return f"{name} is best, but the intervals overlap: it may be chance."
    return f"{name} is best."
