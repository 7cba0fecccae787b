"""Networks of several architectures as one batched tensor of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from metaauto.api import Deadline

__all__ = ["Pack"]

# Width of the embedding of a category.
EMBEDDED = 8
# Shares of all updates: warm-up, and constant learning rate before the cosine.
WARM_UP, CONSTANT = 0.03, 0.4
BETA1, BETA2 = 0.9, 0.95
# Rows held out times networks of one forward pass.
ROWS_AT_ONCE = 16_384

_ACTIVATIONS: dict[str, Callable[..., torch.Tensor]] = {
    "mish": functional.mish,
    "relu": functional.relu,
    "selu": functional.selu,
}


class Pack:
    """Networks with the same members, outputs and batch size, trained by the same operations.

    The weights are one array of shape (networks, parameters). Networks that are narrower, or have
    fewer inputs, than the widest are padded with zeros, whose gradients are zero: they stay zero.
    The layers that a network does not have are skipped.

    Parameters
    ----------
    networks : sequence of Network
        Networks.
    deadline : Deadline
        Checked at every update.
    """

    def __init__(self, networks: Sequence[Any], deadline: Deadline) -> None:
        # Networks that have a layer come first, then those of one activation together.
        self.networks = sorted(
            networks, key=lambda n: (-n.estimator.layers, n.estimator.activation)
        )
        self.deadline = deadline
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        first = self.networks[0]
        estimators = [network.estimator for network in self.networks]
        self.members, self.n_outputs = first.estimator.members, first.estimator.n_outputs_
        self.width = max(estimator.width for estimator in estimators)
        self.depth = max(estimator.layers for estimator in estimators)
        self.n_inputs = max(network.rows.n_inputs for network in self.networks)
        self.n_embedded = max(network.rows.codes.shape[1] for network in self.networks)
        self.n_levels = max(estimator.inputs_.n_levels_ for estimator in estimators)
        self.first = self.n_inputs + EMBEDDED * self.n_embedded
        self.shapes = self._shapes()
        self.sizes = [math.prod(shape) for shape in self.shapes]
        seed = first.estimator.random_state
        self.random = torch.Generator(self.device).manual_seed(seed)
        self.orders = [np.random.default_rng(e.random_state) for e in estimators]
        self.waiting = [np.zeros(0, dtype=np.intp) for _ in estimators]
        start = np.zeros((len(self.networks), sum(self.sizes)), dtype=np.float32)
        for row, network in zip(start, self.networks, strict=True):
            self._initialise(row, network)
        self.weights = torch.from_numpy(start).to(self.device).requires_grad_()
        self.mean, self.square = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.best = self.weights.detach().clone()
        self.losses = torch.full((len(self.networks),), math.inf)
        self.done, self.last_improvement = 0, 0
        self._arrange()

    def __len__(self) -> int:
        return len(self.networks)

    def _shapes(self) -> list[tuple[int, ...]]:
        shapes: list[tuple[int, ...]] = [(self.members, self.first)]
        width = self.first
        for _ in range(self.depth):
            shapes += [(width, self.width), (1, self.width)]
            width = self.width
        shapes += [(self.members, self.width, self.n_outputs), (self.members, 1, self.n_outputs)]
        return [*shapes, (self.n_levels, EMBEDDED)] if self.n_embedded else shapes

    def _initialise(self, row: np.ndarray, network: Any) -> None:
        """Set the initial weights of one network."""
        views, start = [], 0
        for shape, size in zip(self.shapes, self.sizes, strict=True):
            views.append(row[start : start + size].reshape(shape))
            start += size
        estimator, inputs = network.estimator, network.estimator.inputs_
        random = np.random.default_rng(estimator.random_state + 1)
        gain = 1.0 if estimator.activation == "selu" else math.sqrt(2.0)
        width, embedded = estimator.width, EMBEDDED * len(inputs.embedded_)
        plain = np.arange(inputs.n_plain_)
        # The weights of encoded numbers begin at 0, so that the network begins as a plain one.
        used = np.concatenate([plain, self.n_inputs + np.arange(embedded)])
        scale = views[0]
        scale[:] = 1.0
        if self.members > 1:
            scale[:] = random.choice((-1.0, 1.0), scale.shape)
        for layer in range(estimator.layers):
            places = used if layer == 0 else np.arange(width)
            spread = gain / math.sqrt(max(len(places), 1))
            if estimator.residual and layer:
                spread /= math.sqrt(2.0)
            matrix = views[1 + 2 * layer]
            matrix[places, :width] = random.normal(0.0, spread, (len(places), width))
        head, bias = views[1 + 2 * self.depth], views[2 + 2 * self.depth]
        head[:, :width] = random.normal(0.0, gain / math.sqrt(width), head[:, :width].shape)
        bias[:] = estimator.prior_
        if self.n_embedded:
            # The last row, of unknown categories, stays zero.
            views[-1][: inputs.n_levels_ - 1] = random.normal(
                0.0, 1.0, (inputs.n_levels_ - 1, EMBEDDED)
            )

    def _arrange(self) -> None:
        """Prepare what depends on the set of networks."""
        estimators = [network.estimator for network in self.networks]

        def column(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=self.device)[:, None]

        self.rates = [estimator.learning_rate for estimator in estimators]
        self.decays = column([estimator.weight_decay for estimator in estimators])
        self.dropout = column([estimator.dropout for estimator in estimators])[:, :, None]
        self.has_dropout = bool(self.dropout.any())
        self.smoothing = column([estimator.label_smoothing for estimator in estimators])
        trained = [e.front_scaling or e.members > 1 for e in estimators]
        self.trained = column([float(value) for value in trained])
        self.layers = []
        for layer in range(self.depth):
            having = [estimator for estimator in estimators if estimator.layers > layer]
            if not having:
                break
            kinds = [e.activation for e in having]
            runs = [(kind, len(list(run))) for kind, run in groupby(kinds)]
            residual = column([float(e.residual and layer > 0) for e in having])[:, :, None]
            self.layers.append((len(having), runs, residual if residual.any() else None))
        self.sources: dict[int, tuple[Any, Any, list[int]]] = {}
        for place, network in enumerate(self.networks):
            entry = (network.rows, network.held_rows, [])
            self.sources.setdefault(id(network.rows), entry)[2].append(place)
        self.target, self.weight = self._padded("target"), self._padded("weight")

    def _padded(self, name: str) -> torch.Tensor:
        arrays = [getattr(network, name) for network in self.networks]
        padded = np.zeros((len(arrays), max(map(len, arrays))), dtype=arrays[0].dtype)
        for row, values in zip(padded, arrays, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(padded).to(self.device)

    def advance(self, count: int, total: float) -> None:
        """Make updates, at least one in all, until their number or the deadline is reached."""
        for _ in range(count):
            if self.done and self.deadline.passed():
                return
            self._update(total)
            self.done += 1
            if self.done % self.networks[0].updates_per_check == 0:
                self.check(self.done)

    def _update(self, total: float) -> None:
        batch = self._batch()
        places = torch.from_numpy(batch).to(self.device)
        target, weight = self.target.gather(1, places), self.weight.gather(1, places)
        x, codes = self._inputs(batch, held=False)
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            outputs = self._outputs(self.weights, x, codes, is_training=True)
        losses = self._training_loss(outputs.float(), target)
        # Losses of networks are independent: the gradient of their sum is that of each.
        (losses * weight).mean(dim=1).sum().backward()
        self._step(total)

    def _batch(self) -> np.ndarray:
        """Return the next places of rows of each network, of shape (networks, batch)."""
        size = self.networks[0].batch
        for number, network in enumerate(self.networks):
            if len(self.waiting[number]) < size:
                self.waiting[number] = self.orders[number].permutation(len(network.target))
        batch = np.stack([order[:size] for order in self.waiting])
        self.waiting = [order[size:] for order in self.waiting]
        return batch

    def _inputs(self, places: np.ndarray, held: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs and codes of rows, padded to those of the widest network."""
        x = torch.zeros((*places.shape, self.n_inputs))
        codes = torch.full((*places.shape, self.n_embedded), self.n_levels - 1, dtype=torch.int64)
        for rows, held_rows, networks in self.sources.values():
            found, levels = (held_rows if held else rows).take(places[networks])
            x[networks, :, : found.shape[2]] = found
            codes[networks, :, : levels.shape[2]] = levels
        return x.to(self.device), codes.to(self.device)

    def _outputs(
        self, weights: torch.Tensor, x: torch.Tensor, codes: torch.Tensor, is_training: bool
    ) -> torch.Tensor:
        """Return outputs of shape (networks, members, rows, outputs)."""
        count, n_rows = x.shape[:2]
        views = [
            part.reshape(count, *shape)
            for part, shape in zip(weights.split(self.sizes, 1), self.shapes, strict=True)
        ]
        if self.n_embedded:
            places = codes + self.n_levels * torch.arange(count, device=codes.device)[:, None, None]
            table = views[-1].reshape(-1, EMBEDDED)
            x = torch.cat([x, table[places].reshape(count, n_rows, -1)], dim=2)
        h = (x[:, None] * views[0][:, :, None]).reshape(count, -1, self.first)
        for layer, (having, runs, residual) in enumerate(self.layers):
            matrix, bias = views[1 + 2 * layer][:having], views[2 + 2 * layer][:having]
            z = torch.baddbmm(bias, h[:having], matrix)
            parts = z.split([size for _, size in runs])
            values = [_ACTIVATIONS[kind](p) for (kind, _), p in zip(runs, parts, strict=True)]
            value = torch.cat(values) if len(values) > 1 else values[0]
            if is_training and self.has_dropout:
                value = value * self._dropout_mask(value, self.dropout[:having])
            if residual is not None:
                value = value + residual * h[:having]
            h = value if having == count else torch.cat([value, h[having:]])
        h = h.reshape(count, self.members, n_rows, self.width)
        return h @ views[1 + 2 * self.depth] + views[2 + 2 * self.depth]

    def _dropout_mask(self, value: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1 / (share kept), from random bytes because they are faster."""
        dropped = torch.round(256 * rate)
        kept = torch.empty(value.shape, dtype=torch.uint8, device=self.device)
        kept.random_(generator=self.random)
        return (kept >= dropped) * (256 / (256 - dropped))

    def _training_loss(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the losses of rows, the means of their members', of shape (networks, rows)."""
        if not self.networks[0].is_classifier:
            return (outputs[..., 0] - target[:, None]).square().mean(dim=1)
        log_proba = outputs.log_softmax(dim=-1)
        places = target[:, None, :, None].expand(-1, self.members, -1, 1)
        right = log_proba.gather(3, places)[..., 0].mean(dim=1)
        return -(1 - self.smoothing) * right - self.smoothing * log_proba.mean(dim=(1, 3))

    def _step(self, total: float) -> None:
        """Make a step of AdamW (arXiv:1711.05101) with rates and decays of each network."""
        gradient = self.weights.grad
        steps, progress = self.done + 1, min(self.done / total, 1.0)
        factors = [
            rate * learning_rate_factor(network.estimator.schedule, progress)
            for rate, network in zip(self.rates, self.networks, strict=True)
        ]
        rates = torch.tensor(factors, device=self.device)[:, None]
        with torch.no_grad():
            gradient[:, : self.sizes[0]] *= self.trained
            self.mean.lerp_(gradient, 1 - BETA1)
            self.square.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
            correction = math.sqrt(1 - BETA2**steps)
            change = self.mean / self.square.sqrt().add_(1e-8 * correction)
            decay = 1 - rates * self.decays
            # Factors of the inputs are not pulled to 0.
            self.weights[:, self.sizes[0] :] *= decay
            self.weights -= change * (rates * correction / (1 - BETA1**steps))
        self.weights.grad = None

    @torch.no_grad()
    def check(self, done: int) -> None:
        """Compute the losses on the rows held out, and remember weights that are better."""
        if not len(self.networks[0].held_target):
            self.last_improvement = self.done
            return
        target, weight = self._padded("held_target"), self._padded("held_weight")
        counts = np.array([len(network.held_target) for network in self.networks])
        step = max(ROWS_AT_ONCE // (len(self) * self.members), 1)
        total = torch.zeros(len(self), device=self.device)
        for start in range(0, target.shape[1], step):
            part = slice(start, start + step)
            places = np.minimum(np.arange(target.shape[1])[part], counts[:, None] - 1)
            outputs = self._outputs(self.weights, *self._inputs(places, held=True), False)
            total += (self._held_loss(outputs, target[:, part]) * weight[:, part]).sum(dim=1)
        losses = (total / weight.sum(dim=1)).cpu()
        improved = losses < self.losses
        self.losses = torch.where(improved, losses, self.losses)
        places = improved.to(self.device)
        self.best[places] = self.weights[places]
        if bool(improved.any()):
            self.last_improvement = self.done
        for network, loss in zip(self.networks, losses.tolist(), strict=True):
            if math.isfinite(loss):
                network.curve.append((done, loss))

    def _held_loss(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if not self.networks[0].is_classifier:
            return (outputs[..., 0].mean(dim=1) - target).square()
        proba = outputs.softmax(dim=-1).mean(dim=1)
        return -proba.gather(2, target[:, :, None])[..., 0].clamp_min(1e-30).log()

    def best_losses(self) -> list[float]:
        """Return the lowest loss of each network."""
        found: list[float] = self.losses.tolist()
        return found

    def finish(self, kept: Collection[int]) -> list[Any]:
        """Return the networks whose configurations are not kept."""
        return [network for network in self.networks if network.configuration not in kept]

    def keep(self, kept: Collection[int]) -> None:
        """Go on with some configurations, with their weights and the state of the optimiser."""
        places = [i for i, n in enumerate(self.networks) if n.configuration in kept]
        if len(places) == len(self):
            return
        for name in ("networks", "orders", "waiting"):
            setattr(self, name, [getattr(self, name)[place] for place in places])
        for name in ("mean", "square", "best", "losses"):
            setattr(self, name, getattr(self, name)[places])
        self.weights = self.weights.detach()[places].requires_grad_()
        if places:
            self._arrange()

    def weights_of(self, network: Any) -> dict[str, Any]:
        """Return the weights of the best epoch of one network without padding, as arrays."""
        place = self.networks.index(network)
        has_best = bool(torch.isfinite(self.losses[place])) and len(network.held_target)
        row = (self.best if has_best else self.weights.detach())[place].cpu()
        if not bool(torch.isfinite(row).all()):
            # It diverged before it was ever better than at the start: predict the prior.
            row = torch.zeros_like(row)
        views = [
            part.reshape(shape).numpy().copy()
            for part, shape in zip(row.split(self.sizes), self.shapes, strict=True)
        ]
        estimator, inputs = network.estimator, network.estimator.inputs_
        width, embedded = estimator.width, EMBEDDED * len(inputs.embedded_)
        used = [*range(inputs.n_inputs_), *range(self.n_inputs, self.n_inputs + embedded)]
        layers, before = [], np.array(used, dtype=np.intp)
        for layer in range(estimator.layers):
            matrix, bias = views[1 + 2 * layer], views[2 + 2 * layer]
            layers.append((matrix[before][:, :width].copy(), bias[:, :width].copy()))
            before = np.arange(width)
        head, head_bias = views[1 + 2 * self.depth], views[2 + 2 * self.depth]
        if not row.any():
            head_bias = np.broadcast_to(estimator.prior_, head_bias.shape).astype(np.float32)
        return {
            "scale_": views[0][:, used],
            "hidden_": layers,
            "head_": head[:, :width].copy(),
            "head_bias_": head_bias,
            "table_": views[-1][: inputs.n_levels_] if embedded else np.zeros((0, EMBEDDED)),
        }


def learning_rate_factor(schedule: str, progress: float) -> float:
    """Return the factor of the learning rate: one flat part and a cosine, or four cosines."""
    warm = min(1.0, (progress + 0.2 * WARM_UP) / WARM_UP)
    if schedule == "cosines":
        # Cycles that get longer (arXiv:2407.04491), with a last one that ends at 0.
        return warm * 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * progress)))
    if progress < CONSTANT:
        return warm
    return 0.5 * (1.0 + math.cos(math.pi * (progress - CONSTANT) / (1.0 - CONSTANT)))
