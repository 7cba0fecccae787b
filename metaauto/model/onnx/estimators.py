"""The models of fold pipelines as nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metaauto.errors import Refused
from metaauto.model.onnx.graph import OPSETS, Graph, NotConvertible
from metaauto.model.onnx.neighbours import nearest_neighbours
from metaauto.model.onnx.networks import network_outputs
from metaauto.model.onnx.trees import summed_trees

__all__ = ["predicted"]


def predicted(graph: Graph, estimator: Any, rows: str, sparse: bool, n_classes: int) -> str:
    """Add the prediction of a fitted model.

    Parameters
    ----------
    graph : Graph
        The graph.
    estimator : estimator
        Last step of a fold model.
    rows : str
        Name of the prepared rows.
    sparse : bool
        Whether the model receives them as a sparse matrix.
    n_classes : int
        Number of classes, 0 in regression.

    Returns
    -------
    str
        Name of values of shape (rows, 1), or of probabilities of shape (rows, classes), float64.

    Raises
    ------
    NotConvertible
        The model has no equivalent in ONNX.
    """
    found = _own(graph, estimator, rows, sparse)
    if not n_classes:
        return found
    codes = np.asarray(estimator.classes_).astype(np.int64)
    found = graph.add("Max", found, np.float64(0.0))
    if not np.array_equal(codes, np.arange(n_classes)):
        # A fold may have had no rows of a class.
        found = graph.add("MatMul", found, np.eye(n_classes)[codes])
    total = graph.summed(found)
    shares = graph.add("Div", found, total)
    empty = graph.add("Equal", total, np.float64(0.0))
    return graph.add("Where", empty, np.float64(1.0 / n_classes), shares)


def _own(graph: Graph, estimator: Any, rows: str, sparse: bool) -> str:
    from sklearn.compose import TransformedTargetRegressor

    from metaauto.search.rescaled_regressor import RescaledRegressor

    if hasattr(estimator, "decision_trees"):
        return _trees(graph, estimator, rows, sparse)
    module = type(estimator).__module__
    if type(estimator) in (RescaledRegressor, TransformedTargetRegressor):
        inner, scale, center = _target_scale(estimator)
        product = graph.add("Mul", _own(graph, inner, rows, sparse), scale)
        return graph.add("Add", product, center)
    convert = _CONVERTERS.get(type(estimator).__name__)
    if convert is not None and module.startswith(("sklearn.", "metaauto.builtin.")):
        return convert(graph, estimator, rows)
    if module.startswith("sklearn."):
        return _by_skl2onnx(graph, estimator, rows)
    raise NotConvertible(f"{type(estimator).__name__} is not supported")


def _target_scale(estimator: Any) -> tuple[Any, np.float64, np.float64]:
    """Return the regressor of a scaled target, the scale and the centre."""
    from sklearn.preprocessing import StandardScaler

    if not hasattr(estimator, "transformer_"):
        return estimator.estimator, np.float64(estimator.scale), np.float64(estimator.center)
    scaler = estimator.transformer_
    if type(scaler) is not StandardScaler:
        raise NotConvertible(f"its target is transformed by {type(scaler).__name__}")
    return estimator.regressor_, np.float64(scaler.scale_[0]), np.float64(scaler.mean_[0])


def _trees(graph: Graph, estimator: Any, rows: str, sparse: bool) -> str:
    try:
        trees = estimator.decision_trees()
    except Refused as error:
        raise NotConvertible(error.message) from error
    if sparse and trees.absent_is_missing:
        if trees.categories:
            raise NotConvertible("it has categories in a sparse matrix")
        absent = graph.add("Equal", rows, np.float64(0.0))
        rows = graph.add("Where", absent, np.float64(np.nan), rows)
    sums = summed_trees(graph, rows, trees)
    if trees.link == "softmax":
        return graph.add("Softmax", sums, axis=1)
    if not hasattr(estimator, "classes_") or trees.outputs > 1:
        return sums
    # A single class has one column, of probability one.
    if len(estimator.classes_) == 1:
        return _constant(graph, rows, np.ones(1))
    return _both(graph, graph.add("Sigmoid", sums) if trees.link == "sigmoid" else sums)


def _both(graph: Graph, second: str) -> str:
    """Return the probabilities of two classes, given that of the second one."""
    return graph.joined([graph.add("Sub", np.float64(1.0), second), second])


def _constant(graph: Graph, rows: str, values: np.ndarray) -> str:
    flags = graph.cast(graph.add("IsNaN", graph.gathered(rows, [0])), np.float64)
    return graph.add("Add", graph.add("Mul", flags, np.float64(0.0)), values.astype(np.float64))


def _dummy_classifier(graph: Graph, estimator: Any, rows: str) -> str:
    return _constant(graph, rows, np.asarray(estimator.class_prior_))


def _dummy_regressor(graph: Graph, estimator: Any, rows: str) -> str:
    return _constant(graph, rows, np.ravel(estimator.constant_))


def _scores(graph: Graph, estimator: Any, rows: str) -> str:
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64)).T
    product = graph.add("MatMul", rows, weights)
    return graph.add("Add", product, np.ravel(estimator.intercept_).astype(np.float64))


def _linear_classifier(graph: Graph, estimator: Any, rows: str) -> str:
    scores = _scores(graph, estimator, rows)
    if len(estimator.classes_) == 2:
        return _both(graph, graph.add("Sigmoid", scores))
    return graph.add("Softmax", scores, axis=1)


def _perceptron(graph: Graph, estimator: Any, rows: str) -> str:
    kinds = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}
    last = len(estimator.coefs_) - 1
    for layer, (weights, bias) in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ):
        product = graph.add("MatMul", rows, np.asarray(weights, dtype=np.float64))
        rows = graph.add("Add", product, np.asarray(bias, dtype=np.float64))
        kind = estimator.out_activation_ if layer == last else estimator.activation
        if kind == "softmax":
            rows = graph.add("Softmax", rows, axis=1)
        elif kind != "identity":
            rows = graph.add(kinds[kind], rows)
    is_binary = hasattr(estimator, "classes_") and len(estimator.classes_) == 2
    return _both(graph, rows) if is_binary else rows


def _scaled_temperature(graph: Graph, estimator: Any, rows: str) -> str:
    from metaauto.builtin.models.temperature_scaling import FLOOR

    logs = _log_proba(graph, estimator.estimator_, rows)
    logs = graph.add("Max", logs, np.float64(FLOOR))
    factor = np.float64(estimator.inverse_temperature_)
    return graph.add("Softmax", graph.add("Mul", logs, factor), axis=1)


def _log_proba(graph: Graph, estimator: Any, rows: str) -> str:
    """Add the log-probabilities of Gaussian classes: quadratic functions of a row."""
    kind = type(estimator).__name__
    if kind == "GaussianNB":
        means, priors = estimator.theta_, estimator.class_prior_
        factors: Any = [np.diag(variances**-0.5) for variances in estimator.var_]
        logs = np.log(estimator.var_).sum(axis=1)
    elif kind == "QuadraticDiscriminantAnalysis":
        means, priors = estimator.means_, estimator.priors_
        scales = [np.asarray(scaling) for scaling in estimator.scalings_]
        factors = [r * s**-0.5 for r, s in zip(estimator.rotations_, scales, strict=True)]
        logs = np.array([np.log(scaling).sum() for scaling in scales])
    else:
        raise NotConvertible(f"{kind} is not supported")
    parts = []
    for mean, factor, log, prior in zip(means, factors, logs, priors, strict=True):
        standard = graph.add("MatMul", graph.add("Sub", rows, mean), factor)
        distance = graph.summed(graph.add("Mul", standard, standard))
        half = graph.add("Mul", graph.add("Add", distance, np.float64(log)), np.float64(-0.5))
        parts.append(graph.add("Add", half, np.float64(np.log(prior))))
    return graph.add("LogSoftmax", graph.joined(parts), axis=1)


def _support_vectors(graph: Graph, estimator: Any, rows: str) -> str:
    """Add a regression with a kernel; onnxruntime has no SVMRegressor of float64."""
    vectors = np.asarray(estimator.support_vectors_, dtype=np.float64)
    found = graph.add("MatMul", rows, vectors.T.copy())
    if estimator.kernel == "rbf":
        lengths = graph.summed(graph.add("Mul", rows, rows))
        distance = graph.add("Add", lengths, (vectors**2).sum(axis=1))
        distance = graph.add("Sub", distance, graph.add("Mul", found, np.float64(2.0)))
        found = graph.add("Exp", graph.add("Mul", distance, np.float64(-estimator._gamma)))
    elif estimator.kernel == "poly":
        scaled = graph.add("Mul", found, np.float64(estimator._gamma))
        shifted = graph.add("Add", scaled, np.float64(estimator.coef0))
        found = graph.add("Pow", shifted, np.float64(estimator.degree))
    elif estimator.kernel != "linear":
        raise NotConvertible(f"its kernel {estimator.kernel!r} is not supported")
    product = graph.add("MatMul", found, estimator.dual_coef_.T.astype(np.float64))
    return graph.add("Add", product, np.asarray(estimator.intercept_, dtype=np.float64))


def _by_skl2onnx(graph: Graph, estimator: Any, rows: str) -> str:
    """Convert an estimator of scikit-learn in float64."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    is_classifier = hasattr(estimator, "classes_")
    if type(estimator).__name__ == "GaussianProcessClassifier":
        raise NotConvertible("onnxruntime has no operator for GaussianProcessClassifier")
    try:
        made = to_onnx(
            estimator,
            initial_types=[("rows", DoubleTensorType([None, estimator.n_features_in_]))],
            options={"zipmap": False} if is_classifier else None,
            target_opset={"": OPSETS[""], "ai.onnx.ml": 3},
        )
    except Exception as error:  # skl2onnx raises many types
        why = " ".join(str(error).split())[:150]
        raise NotConvertible(
            f"skl2onnx cannot convert {type(estimator).__name__}: {why}"
        ) from error
    found = graph.cast(graph.embed(made, rows), np.float64)
    if is_classifier:
        return found
    return graph.add("Reshape", found, np.array([-1, 1], dtype=np.int64))


_CONVERTERS: dict[str, Callable[[Graph, Any, str], str]] = {
    "DummyClassifier": _dummy_classifier,
    "DummyRegressor": _dummy_regressor,
    "Ridge": _scores,
    "SVR": _support_vectors,
    "KNeighborsClassifier": nearest_neighbours,
    "KNeighborsRegressor": nearest_neighbours,
    "ElasticNet": _scores,
    "LogisticRegression": _linear_classifier,
    "LinearDiscriminantAnalysis": _linear_classifier,
    "MLPClassifier": _perceptron,
    "MLPRegressor": _perceptron,
    "TemperatureScaledClassifier": _scaled_temperature,
    "NetworkClassifier": network_outputs,
    "NetworkRegressor": network_outputs,
}
