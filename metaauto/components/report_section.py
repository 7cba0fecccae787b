"""The `ReportSection` component: a section that a plugin adds to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaauto.components.validation import check_component
from metaauto.errors import ComponentError

__all__ = [
    "REPORT_POSITIONS",
    "ReportContent",
    "ReportFigure",
    "ReportInput",
    "ReportSection",
    "ReportTable",
]

REPORT_POSITIONS = (
    *("summary", "leaderboard", "time", "predictions", "columns", "groups", "start"),
    *("budget", "card", "again"),
)
"""Sections of the report, after which a section of a plugin can stand."""


@dataclass(frozen=True)
class ReportInput:
    """What a section is about: the record of a fit, and rows that the report was given.

    Parameters
    ----------
    record : FitRecord
        The record of the fit, see ``docs/events.md``.
    task : mapping
        The task as JSON values: kind, target, columns, classes.
    metric : str
        Metric of the fit.
    examined : mapping or None
        Scores, importance and curves on the rows of ``--data``; None without them.
    """

    record: Any
    task: Mapping[str, Any]
    metric: str
    examined: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ReportTable:
    """A table: texts, or numbers, which are aligned right; it is sorted by a click on a heading.

    Parameters
    ----------
    caption : str
        What the table shows.
    headings : sequence of str
        One for each column.
    rows : sequence of sequences of str, int, float or None
        The cells; the first of each row is its name.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]


@dataclass(frozen=True)
class ReportFigure:
    """Lines over two numeric axes, drawn by metaauto in the colours of the report.

    Parameters
    ----------
    caption : str
        What the figure shows.
    x, y : str
        Labels of the axes.
    lines : mapping of str to (sequence of float, sequence of float)
        Coordinates of each line by its name, all finite.
    """

    caption: str
    x: str
    y: str
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]


@dataclass(frozen=True)
class ReportContent:
    """The content of a section, in this order. Texts are escaped; HTML is shown as text.

    Parameters
    ----------
    texts : sequence of str
        Paragraphs.
    tables : sequence of ReportTable
        Tables.
    figures : sequence of ReportFigure
        Figures.
    """

    texts: Sequence[str] = ()
    tables: Sequence[ReportTable] = ()
    figures: Sequence[ReportFigure] = ()


@dataclass(frozen=True)
class ReportSection:
    """A section of the report. If it raises, this is reported and the section left out.

    Parameters
    ----------
    name : str
        Unique short name.
    title : str
        Heading.
    build : callable
        ``build(input: ReportInput) -> ReportContent``; None for no section.
    after : str
        Section that it follows: ``"summary"``, ``"leaderboard"``, ``"time"``, ``"predictions"``,
        ``"columns"`` (feature importance), ``"groups"`` (error analysis), ``"start"`` (warm
        start), ``"budget"``, ``"card"`` or ``"again"`` (reproducibility).
    """

    name: str
    title: str
    build: Callable[[ReportInput], ReportContent | None]
    after: str = "groups"

    def __post_init__(self) -> None:
        check_component(self, "build")
        if self.after not in REPORT_POSITIONS:
            raise ComponentError(
                f"Invalid position {self.after!r} of the section {self.name!r}.",
                hint=f"Choose from {', '.join(REPORT_POSITIONS)}.",
            )
