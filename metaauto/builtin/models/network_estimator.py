"""Classifier and regressor: several networks in NumPy whose predictions are averaged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metaauto.api import Deadline
from metaauto.builtin.models.fitting import training_rows
from metaauto.builtin.models.network_inputs import NetworkInputs
from metaauto.builtin.models.network_layers import AdamW, Networks
from metaauto.builtin.models.temperature_scaling import (
    best_inverse_temperature,
    scaled_log_proba,
)

__all__ = ["NetworkClassifier", "NetworkRegressor"]

# Rows of one forward pass without gradients.
ROWS_PER_CALL = 4_096
# Updates after which the validation loss is computed, unless an epoch has more.
MIN_UPDATES_PER_CHECK = 20
# Shares of all updates: warm-up, constant learning rate before the cosine, and early stopping.
WARM_UP, CONSTANT, PATIENCE = 0.03, 0.4, 0.4
# Share of the remaining seconds that is planned with.
USED_SECONDS = 0.85
# Lower bound of probabilities in logarithms.
SMALLEST = 1e-30


class _Network(BaseEstimator):
    """Training and outputs, which classification and regression share."""

    def __init__(
        self,
        layers: int = 2,
        width: int = 128,
        activation: str = "mish",
        encoding: str = "piecewise_linear",
        bins: int = 8,
        dropout: float = 0.1,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.1,
        batch_size: int = 128,
        epochs: int = 60,
        max_updates: int = 3_000,
        members: int = 1,
        categorical: tuple[int, ...] = (),
        random_state: int = 0,
    ) -> None:
        self.layers = layers
        self.width = width
        self.activation = activation
        self.encoding = encoding
        self.bins = bins
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.max_updates = max_updates
        self.members = members
        self.categorical = categorical
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
    ) -> Any:
        """Fit the networks until early stopping, the last update or the deadline.

        The validation part (X, y, weights or None) chooses the best epoch and the temperature.
        Without it the last epoch is used, and no temperature.
        """
        X, y, weight = training_rows(np.asarray(X), np.asarray(y), sample_weight)
        weight = np.ones(len(y)) if weight is None or not weight.sum() > 0 else weight
        target = self._set_target(y, weight)
        self.n_features_in_ = X.shape[1]
        self.inputs_ = NetworkInputs(
            tuple(self.categorical), self.encoding, self.bins, self.random_state
        ).fit(X)
        held_out = None
        if validation is not None:
            rows, truth, held_out_weight = validation
            held_out = (*self.inputs_.transform(rows), self._encode(truth), held_out_weight)
        rows = self.inputs_.transform(X)
        _Training(self, rows, target, weight, deadline or Deadline()).run(held_out)
        if held_out is not None:
            self._calibrate(held_out)
        return self

    def _networks(self) -> Networks:
        inputs = self.inputs_
        return Networks(
            inputs.n_plain_,
            inputs.n_inputs_,
            inputs.n_levels_,
            len(inputs.embedded_),
            (self.width,) * self.layers,
            self.n_outputs_,
            self.activation,
        )

    def _average(self, rows: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the mean prediction of the networks for transformed rows."""
        networks = self._networks()
        parts = [
            self._combined(networks.outputs(weights, self.inputs_.encode(rows[part]), codes[part]))
            for start in range(0, max(len(rows), 1), ROWS_PER_CALL)
            for part in [slice(start, start + ROWS_PER_CALL)]
        ]
        return np.concatenate(parts)

    def _raw(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "weights_")
        return self._average(*self.inputs_.transform(X), self.weights_)


class NetworkClassifier(ClassifierMixin, _Network):
    """Averaged networks for classification, with temperature scaling."""

    def _set_target(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        self.classes_ = np.unique(y)
        self.n_outputs_ = len(self.classes_)
        self.inverse_temperature_ = 1.0
        return self._encode(y)

    def _encode(self, y: Any) -> np.ndarray:
        return np.searchsorted(self.classes_, y)

    def _error(self, outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
        error = _softmax(outputs)
        error[:, np.arange(len(target)), target] -= 1.0
        return error

    def _combined(self, outputs: np.ndarray) -> np.ndarray:
        return _softmax(outputs).mean(axis=0, dtype=float)

    def _loss(self, predicted: np.ndarray, target: np.ndarray, weight: Any) -> float:
        right = predicted[np.arange(len(target)), target]
        return float(np.average(-np.log(np.maximum(right, SMALLEST)), weights=weight))

    def _calibrate(self, held_out: tuple[Any, Any, Any, Any]) -> None:
        rows, codes, target, weight = held_out
        log_proba = np.log(np.maximum(self._average(rows, codes, self.weights_), SMALLEST))
        self.inverse_temperature_ = best_inverse_temperature(log_proba, target, weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (rows, classes)."""
        log_proba = np.log(np.maximum(self._raw(X), SMALLEST))
        return np.exp(scaled_log_proba(log_proba, self.inverse_temperature_))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]


class NetworkRegressor(RegressorMixin, _Network):
    """Averaged networks for regression; predictions are within the range of the target."""

    def _set_target(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        y = y.astype(float)
        self.n_outputs_ = 1
        self.mean_ = float(np.average(y, weights=weight))
        self.scale_ = float(y.std()) or 1.0
        target = self._encode(y)
        self.range_ = np.array([target.min(), target.max()])
        return target

    def _encode(self, y: Any) -> np.ndarray:
        return (np.asarray(y, dtype=float) - self.mean_) / self.scale_

    def _error(self, outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
        return outputs - target.astype(np.float32)[:, None]

    def _combined(self, outputs: np.ndarray) -> np.ndarray:
        return np.clip(outputs[:, :, 0].mean(axis=0, dtype=float), *self.range_)

    def _loss(self, predicted: np.ndarray, target: np.ndarray, weight: Any) -> float:
        return float(np.average((predicted - target) ** 2, weights=weight))

    def _calibrate(self, held_out: tuple[Any, Any, Any, Any]) -> None:
        """Regression has no temperature."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values."""
        raw = self._raw(X)
        return self.mean_ + self.scale_ * raw


class _Training:
    """One training run; sets `weights_` and `n_updates_` of the estimator."""

    def __init__(
        self,
        estimator: Any,
        rows: tuple[np.ndarray, np.ndarray],
        target: np.ndarray,
        weight: np.ndarray,
        deadline: Deadline,
    ) -> None:
        self.estimator = estimator
        self.rows, self.codes = rows
        self.target = target
        self.weight = (weight / weight.mean()).astype(np.float32)
        self.deadline = deadline
        self.random = np.random.default_rng(estimator.random_state)
        self.networks = estimator._networks()
        self.weights = self.networks.initial(estimator.members, self.random)
        self.gradient = np.empty_like(self.weights)
        self.optimizer = AdamW(self.weights.shape, estimator.weight_decay)
        self.batch = min(estimator.batch_size, len(target))
        self.per_epoch = len(target) // self.batch
        self.total = min(estimator.epochs * self.per_epoch, max(estimator.max_updates, 1))

    def run(self, held_out: tuple[Any, Any, Any, Any] | None) -> None:
        """Train until early stopping, the last update or the deadline; keep the best weights."""
        estimator, seconds = self.estimator, self.deadline.remaining()
        best_loss, best, best_update, done = math.inf, self.weights.copy(), 0, 0
        per_check = max(self.per_epoch, MIN_UPDATES_PER_CHECK)
        order = np.zeros(0, dtype=np.intp)
        while done < self.total and (done == 0 or not self.deadline.passed()):
            if len(order) < self.batch:
                order = self.random.permutation(len(self.target))
            batch, order = order[: self.batch], order[self.batch :]
            self._update(batch, done / self.total)
            done += 1
            if done % MIN_UPDATES_PER_CHECK == 0:
                self._shorten(done, seconds)
            if held_out is None or not (done % per_check == 0 or done >= self.total):
                continue
            rows, codes, truth, weight = held_out
            loss = estimator._loss(estimator._average(rows, codes, self.weights), truth, weight)
            if loss < best_loss:
                best_loss, best_update = loss, done
                best[:] = self.weights
            if done - best_update > PATIENCE * self.total:
                break
        estimator.n_updates_ = done
        estimator.weights_ = self.weights if best_update == 0 else best

    def _update(self, batch: np.ndarray, progress: float) -> None:
        estimator, weight = self.estimator, self.weight[batch]
        target = self.target[batch]
        scale = (weight / np.float32(len(batch)))[:, None]
        self.networks.gradient(
            self.weights,
            estimator.inputs_.encode(self.rows[batch]),
            self.codes[batch],
            lambda outputs: estimator._error(outputs, target) * scale,
            estimator.dropout,
            self.random,
            out=self.gradient,
        )
        rate = estimator.learning_rate * learning_rate_factor(progress)
        self.optimizer.step(self.weights, self.gradient, rate)

    def _shorten(self, done: int, seconds: float) -> None:
        """End the schedule before the deadline, which was in `seconds` when it began."""
        remaining = self.deadline.remaining()
        if math.isfinite(remaining):
            per_update = max(seconds - remaining, 1e-6) / done
            fits = int(USED_SECONDS * max(remaining, 0.0) / per_update)
            self.total = min(self.total, done + fits)


def learning_rate_factor(progress: float) -> float:
    """Return the factor of the learning rate: warm-up, constant, cosine to 0."""
    if progress < CONSTANT:
        return min(1.0, (progress + 0.2 * WARM_UP) / WARM_UP)
    return 0.5 * (1.0 + math.cos(math.pi * (progress - CONSTANT) / (1.0 - CONSTANT)))


def _softmax(outputs: np.ndarray) -> np.ndarray:
    proba = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    proba /= proba.sum(axis=-1, keepdims=True)
    return proba
