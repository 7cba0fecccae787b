"""Fit configurations on a sample of the rows first, and the best of them on all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metaauto.components.strategy import Recommendation
from metaauto.metafeatures.sample import sample_rows
from metaauto.search.trial import Status, Trial

__all__ = ["RowSampling", "sampled_rows"]

_SAMPLING_SHARE = 0.5
_MARGIN = 0.8


class RowSampling:
    """Decides on how many training rows each trial of a timed fit on a large table is fitted.

    In the first half of the search all configurations are fitted on one sample. After that, the
    best of them are fitted again, on all rows or on as many as the time left allows. Every fit is a
    candidate for the ensemble. With two rungs this is successive halving, with the rows as the
    resource (Jamieson and Talwalkar 2016, https://proceedings.mlr.press/v51/jamieson16.html).

    Parameters
    ----------
    rows : int
        Training rows of the only fold.
    sample : int
        Rows of the sample.
    """

    def __init__(self, rows: int, sample: int) -> None:
        self.rows, self.sample = rows, sample
        self._total = 0.0

    @property
    def share(self) -> float:
        """Return the share of the rows that is in the sample."""
        return self.sample / self.rows

    def is_time_to_refit(self, seconds: float) -> bool:
        """Return whether half of the time of the search is over; ``seconds`` are left."""
        self._total = max(self._total, seconds)
        return seconds <= _SAMPLING_SHARE * self._total

    def refit(
        self, trials: Sequence[Trial], seconds: float
    ) -> tuple[Recommendation, int | None] | None:
        """Return the best configuration that was fitted on the sample only, and its rows.

        Parameters
        ----------
        trials : sequence of Trial
            All trials.
        seconds : float
            Seconds left for one worker.

        Returns
        -------
        tuple of (Recommendation, int or None), or None
            None for the rows means all rows.
        """
        refitted = {t.configuration.key for t in trials if t.rows != self.sample}
        waiting = [
            t
            for t in trials
            if t.rows == self.sample
            and t.status is Status.SUCCESS
            and t.configuration.key not in refitted
        ]
        for trial in sorted(waiting, key=lambda t: (t.loss, t.number)):
            expected = trial.seconds / self.share
            rows = int(self.rows * min(1.0, _MARGIN * seconds / max(expected, 1e-9)))
            if rows < 2 * self.sample:
                continue
            expected *= rows / self.rows
            why = f"{trial.name} with more rows"
            again = Recommendation(trial.configuration, trial.source, why, expected)
            return again, None if rows == self.rows else rows
        return None


def sampled_rows(training: np.ndarray, y: Any, rows: int | None, seed: int) -> np.ndarray:
    """Return a stratified sample of the training rows; all if ``rows`` is None.

    Parameters
    ----------
    training : ndarray of int
        Sorted rows.
    y : ndarray or None
        Class codes of all rows of the table; None in regression.
    rows : int or None
        Size of the sample; up to two rows of each class are added.
    seed : int
        Seed.
    """
    if rows is None:
        return training
    labels = training if y is None else np.asarray(y[training])
    chosen = sample_rows(labels, y is not None, rows, np.random.default_rng(seed))
    return np.asarray(training[chosen])
