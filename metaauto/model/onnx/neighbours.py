"""k-nearest neighbours as nodes of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.model.onnx.graph import Graph, NotConvertible

__all__ = ["nearest_neighbours"]

# Each column takes a few nodes.
_MAX_COLUMNS = 200


def nearest_neighbours(graph: Graph, estimator: Any, rows: str) -> str:
    """Add a fitted ``KNeighborsClassifier`` or ``KNeighborsRegressor``.

    Distances are sums over the columns, so that those of equal rows are exactly 0. Among rows at
    the same distance, scikit-learn may choose others.

    Parameters
    ----------
    graph : Graph
        The graph.
    estimator : KNeighborsClassifier or KNeighborsRegressor
        Fitted model with ``p`` of 1 or 2.
    rows : str
        Name of the prepared rows, float64.

    Returns
    -------
    str
        Name of probabilities of shape (rows, classes), or of values of shape (rows, 1).
    """
    known = estimator._fit_X
    known = np.asarray(known.toarray() if hasattr(known, "toarray") else known, dtype=np.float64)
    if known.shape[1] > _MAX_COLUMNS or estimator.p not in (1, 2):
        raise NotConvertible(f"its distances have {known.shape[1]} columns and p={estimator.p}")
    power = "Abs" if estimator.p == 1 else "Mul"
    terms = []
    for column, cells in enumerate(known.T):
        difference = graph.add("Sub", graph.gathered(rows, [column]), cells[None, :])
        inputs = [difference] if power == "Abs" else [difference, difference]
        terms.append(graph.add(power, *inputs))
    distances = graph.add("Sum", *terms)
    if estimator.p == 2:
        distances = graph.add("Sqrt", distances)
    nearest = graph.add("TopK", distances, np.array([estimator.n_neighbors]), axis=1, largest=0)
    indices = graph.name()
    graph.nodes[-1].output.append(indices)
    if hasattr(estimator, "classes_"):
        targets = np.eye(len(estimator.classes_))[np.asarray(estimator._y)]
    else:
        targets = np.asarray(estimator._y, dtype=np.float64).reshape(-1, 1)
    found = graph.add("Gather", targets, indices, axis=0)
    weights = _weights(graph, estimator.weights, nearest)
    spread = graph.add("Unsqueeze", weights, np.array([2], dtype=np.int64))
    sums = graph.summed(graph.add("Mul", found, spread), keepdims=False)
    return graph.add("Div", sums, graph.summed(weights))


def _weights(graph: Graph, kind: str, distances: str) -> str:
    equal = graph.cast(graph.add("Equal", distances, np.float64(0.0)), np.float64)
    if kind == "uniform":
        zero = graph.add("Mul", equal, np.float64(0.0))
        return graph.add("Add", zero, np.float64(1.0))
    # Equal rows alone count if there are any.
    any_equal = graph.add("ReduceMax", equal, np.array([1], dtype=np.int64), keepdims=1)
    has_equal = graph.add("Greater", any_equal, np.float64(0.0))
    inverse = graph.add("Div", np.float64(1.0), distances)
    return graph.add("Where", has_equal, equal, inverse)
