"""Landmarking metafeatures: scores of simple, fast models on at most 2,000 rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metaauto.api import MetafeatureInput

__all__ = ["KEYS", "landmarks"]

KEYS = ("nearest", "bayes", "linear", "stump", "tree", "random_tree")

_FOLDS = 3
_MAX_COLUMNS = 100
_MAX_CLASSES = 100

Fold = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def landmarks(table: MetafeatureInput) -> dict[str, float]:
    """Score six simple models by 3-fold cross-validation, relative to a constant prediction.

    1 is perfect and 0 equals the constant prediction: balanced accuracy adjusted for chance in
    classification, R2 in regression, at least -1. NaN with fewer than four rows per class. At most
    100 randomly chosen columns are used. In regression ``bayes`` is the mean of one-column
    regressions weighted by their R2.

    References
    ----------
    B. Pfahringer, H. Bensusan, C. Giraud-Carrier. Meta-learning by landmarking various learning
    algorithms. ICML 2000.
    """
    values = dict.fromkeys(KEYS, float("nan"))
    random = np.random.default_rng(table.seed)
    n_rows, n_columns = table.X.shape
    if n_rows < 2 * _FOLDS or not n_columns or not _has_enough_rows(table):
        return values
    columns = np.arange(n_columns)
    if n_columns > _MAX_COLUMNS:
        columns = np.sort(random.choice(n_columns, _MAX_COLUMNS, replace=False))
    X = _standardised(table.X[:, columns])
    classes = table.kind != "regression"
    y = np.unique(table.y, return_inverse=True)[1] if classes else _standardised(table.y)
    fold_of = _folds(y, classes, random)
    models = _classifiers(table.seed) if classes else _regressors(table.seed)
    for name, predict in models.items():
        predictions = np.zeros(len(y), dtype=y.dtype)
        for number in range(_FOLDS):
            inside = fold_of == number
            fold = X[~inside], y[~inside], X[inside], y[inside]
            predictions[inside] = predict(fold)
        values[name] = _balanced_accuracy(y, predictions) if classes else _r2(y, predictions)
    return values


def _has_enough_rows(table: MetafeatureInput) -> bool:
    n_distinct = len(np.unique(table.y))
    return n_distinct > 1 and (table.kind == "regression" or 4 * n_distinct <= len(table.y))


def _standardised(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    values = values / np.maximum(np.abs(values).max(axis=0), 1e-280)
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 1e-12, deviation, 1.0)


def _folds(y: np.ndarray, classes: bool, random: np.random.Generator) -> np.ndarray:
    """Return the fold of each row, stratified by class."""
    order = random.permutation(len(y))
    if classes:
        order = order[np.argsort(y[order], kind="stable")]
    folds = np.empty(len(y), dtype=np.int64)
    folds[order] = np.arange(len(y)) % _FOLDS
    return folds


def _balanced_accuracy(y: np.ndarray, predictions: np.ndarray) -> float:
    counts = np.bincount(y)
    correct = np.bincount(y[predictions == y], minlength=len(counts))
    chance = 1.0 / len(counts)
    return float(((correct / counts).mean() - chance) / (1.0 - chance))


def _r2(y: np.ndarray, predictions: np.ndarray) -> float:
    error = float(((y - predictions) ** 2).mean())
    return max(1.0 - error / float(y.var()), -1.0)


def _classifiers(seed: int) -> dict[str, Callable[[Fold], np.ndarray]]:
    from sklearn.tree import DecisionTreeClassifier as Tree

    balanced = {"class_weight": "balanced", "random_state": seed % 2**32}
    return {
        "nearest": _nearest,
        "bayes": _gaussian_bayes,
        "linear": _linear_classifier,
        "stump": _predictor(Tree(max_depth=1, **balanced)),
        "tree": _predictor(Tree(max_depth=6, min_samples_leaf=3, **balanced)),
        "random_tree": _predictor(Tree(max_features=1, splitter="random", **balanced)),
    }


def _regressors(seed: int) -> dict[str, Callable[[Fold], np.ndarray]]:
    from sklearn.tree import DecisionTreeRegressor as Tree

    state = seed % 2**32
    return {
        "nearest": _nearest,
        "bayes": _univariate_regressions,
        "linear": _linear,
        "stump": _predictor(Tree(max_depth=1, random_state=state)),
        "tree": _predictor(Tree(max_depth=6, min_samples_leaf=3, random_state=state)),
        "random_tree": _predictor(Tree(max_features=1, splitter="random", random_state=state)),
    }


def _predictor(estimator: Any) -> Callable[[Fold], np.ndarray]:
    def predict(fold: Fold) -> np.ndarray:
        X, y, X_new, _ = fold
        return np.asarray(estimator.fit(X, y).predict(X_new))

    return predict


def _nearest(fold: Fold) -> np.ndarray:
    X, y, X_new, _ = fold
    # The squared norm of a new row is the same for all neighbours and is omitted.
    distances = (X**2).sum(axis=1)[None, :] - 2.0 * (X_new @ X.T)
    return np.asarray(y[distances.argmin(axis=1)])


def _gaussian_bayes(fold: Fold) -> np.ndarray:
    """Gaussian naive Bayes with equal priors and smoothed variances."""
    X, y, X_new, _ = fold
    scores = np.full((len(X_new), int(y.max()) + 1), -np.inf)
    for label in np.unique(y):
        rows = X[y == label]
        variance = rows.var(axis=0) + 0.01
        scores[:, label] = -0.5 * (
            np.log(variance).sum() + ((X_new - rows.mean(axis=0)) ** 2 / variance).sum(axis=1)
        )
    return scores.argmax(axis=1)


def _ridge(X: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ridge coefficients; the intercept is last."""
    X = np.hstack([X, np.ones((len(X), 1))])
    weighted = X * weights[:, None]
    return np.linalg.solve(weighted.T @ X + np.eye(X.shape[1]), weighted.T @ targets)


def _apply(coefficients: np.ndarray, X: np.ndarray) -> np.ndarray:
    return X @ coefficients[:-1] + coefficients[-1]


def _linear_classifier(fold: Fold) -> np.ndarray:
    """Ridge regression on class indicators with balanced class weights."""
    X, y, X_new, _ = fold
    labels, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    labels = labels[:_MAX_CLASSES]
    targets = np.where(codes[:, None] == np.arange(len(labels)), 1.0, -1.0)
    weights = len(y) / (len(counts) * counts[codes])
    return np.asarray(labels[_apply(_ridge(X, targets, weights), X_new).argmax(axis=1)])


def _linear(fold: Fold) -> np.ndarray:
    X, y, X_new, _ = fold
    return np.clip(_apply(_ridge(X, y, np.ones(len(y))), X_new), y.min(), y.max())


def _univariate_regressions(fold: Fold) -> np.ndarray:
    """Return the mean of one-column linear regressions, weighted by their R2."""
    X, y, X_new, _ = fold
    centre, y_mean = X.mean(axis=0), y.mean()
    centred = X - centre
    squares = np.maximum((centred**2).sum(axis=0), 1e-12)
    products = centred.T @ (y - y_mean)
    r2 = products**2 / (squares * max(float(((y - y_mean) ** 2).sum()), 1e-12))
    weights = r2 / max(float(r2.sum()), 1e-12)
    return y_mean + (X_new - centre) @ (weights * products / squares)
