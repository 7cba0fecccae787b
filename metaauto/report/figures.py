"""The figures of a report, drawn from the summaries in a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from metaauto.model.fit_record import FinishedTrial
from metaauto.report.svg import Chart
from metaauto.text import counted, format_score, shortened
from metaauto.warmstart.earlier import EARLIER_MODEL

__all__ = ["Figure", "dependence_figure", "diagnosis_figures", "history_figure"]

# Series 4 is the final ensemble.
_SOURCES = {"knowledge": 0, "portfolio": 1, "smac": 2, "random": 3, EARLIER_MODEL: 5}
_QUIET = 9
_NAME_WIDTH = 32
_SLOWEST_SHARE = 0.75


@dataclass(frozen=True)
class Figure:
    """A figure with its caption and the names of its series."""

    svg: Markup
    caption: str
    legend: tuple[tuple[int, str], ...] = ()


def history_figure(
    history: Sequence[FinishedTrial], metric: str, score: float | None, is_greater: bool
) -> Figure | None:
    """Draw the score of each trial over time, the best so far, and the first trial of SMAC."""
    trials = [(t, t.score) for t in history if t.score is not None and t.source != "baseline"]
    if not trials:
        return None
    scores = [value for _, value in trials]
    better = max if is_greater else min
    best, running = scores[0], []
    for value in scores:
        best = better(best, value)
        running.append(best)
    ends = [t.at for t, _ in trials]
    shown = [*running, *([score] if score is not None else [])]
    # Outliers are drawn as arrows at the edge, so that they do not compress the scale.
    edge = float(np.quantile(scores, 1 - _SLOWEST_SHARE if is_greater else _SLOWEST_SHARE))
    low, high = min(*shown, edge), max(*shown, edge)
    room = (high - low) * 0.08 or abs(high) * 0.02
    last = max(ends)
    chart = Chart(
        f"{metric} over time",
        ("seconds from the start", 0.0, last),
        (metric, low - room, high + room),
    )
    smac = [t.at for t, _ in trials if t.source == "smac"]
    if smac:
        chart.mark(smac[0], "start of SMAC")
    chart.line([*ends, last], [*running, running[-1]], _QUIET, "step")
    if score is not None:
        chart.line([0.0, last], [score, score], 4, "dashed")
    legend = []
    for source, series in _SOURCES.items():
        mine = [(t, value) for t, value in trials if t.source == source]
        for t, value in mine:
            title = f"{t.name}: {metric} {format_score(value)} after {t.at:.1f} s"
            chart.point(t.at, value, series, title)
        if mine:
            legend.append((series, f"{_source_words(source)} ({len(mine)})"))
    legend.append((_QUIET, "best single model so far"))
    ensemble = ""
    if score is not None:
        legend.append((4, "final ensemble"))
        ensemble = f", ensemble {format_score(score)}"
    words = (
        f"{counted(len(trials), 'trial')} with a score in {last:.0f} seconds; best single model "
        f"{format_score(running[-1])}{ensemble}."
    )
    beyond = sum(not low - room <= value <= high + room for value in scores)
    if beyond:
        words += f" Arrows: {counted(beyond, 'trial')} beyond the axis."
    return Figure(chart.svg(words), words, tuple(legend))


def _source_words(source: str) -> str:
    return {
        "knowledge": "warm start: similar datasets",
        "portfolio": "warm start: model defaults",
        "smac": "SMAC",
        "random": "random and local search",
        EARLIER_MODEL: EARLIER_MODEL,
    }[source]


def diagnosis_figures(diagnosis: Mapping[str, Any], target: str) -> list[Figure]:
    """Draw predictions against targets."""
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
    chart = Chart("ROC curve", ("false positive rate", 0.0, 1.0), ("true positive rate", 0.0, 1.0))
    chart.line([0, 1], [0, 1], _QUIET, "dashed")
    for series, curve in enumerate(curves):
        chart.line(curve["roc"][0], curve["roc"][1], series)
    areas = [(s, f"{_name(curve)}: AUC {curve['auc']:.3f}") for s, curve in enumerate(curves)]
    words = "ROC curve: true positive rate by false positive rate."
    return Figure(chart.svg("; ".join(text for _, text in areas)), words, tuple(areas))


def _precision_recall(curves: Sequence[Mapping[str, Any]]) -> Figure:
    chart = Chart(
        "Precision-recall curve", ("recall", 0.0, 1.0),
        ("precision", 0.0, 1.0),
    )  # fmt: skip
    for series, curve in enumerate(curves):
        chart.line(curve["pr"][0], curve["pr"][1], series)
        if len(curves) == 1:
            chart.line([0, 1], [curve["share"], curve["share"]], _QUIET, "dashed")
    areas = [
        (series, f"{_name(curve)}: average precision {curve['average_precision']:.3f}")
        for series, curve in enumerate(curves)
    ]
    words = "Precision-recall curve: precision by recall."
    return Figure(chart.svg("; ".join(text for _, text in areas)), words, tuple(areas))


def _name(curve: Mapping[str, Any]) -> str:
    """Return the class of a curve, shortened to leave room for its figure."""
    return shortened(curve["class"], _NAME_WIDTH)


def _calibration(calibration: Mapping[str, Any]) -> Figure:
    bins = calibration["bins"]
    what = "the class" if calibration["class"] else "the predicted class"
    chart = Chart(
        "Calibration", ("predicted probability", 0.0, 1.0), (f"observed share of {what}", 0.0, 1.0)
    )
    chart.line([0, 1], [0, 1], _QUIET, "dashed")
    for part in bins:
        chart.whisker(part["stated"], part["low"], part["high"])
    chart.line([part["stated"] for part in bins], [part["came"] for part in bins])
    for part in bins:
        pair = f"predicted {part['stated']:.3f}, observed {part['came']:.3f}"
        title = f"{pair}, {counted(part['rows'], 'row')}"
        chart.point(part["stated"], part["came"], 0, title)
    rows = sum(part["rows"] for part in bins)
    gap = sum(part["rows"] * abs(part["stated"] - part["came"]) for part in bins) / max(rows, 1)
    about = f" of {calibration['class']}" if calibration["class"] else " of the predicted class"
    words = (
        f"Calibration{about}: expected calibration error {gap:.3f}. The dashed line is perfect "
        "calibration; bars are 95\u00a0% intervals."
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
            title = f"predicted {part['stated']:.4g}, median of the target {part['middle']:.4g}"
            chart.point(
                part["stated"], part["middle"], 0, f"{title}, {counted(part['rows'], 'row')}"
            )
        words = (
            "Predicted and true values: median of the target by predicted value; the band covers "
            "80\u00a0% of the rows. The dashed line is a perfect prediction."
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
            f"Residuals: median absolute error {errors['0.5']:.4g}, 90\u00a0% quantile "
            f"{errors['0.9']:.4g}; the mean of the target is {abs(diagnosis['bias']):.3g} {side} "
            "the mean prediction. The outermost bars include all residuals beyond them."
        )
        found.append(Figure(chart.svg(words), words))
    return found


def dependence_figure(item: Mapping[str, Any], target: str) -> Figure:
    """Draw the mean prediction by the values of a column."""
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
    words = f"mean prediction from {min(means):.4g} to {max(means):.4g}."
    legend = () if single else tuple((s, c["class"]) for s, c in enumerate(curves))
    return Figure(chart.svg(words), f"{item['column']}: {words}", legend)
