"""Numeric features from dates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from metaauto.builtin.transformers.columns import ColumnTransform

__all__ = ["DateParts"]

# Smallest value and period of each part.
_CYCLES = {
    "month": (1, 12.0),
    "day": (1, 31.0),
    "day_of_week": (0, 7.0),
    "hour": (0, 24.0),
    "minute": (0, 60.0),
    "day_of_year": (1, 365.25),
}
_PARTS = ("year", *_CYCLES)
_DAY = 86_400e9  # nanoseconds
_MAX_PAIRED = 4


class DateParts(ColumnTransform):
    """Extract year, month, day, weekday, hour, minute, day of the year and days since the first.

    Parts that are constant in the training rows are dropped. With up to 4 date columns, the
    pairwise differences in days are added. A missing date is NaN in every part.

    Parameters
    ----------
    cyclical : bool
        Encode periodic parts as sine and cosine.
    """

    def __init__(self, cyclical: bool = False) -> None:
        self.cyclical = cyclical

    def fit(self, X: Any, y: Any = None) -> DateParts:
        """Learn the first date and the varying parts of each datetime column."""
        frame = _as_dates(X)
        self._set_columns(frame)
        self.firsts_ = np.zeros(frame.shape[1], dtype=np.int64)
        self.parts_: list[list[str]] = []
        for j in range(frame.shape[1]):
            dates = pd.DatetimeIndex(frame.iloc[:, j])
            known = dates[~dates.isna()]
            if len(known):
                self.firsts_[j] = known.min().value
            self.parts_.append([p for p in _PARTS if getattr(known, p).nunique() > 1])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Convert a frame of datetime columns to float64 features."""
        frame = _as_dates(X)
        self._check(frame)
        columns, elapsed = [], []
        for j, parts in enumerate(self.parts_):
            dates = pd.DatetimeIndex(frame.iloc[:, j])
            days = (dates.asi8.astype(np.float64) - float(self.firsts_[j])) / _DAY
            days[dates.isna()] = np.nan
            elapsed.append(days + self.firsts_[j] / _DAY)
            columns.append(days)
            for part in parts:
                columns += self._values(part, np.asarray(getattr(dates, part), dtype=np.float64))
        columns += [elapsed[b] - elapsed[a] for a, b in self._pairs()]
        return np.stack(columns, axis=1)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns."""
        names = self._names(input_features)
        result = []
        for name, parts in zip(names, self.parts_, strict=True):
            result.append(f"{name}_days")
            for part in parts:
                split = self.cyclical and part in _CYCLES
                ends = ("_sin", "_cos") if split else ("",)
                result += [f"{name}_{part}{end}" for end in ends]
        result += [f"{names[b]}_minus_{names[a]}" for a, b in self._pairs()]
        return np.asarray(result, dtype=object)

    def _values(self, part: str, values: np.ndarray) -> list[np.ndarray]:
        if not self.cyclical or part not in _CYCLES:
            return [values]
        first, length = _CYCLES[part]
        angle = (values - first) * (2.0 * np.pi / length)
        return [np.sin(angle), np.cos(angle)]

    def _pairs(self) -> list[tuple[int, int]]:
        if self.n_features_in_ > _MAX_PAIRED:
            return []
        return list(combinations(range(self.n_features_in_), 2))


def _as_dates(X: Any) -> pd.DataFrame:
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    return frame.astype("datetime64[ns]")
