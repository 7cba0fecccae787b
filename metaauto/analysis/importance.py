"""Permutation importance of the columns of the table, within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components import Deadline
from metaauto.metrics import Metric
from metaauto.model import FinalModel

__all__ = ["IMPORTANCE_ROWS", "ColumnImportance", "Importance", "column_importance"]

IMPORTANCE_ROWS = 2_000
_REPEATS = 5
_DRAWS = 25
_MAX_COLUMNS = 40
_SCREEN_ROWS = 150
_BATCH_ROWS = 20_000
_NORMAL = 1.96
_FIRST_SECONDS = 2.0
_MANY = 5
_MIN_ROWS = 100
_PASS_SHARE = 0.3
_BATCH_SHARE = 0.1
_NO_LIMIT = Deadline()


@dataclass(frozen=True)
class ColumnImportance:
    """The importance of one column.

    Parameters
    ----------
    column : str
        Its name.
    importance : float or None
        Worsening of the score, or mean change of the predictions; None if it is undefined.
    low, high : float or None
        95 % interval over rows and permutations.
    """

    column: str
    importance: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Importance:
    """The importance of all columns, the most important first.

    Parameters
    ----------
    columns : list of ColumnImportance
        The columns with an importance.
    measure : str
        Metric whose worsening is the importance; empty without a target, then the importance is
        the mean change of the predictions.
    rows, repeats : int
        Number of rows, and of permutations of each column.
    screened : list of str
        Columns with the least effect in the screening, which were not evaluated further.
    missed : list of str
        Columns that were not evaluated for lack of time.
    positive : object
        Positive class, if the metric scores it.
    """

    columns: list[ColumnImportance]
    measure: str = ""
    rows: int = 0
    repeats: int = 0
    screened: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    positive: Any = None

    def to_json(self) -> dict[str, Any]:
        """Return the importances as JSON-ready values."""
        return {**vars(self), "columns": [dict(vars(column)) for column in self.columns]}

    def to_frame(self) -> pd.DataFrame:
        """Return the importances by column, the most important first; see `FinalModel`."""
        records = [dict(vars(column)) for column in self.columns]
        unknown = [{"column": name} for name in (*self.screened, *self.missed)]
        names = ["column", "importance", "low", "high"]
        frame = pd.DataFrame([*records, *unknown], columns=names).set_index("column")
        about = {"metric": self.measure, "positive": self.positive}
        frame.attrs.update(about, rows=self.rows, repeats=self.repeats)
        return frame.astype(float)


def column_importance(
    model: FinalModel,
    typed: pd.DataFrame,
    y: np.ndarray | None = None,
    metric: Metric | None = None,
    *,
    seed: int = 0,
    deadline: Deadline = _NO_LIMIT,
    on_first: Callable[[Importance], None] | None = None,
) -> Importance:
    """Compute the permutation importance of the columns.

    Parameters
    ----------
    model : FinalModel
        The model.
    typed : pandas.DataFrame of shape (rows, columns)
        Rows as the model's schema encodes them; of more than 2,000 rows a sample is used.
    y : ndarray of shape (rows,), optional
        Class codes or values. Without them the importance is the mean change of the predictions:
        of probabilities half the sum of the absolute changes, of values the absolute change.
    metric : Metric, optional
        Metric of the importance; required with `y`.
    seed : int
        Seed of the sample and the permutations.
    deadline : Deadline
        End of the computation; the result uses the permutations so far. Fewer rows are used if
        one permutation of all columns would take more than a third of the time.
    on_first : callable, optional
        Called with a first estimate after about two seconds, if the computation takes longer.

    Returns
    -------
    Importance

    Notes
    -----
    Of more than 40 columns, only the 40 with the largest change of the predictions of 150 rows
    are permuted repeatedly (screening). The importance of correlated columns is underestimated,
    since the model can use the other columns.

    References
    ----------
    Breiman, "Random forests", Machine Learning 2001, section 10.
    """
    random = np.random.default_rng(seed)
    if len(typed) > IMPORTANCE_ROWS:
        chosen = np.sort(random.choice(len(typed), IMPORTANCE_ROWS, replace=False))
        typed = typed.iloc[chosen].reset_index(drop=True)
        y = None if y is None else y[chosen]
    start = time.perf_counter()
    base = model.predict_typed(typed)
    pace = _Pace(time.perf_counter() - start, len(typed))
    places, screened = _screened(model, typed, random, pace, deadline)
    # One pass over few rows costs at most a share of 1 / _REPEATS, also of a small table.
    few = min(pace.rows(_FIRST_SECONDS, len(places)), len(typed))
    is_slow = pace.seconds(len(typed) * len(places) * _REPEATS) > _FIRST_SECONDS
    if on_first is not None and is_slow and deadline.remaining() > _MANY * _FIRST_SECONDS:
        # Its own generator: the result does not depend on the first estimate.
        own = np.random.default_rng(seed)
        tried = _Trial(model, *_some(few, typed, y, base, own), metric, places, screened)
        tried.repeat(1, own, pace, deadline)
        on_first(tried.result(own))
    count = pace.rows(_PASS_SHARE * deadline.remaining(), len(places))
    parts = _some(count, typed, y, base, random) if count < len(typed) else (typed, y, base)
    trial = _Trial(model, *parts, metric, places, screened)
    trial.repeat(_REPEATS, random, pace, deadline)
    return trial.result(random)


def _some(
    count: int,
    typed: pd.DataFrame,
    y: np.ndarray | None,
    base: np.ndarray,
    random: np.random.Generator,
) -> tuple[pd.DataFrame, np.ndarray | None, np.ndarray]:
    """Return some of the rows, their targets and their predictions."""
    chosen = np.sort(random.choice(len(typed), count, replace=False))
    part = typed.iloc[chosen].reset_index(drop=True)
    return part, None if y is None else y[chosen], base[chosen]


class _Pace:
    """The seconds that predictions take."""

    def __init__(self, seconds: float, rows: int) -> None:
        self._row = max(seconds, 1e-6) / max(rows, 1)

    def seconds(self, rows: int) -> float:
        """Return the seconds to predict so many rows."""
        return self._row * rows

    def rows(self, seconds: float, columns: int) -> int:
        """Return the rows of which each column can be permuted once in so many seconds."""
        count = seconds / (self._row * max(columns, 1))
        return max(int(min(count, IMPORTANCE_ROWS)), _MIN_ROWS)

    def batch(self, seconds: float) -> int:
        """Return the rows to predict at a time, so that the deadline is kept."""
        return int(min(_BATCH_SHARE * seconds / self._row, _BATCH_ROWS))


class _Trial:
    """Predictions of the same rows with permuted columns."""

    def __init__(
        self,
        model: FinalModel,
        typed: pd.DataFrame,
        y: np.ndarray | None,
        base: np.ndarray,
        metric: Metric | None,
        places: Sequence[int],
        screened: Sequence[int],
    ) -> None:
        self._model, self._typed, self._base = model, typed, base
        self._target = None if y is None or metric is None else (y, metric)
        self._places, self._screened = places, screened
        self._moved: dict[int, list[np.ndarray]] = {}
        self._repeats = 0

    def repeat(
        self, count: int, random: np.random.Generator, pace: _Pace, deadline: Deadline
    ) -> None:
        """Permute each column so many times, or until the deadline."""
        for _ in range(count):
            done = 0
            for place, prediction in _permuted(
                self._model, self._typed, self._places, random, pace, deadline
            ):
                self._moved.setdefault(place, []).append(prediction)
                done += 1
            self._repeats += done == len(self._places)
            if deadline.passed():
                return

    def result(self, random: np.random.Generator) -> Importance:
        """Return the importance by the permutations so far."""
        names = [str(name) for name in self._typed.columns]
        effect: _Shift | _Loss = _Shift(self._base)
        measure, positive = "", None
        if self._target is not None:
            y, metric = self._target
            effect = _Loss(self._model, metric, y, self._base, random)
            measure, positive = metric.name, metric.positive_label(self._model.task.classes)
        found = [
            ColumnImportance(names[place], *effect(self._moved[place]))
            for place in self._places
            if place in self._moved
        ]
        found.sort(key=lambda column: -(column.importance or 0.0))
        return Importance(
            found,
            measure,
            len(self._typed),
            self._repeats,
            [names[place] for place in self._screened],
            [names[place] for place in self._places if place not in self._moved],
            positive,
        )


def _screened(
    model: FinalModel,
    typed: pd.DataFrame,
    random: np.random.Generator,
    pace: _Pace,
    deadline: Deadline,
) -> tuple[list[int], list[int]]:
    """Return the positions of the columns to evaluate, and of the screened ones."""
    places = list(range(typed.shape[1]))
    if len(places) <= _MAX_COLUMNS:
        return places, []
    few = typed
    if len(typed) > _SCREEN_ROWS:
        chosen = np.sort(random.choice(len(typed), _SCREEN_ROWS, replace=False))
        few = typed.iloc[chosen].reset_index(drop=True)
    base = model.predict_typed(few)
    shifts = np.full(len(places), -1.0)
    for place, prediction in _permuted(model, few, places, random, pace, deadline):
        shifts[place] = _shift(base, prediction).mean()
    order = [int(place) for place in np.argsort(-shifts, kind="stable")]
    return order[:_MAX_COLUMNS], sorted(order[_MAX_COLUMNS:])


def _permuted(
    model: FinalModel,
    typed: pd.DataFrame,
    places: Sequence[int],
    random: np.random.Generator,
    pace: _Pace,
    deadline: Deadline,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield predictions with one column permuted at a time, in batches until the deadline."""
    rows = len(typed)
    step = max(pace.batch(deadline.remaining()) // max(rows, 1), 1)
    for start in range(0, len(places), step):
        batch = places[start : start + step]
        order = np.tile(np.arange(rows), len(batch))
        stacked = typed.iloc[order].reset_index(drop=True)
        for number, place in enumerate(batch):
            changed = order.copy()
            changed[number * rows : (number + 1) * rows] = random.permutation(rows)
            column = typed.columns[place]
            stacked[column] = typed[column].take(changed).array
        predicted = model.predict_typed(stacked)
        for number, place in enumerate(batch):
            yield place, predicted[number * rows : (number + 1) * rows]
        if deadline.passed():
            return


def _shift(base: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the absolute change of each prediction."""
    change = np.abs(np.asarray(other, dtype=np.float64) - base)
    return change if change.ndim == 1 else change.sum(axis=1) / 2


class _Shift:
    def __init__(self, base: np.ndarray) -> None:
        self._base = base

    def __call__(self, predictions: list[np.ndarray]) -> tuple[float, float, float]:
        """Return the mean change of the predictions with its interval over rows."""
        moves = np.mean([_shift(self._base, other) for other in predictions], axis=0)
        mean = float(moves.mean())
        half = _NORMAL * float(moves.std()) / np.sqrt(len(moves))
        return mean, max(mean - half, 0.0), mean + half


class _Loss:
    def __init__(
        self,
        model: FinalModel,
        metric: Metric,
        y: np.ndarray,
        base: np.ndarray,
        random: np.random.Generator,
    ) -> None:
        self._metric, self._decision, self._y = metric, model.decision, y
        self._draws = [random.integers(0, len(y), len(y)) for _ in range(_DRAWS)]
        self._base = self._loss(base, slice(None))
        self._drawn = [self._loss(base, rows) for rows in self._draws]

    def __call__(
        self, predictions: list[np.ndarray]
    ) -> tuple[float | None, float | None, float | None]:
        """Return the mean worsening with its interval over rows and permutations."""
        losses = [self._loss(prediction, slice(None)) for prediction in predictions]
        mean = float(np.mean(losses)) - self._base
        if not np.isfinite(mean):
            return None, None, None
        gains = [
            self._loss(predictions[number % len(predictions)], rows) - before
            for number, (rows, before) in enumerate(zip(self._draws, self._drawn, strict=True))
        ]
        known = [gain for gain in gains if np.isfinite(gain)]
        if len(known) < _DRAWS // 2:
            return mean, None, None
        half = _NORMAL * float(np.std(known, ddof=1))
        return mean, mean - half, mean + half

    def _loss(self, prediction: np.ndarray, rows: Any) -> float:
        try:
            return self._metric.loss(self._y[rows], prediction[rows], None, self._decision)
        except (ValueError, ZeroDivisionError):
            # A metric may be undefined on a sample, such as one with a single class.
            return float("nan")
