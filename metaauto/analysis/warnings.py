"""Derive warnings about a fit and next steps from its record."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from metaauto.data import Finding
from metaauto.model.fit_record import FitRecord, FitWarning
from metaauto.task import Role, Task
from metaauto.text import argument, clock_time, format_score

__all__ = ["fit_warnings", "next_steps"]

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


def fit_warnings(
    task: Task, record: FitRecord, findings: Sequence[Finding], optimum: float = math.inf
) -> list[FitWarning]:
    """Return the warnings about a fit, the most severe first.

    Parameters
    ----------
    task : Task
        The task.
    record : FitRecord
        The record of the fit, without warnings.
    findings : sequence of Finding
        Findings about the table.
    optimum : float
        Score of a perfect prediction, infinite if there is none.
    """
    return [
        *_leaks(findings),
        *_near_zero(findings),
        *_too_good(record, findings, optimum),
        *_no_better(record),
        *_few_rows(task),
        *_folds_differ(record),
        *_rarely_right(record),
        *_rare_classes(findings),
        *_sample(findings),
        *_dates(task),
        *_identifiers(task),
        *_failures(record),
    ]


def _leaks(findings: Iterable[Finding]) -> Iterator[FitWarning]:
    for finding in findings:
        if finding.code == "leak":
            advice = f"Exclude the column with {argument('roles', {finding.column: 'identifier'})}."
            # The advice of the finding is replaced by one that names the option.
            message = re.split(" (?:Leave it|Drop the column)", finding.message)[0]
            yield FitWarning("leak", message, advice)


def _near_zero(findings: Iterable[Finding]) -> Iterator[FitWarning]:
    for finding in findings:
        if finding.code == "near-zero":
            message, _, advice = finding.message.partition(". ")
            yield FitWarning("near-zero", f"{message}.", advice)


def _sample(findings: Iterable[Finding]) -> Iterator[FitWarning]:
    for finding in findings:
        if finding.code == "sample":
            advice = f"More {argument('memory')}, or fewer {argument('cores')}, allow more rows."
            yield FitWarning("sample", finding.message, advice)


def _too_good(
    record: FitRecord, findings: Iterable[Finding], optimum: float
) -> Iterator[FitWarning]:
    score, baseline = record.score, record.baseline_score
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


def _no_better(record: FitRecord) -> Iterator[FitWarning]:
    score, baseline = record.score, record.baseline_score
    if score is None or baseline is None:
        return
    sign = 1 if record.greater_is_better else -1
    worst = score
    if record.interval is not None:
        worst = record.interval.low if sign > 0 else record.interval.high
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


def _folds_differ(record: FitRecord) -> Iterator[FitWarning]:
    """Test whether the spread of the fold scores exceeds that expected from the interval."""
    scores = [score for score in record.fold_scores if score is not None]
    interval = record.interval
    if len(scores) < 3 or not interval:
        return
    error = (interval.high - interval.low) / (2 * 1.96)
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
            f"Check for groups of related rows ({argument('groups')}) and for changes over time "
            f"({argument('time')}).",
        )


def _rarely_right(record: FitRecord) -> Iterator[FitWarning]:
    poor = [
        (found.right, found)
        for found in record.classes
        if found.right is not None and found.right < _LOW_RECALL and found.rows >= 5
    ]
    if poor:
        poor.sort(key=lambda pair: pair[0])
        listed = ", ".join(
            f"{found.label!s} {right:.0%} ({found.rows:,} rows)" for right, found in poor[:_SHOWN]
        )
        more = f" and {len(poor) - _SHOWN} more" if len(poor) > _SHOWN else ""
        yield FitWarning(
            "rarely-right",
            f"Low recall: {listed}{more}.",
            f"If these classes matter, fit with {argument('metric', 'balanced_accuracy')}, or use "
            f"probabilities ({argument('proba')}).",
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
            f"To predict later rows, fit with {argument('time', dates[0])}.",
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
            f"{argument('roles', {names[0]: 'categorical'})}.",
        )


def _failures(record: FitRecord) -> Iterator[FitWarning]:
    failures = record.failures
    failed, trials = sum(failures.values()), record.trials or 0
    if failed < 2 or failed < _FAILED_SHARE * trials:
        return
    cause = max(failures, key=lambda cause: failures[cause])
    model, _, rest = cause.partition(" ")
    excluded = argument("exclude", model)
    advice = f"Exclude the model with {excluded}."
    if rest.startswith("memory"):
        advice = f"Raise {argument('memory')}, or lower {argument('cores')}."
    elif rest.startswith("timeout"):
        advice = f"Raise {argument('budget')}, or exclude the model with {excluded}."
    yield FitWarning("failures", f"{failed} of {trials} trials failed, most often {cause}", advice)


def next_steps(record: FitRecord) -> tuple[str, ...]:
    """Return next steps towards a better model or a better evaluation, one sentence each.

    Parameters
    ----------
    record : FitRecord
        The record of the fit.
    """
    steps = []
    seconds, newest = record.search_seconds, record.newest_member
    if seconds and newest is not None and record.budget:
        when = f"{clock_time(newest)} of {clock_time(seconds)}"
        if newest > _LATE * seconds:
            steps.append(
                f"The last member joined the ensemble at {when}: more time is likely to help. Try "
                f"{argument('budget', _budget(4 * record.budget))}."
            )
        elif (record.later_trials or 0) >= _MIN_LATER:
            steps.append(
                f"None of the last {record.later_trials} trials joined the ensemble (last member "
                f"at {when}): more time is unlikely to help. Add rows or informative columns."
            )
    if record.holdout_score is None:
        steps.append(
            "The ensemble was selected on the rows that score it, so the score is slightly "
            f"optimistic. Use {argument('holdout', 0.2)} for an unbiased score, or evaluate on "
            "other rows."
        )
    return tuple(steps)


def _budget(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)}{unit}"
    return f"{round(seconds)}s"
