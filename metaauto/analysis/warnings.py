"""Derive warnings about a fit and next steps from its facts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metaauto.data import Finding
from metaauto.task import Role, Task
from metaauto.text import clock_time, format_score

__all__ = ["FitWarning", "fit_warnings", "next_steps"]

_SMALL_TABLE_ROWS = 200
_SMALL_CLASS_ROWS = 20
_LOW_RECALL = 1 / 3
_FAILED_SHARE = 0.2
_CHANCE = 1e-3
_LATE = 0.75
_MIN_LATER = 8
_PERFECT = 0.999
_SHOWN = 3
_ASKED_FOR = "set by the user"
"""The reason of a role that the user gave."""


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

    def to_json(self) -> dict[str, Any]:
        """Return the warning as JSON-ready values."""
        return asdict(self)


def fit_warnings(
    task: Task, facts: Mapping[str, Any], findings: Sequence[Finding], optimum: float = math.inf
) -> list[FitWarning]:
    """Return the warnings about a fit, the most severe first.

    Parameters
    ----------
    task : Task
        The task.
    facts : mapping
        Facts of the final model: scores, interval, folds, classes, failures.
    findings : sequence of Finding
        Findings about the table.
    optimum : float
        Score of a perfect prediction, infinite if there is none.
    """
    return [
        *_leaks(findings),
        *_near_zero(findings),
        *_too_good(facts, findings, optimum),
        *_no_better(facts),
        *_few_rows(task),
        *_folds_differ(facts),
        *_rarely_right(facts),
        *_rare_classes(findings),
        *_dates(task),
        *_identifiers(task),
        *_failures(facts),
    ]


def _leaks(findings: Iterable[Finding]) -> Iterator[FitWarning]:
    for finding in findings:
        if finding.code == "leak":
            advice = f"Exclude the column with --role {_word(finding.column)}=identifier."
            # The advice of the finding is replaced by one that names the option.
            message = re.split(" (?:Leave it|Drop the column)", finding.message)[0]
            yield FitWarning("leak", message, advice)


def _near_zero(findings: Iterable[Finding]) -> Iterator[FitWarning]:
    for finding in findings:
        if finding.code == "near-zero":
            message, _, advice = finding.message.partition(". ")
            yield FitWarning("near-zero", f"{message}.", advice)


def _too_good(
    facts: Mapping[str, Any], findings: Iterable[Finding], optimum: float
) -> Iterator[FitWarning]:
    score, baseline = facts.get("score"), facts.get("baseline_score")
    if score is None or baseline is None or not math.isfinite(optimum) or optimum == baseline:
        return
    if any(finding.code == "leak" for finding in findings):
        return
    if (score - baseline) / (optimum - baseline) > _PERFECT:
        yield FitWarning(
            "almost-perfect",
            f"The score {format_score(score)} is almost perfect.",
            "Check for target leakage: every column must be known before the target.",
        )


def _no_better(facts: Mapping[str, Any]) -> Iterator[FitWarning]:
    score, baseline = facts.get("score"), facts.get("baseline_score")
    if score is None or baseline is None:
        return
    sign = 1 if facts.get("greater_is_better", True) else -1
    interval = facts.get("interval") or {}
    worst = interval.get("low" if sign > 0 else "high", score)
    if sign * (worst - baseline) > 0:
        return
    is_better = sign * (score - baseline) > 0
    yield FitWarning(
        "no-better",
        "The improvement over the baseline may be due to chance."
        if is_better
        else "No model is better than the baseline, which ignores the features.",
        "Add informative columns or more rows.",
    )


def _few_rows(task: Task) -> Iterator[FitWarning]:
    if task.n_rows < _SMALL_TABLE_ROWS:
        message = f"Only {task.n_rows:,} rows: scores and ranking are imprecise."
        yield FitWarning("few-rows", message, "Add more rows, or prefer simple models.")
        return
    scarce = [
        f"{label!s} ({count})"
        for label, count in zip(task.classes or (), task.class_counts or (), strict=False)
        if 2 <= count < _SMALL_CLASS_ROWS
    ]
    if scarce:
        more = f" and {len(scarce) - _SHOWN} more" if len(scarce) > _SHOWN else ""
        yield FitWarning(
            "few-rows",
            f"Few rows have the class {', '.join(scarce[:_SHOWN])}{more}: its evaluation is "
            "imprecise.",
            "Add more rows of it, or merge classes.",
        )


def _folds_differ(facts: Mapping[str, Any]) -> Iterator[FitWarning]:
    """Test whether the spread of the fold scores exceeds that expected from the interval."""
    scores = [score for score in facts.get("fold_scores") or [] if score is not None]
    interval = facts.get("interval")
    if len(scores) < 3 or not interval:
        return
    error = (interval["high"] - interval["low"]) / (2 * 1.96)
    mean = sum(scores) / len(scores)
    if not error > 0:
        return
    # A fold has 1/n of the rows, hence n times the variance.
    spread = sum((score - mean) ** 2 for score in scores) / (len(scores) * error**2)
    # scipy.stats takes seconds to import, and this is the end of a fit.
    from scipy.special import chdtrc

    if chdtrc(len(scores) - 1, spread) < _CHANCE:
        yield FitWarning(
            "folds-differ",
            f"Fold scores differ more than expected by chance: {format_score(min(scores))} to "
            f"{format_score(max(scores))}.",
            "Check for groups of related rows (--groups) and for changes over time (--time).",
        )


def _rarely_right(facts: Mapping[str, Any]) -> Iterator[FitWarning]:
    poor = [
        found
        for found in facts.get("classes") or []
        if found["right"] is not None and found["right"] < _LOW_RECALL and found["rows"] >= 5
    ]
    if poor:
        poor.sort(key=lambda found: found["right"])
        listed = ", ".join(
            f"{found['class']!s} {found['right']:.0%} ({found['rows']:,} rows)"
            for found in poor[:_SHOWN]
        )
        more = f" and {len(poor) - _SHOWN} more" if len(poor) > _SHOWN else ""
        yield FitWarning(
            "rarely-right",
            f"Low recall: {listed}{more}.",
            "If these classes matter, fit with --metric balanced_accuracy, or use probabilities "
            "(--proba).",
        )


def _rare_classes(findings: Iterable[Finding]) -> Iterator[FitWarning]:
    for finding in findings:
        if finding.code == "rare-class":
            message, _, advice = finding.message.partition(". ")
            yield FitWarning("rare-class", f"{message}.", advice)


def _dates(task: Task) -> Iterator[FitWarning]:
    dates = [column.name for column in task.features if column.role is Role.DATETIME]
    if dates and task.time is None:
        yield FitWarning(
            "dates",
            f"Column {dates[0]!r} holds dates, but the folds mix rows of all times.",
            f"To predict later rows, fit with --time {_word(dates[0])}.",
        )


def _identifiers(task: Task) -> Iterator[FitWarning]:
    names = [
        column.name
        for column in task.columns
        if column.role is Role.IDENTIFIER and column.reason != _ASKED_FOR
    ]
    if names:
        one = len(names) == 1
        listed = ", ".join(repr(name) for name in names[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield FitWarning(
            "identifier",
            f"Excluded as identifier{'' if one else 's'}: {listed}{more}.",
            f"If {'the column is' if one else 'a column is'} informative, set its role: "
            f"--role {_word(names[0])}=categorical.",
        )


def _failures(facts: Mapping[str, Any]) -> Iterator[FitWarning]:
    failures: Mapping[str, int] = facts.get("failures") or {}
    failed, trials = sum(failures.values()), facts.get("trials") or 0
    if failed < 2 or failed < _FAILED_SHARE * trials:
        return
    cause = max(failures, key=lambda cause: failures[cause])
    model, _, rest = cause.partition(" ")
    advice = f"Exclude the model with --exclude {model}."
    if rest.startswith("memory"):
        advice = "Raise --memory, or use fewer --cores."
    elif rest.startswith("timeout"):
        advice = f"Raise --budget, or exclude the model with --exclude {model}."
    yield FitWarning("failures", f"{failed} of {trials} trials failed, most often {cause}", advice)


def next_steps(facts: Mapping[str, Any]) -> list[str]:
    """Return next steps towards a better model or a better evaluation, one sentence each.

    Parameters
    ----------
    facts : mapping
        Facts of the final model.
    """
    steps = []
    seconds, newest = facts.get("search_seconds"), facts.get("newest_member")
    if seconds and newest is not None and facts.get("budget"):
        when = f"{clock_time(newest)} of {clock_time(seconds)}"
        if newest > _LATE * seconds:
            steps.append(
                f"The last member joined the ensemble at {when}: more time is likely to help. Try "
                f"--budget {_budget(4 * facts['budget'])}."
            )
        elif (facts.get("later_trials") or 0) >= _MIN_LATER:
            steps.append(
                f"None of the last {facts['later_trials']} trials joined the ensemble (last member "
                f"at {when}): more time is unlikely to help. Add rows or informative columns."
            )
    if facts.get("holdout_score") is None:
        steps.append(
            "The ensemble was selected on the rows that score it, so the score is slightly "
            "optimistic. Use --holdout 0.2 for an unbiased score, or evaluate on other rows."
        )
    return steps


def _budget(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)}{unit}"
    return f"{round(seconds)}s"


def _word(name: str | None) -> str:
    """Quote a name for the shell."""
    import shlex

    return shlex.quote(name or "")
