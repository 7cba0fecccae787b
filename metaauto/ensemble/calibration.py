"""Calibration of the final probabilities, used only if it improves the cross-validated log loss.

All methods preserve the order of binary probabilities and therefore AUC: temperature scaling (Guo
et al., 2017), Platt scaling (Platt, 1999) and beta calibration (Kull et al., 2017). Isotonic
regression is not used, because its steps give equal probabilities to rows that the model ranks
differently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble.folds import stratified_folds
from metaauto.errors import SettingError
from metaauto.metrics.probability import EPSILON, true_class_probability

__all__ = ["Calibrator", "fit_calibrator"]

NO_LIMIT = Deadline()
LENGTHS = {"identity": 0, "temperature": 1, "platt": 2, "beta": 3}
MIN_ROWS = {"temperature": 100, "platt": 300, "beta": 1_000}
# Platt and beta need 25 rows of the rarer class. Temperature scaling has one parameter, shared by
# all classes; 5 rows outside the majority class suffice.
MIN_CLASS_ROWS = 25
MIN_OTHER_ROWS = 5
TINY = float(np.finfo(np.float32).tiny)
# Half the spacing of float32 below one: the smallest 1 - p that float32 distinguishes from 0.
MIN_COMPLEMENT = float(np.finfo(np.float32).eps) / 4
# If all rows are predicted well, the loss falls with the temperature without end. At 0.5 the log
# loss of a row that is wrong at most doubles.
TEMPERATURES = (math.log(0.5), math.log(20.0))


@dataclass(frozen=True)
class Calibrator:
    """A calibration of probabilities.

    Parameters
    ----------
    kind : {'identity', 'temperature', 'platt', 'beta'}
        Method: none; log probabilities divided by a temperature; a logistic function of the log
        odds (slope, intercept); or one of log p and -log(1 - p) (two slopes, intercept). The last
        two are for binary tasks.
    values : tuple of float
        Parameters of the method, in this order.

    Raises
    ------
    SettingError
        If the kind is unknown, or the values are invalid for it.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.ensemble import Calibrator
    >>> Calibrator("temperature", (2.0,)).apply(np.array([[0.1, 0.9]])).round(2)
    array([[0.25, 0.75]], dtype=float32)
    """

    kind: str = "identity"
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(v) for v in self.values))
        fits = LENGTHS.get(self.kind) == len(self.values) and all(map(math.isfinite, self.values))
        # Other slopes would reverse the order of the rows or make them equal.
        if fits and self.kind in ("temperature", "platt"):
            fits = self.values[0] > 0
        elif fits and self.kind == "beta":
            fits = min(self.values[:2]) >= 0 and max(self.values[:2]) > 0
        if not fits:
            raise SettingError(
                f"Invalid calibrator {self.kind!r} with the values {self.values!r}.",
                hint=f"Use one of {', '.join(LENGTHS)}, with positive slopes.",
            )

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        probabilities : ndarray of shape (n, k)
            Probabilities in class order.

        Returns
        -------
        ndarray of shape (n, k), float32
            Rows sum to one. The identity only converts to float32.
        """
        if self.kind == "identity":
            return np.asarray(probabilities, dtype=np.float32)
        return _corrected(self.kind, self.values, probabilities).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the calibrator as JSON-ready values."""
        return {"kind": self.kind, "values": list(self.values)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Calibrator:
        """Return the calibrator that `to_json` wrote."""
        return cls(str(record["kind"]), tuple(record["values"]))


def fit_calibrator(
    probabilities: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    seed: int = 0,
    deadline: Deadline = NO_LIMIT,
) -> Calibrator:
    """Choose a calibration method by cross-validated log loss on out-of-fold rows.

    The methods are evaluated in the order identity, temperature, Platt, beta. Each replaces the one
    chosen before if its mean gain in log loss over five folds exceeds one standard error of that
    gain. A temperature is at least 0.5. Temperature scaling needs 100 rows, 5 of them outside the
    majority class; Platt scaling needs 300 and beta calibration 1,000 rows, both with 25 rows of
    the rarer class.

    Parameters
    ----------
    probabilities : ndarray of shape (n, k)
        Out-of-fold probabilities of the final model.
    y : ndarray of shape (n,)
        Class codes.
    sample_weight : ndarray of shape (n,), optional
        Weight of each row.
    seed : int
        Seed of the folds.
    deadline : Deadline
        When it passes, the method chosen so far is returned.

    Returns
    -------
    Calibrator
        The identity if no method improves the log loss.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.ensemble import fit_calibrator
    >>> truth = np.random.default_rng(0).uniform(0.02, 0.98, 4000)
    >>> y = (np.random.default_rng(1).uniform(size=4000) < truth).astype(int)
    >>> over = truth**3 / (truth**3 + (1 - truth) ** 3)
    >>> fit_calibrator(np.column_stack([1 - over, over]), y).kind
    'temperature'
    """
    n, k = probabilities.shape
    counts = np.bincount(y, minlength=k)
    counts = counts[counts > 0]
    chosen = Calibrator()
    if n - counts.max(initial=0) < MIN_OTHER_ROWS:
        return chosen
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    folds = stratified_folds(y, 5, seed)
    losses = _row_losses(y, np.asarray(probabilities, dtype=np.float64))
    for kind in ("temperature", "platt", "beta") if k == 2 else ("temperature",):
        if n < MIN_ROWS[kind] or (kind != "temperature" and counts.min() < MIN_CLASS_ROWS):
            break
        tried = np.empty(n)
        for rows in folds:
            if deadline.passed():
                return chosen
            rest = np.ones(n, dtype=bool)
            rest[rows] = False
            values = FITS[kind](probabilities[rest], y[rest], weight[rest])
            tried[rows] = _row_losses(y[rows], _corrected(kind, values, probabilities[rows]))
        if _is_significant(losses - tried, weight):
            chosen = Calibrator(kind, FITS[kind](probabilities, y, weight))
            losses = tried
    return chosen


def _is_significant(gain: np.ndarray, weight: np.ndarray) -> bool:
    """Return whether the mean gain exceeds one standard error."""
    share = weight / weight.sum()
    mean = float(np.sum(share * gain))
    error = float(np.sqrt(np.sum(share**2 * (gain - mean) ** 2)))
    return mean > error


def _row_losses(y: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return -np.log(np.clip(true_class_probability(y, probabilities), EPSILON, 1.0))


def _logs(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log p and log(1 - p) of the second of two classes, both strictly monotone in p."""
    positive = np.asarray(probabilities[:, 1], dtype=np.float64)
    rest = np.log(np.maximum(1.0 - positive, MIN_COMPLEMENT))
    return np.log(np.maximum(positive, TINY)), rest


def _corrected(kind: str, values: tuple[float, ...], probabilities: np.ndarray) -> np.ndarray:
    if probabilities.shape[1] != 2:
        if kind != "temperature":
            raise SettingError(
                f"The calibrator {kind!r} requires two classes (got {probabilities.shape[1]}).",
                hint="Use 'temperature'.",
            )
        logs = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), TINY)) / values[0]
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    high, low = _logs(probabilities)
    if kind == "temperature":
        odds = (high - low) / values[0]
    elif kind == "platt":
        odds = values[0] * (high - low) + values[1]
    else:
        odds = values[0] * high - values[1] * low + values[2]
    positive = 1.0 / (1.0 + np.exp(-np.clip(odds, -80.0, 80.0)))
    return np.column_stack([1.0 - positive, positive])


def _fit_temperature(
    probabilities: np.ndarray, y: np.ndarray, weight: np.ndarray
) -> tuple[float, ...]:
    from scipy.optimize import minimize_scalar

    if probabilities.shape[1] == 2:
        high, low = _logs(probabilities)
        logs = np.column_stack([low, high])
    else:
        logs = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), TINY))
    # Relative to the true class, so that the loss is one sum of exponentials.
    relative = logs - logs[np.arange(len(y)), y][:, None]
    cap = -math.log(EPSILON)

    def loss(log_temperature: float) -> float:
        scaled = np.minimum(relative * math.exp(-log_temperature), 300.0)
        rows = np.minimum(np.log(np.exp(scaled).sum(axis=1)), cap)
        return float(np.average(rows, weights=weight))

    found = minimize_scalar(loss, bounds=TEMPERATURES, method="bounded", options={"xatol": 1e-4})
    return (math.exp(float(found.x)),)


def _fit_platt(probabilities: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    high, low = _logs(probabilities)
    slope, intercept = _logistic((high - low)[:, None], y, weight)
    return (max(slope, 1e-3), intercept)


def _fit_beta(probabilities: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    high, low = _logs(probabilities)
    upper, lower, intercept = _logistic(np.column_stack([high, -low]), y, weight)
    if upper <= 0:
        lower, intercept = _logistic(-low[:, None], y, weight)
        return (0.0, max(lower, 1e-3), intercept)
    if lower <= 0:
        upper, intercept = _logistic(high[:, None], y, weight)
        return (max(upper, 1e-3), 0.0, intercept)
    return (upper, lower, intercept)


def _logistic(features: np.ndarray, y: np.ndarray, weight: np.ndarray) -> list[float]:
    """Fit a logistic regression with a weak ridge towards slope 1 and intercept 0.

    Returns slopes and intercept. Uses a damped Newton iteration: the loss is convex, so steps are
    halved until it does not rise. Avoids BLAS, whose threads slow down computations on long, narrow
    arrays while workers use all cores.
    """
    design = np.column_stack([features, np.ones(len(y))])
    start = np.append(np.ones(features.shape[1]), 0.0)
    # The ridge has the weight of one row and makes the Hessian regular.
    ridge = weight.mean()
    target = (y == 1).astype(np.float64)

    def loss(values: np.ndarray) -> float:
        odds = np.einsum("ij,j->i", design, values)
        rows = np.logaddexp(0.0, odds) - target * odds
        return float(np.sum(weight * rows) + 0.5 * ridge * np.sum((values - start) ** 2))

    values, current = start, loss(start)
    for _ in range(50):
        odds = np.einsum("ij,j->i", design, values)
        p = 1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0)))
        slope = np.einsum("i,ij->j", weight * (p - target), design)
        gradient = slope + ridge * (values - start)
        hessian = np.einsum("i,ij,ik->jk", weight * p * (1.0 - p), design, design)
        step = np.linalg.solve(hessian + ridge * np.eye(len(start)), gradient)
        size = 1.0
        while size > 1e-6 and loss(values - size * step) > current:
            size /= 2
        moved = values - size * step
        gained = current - loss(moved)
        if not gained > 1e-10 * abs(current):
            break
        values, current = moved, current - gained
    return [float(v) for v in values]


FITS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, ...]]] = {
    "temperature": _fit_temperature,
    "platt": _fit_platt,
    "beta": _fit_beta,
}
