"""What to mind about a fit and what to do next, from its facts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metaauto.data import Finding
from metaauto.task import Role, Task
from metaauto.text import clock_time, format_score

__all__ = ["FitWarning", "concerns", "next_steps"]

_SMALL_TABLE_ROWS = 200
_FEW_OF_CLASS = 20
_RARELY_RIGHT = 1 / 3
_FAILED_SHARE = 0.2
_CHANCE = 1e-3
_LATE = 0.75
_MANY_LATER = 8
_PERFECT = 0.999
_SHOWN = 3
_ASKED_FOR = "set by the user"
"""The reason of a role that the user gave."""


@dataclass(frozen=True)
class FitWarning:
    """Something that limits what a fit is good for.

    Parameters
    ----------
    code : str
        Short stable name: ``"leak"``, ``"almost-perfect"``, ``"no-better"``, ``"few-rows"``,
        ``"folds-differ"``, ``"rarely-right"``, ``"rare-class"``, ``"dates"``, ``"identifier"``,
        ``"failures"`` or ``"no-model"``.
    message : str
        What it is, one sentence.
    advice : str
        What to do about it, one sentence.
    """

    code: str
    message: str
    advice: str

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


def concerns(
    task: Task, facts: Mapping[str, Any], findings: Sequence[Finding], optimum: float = math.inf
) -> list[FitWarning]:
    """What to mind about a fit, the gravest first.

    Parameters
    ----------
    task : Task
        What was learned.
    facts : mapping
        Those of the final model: scores, interval, folds, classes, failures.
    findings : sequence of Finding
        What was noticed about the table.
    optimum : float
        Score of a perfect prediction, if there is one.
    """
    return [
        *_leaks(findings),
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
            advice = f"Leave it out: --role {_word(finding.column)}=identifier."
            yield FitWarning("leak", finding.message.partition(" Leave it")[0], advice)


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
            "Make sure that no column is known only after the target is.",
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
        "That the model is better than the baseline may be chance."
        if is_better
        else "No model is better than the baseline, which does not look at the features.",
        "Look for columns that say something about the target, or get more rows.",
    )


def _few_rows(task: Task) -> Iterator[FitWarning]:
    if task.n_rows < _SMALL_TABLE_ROWS:
        message = f"There are only {task.n_rows:,} rows, so scores and ranking are rough."
        yield FitWarning("few-rows", message, "Get more rows, or trust simple models more.")
        return
    scarce = [
        f"{label!s} ({count})"
        for label, count in zip(task.classes or (), task.class_counts or (), strict=False)
        if 2 <= count < _FEW_OF_CLASS
    ]
    if scarce:
        more = f" and {len(scarce) - _SHOWN} more" if len(scarce) > _SHOWN else ""
        yield FitWarning(
            "few-rows",
            f"Few rows have the class {', '.join(scarce[:_SHOWN])}{more}: it is judged roughly.",
            "Get more rows of it, or merge classes.",
        )


def _folds_differ(facts: Mapping[str, Any]) -> Iterator[FitWarning]:
    """Compare the spread of the folds with what the interval lets expect of it."""
    scores = [score for score in facts.get("fold_scores") or [] if score is not None]
    interval = facts.get("interval")
    if len(scores) < 3 or not interval:
        return
    error = (interval["high"] - interval["low"]) / (2 * 1.96)
    mean = sum(scores) / len(scores)
    if not error > 0:
        return
    # A fold has the n-th part of the rows, hence n times the variance.
    spread = sum((score - mean) ** 2 for score in scores) / (len(scores) * error**2)
    from scipy.stats import chi2

    if chi2.sf(spread, len(scores) - 1) < _CHANCE:
        yield FitWarning(
            "folds-differ",
            f"Folds differ more than by chance: from {format_score(min(scores))} to "
            f"{format_score(max(scores))}.",
            "Some rows may belong together (--groups), or the data change over time (--time).",
        )


def _rarely_right(facts: Mapping[str, Any]) -> Iterator[FitWarning]:
    poor = [
        found
        for found in facts.get("classes") or []
        if found["right"] is not None and found["right"] < _RARELY_RIGHT and found["rows"] >= 5
    ]
    if poor:
        poor.sort(key=lambda found: found["right"])
        listed = ", ".join(
            f"{found['class']!s} in {found['right']:.0%} of its {found['rows']:,} rows"
            for found in poor[:_SHOWN]
        )
        more = f" and {len(poor) - _SHOWN} more" if len(poor) > _SHOWN else ""
        yield FitWarning(
            "rarely-right",
            f"Rarely predicted right: {listed}{more}.",
            "If these matter, fit with --metric balanced_accuracy, or use probabilities (--proba).",
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
            f"Column {dates[0]!r} holds dates, and rows of all times were mixed in the folds.",
            f"If later rows are to be predicted, fit with --time {_word(dates[0])}.",
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
            f"{listed}{more} identif{'ies' if one else 'y'} rows and {'was' if one else 'were'} "
            "left out.",
            f"If {'it says' if one else 'one says'} more than that, give it a role: "
            f"--role {_word(names[0])}=categorical.",
        )


def _failures(facts: Mapping[str, Any]) -> Iterator[FitWarning]:
    failures: Mapping[str, int] = facts.get("failures") or {}
    failed, trials = sum(failures.values()), facts.get("trials") or 0
    if failed < 2 or failed < _FAILED_SHARE * trials:
        return
    cause = max(failures, key=lambda cause: failures[cause])
    model, _, rest = cause.partition(" ")
    advice = f"Leave it out with --exclude {model}, if it is in the way."
    if rest.startswith("memory"):
        advice = "Raise --memory, or use fewer --cores."
    elif rest.startswith("timeout"):
        advice = f"Raise --budget, or leave it out with --exclude {model}."
    yield FitWarning("failures", f"{failed} of {trials} trials failed, most often {cause}", advice)


def next_steps(facts: Mapping[str, Any]) -> list[str]:
    """What to try to get a better model or a better score, one sentence each.

    Parameters
    ----------
    facts : mapping
        Those of the final model.
    """
    steps = []
    seconds, newest = facts.get("search_seconds"), facts.get("newest_member")
    if seconds and newest is not None and facts.get("budget"):
        when = f"{clock_time(newest)} of {clock_time(seconds)}"
        if newest > _LATE * seconds:
            steps.append(
                f"The ensemble still got new members (the last at {when}): more time is likely to "
                f"help, such as --budget {_budget(4 * facts['budget'])}."
            )
        elif (facts.get("later_trials") or 0) >= _MANY_LATER:
            steps.append(
                f"None of {facts['later_trials']} later trials got into the ensemble (its last "
                f"member came at {when}): more time alone will hardly help; more rows or better "
                "columns would."
            )
    if facts.get("holdout_score") is None:
        steps.append(
            "The rows that chose the members also score them, which is a little optimistic: "
            "--holdout 0.2 keeps rows apart for an honest score, or evaluate it on other rows."
        )
    return steps


def _budget(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)}{unit}"
    return f"{round(seconds)}s"


def _word(name: str | None) -> str:
    """A name as a shell takes it."""
    import shlex

    return shlex.quote(name or "")
