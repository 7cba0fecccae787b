"""The mean of fold models and members, calibration and labels as nodes of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.ensemble.calibration import MIN_COMPLEMENT, TINY, Calibrator
from metaauto.ensemble.thresholds import Decision
from metaauto.model.final import FinalModel, class_labels
from metaauto.model.onnx.graph import Graph

__all__ = ["calibrated", "labelled", "mean_of_folds", "mean_of_members"]


def mean_of_folds(graph: Graph, predictions: list[str]) -> tuple[str, str]:
    """Return the mean of the finite predictions (0 if there is none), and a 0/1 mask of rows."""
    values, masks = [], []
    for prediction in predictions:
        # The difference is NaN for NaN and infinity.
        difference = graph.add("Sub", prediction, prediction)
        infinite = graph.add("Not", graph.add("Equal", difference, np.float64(0.0)))
        lost = graph.add("ReduceMax", graph.cast(infinite, np.float64), _AXIS, keepdims=1)
        masks.append(graph.add("Sub", np.float64(1.0), lost))
        is_lost = graph.add("Greater", lost, np.float64(0.0))
        values.append(graph.add("Where", is_lost, np.float64(0.0), prediction))
    total, count = _sum(graph, values), _sum(graph, masks)
    mean = graph.add("Div", total, graph.add("Max", count, np.float64(1.0)))
    return mean, graph.add("Min", count, np.float64(1.0))


def mean_of_members(graph: Graph, model: FinalModel, parts: list[tuple[float, str, str]]) -> str:
    """Return the weighted mean of the members, the fallback of the model for lost rows."""
    values = [graph.add("Mul", value, np.float64(weight)) for weight, value, _ in parts]
    masks = [graph.add("Mul", mask, np.float64(weight)) for weight, _, mask in parts]
    mass = _sum(graph, masks)
    mean = graph.add("Div", _sum(graph, values), mass)
    fallback: Any = np.nan if model.fallback is None else model.fallback
    if model.task.is_classification:
        counts = np.asarray(model.task.class_counts or (1,) * model.task.n_classes, dtype=float)
        fallback = counts / counts.sum()
    lost = graph.add("Equal", mass, np.float64(0.0))
    return graph.add("Where", lost, np.asarray(fallback, dtype=np.float64), mean)


def calibrated(graph: Graph, calibrator: Calibrator | None, probabilities: str) -> str:
    """Add the calibration, and normalise the rows to sum to one."""
    kind = "identity" if calibrator is None else calibrator.kind
    if calibrator is not None and kind != "identity":
        values = [np.float64(value) for value in calibrator.values]
        logs = graph.add("Log", graph.add("Max", probabilities, np.float64(TINY)))
        if kind == "temperature":
            probabilities = graph.add("Softmax", graph.add("Div", logs, values[0]), axis=1)
        else:
            slopes = (values[0], values[-2])
            probabilities = _logistic(graph, probabilities, logs, slopes, values[-1])
        probabilities = graph.cast(graph.cast(probabilities, np.float32), np.float64)
    return graph.add("Div", probabilities, graph.summed(probabilities))


def _logistic(
    graph: Graph, probabilities: str, logs: str, slopes: tuple[Any, Any], intercept: Any
) -> str:
    """Add Platt scaling or beta calibration of two classes."""
    complement = graph.add("Sub", np.float64(1.0), graph.gathered(probabilities, [1]))
    low = graph.add("Log", graph.add("Max", complement, np.float64(MIN_COMPLEMENT)))
    high = graph.add("Mul", graph.gathered(logs, [1]), slopes[0])
    odds = graph.add("Sub", high, graph.add("Mul", low, slopes[1]))
    positive = graph.add("Sigmoid", graph.add("Add", odds, intercept))
    return graph.joined([graph.add("Sub", np.float64(1.0), positive), positive])


def labelled(graph: Graph, model: FinalModel, probabilities: str, output: str) -> None:
    """Add the label of each row by the decision rule of the model."""
    decision = model.decision or Decision()
    if decision.kind == "threshold":
        positive = graph.add("Gather", probabilities, np.int64(1), axis=1)
        reached = graph.add("GreaterOrEqual", positive, np.float64(decision.values[0]))
        codes = graph.cast(reached, np.int64)
    else:
        scores = probabilities
        if decision.kind == "multipliers":
            scores = graph.add("Mul", probabilities, np.asarray(decision.values, dtype=np.float64))
        codes = graph.add("ArgMax", scores, axis=1, keepdims=0)
    labels = class_labels(model.task)
    if labels.dtype == object:
        labels = np.array([str(label) for label in labels], dtype=object)
    graph.add("Gather", labels, codes, axis=0, output=output)


def _sum(graph: Graph, names: list[str]) -> str:
    return graph.add("Sum", *names) if len(names) > 1 else names[0]


_AXIS = np.array([1], dtype=np.int64)
