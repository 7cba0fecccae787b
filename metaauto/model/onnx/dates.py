"""Parts of dates as nodes of a graph, in int64 arithmetic on nanoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.model.onnx.graph import Graph

__all__ = ["date_parts"]

MISSING = np.int64(np.iinfo(np.int64).min)
_HOUR, _MINUTE = np.int64(3_600_000_000_000), np.int64(60_000_000_000)
_DAY = np.int64(24) * _HOUR


def date_parts(graph: Graph, step: Any, dates: list[str]) -> str:
    """Add a fitted `DateParts`.

    Parameters
    ----------
    graph : Graph
        The graph.
    step : DateParts
        The transformer.
    dates : list of str
        Names of the columns, int64 nanoseconds since 1970 of shape (rows, 1); the smallest number
        is a missing date.

    Returns
    -------
    str
        Name of float64 features.
    """
    columns, elapsed = [], []
    for name, first, parts in zip(dates, step.firsts_, step.parts_, strict=True):
        missing = graph.add("Equal", name, MISSING)
        # Any date will do for the arithmetic.
        present = graph.add("Where", missing, np.int64(0), name)
        number = graph.add("Sub", graph.cast(present, np.float64), np.float64(first))
        days = graph.add("Div", number, np.float64(_DAY))
        days = graph.add("Where", missing, np.float64(np.nan), days)
        elapsed.append(graph.add("Add", days, np.float64(first) / np.float64(_DAY)))
        columns.append(days)
        known = _calendar(graph, present)
        for part in parts:
            value = graph.cast(known[part], np.float64)
            value = graph.add("Where", missing, np.float64(np.nan), value)
            columns += _values(graph, step, part, value)
    for a, b in step._pairs():
        columns.append(graph.add("Sub", elapsed[b], elapsed[a]))
    return graph.joined(columns)


def _values(graph: Graph, step: Any, part: str, value: str) -> list[str]:
    from metaauto.builtin.transformers.dates import _CYCLES

    if not step.cyclical or part not in _CYCLES:
        return [value]
    first, length = _CYCLES[part]
    shifted = graph.add("Sub", value, np.float64(first))
    angle = graph.add("Mul", shifted, np.float64(2.0 * np.pi / length))
    return [graph.add("Sin", angle), graph.add("Cos", angle)]


def _calendar(graph: Graph, nanoseconds: str) -> dict[str, str]:
    """Return the parts of a date, by H. Hinnant's algorithm `civil_from_days`."""

    def whole(a: str, b: int) -> str:
        """Divide non-negative numbers."""
        return graph.add("Div", a, np.int64(b))

    def times(a: str, b: int) -> str:
        return graph.add("Mul", a, np.int64(b))

    def plus(a: str, b: str | int) -> str:
        return graph.add("Add", a, b if isinstance(b, str) else np.int64(b))

    def minus(*terms: str) -> str:
        found = terms[0]
        for term in terms[1:]:
            found = graph.add("Sub", found, term)
        return found

    def rest(a: str, b: int) -> str:
        """Return the remainder, which is never negative."""
        return graph.add("Mod", a, np.int64(b))

    time = rest(nanoseconds, int(_DAY))
    day = whole(minus(nanoseconds, time), int(_DAY))
    # Years begin in March here, and eras of 400 years in the year 0.
    shifted = plus(day, 719_468)
    of_era = rest(shifted, 146_097)
    era = whole(minus(shifted, of_era), 146_097)
    leap_days = minus(whole(of_era, 1_460), whole(of_era, 36_524))
    year_of_era = whole(minus(of_era, leap_days, whole(of_era, 146_096)), 365)
    before = plus(times(year_of_era, 365), minus(whole(year_of_era, 4), whole(year_of_era, 100)))
    of_year = minus(of_era, before)
    month_from_march = whole(plus(times(of_year, 5), 2), 153)
    of_month = minus(of_year, whole(plus(times(month_from_march, 153), 2), 5))
    month = plus(rest(plus(month_from_march, 2), 12), 1)
    early = graph.cast(graph.add("Less", month, np.int64(3)), np.int64)
    year = plus(plus(year_of_era, times(era, 400)), early)
    last = plus(year, -1)
    new_year = plus(times(last, 365), minus(whole(last, 4), whole(last, 100)))
    new_year = plus(plus(new_year, whole(last, 400)), -719_162)
    return {
        "year": year,
        "month": month,
        "day": plus(of_month, 1),
        "day_of_week": rest(plus(day, 3), 7),
        "hour": whole(time, int(_HOUR)),
        "minute": rest(whole(time, int(_MINUTE)), 60),
        "day_of_year": plus(minus(day, new_year), 1),
    }
