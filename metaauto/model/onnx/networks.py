"""metaauto's averaged networks as nodes of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.model.onnx.graph import Graph

__all__ = ["network_outputs"]


def network_outputs(graph: Graph, estimator: Any, rows: str) -> str:
    """Add the prediction of a `NetworkClassifier` or `NetworkRegressor`.

    Parameters
    ----------
    graph : Graph
        The graph.
    estimator : NetworkClassifier or NetworkRegressor
        Fitted networks.
    rows : str
        Name of the prepared rows, float64.

    Returns
    -------
    str
        Name of probabilities of shape (rows, classes), or of values of shape (rows, 1).
    """
    from metaauto.builtin.models.network_estimator import SMALLEST

    plain, codes = _inputs(graph, estimator.inputs_, rows)
    encoded = _encoded(graph, estimator.inputs_, plain)
    layers = [view.astype(np.float64) for view in estimator._networks().views(estimator.weights_)]
    outputs = [
        _forward(graph, estimator, [layer[network] for layer in layers], encoded, codes)
        for network in range(len(estimator.weights_))
    ]
    is_classifier = hasattr(estimator, "classes_")
    if is_classifier:
        outputs = [graph.add("Softmax", output, axis=1) for output in outputs]
    # onnxruntime has no Mean of float64.
    mean = graph.add("Mul", graph.add("Sum", *outputs), np.float64(1.0 / len(outputs)))
    if is_classifier:
        logs = graph.add("Log", graph.add("Max", mean, np.float64(SMALLEST)))
        factor = np.float64(estimator.inverse_temperature_)
        return graph.add("Softmax", graph.add("Mul", logs, factor), axis=1)
    low, high = map(np.float64, estimator.range_)
    bounded = graph.add("Min", graph.add("Max", mean, low), high)
    scaled = graph.add("Mul", bounded, np.float64(estimator.scale_))
    return graph.add("Add", scaled, np.float64(estimator.mean_))


def _inputs(graph: Graph, inputs: Any, rows: str) -> tuple[str, str | None]:
    """Add what `NetworkInputs.transform` returns; None without embedded categories."""
    from metaauto.builtin.models.network_inputs import LARGEST, MISSING

    parts = []
    if len(inputs.numeric_):
        numbers = graph.gathered(rows, inputs.numeric_)
        scaled = graph.add("Div", graph.add("Sub", numbers, inputs.center_), inputs.scale_)
        missing = graph.add("IsNaN", numbers)
        scaled = graph.add("Where", missing, np.float64(0.0), scaled)
        parts.append(graph.clipped(scaled, LARGEST))
        if len(inputs.marked_):
            flags = graph.gathered(missing, inputs.marked_)
            parts.append(graph.cast(flags, np.float64))
    codes = ""
    if len(inputs.categorical):
        codes = graph.gathered(rows, list(inputs.categorical))
        codes = graph.add("Where", graph.add("IsNaN", codes), np.float64(MISSING), codes)
    for column in inputs.one_hot_:
        is_level = graph.add("Equal", graph.gathered(codes, [column]), inputs.levels_[column][None])
        parts.append(graph.cast(is_level, np.float64))
    places, start = [], 0
    unknown = inputs.n_levels_ - 1
    for column in inputs.embedded_:
        levels = inputs.levels_[column]
        is_level = graph.add("Equal", graph.gathered(codes, [column]), levels[None])
        # The sum of the matching numbers is 0 for an unknown level.
        shift = np.arange(start, start + len(levels), dtype=np.int64) - unknown
        matches = graph.add("Mul", graph.cast(is_level, np.int64), shift)
        places.append(graph.add("Add", graph.summed(matches), np.int64(unknown)))
        start += len(levels)
    return graph.joined(parts), graph.joined(places) if places else None


def _encoded(graph: Graph, inputs: Any, plain: str) -> str:
    """Add what `NetworkInputs.encode` returns."""
    from metaauto.builtin.models.network_inputs import CLIP

    count = len(inputs.numeric_)
    parts = []
    clipped = ""
    if count:
        numbers = graph.gathered(plain, np.arange(count))
        part = graph.add("Div", numbers, np.float64(CLIP))
        square = graph.add("Add", graph.add("Mul", part, part), np.float64(1.0))
        clipped = graph.add("Div", numbers, graph.add("Sqrt", square))
        parts.append(clipped)
    if inputs.n_plain_ > count:
        parts.append(graph.gathered(plain, np.arange(count, inputs.n_plain_)))
    if len(inputs.source_):
        offset, factor = inputs.offset_.astype(np.float64), inputs.factor_.astype(np.float64)
        if inputs.encoding == "periodic":
            angles = graph.add("Mul", graph.gathered(clipped, inputs.source_), factor)
            parts += [graph.add("Sin", angles), graph.add("Cos", angles)]
        else:
            shifted = graph.add("Sub", graph.gathered(plain, inputs.source_), offset)
            position = graph.add("Max", graph.add("Mul", shifted, factor), np.float64(0.0))
            parts.append(graph.add("Min", position, np.float64(1.0)))
    return graph.joined(parts)


def _forward(
    graph: Graph, estimator: Any, layers: list[np.ndarray], encoded: str, codes: str | None
) -> str:
    """Add the layers of one network."""
    z = graph.add("Add", graph.add("MatMul", encoded, layers[0]), layers[1])
    n_layers = estimator._networks().n_layers
    if codes is not None:
        table, matrix = layers[-2:]
        found = graph.add("Gather", table, codes, axis=0)
        flat = graph.add("Reshape", found, np.array([-1, len(matrix)], dtype=np.int64))
        z = graph.add("Add", z, graph.add("MatMul", flat, matrix))
    for layer in range(1, n_layers):
        product = graph.add("MatMul", _activated(graph, estimator.activation, z), layers[2 * layer])
        z = graph.add("Add", product, layers[2 * layer + 1])
    return z


def _activated(graph: Graph, kind: str, z: str) -> str:
    from metaauto.builtin.models.network_layers import _SELU_ALPHA, _SELU_SCALE

    if kind == "selu":
        below = graph.add("Exp", graph.add("Min", z, np.float64(0.0)))
        below = graph.add("Mul", below, np.float64(_SELU_SCALE * _SELU_ALPHA))
        below = graph.add("Sub", below, np.float64(_SELU_SCALE * _SELU_ALPHA))
        positive = graph.add("Greater", z, np.float64(0.0))
        return graph.add("Where", positive, graph.add("Mul", z, np.float64(_SELU_SCALE)), below)
    e = graph.add("Exp", graph.add("Min", z, np.float64(20.0)))
    n = graph.add("Mul", e, graph.add("Add", e, np.float64(2.0)))
    share = graph.add("Div", n, graph.add("Add", n, np.float64(2.0)))
    return graph.add("Mul", z, share)
