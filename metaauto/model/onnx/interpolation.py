"""Linear interpolation and the normal quantile function as nodes of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.model.onnx.graph import Graph

__all__ = ["interpolated", "normal_quantile"]


def interpolated(graph: Graph, cells: str, places: Any, levels: np.ndarray) -> str:
    """Add ``numpy.interp(cells, places, levels)``, which keeps NaN.

    Parameters
    ----------
    graph : Graph
        The graph.
    cells : str
        Float64 of shape (rows, 1).
    places : ndarray of shape (n,), or str
        Increasing abscissas, or the name of those of each row, of shape (rows, n).
    levels : ndarray of shape (n,)
        Ordinates.

    Returns
    -------
    str
        Name of float64 values of shape (rows, 1).
    """
    n = len(levels)
    if not isinstance(places, str):
        places = np.asarray(places)[None, :]
    # The interval of a cell begins at the last abscissa that it reaches.
    reached = graph.add("GreaterOrEqual", cells, places)
    count = graph.summed(graph.cast(reached, np.int64))
    last = np.int64(n - 1)
    low = graph.add(
        "Min", graph.add("Max", graph.add("Sub", count, np.int64(1)), np.int64(0)), last
    )
    high = graph.add("Min", graph.add("Add", low, np.int64(1)), last)
    x0, x1 = (_picked(graph, places, index) for index in (low, high))
    y0, y1 = (
        graph.add("Gather", levels.astype(np.float64), index, axis=0) for index in (low, high)
    )
    width = graph.add("Sub", x1, x0)
    flat = graph.add("Equal", width, np.float64(0.0))
    divisor = graph.add("Where", flat, np.float64(1.0), width)
    share = graph.add("Div", graph.add("Sub", cells, x0), divisor)
    # Cells outside of the abscissas get the first or the last ordinate.
    above = graph.add("Greater", share, np.float64(1.0))
    below = graph.add("Less", share, np.float64(0.0))
    share = graph.add("Where", above, np.float64(1.0), share)
    share = graph.add("Where", below, np.float64(0.0), share)
    return graph.add("Add", y0, graph.add("Mul", share, graph.add("Sub", y1, y0)))


def _picked(graph: Graph, places: Any, index: str) -> str:
    if isinstance(places, str):
        return graph.add("GatherElements", places, index, axis=1)
    return graph.add("Gather", places[0], index, axis=0)


# Wichura's algorithm AS 241 (1988), coefficients from the highest power to the constant.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
     1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055,
     4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
     0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494,
     2.05319162663775882187, 1.0),
)  # fmt: skip


def normal_quantile(graph: Graph, cells: str, margin: float) -> str:
    """Add the quantile function of the standard normal distribution; NaN is kept.

    Parameters
    ----------
    graph : Graph
        The graph.
    cells : str
        Float64 probabilities.
    margin : float
        Probabilities are clipped to at least this distance from 0 and 1; at least 1e-10.

    Returns
    -------
    str
        Name of float64 values of the same shape.

    References
    ----------
    M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied
    Statistics 37, 1988, doi:10.2307/2347330.
    """
    q = graph.clipped(graph.add("Sub", cells, np.float64(0.5)), 0.5 - margin)
    r = graph.add("Sub", np.float64(0.180625), graph.add("Mul", q, q))
    centre = graph.add("Mul", q, _ratio(graph, r, _CENTRE))
    distance = graph.add("Sub", np.float64(0.5), graph.add("Abs", q))
    root = graph.add("Sqrt", graph.add("Neg", graph.add("Log", distance)))
    tail = _ratio(graph, graph.add("Sub", root, np.float64(1.6)), _TAIL)
    tail = graph.add("Mul", graph.add("Sign", q), tail)
    return graph.add("Where", graph.add("Less", r, np.float64(0.0)), tail, centre)


def _ratio(graph: Graph, x: str, coefficients: tuple[tuple[float, ...], ...]) -> str:
    """Add the ratio of two polynomials by Horner's method."""
    values = []
    for polynomial in coefficients:
        value: Any = np.float64(polynomial[0])
        for coefficient in polynomial[1:]:
            value = graph.add("Add", graph.add("Mul", x, value), np.float64(coefficient))
        values.append(value)
    return graph.add("Div", *values)
