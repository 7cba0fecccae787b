"""Forward and backward passes of several equal networks, and their optimiser."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ACTIVATIONS", "AdamW", "Networks"]

# Width of the embedding of a category.
EMBEDDED = 8
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _selu(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    below = np.exp(np.minimum(z, 0.0))
    below *= np.float32(_SELU_SCALE * _SELU_ALPHA)
    above = np.float32(_SELU_SCALE)
    values = np.where(z > 0, above * z, below - np.float32(_SELU_SCALE * _SELU_ALPHA))
    return values, np.where(z > 0, above, below)


def _mish(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    e = np.exp(np.minimum(z, 20.0))
    n = e * (e + 2.0)
    share = n / (n + 2.0)  # tanh(softplus(z))
    slope = share + 4.0 * z * e * (e + 1.0) / (n + 2.0) ** 2
    return z * share, slope


ACTIVATIONS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "mish": _mish,
    "selu": _selu,
}
"""Functions that return the values and the derivatives."""


class Networks:
    """Several networks of one architecture, trained on the same batches.

    Parameters
    ----------
    n_plain, n_inputs : int
        Inputs without and with the encodings of numbers. The weights of the encodings begin at 0.
    n_levels, n_embedded : int
        Rows of the embedding table, and embedded columns.
    hidden : tuple of int
        Widths of the hidden layers.
    n_outputs : int
        Outputs.
    activation : {'mish', 'selu'}
        Activation of the hidden layers.
    """

    def __init__(
        self,
        n_plain: int,
        n_inputs: int,
        n_levels: int,
        n_embedded: int,
        hidden: tuple[int, ...],
        n_outputs: int,
        activation: str,
    ) -> None:
        self.n_plain = n_plain
        self.activation = ACTIVATIONS[activation]
        self.gain = math.sqrt(1.0 if activation == "selu" else 2.0)
        widths = (n_inputs, *hidden, n_outputs)
        self.shapes: list[tuple[int, ...]] = []
        for fan_in, fan_out in itertools.pairwise(widths):
            self.shapes += [(fan_in, fan_out), (1, fan_out)]
        self.has_embedding = n_embedded > 0
        if self.has_embedding:
            self.shapes += [(n_levels, EMBEDDED), (n_embedded * EMBEDDED, widths[1])]
        self.n_layers = len(hidden) + 1
        self.size = sum(math.prod(shape) for shape in self.shapes)

    def views(self, weights: np.ndarray) -> list[np.ndarray]:
        """Return views of an array of shape (networks, size) for each layer."""
        found, start = [], 0
        for shape in self.shapes:
            end = start + math.prod(shape)
            found.append(weights[:, start:end].reshape(len(weights), *shape))
            start = end
        return found

    def initial(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return random weights of shape (count, size)."""
        weights = np.zeros((count, self.size), dtype=np.float32)
        views = self.views(weights)
        embedded = views[-1].shape[1] if self.has_embedding else 0
        for layer in range(self.n_layers):
            matrix = views[2 * layer]
            rows = matrix[:, : self.n_plain] if layer == 0 else matrix
            scale = self.gain / math.sqrt(max(rows.shape[1] + (embedded if layer == 0 else 0), 1))
            rows[:] = random.normal(0.0, scale, rows.shape)
            if layer == 0 and embedded:
                views[-1][:] = random.normal(0.0, scale, views[-1].shape)
                views[-2][:, :-1] = random.normal(0.0, 1.0, views[-2][:, :-1].shape)
        return weights

    def outputs(self, weights: np.ndarray, inputs: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return outputs of shape (networks, rows, outputs)."""
        views = self.views(weights)
        z = self._first(views, inputs, codes)[0]
        for layer in range(1, self.n_layers):
            z = self.activation(z)[0] @ views[2 * layer] + views[2 * layer + 1]
        return z

    def _first(self, views: list[np.ndarray], inputs: Any, codes: Any) -> tuple[Any, Any]:
        z = inputs @ views[0]
        z += views[1]
        if not self.has_embedding:
            return z, None
        table, matrix = views[-2:]
        embedded = table[:, codes].reshape(len(table), len(codes), -1)
        z += embedded @ matrix
        return z, embedded

    def gradient(
        self,
        weights: np.ndarray,
        inputs: np.ndarray,
        codes: np.ndarray,
        loss_gradient: Callable[[np.ndarray], np.ndarray],
        dropout: float,
        random: np.random.Generator,
        out: np.ndarray,
    ) -> None:
        """Write the gradient at the weights to `out`, from that of the loss at the outputs."""
        views, gradients = self.views(weights), self.views(out)
        z, embedded = self._first(views, inputs, codes)
        values: list[np.ndarray] = []
        slopes: list[np.ndarray] = []
        for layer in range(1, self.n_layers):
            value, slope = self.activation(z)
            if dropout > 0:
                kept = _dropout_mask(value.shape, dropout, random)
                value *= kept
                slope *= kept
            values.append(value)
            slopes.append(slope)
            z = value @ views[2 * layer]
            z += views[2 * layer + 1]
        error = loss_gradient(z)
        for layer in range(self.n_layers - 1, 0, -1):
            np.matmul(values[layer - 1].transpose(0, 2, 1), error, out=gradients[2 * layer])
            np.sum(error, axis=1, keepdims=True, out=gradients[2 * layer + 1])
            error = error @ views[2 * layer].transpose(0, 2, 1)
            error *= slopes[layer - 1]
        np.matmul(inputs.T, error, out=gradients[0])
        np.sum(error, axis=1, keepdims=True, out=gradients[1])
        if self.has_embedding:
            np.matmul(embedded.transpose(0, 2, 1), error, out=gradients[-1])
            _add_by_level(error @ views[-1].transpose(0, 2, 1), codes, gradients[-2])


def _add_by_level(error: np.ndarray, codes: np.ndarray, out: np.ndarray) -> None:
    """Add up the gradients of the embeddings by row of the table."""
    order = np.argsort(codes, axis=None, kind="stable")
    levels, starts = np.unique(codes.ravel()[order], return_index=True)
    rows = error.reshape(len(error), -1, EMBEDDED)[:, order]
    out[:] = 0.0
    out[:, levels] = np.add.reduceat(rows, starts, axis=1)


def _dropout_mask(shape: tuple[int, ...], dropout: float, random: Any) -> np.ndarray:
    """Return 0 or 1 / (share kept), from random bytes because they are faster."""
    dropped = round(256 * dropout)
    bits = np.frombuffer(random.bytes(math.prod(shape)), dtype=np.uint8).reshape(shape)
    return (bits >= dropped) * np.float32(256 / (256 - dropped))


class AdamW:
    """Adam with decoupled weight decay (arXiv:1711.05101), in place."""

    BETA1, BETA2 = 0.9, 0.95

    def __init__(self, shape: tuple[int, ...], decay: float) -> None:
        self.mean, self.square = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.scratch = np.empty(shape, np.float32)
        self.decay = decay
        self.steps = 0

    def step(self, weights: np.ndarray, gradient: np.ndarray, learning_rate: float) -> None:
        """Change the weights by one step; the gradient is overwritten."""
        self.steps += 1
        correction = math.sqrt(1.0 - self.BETA2**self.steps)
        np.subtract(gradient, self.mean, out=self.scratch)
        self.scratch *= np.float32(1.0 - self.BETA1)
        self.mean += self.scratch
        gradient *= gradient
        gradient -= self.square
        gradient *= np.float32(1.0 - self.BETA2)
        self.square += gradient
        np.sqrt(self.square, out=gradient)
        gradient += np.float32(1e-8 * correction)
        np.divide(self.mean, gradient, out=gradient)
        gradient *= np.float32(learning_rate * correction / (1.0 - self.BETA1**self.steps))
        weights *= np.float32(1.0 - learning_rate * self.decay)
        weights -= gradient
