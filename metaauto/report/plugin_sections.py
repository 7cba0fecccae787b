"""Sections of plugins in the report: texts, tables and figures, built in isolation."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaauto.components.report_section import (
    ReportContent,
    ReportFigure,
    ReportInput,
    ReportTable,
)
from metaauto.errors import ComponentError
from metaauto.plugins.registry import Registry
from metaauto.report.figures import Figure
from metaauto.report.svg import Chart
from metaauto.text import format_score

__all__ = ["PluginSection", "plugin_sections"]

_log = logging.getLogger("metaauto.plugins")
_EMPTY = "-"
_NUMBER = re.compile(r"[+-]?\d[\d.,]*(e[+-]?\d+)?\s?%?")


@dataclass(frozen=True)
class PluginSection:
    """A section for the template: cells are texts, and figures are drawn."""

    name: str
    title: str
    texts: list[str]
    tables: list[dict[str, Any]]
    figures: list[Figure]


def plugin_sections(registry: Registry, given: ReportInput) -> Mapping[str, list[PluginSection]]:
    """Return the sections of plugins by the section that they follow, each by name.

    A section that raises or returns something else is reported with its plugin and left out.
    """
    found: dict[str, list[PluginSection]] = {}
    for entry in registry.entries("report_section"):
        section = entry.component
        try:
            content = section.build(given)
            if content is not None:
                made = _section(section.name, section.title, content)
                found.setdefault(section.after, []).append(made)
        except Exception as error:
            text = "Plugin %r: the report section %r raised %s: %s"
            _log.warning(text, entry.plugin.label, section.name, type(error).__name__, error)
    return found


def _section(name: str, title: str, content: Any) -> PluginSection:
    if not isinstance(content, ReportContent):
        raise ComponentError(
            f"build() returned a {type(content).__name__}.", hint="Return a ReportContent or None."
        )
    texts = [_plain(text) for text in content.texts]
    tables = [_table(table) for table in content.tables]
    return PluginSection(name, title, texts, tables, [_figure(one) for one in content.figures])


def _plain(text: Any) -> str:
    """Return a text without the mark by which a template would take it for safe HTML."""
    return "".join(str(text))


def _table(table: ReportTable) -> dict[str, Any]:
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    if any(len(row) != len(table.headings) for row in rows):
        raise ComponentError(
            f"A row of the table {table.caption!r} does not have {len(table.headings)} cells.",
            hint="Give one cell for each heading.",
        )
    # The first column names the row; numbers and shares are aligned right.
    are_numbers = [
        column > 0 and all(row[column][1] for row in rows) for column in range(len(table.headings))
    ]
    headings = [_plain(heading) for heading in table.headings]
    return {
        "caption": _plain(table.caption),
        "headings": list(zip(headings, are_numbers, strict=True)),
        "rows": [[text for text, _ in row] for row in rows],
        "numbers": are_numbers,
    }


def _cell(value: Any) -> tuple[str, bool]:
    """Return the text of a cell, and whether it is a number, a share or empty."""
    if value is None:
        return _EMPTY, True
    if isinstance(value, float):
        return (format_score(value) if math.isfinite(value) else _EMPTY), True
    text = _plain(value)
    return text, text == _EMPTY or _NUMBER.fullmatch(text) is not None


def _figure(figure: ReportFigure) -> Figure:
    caption, lines = _plain(figure.caption), list(figure.lines.items())
    xs = [float(x) for _, (values, _) in lines for x in values]
    ys = [float(y) for _, (_, values) in lines for y in values]
    if not xs or not all(map(math.isfinite, [*xs, *ys])):
        raise ComponentError(
            f"The figure {caption!r} has no points, or a coordinate that is not finite.",
            hint="Leave the figure or the points out.",
        )
    axes = (_plain(figure.x), min(xs), max(xs)), (_plain(figure.y), min(ys), max(ys))
    chart = Chart(caption, *axes)
    for series, (_, (x, y)) in enumerate(lines):
        chart.line([float(v) for v in x], [float(v) for v in y], series)
    legend = tuple((series, _plain(name)) for series, (name, _) in enumerate(lines))
    return Figure(chart.svg(caption), caption, legend if len(lines) > 1 else ())
