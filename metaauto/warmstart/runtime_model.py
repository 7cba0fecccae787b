"""Runtime model: predict the seconds of configurations on this dataset and machine."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from metaauto.components import BuildContext, Model
from metaauto.configuration import Configuration
from metaauto.data import boosting_seconds
from metaauto.space import SearchSpace

__all__ = ["Correction", "Durations", "RuntimeModel", "size_features"]

_SECONDS_PER_FIT = 0.03
_PREPARATION_COST = 0.1
_PARTIAL_SHARE = 0.15
_POOLED_PENALTY = 1.0
_OWN_PENALTY = 4.0
_MIN_SECONDS = 1e-3
_MAX_LOG_SECONDS = 12.0
_RECENT = 15
_RANK = 6
# Variances of log seconds: of the machine, of one configuration, of one fit; of the configurations
# of a model that are not stored, with and without stored configurations of the model.
_MACHINE_VARIANCE = 0.1
_MIN_OWN_VARIANCE = 0.02
_NOISE_VARIANCE = 0.05
_MODEL_VARIANCE = 0.2
_DECLARED_VARIANCE = 1.0
_RESIDUAL_SHRINKAGE = 0.3
# The intercept is penalised less: configurations differ more in speed than in its growth.
_PENALTY_FACTORS = (0.1, 1.0, 1.0, 1.0, 1.0, 1.0)
# Extrapolation beyond the rows of most known datasets: at least linear, because constant seconds on
# small datasets are overhead; at most the growth of kernel methods.
_MIN_EXPONENT, _MAX_EXPONENT = 1.0, 2.2
_EDGE_QUANTILE = 0.9


class RuntimeModel:
    """Expected seconds of configurations, corrected by the trials of this fit.

    Seconds are predicted from those on other datasets (`use_stored`) for the stored configurations
    and other configurations of their models, and else from the cost that the model's author
    declares. `Correction` corrects all predictions by what the trials needed.

    Parameters
    ----------
    space : SearchSpace
        Models and the shape of the dataset.
    n_folds : int
        Fits per configuration.
    """

    def __init__(self, space: SearchSpace, n_folds: int) -> None:
        self._space = space
        self._n_folds = n_folds
        self._models = {name: place for place, name in enumerate(space.registry.names("model"))}
        self._observed: list[tuple[Configuration, float]] = []
        nothing = np.zeros((0, len(_PENALTY_FACTORS)))
        self.use_stored((), Durations(nothing, np.zeros((0, 0)), ()), np.zeros(nothing.shape[1]))

    def use_stored(
        self, configurations: Sequence[Configuration], durations: Durations, size: np.ndarray
    ) -> None:
        """Predict seconds from those on other datasets.

        Parameters
        ----------
        configurations : sequence of Configuration
            The stored configurations.
        durations : Durations
            Predicts the seconds of one fit of each of them.
        size : ndarray of shape (6,)
            `size_features` of this dataset.
        """
        self._columns = {one.key: column for column, one in enumerate(configurations)}
        self._durations, self._size = durations, size
        self._correction = Correction(*self._residuals())
        self.set_similarity(None)

    def set_similarity(self, weights: np.ndarray | None) -> None:
        """Set the similarities of the other datasets, which sum to one; None if unknown."""
        self._stored_logs = self._durations.log_seconds(self._size, weights)
        self._update()

    def observe(self, configuration: Configuration, seconds: float, folds: float) -> None:
        """Correct the predictions by worker seconds spent on a share of the folds."""
        if seconds > 0 and folds > 0:
            fits = folds * self._n_folds
            self._observed.append((configuration, math.log(max(seconds / fits, _MIN_SECONDS))))
            self._update()

    def expected_seconds(self, configuration: Configuration) -> float:
        """Return the expected worker seconds of all folds of a configuration."""
        logs = self._log_seconds(configuration) + self._shift[self._place(configuration)]
        return self._n_folds * math.exp(min(logs, _MAX_LOG_SECONDS))

    def least_seconds(self, configuration: Configuration) -> float:
        """Return the worker seconds below which a configuration should not be started.

        A model that stops at its deadline gives a result before it is fully trained.
        """
        tags = self._space.registry.model(configuration.model).tags
        share = _PARTIAL_SHARE if tags.keeps_deadline else 1.0
        return self.expected_seconds(configuration) * share

    def _update(self) -> None:
        ratios: dict[int, list[float]] = {}
        for configuration, logs in self._observed:
            ratio = logs - self._log_seconds(configuration)
            ratios.setdefault(self._place(configuration), []).append(ratio)
        # The median, since one odd time of a model must not mislead about its other configurations.
        self._shift = self._correction.shift(
            {place: statistics.median(some[-_RECENT:]) for place, some in ratios.items()}
        )

    def _place(self, configuration: Configuration) -> int:
        """Return the place in the correction: of a stored configuration, or of the model."""
        column = self._columns.get(configuration.key)
        return len(self._columns) + self._models[configuration.model] if column is None else column

    def _residuals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return factors and remaining variances of stored configurations, and of each model."""
        factors, rest = self._durations.factors()
        machine = np.full((1, 1), math.sqrt(_MACHINE_VARIANCE)) if not len(factors) else factors
        if not len(factors):
            factors = np.zeros((0, 1))
        stored = np.asarray(self._durations.models, dtype=object)
        of_models, rest_of_models = [], []
        for name in self._models:
            is_own = stored == name
            of_models.append((factors[is_own] if is_own.any() else machine).mean(axis=0))
            rest_of_models.append(_MODEL_VARIANCE if is_own.any() else _DECLARED_VARIANCE)
        return np.vstack([factors, *of_models]), np.concatenate([rest, rest_of_models])

    def _log_seconds(self, configuration: Configuration) -> float:
        """Return the predicted log seconds of one fit, without correction."""
        column = self._columns.get(configuration.key)
        if column is not None:
            return float(self._stored_logs[column])
        typical = self._durations.of_model(configuration.model, self._size)
        return math.log(self._declared(configuration) if typical is None else typical)

    def _declared(self, configuration: Configuration) -> float:
        """Return the seconds of one fit by the cost that the author declares."""
        task = self._space.task
        component = self._space.registry.model(configuration.model)
        boosting = boosting_seconds(task, task.n_rows, per_class=False)
        cost = _PREPARATION_COST + component.cost * self._factor(component, configuration)
        return _SECONDS_PER_FIT + cost * boosting

    def _factor(self, component: Model, configuration: Configuration) -> float:
        if component.cost_factor is None:
            return 1.0
        task = self._space.task
        shape = BuildContext(task.kind, task.n_rows, len(task.features), task.n_classes)
        return float(component.cost_factor(configuration.values, shape))


class Correction:
    """Log ratios of needed to predicted seconds: a Gaussian, conditioned on the observed ones.

    They are correlated between configurations: a dataset that needs many boosting rounds needs
    them in every library, and a slow machine slows everything.

    Parameters
    ----------
    factors : ndarray of shape (n, rank)
        Factors of the covariance, see `Durations.factors`.
    rest : ndarray of shape (n,)
        Variances that the factors leave.
    """

    def __init__(self, factors: np.ndarray, rest: np.ndarray) -> None:
        self._factors, self._rest = factors, rest

    def shift(self, observed: Mapping[int, float]) -> np.ndarray:
        """Return the expected log ratios, shape (n,), given observed ones by their place."""
        if not observed:
            return np.zeros(len(self._rest))
        places = np.array(list(observed))
        factors = self._factors[places]
        covariance = factors @ factors.T + np.diag(self._rest[places] + _NOISE_VARIANCE)
        cross = self._factors @ factors.T
        # What the factors leave is known from the own fits only.
        cross[places, np.arange(len(places))] += self._rest[places]
        return np.asarray(cross @ np.linalg.solve(covariance, np.array(list(observed.values()))))


def size_features(rows: np.ndarray, features: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the features from which seconds are predicted.

    Parameters
    ----------
    rows, features, classes : ndarray of shape (datasets,)
        Training rows, columns, classes (0 in regression).

    Returns
    -------
    ndarray of shape (datasets, 6)
        A constant, logarithms of the sizes, and products of the logarithms.
    """
    n = np.log(np.maximum(rows, 1.0)) - 7.0
    p = np.log(np.maximum(features, 1.0)) - 3.0
    k = np.log(np.maximum(classes, 2.0)) - np.log(2.0)
    return np.column_stack([np.ones_like(n), n, p, k, n * p, n * n])


class Durations:
    """Seconds of one fit of each configuration, predicted from stored seconds.

    A hierarchical ridge regression of the log seconds on the size of the dataset: pooled over all
    configurations, then per model, then per configuration. Beyond the 90 % quantile of the rows of
    the known datasets, seconds are extrapolated as a power of the rows.

    Parameters
    ----------
    sizes : ndarray of shape (datasets, 6)
        `size_features` of the known datasets.
    seconds : ndarray of shape (datasets, configurations)
        Seconds of one fit; NaN where unknown.
    models : sequence of str
        Model of each configuration.
    """

    def __init__(self, sizes: np.ndarray, seconds: np.ndarray, models: Sequence[str]) -> None:
        self.models = list(models)
        logs = np.log(np.maximum(seconds, _MIN_SECONDS))
        is_known = np.isfinite(logs)
        known = np.nonzero(is_known)
        pooled = _ridge(sizes[known[0]], logs[known], np.zeros(sizes.shape[1]), _POOLED_PENALTY)
        of_model, self._edge_of_model = {}, {}
        pooled_edge = _edge(sizes[known[0]], np.inf)
        names = np.asarray(self.models, dtype=object)
        for model in dict.fromkeys(self.models):
            rows, columns = np.nonzero(is_known & (names == model)[None, :])
            of_model[model] = _ridge(sizes[rows], logs[rows, columns], pooled, _OWN_PENALTY)
            self._edge_of_model[model] = _edge(sizes[rows], pooled_edge)
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

    def log_seconds(self, size: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the log seconds of one fit of each configuration.

        Parameters
        ----------
        size : ndarray of shape (6,)
            `size_features` of the dataset.
        weights : ndarray of shape (datasets,), optional
            Similarity of the known datasets, with sum one: their mean residual, shrunk to zero, is
            added.
        """
        logs = _log_seconds(self._own, size, self._edges)
        if weights is None:
            return logs
        total = weights @ self._known + _RESIDUAL_SHRINKAGE
        return np.asarray(logs + weights @ self._residuals / total)

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors of the residual covariance and the remaining variances."""
        known = self._known.astype(np.float64)
        covariance = self._residuals.T @ self._residuals / np.maximum(known.T @ known, 1.0)
        scale, vectors = np.linalg.eigh(covariance + _MACHINE_VARIANCE)
        rank = min(_RANK, len(scale))
        leading = vectors[:, -rank:] * np.sqrt(np.maximum(scale[-rank:], 0.0))
        rest = np.diag(covariance) + _MACHINE_VARIANCE - (leading**2).sum(axis=1)
        return leading, np.maximum(rest, _MIN_OWN_VARIANCE)

    def of_model(self, model: str, size: np.ndarray) -> float | None:
        """Return the typical seconds of one fit of a model; None for an unknown model."""
        if model not in self._of_model:
            return None
        edge = np.array(self._edge_of_model[model])
        return float(np.exp(_log_seconds(self._of_model[model], size, edge)))


def _ridge(sizes: np.ndarray, logs: np.ndarray, prior: np.ndarray, penalty: float) -> np.ndarray:
    """Return ridge coefficients, shrunk to those of a prior."""
    gram = sizes.T @ sizes + penalty * np.diag(_PENALTY_FACTORS)
    residual = logs - sizes @ prior
    return np.asarray(prior + np.linalg.solve(gram, sizes.T @ residual))


def _edge(sizes: np.ndarray, default: float) -> float:
    """Return the 90 % quantile of log rows, from which on seconds are extrapolated."""
    return float(np.quantile(sizes[:, 1], _EDGE_QUANTILE)) if len(sizes) else default


def _log_seconds(coefficients: np.ndarray, size: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return log seconds; coefficients have shape (..., 6), edges (log rows) shape (...)."""
    beyond = np.maximum(size[1] - edges, 0.0)
    n, p = size[1] - beyond, np.full(edges.shape, size[2])
    one, zero = np.ones(edges.shape), np.zeros(edges.shape)
    inside = np.stack([one, n, p, size[3] * one, n * p, n * n], axis=-1)
    gradient = np.stack([zero, one, zero, zero, p, 2.0 * n], axis=-1)
    exponents = np.clip((coefficients * gradient).sum(axis=-1), _MIN_EXPONENT, _MAX_EXPONENT)
    logs = (coefficients * inside).sum(axis=-1) + exponents * beyond
    return np.asarray(np.clip(logs, np.log(_MIN_SECONDS), _MAX_LOG_SECONDS))
