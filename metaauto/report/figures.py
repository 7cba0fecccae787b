"""What a report shows as pictures, drawn from the summaries in a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from metaauto.report.svg import Chart
from metaauto.text import counted, format_score, shortened

__all__ = ["Figure", "dependence_figure", "diagnosis_figures", "history_figure"]

_SOURCES = ("knowledge", "portfolio", "smac", "random")
_QUIET = 9
_NAME_WIDTH = 32
_SLOWEST_SHARE = 0.75


@dataclass(frozen=True)
class Figure:
    """A picture, what it says in words, and the names of its series."""

    svg: Markup
    caption: str
    legend: tuple[tuple[int, str], ...] = ()


def history_figure(
    history: Sequence[Mapping[str, Any]], metric: str, score: float | None, is_greater: bool
) -> Figure | None:
    """Score of each trial over time, the best so far, and where SMAC began to propose."""
    trials = [t for t in history if t["score"] is not None and t["source"] != "baseline"]
    if not trials:
        return None
    scores = [float(t["score"]) for t in trials]
    better = max if is_greater else min
    best, running = scores[0], []
    for value in scores:
        best = better(best, value)
        running.append(best)
    ends = [float(t["at"]) for t in trials]
    shown = [*running, *([score] if score is not None else [])]
    # A few hopeless trials must not flatten all others: they stand at the edge.
    edge = float(np.quantile(scores, 1 - _SLOWEST_SHARE if is_greater else _SLOWEST_SHARE))
    low, high = min(*shown, edge), max(*shown, edge)
    room = (high - low) * 0.08 or abs(high) * 0.02
    last = max(ends)
    chart = Chart(
        f"{metric} over time",
        ("seconds since the start", 0.0, last),
        (metric, low - room, high + room),
    )
    smac = [t["at"] for t in trials if t["source"] == "smac"]
    if smac:
        chart.mark(float(smac[0]), "SMAC joins in")
    chart.line([*ends, last], [*running, running[-1]], _QUIET, "step")
    if score is not None:
        chart.line([0.0, last], [score, score], 4, "dashed")
    legend = []
    for series, source in enumerate(_SOURCES):
        mine = [t for t in trials if t["source"] == source]
        for t in mine:
            title = f"{t['name']}: {metric} {format_score(t['score'])} after {t['at']:.1f} s"
            chart.point(float(t["at"]), float(t["score"]), series, title)
        if mine:
            legend.append((series, f"{_source_words(source)} ({len(mine)})"))
    legend += [(_QUIET, "best single model so far"), (4, "the ensemble at the end")]
    words = (
        f"{counted(len(trials), 'trial')} with a score in {last:.0f} seconds; the best single "
        f"model reached {format_score(running[-1])}, the ensemble {format_score(score)}."
    )
    return Figure(chart.svg(words), words, tuple(legend))


def _source_words(source: str) -> str:
    return {
        "knowledge": "warm start, from similar tables",
        "portfolio": "warm start, defaults of the models",
        "smac": "SMAC",
        "random": "near good ones or at random",
    }[source]


def diagnosis_figures(diagnosis: Mapping[str, Any], target: str) -> list[Figure]:
    """Pictures of predictions against the truth."""
    if "bins" in diagnosis:
        return _of_values(diagnosis, target)
    found = []
    curves = diagnosis.get("curves") or []
    if curves:
        found += [_roc(curves), _precision_recall(curves)]
    if diagnosis.get("calibration", {}).get("bins"):
        found.append(_calibration(diagnosis["calibration"]))
    return found


def _roc(curves: Sequence[Mapping[str, Any]]) -> Figure:
    chart = Chart(
        "ROC curve", ("false alarms, of all others", 0.0, 1.0), ("found, of the class", 0.0, 1.0)
    )
    chart.line([0, 1], [0, 1], _QUIET, "dashed")
    for series, curve in enumerate(curves):
        chart.line(curve["roc"][0], curve["roc"][1], series)
    areas = [(s, f"{_name(curve)}: area {curve['auc']:.3f}") for s, curve in enumerate(curves)]
    words = "ROC: how many of a class are found at which rate of false alarms."
    return Figure(chart.svg("; ".join(text for _, text in areas)), words, tuple(areas))


def _precision_recall(curves: Sequence[Mapping[str, Any]]) -> Figure:
    chart = Chart(
        "Precision and recall", ("recall: found, of the class", 0.0, 1.0),
        ("precision: right, of the found", 0.0, 1.0),
    )  # fmt: skip
    for series, curve in enumerate(curves):
        chart.line(curve["pr"][0], curve["pr"][1], series)
        if len(curves) == 1:
            chart.line([0, 1], [curve["share"], curve["share"]], _QUIET, "dashed")
    areas = [
        (series, f"{_name(curve)}: average precision {curve['average_precision']:.3f}")
        for series, curve in enumerate(curves)
    ]
    words = "Precision and recall: how many of the found are right."
    return Figure(chart.svg("; ".join(text for _, text in areas)), words, tuple(areas))


def _name(curve: Mapping[str, Any]) -> str:
    """The class of a curve, so short that there is room for its figure beside it."""
    return shortened(curve["class"], _NAME_WIDTH)


def _calibration(calibration: Mapping[str, Any]) -> Figure:
    bins = calibration["bins"]
    what = "the class" if calibration["class"] else "the predicted class"
    chart = Chart(
        "Calibration", ("stated probability", 0.0, 1.0), (f"share that was {what}", 0.0, 1.0)
    )
    chart.line([0, 1], [0, 1], _QUIET, "dashed")
    for part in bins:
        chart.whisker(part["stated"], part["low"], part["high"])
    chart.line([part["stated"] for part in bins], [part["came"] for part in bins])
    for part in bins:
        said = f"stated {part['stated']:.3f}, came true {part['came']:.3f}"
        title = f"{said}, {counted(part['rows'], 'row')}"
        chart.point(part["stated"], part["came"], 0, title)
    rows = sum(part["rows"] for part in bins)
    gap = sum(part["rows"] * abs(part["stated"] - part["came"]) for part in bins) / max(rows, 1)
    about = f" of {calibration['class']}" if calibration["class"] else " of the most likely class"
    words = (
        f"Calibration{about}: stated probabilities are off by {gap:.3f} on average. On the dashed "
        "line they come true as stated; bars are 95\u00a0% intervals."
    )
    return Figure(chart.svg(words), words)


def _of_values(diagnosis: Mapping[str, Any], target: str) -> list[Figure]:
    found = []
    bins = diagnosis["bins"]
    if len(bins) > 1:
        stated = [part["stated"] for part in bins]
        low, high = [part["low"] for part in bins], [part["high"] for part in bins]
        ends = min(*low, *stated), max(*high, *stated)
        chart = Chart("Predicted and true values", ("predicted", *ends), ("true", *ends))
        chart.line(ends, ends, _QUIET, "dashed")
        chart.band(stated, low, high).line(stated, [part["middle"] for part in bins])
        for part in bins:
            title = f"predicted {part['stated']:.4g}, median of the truth {part['middle']:.4g}"
            chart.point(
                part["stated"], part["middle"], 0, f"{title}, {counted(part['rows'], 'row')}"
            )
        words = (
            "Predicted and true values: the median of the truth among rows with like predictions; "
            "80\u00a0% of those rows lie in the band. On the dashed line predictions are right."
        )
        found.append(Figure(chart.svg(words), words))
    histogram = diagnosis["residuals"]
    if histogram["counts"]:
        edges, counts = histogram["edges"], histogram["counts"]
        chart = Chart(
            "Residuals", (f"true minus predicted {target}", edges[0], edges[-1]),
            ("rows", 0.0, max(counts) * 1.05),
        )  # fmt: skip
        for left, right, count in zip(edges, edges[1:], counts, strict=False):
            chart.bar(left, right, count, f"{left:.4g} to {right:.4g}: {counted(count, 'row')}")
        errors = diagnosis["errors"]
        side = "above" if diagnosis["bias"] >= 0 else "below"
        words = (
            f"Residuals: half of the predictions are off by {errors['0.5']:.4g} at most, nine in "
            f"ten by {errors['0.9']:.4g}; on average the truth lies {abs(diagnosis['bias']):.3g} "
            f"{side} the prediction. The outermost bars hold all that lies further out."
        )
        found.append(Figure(chart.svg(words), words))
    return found


def dependence_figure(item: Mapping[str, Any], target: str) -> Figure:
    """Mean prediction by the values of a column."""
    values, curves = item["values"], item["curves"]
    names = [] if item["role"] == "numeric" else [str(value) for value in values]
    xs = list(range(len(values))) if names else [float(value) for value in values]
    single = len(curves) == 1
    lows = [min(c["low"] if single else c["mean"]) for c in curves]
    highs = [max(c["high"] if single else c["mean"]) for c in curves]
    room = 0.5 if names else 0.0
    label = curves[0]["class"]
    y = f"probability of {label}" if label and single else "probability" if label else target
    chart = Chart(
        f"Partial dependence on {item['column']}",
        (item["column"], min(xs) - room, max(xs) + room),
        (y, min(lows), max(highs)),
        names,
    )
    for series, curve in enumerate(curves):
        if names and single:
            for x, low, high in zip(xs, curve["low"], curve["high"], strict=True):
                chart.whisker(x, low, high, series)
        elif single:
            chart.band(xs, curve["low"], curve["high"], series)
        if not names or item["role"] == "datetime":
            chart.line(xs, curve["mean"], series)
        for x, value, mean in zip(xs, values, curve["mean"], strict=True):
            chart.point(x, mean, series, f"{value}: {mean:.4g}")
    means = [value for curve in curves for value in curve["mean"]]
    words = f"from {min(means):.4g} to {max(means):.4g} on average."
    legend = () if single else tuple((s, c["class"]) for s, c in enumerate(curves))
    return Figure(chart.svg(words), f"{item['column']}: {words}", legend)
