"""A model as one line, and as the small table that notebooks show."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from metaauto.text import counted, shortened

if TYPE_CHECKING:
    from metaauto.model.final import FinalModel

__all__ = ["as_html", "as_line"]

_LONGEST_NAME = 60
_MOST_MEMBERS = 5


def as_line(model: FinalModel) -> str:
    """Target, kind of task, metric, score and number of models."""
    target = repr(_short(model.task.target))
    score = _number(model.facts.get("score"))
    parts = [target, model.task.kind, f"{_short(model.metric_name)}={score}"]
    return f"FinalModel({', '.join(parts)}, models={len(model.members)})"


def as_html(model: FinalModel) -> str:
    """The same and a little more; without colours of its own, for light and dark pages."""
    cell = "text-align:left;padding:.1em 1em .1em 0"
    lines = "".join(
        f'<tr><th scope="row" style="{cell}">{escape(label)}</th>'
        f'<td style="{cell}">{escape(text)}</td></tr>'
        for label, text in _lines(model)
    )
    return f"<table><tbody>{lines}</tbody></table>"


def _lines(model: FinalModel) -> Iterator[tuple[str, str]]:
    task, facts = model.task, model.facts
    classes = f", {counted(task.n_classes, 'class', 'classes')}" if task.n_classes > 2 else ""
    yield "Model of", f"{_short(task.target)} ({task.kind}{classes})"
    better = "higher" if facts.get("greater_is_better", True) else "lower"
    metric = _short(model.metric_name)
    yield "Score", f"{metric} {_number(facts.get('score'))} out of fold, {better} is better"
    if facts.get("holdout_score") is not None:
        yield "Holdout", f"{metric} {_number(facts['holdout_score'])}"
    total = sum(member.weight for member in model.members)
    heaviest = sorted(model.members, key=lambda member: -member.weight)
    named = [f"{_short(m.name)} {m.weight / total:.0%}" for m in heaviest[:_MOST_MEMBERS]]
    more = len(heaviest) - _MOST_MEMBERS
    named += [f"{more} more"] if more > 0 else []
    yield "Models", f"{len(heaviest)}: {', '.join(named)}"
    size = f"{counted(task.n_rows, 'row')}, {counted(len(model.feature_names), 'column')}"
    yield "Learned from", size


def _short(text: Any) -> str:
    return shortened(text, _LONGEST_NAME)


def _number(score: Any) -> str:
    return f"{score:.5g}" if isinstance(score, (int, float)) and score == score else "-"
