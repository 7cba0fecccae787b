"""How long a configuration will take on this table and machine."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np

from metaauto.components import BuildContext, Model
from metaauto.configuration import Configuration
from metaauto.data import boosting_seconds
from metaauto.space import SearchSpace

__all__ = ["Correction", "Durations", "RuntimeModel", "Timing", "size_features"]

_SECONDS_PER_FIT = 0.03
_PREPARATION_COST = 0.1
_WORTH_SHARE = 0.15
_POOLED_PENALTY = 1.0
_OWN_PENALTY = 4.0
_SHORTEST = 1e-3
_LONGEST = 12.0
_RECENT = 15
_RANK = 6
# Variances of logarithms: of a machine, of what is peculiar to a configuration, of one measurement.
_MACHINE = 0.1
_PECULIAR = 0.02
_NOISE = 0.05
_LIKE_ENOUGH = 0.3
# Configurations differ much in speed and little in how it grows.
_STIFFNESS = (0.1, 1.0, 1.0, 1.0, 1.0, 1.0)
# Seconds by rows beyond those of nearly all known tables: at least in proportion, for what does not
# grow on small tables is overhead; at most as those of kernels.
_LEAST_EXPONENT, _MOST_EXPONENT = 1.0, 2.2
_NEARLY_ALL = 0.9


class RuntimeModel:
    """Expected seconds of configurations: stored or rough figures, corrected by what was seen.

    Stored seconds of similar fits (`use`) are best; elsewhere the author's rough cost counts.

    Parameters
    ----------
    space : SearchSpace
        Models and the shape of the table.
    n_folds : int
        Fits that each configuration takes.
    """

    def __init__(self, space: SearchSpace, n_folds: int) -> None:
        self._space = space
        self._n_folds = n_folds
        self._correction = Correction()
        self._known: Callable[[Configuration], float | None] = _unknown

    def use(self, known: Callable[[Configuration], float | None]) -> None:
        """Take the seconds of one fit from elsewhere where they are known there."""
        self._known = known

    def observe(self, configuration: Configuration, seconds: float, folds: float) -> None:
        """Learn from worker seconds spent on a share of the folds."""
        guess = self._guess(configuration) * folds
        self._correction.observe(configuration.model, seconds, guess)

    def expected_seconds(self, configuration: Configuration) -> float:
        """Worker seconds that all folds of a configuration are expected to take."""
        return self._guess(configuration) * self._correction.factor(configuration.model)

    def least_seconds(self, configuration: Configuration) -> float:
        """Worker seconds below which a configuration is not worth starting.

        A model that stops at its deadline is useful before it is complete.
        """
        tags = self._space.registry.model(configuration.model).tags
        return self.expected_seconds(configuration) * (_WORTH_SHARE if tags.keeps_deadline else 1.0)

    def _guess(self, configuration: Configuration) -> float:
        known = self._known(configuration)
        if known is not None:
            return self._n_folds * known
        task = self._space.task
        component = self._space.registry.model(configuration.model)
        preparation = _PREPARATION_COST * boosting_seconds(task, task.n_rows, per_class=False)
        boosting = boosting_seconds(task, task.n_rows, component.per_class)
        cost = component.cost * self._factor(component, configuration)
        return self._n_folds * (_SECONDS_PER_FIT + preparation + cost * boosting)

    def _factor(self, component: Model, configuration: Configuration) -> float:
        if component.cost_factor is None:
            return 1.0
        task = self._space.task
        shape = BuildContext(task.kind, task.n_rows, len(task.features), task.n_classes)
        return float(component.cost_factor(configuration.values, shape))


def _unknown(configuration: Configuration) -> float | None:
    return None


def size_features(rows: np.ndarray, features: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """What durations are predicted from.

    Parameters
    ----------
    rows, features, classes : ndarray of shape (datasets,)
        Training rows, columns, classes (0 in regression).

    Returns
    -------
    ndarray of shape (datasets, 6)
        Logarithms, their products, and a constant.
    """
    n = np.log(np.maximum(rows, 1.0)) - 7.0
    p = np.log(np.maximum(features, 1.0)) - 3.0
    k = np.log(np.maximum(classes, 2.0)) - np.log(2.0)
    return np.column_stack([np.ones_like(n), n, p, k, n * p, n * n])


class Durations:
    """Seconds of one fit of each configuration, learned from stored ones.

    A ridge regression of the logarithm of the seconds on the size of the table: one for all
    configurations together, and a correction of each towards its own measurements. Beyond the rows
    of nearly all tables that it was measured on, its curve goes on as a power of the rows.

    Parameters
    ----------
    sizes : ndarray of shape (datasets, 6)
        `size_features` of the known tables.
    seconds : ndarray of shape (datasets, configurations)
        Seconds of one fit; NaN where unknown.
    models : sequence of str
        Model of each configuration.
    """

    def __init__(self, sizes: np.ndarray, seconds: np.ndarray, models: Sequence[str]) -> None:
        self.models = list(models)
        logs = np.log(np.maximum(seconds, _SHORTEST))
        is_known = np.isfinite(logs)
        everything = np.nonzero(is_known)
        pooled = _ridge(
            sizes[everything[0]], logs[everything], np.zeros(sizes.shape[1]), _POOLED_PENALTY
        )
        of_model, self._edge_of_model = {}, {}
        everywhere = _edge(sizes[everything[0]], np.inf)
        names = np.asarray(self.models, dtype=object)
        for model in dict.fromkeys(self.models):
            rows, columns = np.nonzero(is_known & (names == model)[None, :])
            of_model[model] = _ridge(sizes[rows], logs[rows, columns], pooled, _OWN_PENALTY)
            self._edge_of_model[model] = _edge(sizes[rows], everywhere)
        self._of_model = of_model
        self._known = is_known
        self._own = np.array(
            [
                _ridge(
                    sizes[is_known[:, column]],
                    logs[is_known[:, column], column],
                    of_model[model],
                    _OWN_PENALTY,
                )
                for column, model in enumerate(self.models)
            ]
        ).reshape(len(self.models), sizes.shape[1])
        self._edges = np.array(
            [
                _edge(sizes[is_known[:, column]], self._edge_of_model[model])
                for column, model in enumerate(self.models)
            ]
        )
        fitted = sizes @ self._own.T if len(sizes) else np.zeros(logs.shape)
        self._residuals = np.where(is_known, logs - fitted, 0.0)

    def predict(self, size: np.ndarray) -> np.ndarray:
        """Seconds of one fit of each configuration; ``size`` has shape (6,)."""
        return np.exp(_logarithms(self._own, size, self._edges))

    def similar_residuals(self, weights: np.ndarray) -> np.ndarray:
        """How much longer than predicted each took on similar tables, as logarithms.

        Parameters
        ----------
        weights : ndarray of shape (datasets,)
            Likeness of the known tables; sum to one.
        """
        found = weights @ self._residuals / (weights @ self._known + _LIKE_ENOUGH)
        return np.asarray(found)

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """How residuals go together: leading directions, and the variance that is left of each."""
        known = self._known.astype(np.float64)
        covariance = self._residuals.T @ self._residuals / np.maximum(known.T @ known, 1.0)
        scale, vectors = np.linalg.eigh(covariance + _MACHINE)
        rank = min(_RANK, len(scale))
        leading = vectors[:, -rank:] * np.sqrt(np.maximum(scale[-rank:], 0.0))
        rest = np.diag(covariance) + _MACHINE - (leading**2).sum(axis=1)
        return leading, np.maximum(rest, _PECULIAR)

    def of_model(self, model: str, size: np.ndarray) -> float | None:
        """Seconds of one fit of a model in general; None for an unknown one."""
        if model not in self._of_model:
            return None
        edge = np.array(self._edge_of_model[model])
        return float(np.exp(_logarithms(self._of_model[model], size, edge)))


class Timing:
    """Seconds of one fit of each configuration on a new table, corrected by those that are seen.

    What the size of the table does not explain goes together between configurations: trees that
    boost long on a table do so in every library. A Gaussian over the logarithms, as other tables
    show it, is conditioned on what was seen here.

    Parameters
    ----------
    durations : Durations
        What is known of other tables.
    size : ndarray of shape (6,)
        `size_features` of the new one.
    weights : ndarray of shape (datasets,), optional
        Likeness of the known tables.
    """

    def __init__(
        self, durations: Durations, size: np.ndarray, weights: np.ndarray | None = None
    ) -> None:
        self._durations = durations
        self._predicted = np.log(durations.predict(size))
        self._factors, self._rest = durations.factors()
        self._seen: dict[int, float] = {}
        self.weigh(weights)

    def weigh(self, weights: np.ndarray | None) -> None:
        """Go on with other likenesses."""
        similar = 0.0 if weights is None else self._durations.similar_residuals(weights)
        self._prior = self._predicted + similar
        self._update()

    def observe(self, column: int, seconds: float) -> None:
        """Take in what one fit of a configuration took."""
        if seconds > 0:
            self._seen[column] = math.log(max(seconds, _SHORTEST))
            self._update()

    @property
    def seconds(self) -> np.ndarray:
        """Expected seconds of one fit, shape (configurations,)."""
        return np.asarray(np.exp(np.clip(self._prior + self._shift, np.log(_SHORTEST), _LONGEST)))

    def factor(self, model: str) -> float:
        """How much longer than predicted the configurations of a model take, on average."""
        of_model = np.array([name == model for name in self._durations.models])
        if not of_model.any():
            return float(np.exp(self._shift.mean())) if len(self._shift) else 1.0
        return float(np.exp(self._shift[of_model].mean()))

    def _update(self) -> None:
        self._shift = np.zeros(len(self._prior))
        if not self._seen:
            return
        columns = np.array(list(self._seen))
        gap = np.array(list(self._seen.values())) - self._prior[columns]
        factors = self._factors[columns]
        covariance = factors @ factors.T + np.diag(self._rest[columns] + _NOISE)
        cross = self._factors @ factors.T
        # What is peculiar to a configuration is learned from its own fits alone.
        cross[columns, np.arange(len(columns))] += self._rest[columns]
        self._shift = cross @ np.linalg.solve(covariance, gap)


class Correction:
    """How much longer fits take on this machine and table than was predicted.

    A model that was seen is corrected by its own ratio, others by the median of all models.
    """

    def __init__(self) -> None:
        self._log_ratios: dict[str, list[float]] = {}

    def observe(self, model: str, seconds: float, predicted: float) -> None:
        """Take in what a fit took."""
        if seconds > 0 and predicted > 0:
            self._log_ratios.setdefault(model, []).append(math.log(seconds / predicted))

    def factor(self, model: str) -> float:
        """What predicted seconds of a model are to be multiplied by."""
        own = self._log_ratios.get(model)
        if own:
            return math.exp(statistics.median(own[-_RECENT:]))
        seen = [statistics.median(ratios) for ratios in self._log_ratios.values()]
        return math.exp(statistics.median(seen)) if seen else 1.0


def _ridge(sizes: np.ndarray, logs: np.ndarray, prior: np.ndarray, penalty: float) -> np.ndarray:
    """Coefficients drawn to those of a prior."""
    gram = sizes.T @ sizes + penalty * np.diag(_STIFFNESS)
    residual = logs - sizes @ prior
    return np.asarray(prior + np.linalg.solve(gram, sizes.T @ residual))


def _edge(sizes: np.ndarray, otherwise: float) -> float:
    """The logarithm of rows that nearly all of some tables stay below."""
    return float(np.quantile(sizes[:, 1], _NEARLY_ALL)) if len(sizes) else otherwise


def _logarithms(coefficients: np.ndarray, size: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Logarithms of seconds; coefficients have shape (..., 6), edges of trust in rows (...)."""
    beyond = np.maximum(size[1] - edges, 0.0)
    n, p = size[1] - beyond, np.full(edges.shape, size[2])
    one, nothing = np.ones(edges.shape), np.zeros(edges.shape)
    inside = np.stack([one, n, p, size[3] * one, n * p, n * n], axis=-1)
    growth = np.stack([nothing, one, nothing, nothing, p, 2.0 * n], axis=-1)
    exponents = np.clip((coefficients * growth).sum(axis=-1), _LEAST_EXPONENT, _MOST_EXPONENT)
    logarithms = (coefficients * inside).sum(axis=-1) + exponents * beyond
    return np.asarray(np.clip(logarithms, np.log(_SHORTEST), _LONGEST))
