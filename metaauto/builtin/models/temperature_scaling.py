"""Probabilities of overconfident classifiers, brought down to what they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.validation import has_fit_parameter

__all__ = ["TemperatureScaledClassifier"]

# Log-probabilities below this are as good as impossible, and finite.
FLOOR = -700.0
STRENGTHS = np.geomspace(0.002, 2.0, 60)


class TemperatureScaledClassifier(ClassifierMixin, BaseEstimator):
    """A classifier whose log-probabilities are multiplied by one number, learned out of fold.

    Naive Bayes and discriminant analysis rank rows well and are far too sure of themselves. One
    number keeps the ranking and every decision, and repairs the log loss [1]_.

    Parameters
    ----------
    estimator : classifier
        Has ``predict_log_proba``.
    folds : int, default=5
        Folds inside the training rows. Where a class is too rare to be split, the training
        rows themselves serve.
    least : int, default=1
        Rows of each class that the estimator needs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes seen in training.
    estimator_ : classifier
        Fitted on all training rows.
    strength_ : float
        What log-probabilities are multiplied by, the inverse of the temperature.

    References
    ----------
    .. [1] Guo et al., On Calibration of Modern Neural Networks, ICML 2017. arXiv:1706.04599
    """

    def __init__(self, estimator: Any, folds: int = 5, least: int = 1) -> None:
        self.estimator = estimator
        self.folds = folds
        self.least = least

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TemperatureScaledClassifier:
        """Learn the strength out of fold, then the classifier on all rows."""
        y = np.asarray(y)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        self.classes_, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        self.estimator_ = self._fitted(X, y, weight)
        rarest = int(counts.min())
        folds = min(self.folds, rarest)
        if folds < 2 or rarest - -(-rarest // folds) < self.least:
            found = self._log_proba(self.estimator_, X)
        else:
            found = np.zeros((len(y), len(self.classes_)))
            for train, rest in StratifiedKFold(folds, shuffle=True, random_state=0).split(X, y):
                part = self._fitted(X[train], y[train], None if weight is None else weight[train])
                found[rest] = self._log_proba(part, X[rest])
        self.strength_ = _best_strength(found, codes, weight)
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
        """Probabilities of shape (rows, classes)."""
        return np.exp(_tempered(self._log_proba(self.estimator_, X), self.strength_))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _tempered(log_proba: np.ndarray, strength: float) -> np.ndarray:
    scaled = strength * log_proba
    scaled -= scaled.max(axis=1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def _best_strength(log_proba: np.ndarray, codes: np.ndarray, weight: Any) -> float:
    if weight is not None and not weight.sum() > 0:
        weight = None
    rows = np.arange(len(codes))
    losses = [
        np.average(-_tempered(log_proba, strength)[rows, codes], weights=weight)
        for strength in STRENGTHS
    ]
    return float(STRENGTHS[int(np.argmin(losses))])
