"""Temperature scaling of overconfident classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.validation import has_fit_parameter

__all__ = ["TemperatureScaledClassifier", "best_inverse_temperature", "scaled_log_proba"]

# Lower bound of log-probabilities, to keep them finite.
FLOOR = -700.0
INVERSE_TEMPERATURES = np.geomspace(0.002, 2.0, 60)


class TemperatureScaledClassifier(ClassifierMixin, BaseEstimator):
    """Classifier with temperature scaling, fitted on out-of-fold predictions.

    Naive Bayes and discriminant analysis rank rows well but are overconfident.
    Temperature scaling multiplies the log-probabilities by one number: it keeps the predicted
    class of every row and improves the log loss [1]_.

    Parameters
    ----------
    estimator : classifier
        Classifier with ``predict_log_proba``.
    folds : int, default=5
        Inner folds of the training rows. If a class is too rare to be split, the predictions of
        the training rows are used.
    min_class_rows : int, default=1
        Rows of each class that the estimator requires.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes seen in training.
    estimator_ : classifier
        Fitted on all training rows.
    inverse_temperature_ : float
        Factor of the log-probabilities.

    References
    ----------
    .. [1] Guo et al., On Calibration of Modern Neural Networks, ICML 2017. arXiv:1706.04599
    """

    def __init__(self, estimator: Any, folds: int = 5, min_class_rows: int = 1) -> None:
        self.estimator = estimator
        self.folds = folds
        self.min_class_rows = min_class_rows

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TemperatureScaledClassifier:
        """Fit the temperature on out-of-fold predictions, and the classifier on all rows."""
        y = np.asarray(y)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        self.classes_, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        self.estimator_ = self._fitted(X, y, weight)
        rarest = int(counts.min())
        folds = min(self.folds, rarest)
        if folds < 2 or rarest - -(-rarest // folds) < self.min_class_rows:
            log_proba = self._log_proba(self.estimator_, X)
        else:
            log_proba = np.zeros((len(y), len(self.classes_)))
            for train, rest in StratifiedKFold(folds, shuffle=True, random_state=0).split(X, y):
                part = self._fitted(X[train], y[train], None if weight is None else weight[train])
                log_proba[rest] = self._log_proba(part, X[rest])
        self.inverse_temperature_ = best_inverse_temperature(log_proba, codes, weight)
        return self

    def _fitted(self, X: Any, y: Any, weight: Any) -> Any:
        settings = {}
        if weight is not None and has_fit_parameter(self.estimator, "sample_weight"):
            settings["sample_weight"] = weight
        return clone(self.estimator).fit(X, y, **settings)

    def _log_proba(self, estimator: Any, X: Any) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.maximum(estimator.predict_log_proba(X), FLOOR)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (rows, classes)."""
        log_proba = self._log_proba(self.estimator_, X)
        return np.exp(scaled_log_proba(log_proba, self.inverse_temperature_))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def scaled_log_proba(log_proba: np.ndarray, inverse_temperature: float) -> np.ndarray:
    """Multiply log-probabilities of shape (rows, classes), and normalise them."""
    scaled = inverse_temperature * log_proba
    scaled -= scaled.max(axis=1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def best_inverse_temperature(log_proba: np.ndarray, codes: np.ndarray, weight: Any) -> float:
    """Return the factor of the log-probabilities with the lowest log loss for the class codes."""
    if weight is not None and not weight.sum() > 0:
        weight = None
    rows = np.arange(len(codes))
    losses = [
        np.average(-scaled_log_proba(log_proba, candidate)[rows, codes], weights=weight)
        for candidate in INVERSE_TEMPERATURES
    ]
    return float(INVERSE_TEMPERATURES[int(np.argmin(losses))])
