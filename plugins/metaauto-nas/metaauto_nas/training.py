"""Train networks of different architectures together, and stop the worse ones early."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier

from metaauto.api import Deadline, NetworkInputs
from metaauto_nas.estimator import SMALLEST, softmax
from metaauto_nas.packs import Pack

__all__ = ["HALVING", "Network", "Rows", "train"]

HALVING = (0.2, 0.3, 0.5)
"""Shares of the time of the rungs; after each rung but the last, a third of the configurations."""
KEPT = 1 / 3
# Share of the training rows that chooses the epoch, with bounds in rows.
HELD_OUT, FEWEST_HELD_OUT, MOST_HELD_OUT = 0.15, 12, 2_000
FEWEST_FOR_TEMPERATURE = 50
# Updates of a pack before the next one has its turn and the plan is adapted.
UPDATES_AT_ONCE = 5
FEWEST_PER_CHECK = 20
# Share of the remaining seconds that is planned with, and of all updates without improvement.
USED_SECONDS, PATIENCE = 0.85, 0.4
# Updates of a search in relation to those of a single fit: its seconds would be unused.
LONGER = 2
# Cells of rows that are encoded once, and not for each batch.
ENCODED_CELLS = 8_000_000


class Rows:
    """The prepared rows of one fold in one encoding, which networks share.

    Parameters
    ----------
    inputs : NetworkInputs
        Fitted on the training rows.
    X : ndarray of shape (rows, features)
        Rows.
    """

    def __init__(self, inputs: NetworkInputs, X: np.ndarray) -> None:
        self.inputs = inputs
        self.plain, self.codes = inputs.transform(X)
        self.n_inputs = inputs.n_inputs_
        self._encoded = None
        if len(self.plain) * self.n_inputs <= ENCODED_CELLS:
            self._encoded = inputs.encode(self.plain)

    def take(self, places: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and category codes at places of any shape."""
        if self._encoded is not None:
            encoded = self._encoded[places]
        else:
            encoded = self.inputs.encode(self.plain[places.ravel()]).reshape(*places.shape, -1)
        return torch.from_numpy(encoded), torch.from_numpy(self.codes[places])


class Network:
    """A network to train: its estimator and the rows of its fold.

    Parameters
    ----------
    estimator : NetworkSearchClassifier or NetworkSearchRegressor
        Gets the weights of the best epoch.
    X, y : array-like
        Training rows; a part of them is held out to choose the epoch.
    sample_weight : array-like, optional
        Sample weights.
    seed : int, optional
        Seed of the choice of that part, equal for networks that are compared; by default that of
        the estimator.
    prepared : dict, optional
        Prepared rows, which networks of one fold share.
    configuration : int, default=0
        Number of its configuration: networks of one configuration stop together.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        seed: int | None = None,
        prepared: dict[Any, Any] | None = None,
        configuration: int = 0,
    ) -> None:
        self.estimator = estimator
        self.configuration = configuration
        self.is_classifier = is_classifier(estimator)
        places, y = np.arange(len(y)), np.asarray(y)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        if (weight > 0).any():
            places = np.flatnonzero(weight > 0)
        else:
            weight = np.ones(len(y))
        y, weight = y[places], weight[places]
        target = estimator.set_target(y, weight)
        estimator.n_features_in_ = np.shape(X)[1]
        seed = estimator.random_state if seed is None else seed
        train, held = _held_out(target if self.is_classifier else None, len(target), seed)
        key = (id(X), seed, estimator.encoding, estimator.bins)
        cache = {} if prepared is None else prepared
        if key not in cache:
            X = np.asarray(X)
            inputs = NetworkInputs(
                tuple(estimator.categorical), estimator.encoding, estimator.bins, seed
            ).fit(X[places[train]])
            cache[key] = (Rows(inputs, X[places[train]]), Rows(inputs, X[places[held]]))
        self.rows, self.held_rows = cache[key]
        estimator.inputs_ = self.rows.inputs
        kind = np.int64 if self.is_classifier else np.float32
        self.target, self.held_target = (target[part].astype(kind) for part in (train, held))
        weight = (weight / weight.mean()).astype(np.float32)
        self.weight, self.held_weight = weight[train], weight[held]
        self.batch = min(estimator.batch_size, len(train))
        per_epoch = len(train) // self.batch
        self.updates_per_check = max(per_epoch, FEWEST_PER_CHECK)
        self.total = max(min(estimator.epochs * per_epoch, estimator.max_updates), 1)
        self.curve: list[tuple[int, float]] = []

    @property
    def key(self) -> tuple[int, ...]:
        """Return what networks of one pack have in common."""
        estimator = self.estimator
        width = next(width for width in (64, 128, 256) if estimator.width <= width)
        return width, estimator.members, estimator.n_outputs_, self.batch

    def finish(self, weights: dict[str, Any], record: dict[str, Any]) -> None:
        """Set the weights of the estimator, and its temperature on the rows held out."""
        estimator = self.estimator
        for name, value in weights.items():
            setattr(estimator, name, value)
        curve = [list(point) for point in self.curve]
        estimator.training_ = {**record, "curve": curve}
        if self.is_classifier and len(self.held_target) >= FEWEST_FOR_TEMPERATURE:
            held = self.held_rows
            mean = estimator.combined(estimator.outputs(held.plain, held.codes))
            estimator.inverse_temperature_ = _best_inverse_temperature(
                np.log(np.maximum(mean, SMALLEST)), self.held_target, self.held_weight
            )


def train(
    networks: Sequence[Network], deadline: Deadline, rungs: Sequence[float] = (1.0,)
) -> Iterator[tuple[Network, float]]:
    """Train networks, and yield each with the share of its training when it ends.

    Parameters
    ----------
    networks : sequence of Network
        Networks; those of one configuration are compared by the mean of their losses.
    deadline : Deadline
        The plan is fitted to it: it is checked at every update.
    rungs : sequence of float
        Shares of the time of the rungs. At the end of each but the last, the best third of the
        configurations goes on with its weights and the state of its optimiser.

    Yields
    ------
    network : Network
        Its estimator is fitted.
    share : float
        Share of the updates; 1 for the configurations of the last rung.
    """
    groups: dict[tuple[int, ...], list[Network]] = {}
    for network in networks:
        groups.setdefault(network.key, []).append(network)
    packs = [Pack(group, deadline) for group in groups.values()]
    counts = [len({network.configuration for network in networks})]
    for _ in rungs[1:]:
        counts.append(math.ceil(counts[-1] * KEPT))
    active = [len(networks) * count / counts[0] for count in counts]
    # Updates of a network until the end of each rung, if rungs take these shares of the time.
    ends = list(accumulate(share / count for share, count in zip(rungs, active, strict=True)))
    total = min(network.total for network in networks) * (1 if len(rungs) == 1 else LONGER)
    ends = [end / ends[-1] * total for end in ends]
    done, started = 0, time.monotonic()
    # Of each rung: configurations, updates and seconds at its end.
    rungs_done: list[list[float]] = []
    for rung in range(len(rungs)):
        while done < max(round(ends[rung]), rung + 1):
            began = time.monotonic()
            count = min(UPDATES_AT_ONCE, max(round(ends[rung]), rung + 1) - done)
            for pack in packs:
                pack.advance(count, ends[-1])
            done += count
            seconds = (time.monotonic() - began) / count / sum(len(pack) for pack in packs)
            _fit_plan(ends, active, rung, done, USED_SECONDS * deadline.remaining() / seconds)
            if deadline.passed() or _are_stale(packs, done, ends[-1]):
                break
        is_last = rung == len(rungs) - 1 or deadline.passed()
        for pack in packs:
            pack.check(done)
        left = len({n.configuration for pack in packs for n in pack.networks})
        rungs_done.append([left, done, time.monotonic() - started])
        # At the deadline the best are those that the last rung would have had.
        kept = _best(packs, counts[-1] if is_last else counts[rung + 1])
        stopped = min(done / max(ends[-1], done), 0.99)
        for pack in packs:
            for network in pack.finish(() if is_last else kept):
                share = 1.0 if is_last and network.configuration in kept else stopped
                weights = pack.weights_of(network)
                spent = time.monotonic() - started
                record = {
                    "rung": rung + 1,
                    "rungs": list(rungs_done),
                    "share": share,
                    "updates": done,
                }
                epochs = done * network.batch / len(network.target)
                record |= {"epochs": epochs, "seconds": spent, "networks": len(networks)}
                network.finish(weights, record)
                yield network, share
            pack.keep(() if is_last else kept)
        packs = [pack for pack in packs if len(pack)]
        if is_last:
            return


def _fit_plan(ends: list[float], active: list[float], rung: int, done: int, fits: float) -> None:
    """Shorten the rest of the plan if it has more updates of networks than fit into the time."""
    steps = np.diff([done, *ends[rung:]])
    planned = float(np.dot(np.maximum(steps, 0.0), active[rung:]))
    if planned > max(fits, 0.0):
        factor = max(fits, 0.0) / planned
        for later in range(rung, len(ends)):
            ends[later] = done + (ends[later] - done) * factor


def _are_stale(packs: Sequence[Pack], done: int, total: float) -> bool:
    best = max((pack.last_improvement for pack in packs), default=done)
    return done - best > PATIENCE * total


def _best(packs: Sequence[Pack], count: int) -> set[int]:
    """Return the configurations with the lowest mean loss on the rows held out."""
    losses: dict[int, list[float]] = {}
    for pack in packs:
        for network, loss in zip(pack.networks, pack.best_losses(), strict=True):
            losses.setdefault(network.configuration, []).append(loss)
    return set(sorted(losses, key=lambda number: (np.mean(losses[number]), number))[:count])


def _held_out(classes: Any, n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the rows for training and for choosing the epoch, maybe none."""
    count = min(int(HELD_OUT * n_rows), MOST_HELD_OUT)
    order = np.random.default_rng(seed).permutation(n_rows)
    if classes is not None:
        # A row of each class stays in training.
        first = np.unique(classes[order], return_index=True)[1]
        order = np.concatenate([np.delete(order, first), order[first]])
        count = min(count, n_rows - len(first))
    if count < FEWEST_HELD_OUT:
        count = 0
    return np.sort(order[count:]), np.sort(order[:count])


def _best_inverse_temperature(log_proba: np.ndarray, codes: np.ndarray, weight: Any) -> float:
    """Return the factor of the log-probabilities with the lowest log loss."""
    rows = np.arange(len(codes))
    candidates = np.geomspace(0.2, 2.0, 40)
    losses = [
        np.average(-np.log(np.maximum(softmax(each * log_proba)[rows, codes], SMALLEST)),
                   weights=weight)
        for each in candidates
    ]  # fmt: skip
    return float(candidates[int(np.argmin(losses))])
