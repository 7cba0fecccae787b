"""Classifier and regressor: they are trained with torch and predict with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metaauto.api import Deadline

__all__ = ["NetworkSearchClassifier", "NetworkSearchRegressor", "softmax"]

# Rows of one forward pass, and the lower bound of probabilities in logarithms.
ROWS_PER_CALL = 2_048
SMALLEST = 1e-30
_SELU_SCALE, _SELU_ALPHA = np.float32(1.0507009873554805), np.float32(1.6732632423543772)


class _Estimator(BaseEstimator):
    """Settings, the forward pass in NumPy, and what classification and regression share.

    Attributes
    ----------
    inputs_ : NetworkInputs
        Fitted on the rows that the network was trained on.
    table_ : ndarray of shape (levels, embedding)
        Embeddings of categories; empty without any.
    scale_ : ndarray of shape (members, inputs)
        Factors of the inputs; they differ by member.
    hidden_ : list of (ndarray, ndarray)
        Weights and biases of the hidden layers, which the members share.
    head_, head_bias_ : ndarray of shape (members, width or 1, outputs)
        Weights and biases of the output layers.
    training_ : dict
        Rungs, learning curve and seconds, JSON-ready.
    """

    def __init__(
        self,
        layers: int = 2,
        width: int = 128,
        activation: str = "mish",
        residual: bool = False,
        members: int = 4,
        front_scaling: bool = True,
        encoding: str = "piecewise_linear",
        bins: int = 8,
        dropout: float = 0.1,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.1,
        schedule: str = "flat_cosine",
        label_smoothing: float = 0.0,
        batch_size: int = 128,
        epochs: int = 100,
        max_updates: int = 3_000,
        categorical: tuple[int, ...] = (),
        random_state: int = 0,
    ) -> None:
        self.layers = layers
        self.width = width
        self.activation = activation
        self.residual = residual
        self.members = members
        self.front_scaling = front_scaling
        self.encoding = encoding
        self.bins = bins
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.label_smoothing = label_smoothing
        self.batch_size = batch_size
        self.epochs = epochs
        self.max_updates = max_updates
        self.categorical = categorical
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, deadline: Deadline | None = None
    ) -> Any:
        """Fit until the last update or the deadline; rows set apart choose the epoch."""
        from metaauto_nas.training import Network, train

        for _ in train([Network(self, X, y, sample_weight)], deadline or Deadline()):
            pass
        return self

    def training_record(self) -> dict[str, Any]:
        """Return architecture, rungs and learning curve of the fitted network, JSON-ready."""
        arrays = [self.scale_, self.head_, self.head_bias_, self.table_]
        arrays += [array for layer in self.hidden_ for array in layer]
        curve = self.training_["curve"]
        return {
            **self.training_,
            "network": "metaauto-nas",
            "inputs": self.scale_.shape[1],
            "hidden": [weights.shape[1] for weights, _ in self.hidden_],
            "activation": self.activation,
            "residual": bool(self.residual and len(self.hidden_) > 1),
            "members": self.members,
            "outputs": self.n_outputs_,
            "encoding": self.encoding,
            "parameters": sum(array.size for array in arrays),
            "curve": curve[:: max(len(curve) // 100, 1)],
        }

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        if hasattr(self, "hidden_"):
            self._check_shapes()

    def _check_shapes(self) -> None:
        """Raise ValueError for arrays that do not fit together, as in a damaged file."""
        members, width = self.scale_.shape
        for weights, bias in self.hidden_:
            if weights.shape[0] != width or bias.shape != (1, weights.shape[1]):
                raise ValueError("The layers of the network do not fit together.")
            width = weights.shape[1]
        heads = (members, width, self.n_outputs_), (members, 1, self.n_outputs_)
        if (self.head_.shape, self.head_bias_.shape) != heads:
            raise ValueError("The output layer does not fit to the network.")

    def outputs(self, rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return outputs of shape (members, rows, outputs) for rows of ``inputs_.transform``."""
        x = self.inputs_.encode(rows)
        if codes.shape[1]:
            x = np.hstack([x, self.table_[codes].reshape(len(x), -1)])
        h = x * self.scale_[:, None, :]
        for number, (weights, bias) in enumerate(self.hidden_):
            value = _ACTIVATIONS[self.activation](h @ weights + bias)
            h = h + value if self.residual and number else value
        found: np.ndarray = h @ self.head_ + self.head_bias_
        return found

    def _raw(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "hidden_")
        rows, codes = self.inputs_.transform(X)
        parts = [
            self.combined(self.outputs(rows[part], codes[part]))
            for start in range(0, max(len(rows), 1), ROWS_PER_CALL)
            for part in [slice(start, start + ROWS_PER_CALL)]
        ]
        return np.concatenate(parts)


class NetworkSearchClassifier(ClassifierMixin, _Estimator):
    """A network of a searched architecture for classification, with temperature scaling."""

    def set_target(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Learn the classes; return their codes."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.n_outputs_ = len(self.classes_)
        self.inverse_temperature_ = 1.0
        shares = np.bincount(codes, weights=weight, minlength=self.n_outputs_)
        self.prior_ = np.log(np.maximum(shares / max(shares.sum(), SMALLEST), 1e-6))
        return codes

    def combined(self, outputs: np.ndarray) -> np.ndarray:
        """Return the mean probabilities of the members."""
        mean: np.ndarray = softmax(outputs).mean(axis=0, dtype=float)
        return mean

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (rows, classes)."""
        log_proba = np.log(np.maximum(self._raw(X), SMALLEST))
        return softmax(self.inverse_temperature_ * log_proba)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]


class NetworkSearchRegressor(RegressorMixin, _Estimator):
    """A network of a searched architecture for regression; it predicts within the target's range.

    Attributes
    ----------
    mean_, deviation_ : float
        Mean and standard deviation of the target.
    """

    def set_target(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Learn the scale of the target; return the standardised target."""
        y = y.astype(float)
        self.n_outputs_ = 1
        self.mean_ = float(np.average(y, weights=weight))
        self.deviation_ = float(y.std()) or 1.0
        target = (y - self.mean_) / self.deviation_
        self.range_ = np.array([target.min(), target.max()])
        self.prior_ = np.zeros(1)
        return target

    def combined(self, outputs: np.ndarray) -> np.ndarray:
        """Return the mean output of the members within the range of the target."""
        return np.clip(outputs[:, :, 0].mean(axis=0, dtype=float), *self.range_)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values."""
        raw = self._raw(X)
        return self.mean_ + self.deviation_ * raw


def softmax(outputs: np.ndarray) -> np.ndarray:
    """Return probabilities over the last axis."""
    proba = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    proba /= proba.sum(axis=-1, keepdims=True)
    return proba


def _selu(z: np.ndarray) -> np.ndarray:
    below = _SELU_ALPHA * np.expm1(np.minimum(z, 0.0))
    return _SELU_SCALE * np.where(z > 0, z, below)


def _mish(z: np.ndarray) -> np.ndarray:
    e = np.exp(np.minimum(z, 20.0))
    n = e * (e + 2.0)
    return z * (n / (n + 2.0))  # z tanh(softplus(z))


def _relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0.0)


_ACTIVATIONS = {"mish": _mish, "selu": _selu, "relu": _relu}
