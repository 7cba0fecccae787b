"""Runtime model: predict the seconds of configurations on this dataset and machine."""

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
_PARTIAL_SHARE = 0.15
_POOLED_PENALTY = 1.0
_OWN_PENALTY = 4.0
_MIN_SECONDS = 1e-3
_MAX_LOG_SECONDS = 12.0
_RECENT = 15
_RANK = 6
# Variances of log seconds: of the machine, of one configuration, of one fit.
_MACHINE_VARIANCE = 0.1
_MIN_OWN_VARIANCE = 0.02
_NOISE_VARIANCE = 0.05
_RESIDUAL_SHRINKAGE = 0.3
# The intercept is penalised less: configurations differ more in speed than in its growth.
_PENALTY_FACTORS = (0.1, 1.0, 1.0, 1.0, 1.0, 1.0)
# Extrapolation beyond the rows of most known datasets: at least linear, because constant seconds on
# small datasets are overhead; at most the growth of kernel methods.
_MIN_EXPONENT, _MAX_EXPONENT = 1.0, 2.2
_EDGE_QUANTILE = 0.9


class RuntimeModel:
    """Expected seconds of configurations, corrected by the trials of this fit.

    Predictions from knowledge (`set_known`) take precedence; other configurations are predicted
    from the cost that the model's author declares.

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
        self._correction = Correction()
        self._known: Callable[[Configuration], float | None] = _unknown

    def set_known(self, known: Callable[[Configuration], float | None]) -> None:
        """Set a function that returns the seconds of one fit, or None where they are unknown."""
        self._known = known

    def observe(self, configuration: Configuration, seconds: float, folds: float) -> None:
        """Update the correction by worker seconds spent on a share of the folds."""
        predicted = self._predicted(configuration) * folds
        self._correction.observe(configuration.model, seconds, predicted)

    def expected_seconds(self, configuration: Configuration) -> float:
        """Return the expected worker seconds of all folds of a configuration."""
        return self._predicted(configuration) * self._correction.factor(configuration.model)

    def least_seconds(self, configuration: Configuration) -> float:
        """Return the worker seconds below which a configuration should not be started.

        A model that stops at its deadline gives a result before it is fully trained.
        """
        tags = self._space.registry.model(configuration.model).tags
        share = _PARTIAL_SHARE if tags.keeps_deadline else 1.0
        return self.expected_seconds(configuration) * share

    def _predicted(self, configuration: Configuration) -> float:
        known = self._known(configuration)
        if known is not None:
            return self._n_folds * known
        task = self._space.task
        component = self._space.registry.model(configuration.model)
        boosting = boosting_seconds(task, task.n_rows, per_class=False)
        cost = _PREPARATION_COST + component.cost * self._factor(component, configuration)
        return self._n_folds * (_SECONDS_PER_FIT + cost * boosting)

    def _factor(self, component: Model, configuration: Configuration) -> float:
        if component.cost_factor is None:
            return 1.0
        task = self._space.task
        shape = BuildContext(task.kind, task.n_rows, len(task.features), task.n_classes)
        return float(component.cost_factor(configuration.values, shape))


def _unknown(configuration: Configuration) -> float | None:
    return None


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

    def predict(self, size: np.ndarray) -> np.ndarray:
        """Return the seconds of one fit of each configuration; ``size`` has shape (6,)."""
        return np.exp(_log_seconds(self._own, size, self._edges))

    def similar_residuals(self, weights: np.ndarray) -> np.ndarray:
        """Return the mean log residual of each configuration on similar datasets, shrunk to zero.

        Parameters
        ----------
        weights : ndarray of shape (datasets,)
            Similarity of the known datasets; the weights sum to one.
        """
        total = weights @ self._known + _RESIDUAL_SHRINKAGE
        return np.asarray(weights @ self._residuals / total)

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


class Timing:
    """Seconds of one fit of each configuration on a new dataset, corrected by observed fits.

    Residuals of log seconds are correlated between configurations: a dataset that needs many
    boosting rounds needs them in every library. A Gaussian over the residuals, estimated on the
    known datasets, is conditioned on the observed fits.

    Parameters
    ----------
    durations : Durations
        Predictions from the known datasets.
    size : ndarray of shape (6,)
        `size_features` of the new dataset.
    weights : ndarray of shape (datasets,), optional
        Similarity of the known datasets.
    """

    def __init__(
        self, durations: Durations, size: np.ndarray, weights: np.ndarray | None = None
    ) -> None:
        self._durations = durations
        self._predicted = np.log(durations.predict(size))
        self._factors, self._rest = durations.factors()
        self._observed: dict[int, float] = {}
        self.set_weights(weights)

    def set_weights(self, weights: np.ndarray | None) -> None:
        """Replace the similarities of the known datasets."""
        similar = 0.0 if weights is None else self._durations.similar_residuals(weights)
        self._prior = self._predicted + similar
        self._update()

    def observe(self, column: int, seconds: float) -> None:
        """Record the seconds of one fit of a configuration."""
        if seconds > 0:
            self._observed[column] = math.log(max(seconds, _MIN_SECONDS))
            self._update()

    @property
    def seconds(self) -> np.ndarray:
        """Expected seconds of one fit, shape (configurations,)."""
        logs = np.clip(self._prior + self._shift, np.log(_MIN_SECONDS), _MAX_LOG_SECONDS)
        return np.asarray(np.exp(logs))

    def factor(self, model: str) -> float:
        """Return the mean ratio of expected to predicted seconds of a model's configurations."""
        of_model = np.array([name == model for name in self._durations.models])
        if not of_model.any():
            return float(np.exp(self._shift.mean())) if len(self._shift) else 1.0
        return float(np.exp(self._shift[of_model].mean()))

    def _update(self) -> None:
        self._shift = np.zeros(len(self._prior))
        if not self._observed:
            return
        columns = np.array(list(self._observed))
        residuals = np.array(list(self._observed.values())) - self._prior[columns]
        factors = self._factors[columns]
        covariance = factors @ factors.T + np.diag(self._rest[columns] + _NOISE_VARIANCE)
        cross = self._factors @ factors.T
        # The independent residual of a configuration is known from its own fits only.
        cross[columns, np.arange(len(columns))] += self._rest[columns]
        self._shift = cross @ np.linalg.solve(covariance, residuals)


class Correction:
    """Ratio of observed to predicted seconds on this machine and dataset.

    A model with observations is corrected by its own median ratio, others by the median of all
    models.
    """

    def __init__(self) -> None:
        self._log_ratios: dict[str, list[float]] = {}

    def observe(self, model: str, seconds: float, predicted: float) -> None:
        """Record the observed and the predicted seconds of a fit."""
        if seconds > 0 and predicted > 0:
            self._log_ratios.setdefault(model, []).append(math.log(seconds / predicted))

    def factor(self, model: str) -> float:
        """Return the factor for predicted seconds of a model."""
        own = self._log_ratios.get(model)
        if own:
            return math.exp(statistics.median(own[-_RECENT:]))
        medians = [statistics.median(ratios) for ratios in self._log_ratios.values()]
        return math.exp(statistics.median(medians)) if medians else 1.0


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
