"""The weighted mean of predictions, used in the search and in the final model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from metaauto.errors import SettingError

__all__ = ["blend"]


def blend(predictions: Iterable[np.ndarray], weights: Sequence[float] | None = None) -> np.ndarray:
    """Return the weighted mean of predictions.

    Parameters
    ----------
    predictions : iterable of ndarray of shape (n, k) or (n,)
        Probabilities or values of each member; read one at a time, so that an iterator may be lazy.
    weights : sequence of float, optional
        Weight of each member; the sum must be positive. Equal by default.

    Returns
    -------
    ndarray
        The mean, summed in float64: float32 probabilities, or float64 values. A single member is
        returned unchanged.

    Raises
    ------
    SettingError
        If there is no member, or the numbers of weights and members differ.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.ensemble import blend
    >>> blend([np.array([1.0, 2.0]), np.array([3.0, 6.0])], [3, 1])
    array([1.5, 3. ])
    """
    total: np.ndarray | None = None
    members, weight_sum = 0, 0.0
    for prediction in predictions:
        if weights is not None and members >= len(weights):
            raise SettingError(
                f"More predictions than weights ({len(weights)}).",
                hint="Give one weight per prediction.",
            )
        weight = 1.0 if weights is None else float(weights[members])
        members += 1
        weight_sum += weight
        if total is None:
            total = np.multiply(prediction, weight, dtype=np.float64)
        elif weight:
            total += np.multiply(prediction, weight, dtype=np.float64)
    if total is None or weight_sum <= 0:
        raise SettingError(
            "Cannot blend without members.", hint="Give at least one member of positive weight."
        )
    if weights is not None and members != len(weights):
        raise SettingError(
            f"Got {members} predictions and {len(weights)} weights.",
            hint="Give one weight per prediction.",
        )
    mean = total / weight_sum
    # Values may have a large offset, to which float32 would round them.
    return mean if mean.ndim == 1 else mean.astype(np.float32)
