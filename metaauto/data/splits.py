"""Which rows train and which judge: folds, and a holdout that the search never sees."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaauto.data.cost import boosting_seconds
from metaauto.data.dataset import Dataset
from metaauto.data.splitters import (
    TRAINING,
    cover_classes,
    deal,
    deal_fraction,
    deal_groups,
    deal_groups_fraction,
    time_blocks,
)
from metaauto.errors import SplitError
from metaauto.text import counted

__all__ = ["Splits", "plan_splits"]

Fold = tuple[np.ndarray, np.ndarray]

FOLDS_BY_ROWS = ((1_000, 8), (20_000, 5), (100_000, 3))
"""Folds for tables of up to so many rows; larger ones get a single validation part."""
VALIDATION_SHARE = 0.2
VALIDATION_ROWS = 50_000
"""A single validation part has this share of the rows, and at most this many."""
BOOSTING_SHARE = 0.15
"""Folds are fewer where boosting on all of them would take more than this share of the budget."""
SINGLE_SPLIT_ROWS = 3_000
"""So few rows get 3 folds at least, for one part of them would judge too roughly."""


@dataclass(frozen=True)
class Splits:
    """The rows' parts.

    Parameters
    ----------
    folds : list of (ndarray, ndarray)
        Training and validation rows of each fold, sorted positions in the dataset.
    holdout : ndarray or None
        Rows in no fold, for a last honest score.
    strategy : str
        What was done and why, for people.
    evaluated : ndarray
        Rows that get an out-of-fold prediction, sorted; each is validated exactly once.
    """

    folds: list[Fold]
    holdout: np.ndarray | None
    strategy: str
    evaluated: np.ndarray


def plan_splits(
    dataset: Dataset,
    *,
    cv: Any = "auto",
    holdout: float = 0.0,
    seed: int = 0,
    budget_seconds: float | None = None,
    cores: int = 1,
) -> Splits:
    """Plan the folds, and a holdout if one is wanted.

    Groups stay together, later times are predicted from earlier ones (ties stay together), classes
    and the distribution of numbers are kept alike, and every class is in every training part:
    rows that would break this are always in training.

    Parameters
    ----------
    dataset : Dataset
        From `prepare`.
    cv : 'auto', int, float, 'holdout', splitter or iterable of pairs, default='auto'
        Folds by table size (8 up to 1,000 rows, 5 up to 20,000, 3 up to 100,000, beyond one
        validation part); a number of folds; the share of one validation part; a scikit-learn
        splitter; or (training, validation) row positions in the table as given to `prepare`.
    holdout : float, default=0.0
        Share of the rows kept from the search altogether.
    seed : int, default=0
        Seed of everything random.
    budget_seconds : float, optional
        Time for the whole fit; little time for a large table means fewer folds under 'auto'.
    cores : int, default=1
        Cores that work at once.

    Returns
    -------
    Splits

    Raises
    ------
    SplitError
        The rows cannot be split so; the message says what to do.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(len(dataset.y))
    kept, aside, words = rows, None, ""
    if holdout:
        kept, aside = _parts(dataset, rows, _share(holdout, "holdout"), rng)
        words = f"; {counted(len(aside), 'row')} held out"
    if isinstance(cv, str):
        folds, strategy = _named(dataset, kept, cv, rng, budget_seconds, cores)
    elif isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        folds, strategy = _folds(dataset, kept, _fold_count(dataset, kept, int(cv)), rng)
    elif isinstance(cv, (float, np.floating)):
        folds, strategy = _one_part(dataset, kept, _share(float(cv), "cv"), rng)
    elif hasattr(cv, "split"):
        folds, strategy = _from_splitter(dataset, kept, cv), f"{type(cv).__name__} as given"
    elif isinstance(cv, Iterable):
        folds, strategy = _from_pairs(dataset, kept, cv), "rows as given"
    else:
        raise SplitError(f"cv={cv!r} says nothing about folds.", hint=HINT)
    return _finished(folds, aside, strategy + words)


HINT = "Use 'auto', 'holdout', a number of folds, a share below 1, a splitter or pairs of rows."


def _finished(folds: list[Fold], aside: np.ndarray | None, strategy: str) -> Splits:
    evaluated = np.concatenate([validation for _, validation in folds])
    unique, counts = np.unique(evaluated, return_counts=True)
    if len(unique) < len(evaluated):
        raise SplitError(
            f"Row {int(unique[counts > 1][0])} is validated in {int(counts.max())} folds.",
            hint="Use folds whose validation parts do not overlap, without repeats.",
        )
    return Splits(folds, aside, strategy, unique)


def _share(value: float, what: str) -> float:
    if not 0.0 < value < 1.0:
        raise SplitError(
            f"{what}={value!r} is no share of the rows.", hint="Use a number between 0 and 1."
        )
    return float(value)


def _named(
    dataset: Dataset,
    rows: np.ndarray,
    cv: str,
    rng: np.random.Generator,
    budget_seconds: float | None,
    cores: int,
) -> tuple[list[Fold], str]:
    if cv == "holdout":
        return _one_part(dataset, rows, _validation_share(len(rows)), rng)
    if cv != "auto":
        raise SplitError(f"cv={cv!r} is no way to split.", hint=HINT)
    k, why = _auto_folds(dataset, len(rows), budget_seconds, cores)
    if k > 1:
        k = min(k, _most_folds(dataset, rows))
    if k > 1:
        folds, strategy = _folds(dataset, rows, k, rng)
    else:
        folds, strategy = _one_part(dataset, rows, _validation_share(len(rows)), rng)
    return folds, f"{strategy} ({why})"


def _validation_share(n: int) -> float:
    return min(VALIDATION_SHARE, VALIDATION_ROWS / max(n, 1))


def _auto_folds(
    dataset: Dataset, n: int, budget_seconds: float | None, cores: int
) -> tuple[int, str]:
    """Choose the number of folds, 1 for a single validation part, and why."""
    k = next((folds for most, folds in FOLDS_BY_ROWS if n <= most), 1)
    why = counted(n, "row")
    if budget_seconds is None:
        return k, why
    seconds = boosting_seconds(dataset.task, n)
    for fewer in (5, 3, 1) if n > SINGLE_SPLIT_ROWS else (5, 3):
        if (k - 1) * seconds <= BOOSTING_SHARE * budget_seconds * max(cores, 1):
            return k, why
        if fewer < k:
            k, why = fewer, f"{counted(n, 'row')}, and boosting takes about {seconds:.2g} s on them"
    return k, why


def _most_folds(dataset: Dataset, rows: np.ndarray) -> int:
    if dataset.times is not None:
        return max(1, len(np.unique(dataset.times[rows])) - 1)
    if dataset.groups is not None:
        return len(np.unique(dataset.groups[rows]))
    return len(rows)


def _fold_count(dataset: Dataset, rows: np.ndarray, k: int) -> int:
    if k < 2:
        raise SplitError(
            f"cv={k} is too few folds.", hint="Use at least 2, or a share such as 0.2 for one part."
        )
    most = _most_folds(dataset, rows)
    if k > most:
        what = counted(len(rows), "row")
        if dataset.times is not None:
            what = counted(len(np.unique(dataset.times[rows])), "distinct time")
        elif dataset.groups is not None:
            what = counted(most, "group")
        raise SplitError(
            f"{k} folds cannot be made of {what}.",
            hint=f"Use at most {most} folds." if most > 1 else _more(dataset),
        )
    return k


def _more(dataset: Dataset) -> str:
    """What to do where not even two folds can be made."""
    if dataset.times is None and dataset.groups is None:
        return "Give more rows."
    return "Name a column with more distinct values, or leave it out."


def _folds(
    dataset: Dataset, rows: np.ndarray, k: int, rng: np.random.Generator
) -> tuple[list[Fold], str]:
    """Split the rows into k folds."""
    if dataset.times is not None:
        folds = _expanding(dataset, rows, [1 / (k + 1)] * (k + 1))
        return folds, f"{counted(len(folds), 'fold')}, each after the rows it learns from"
    y, is_class = dataset.y[rows], dataset.task.is_classification
    groups = dataset.groups[rows] if dataset.groups is not None else None
    if groups is not None:
        _fold_count(dataset, rows, k)
        parts = deal_groups(y, groups, k, rng, is_class)
    else:
        parts = deal(y, k, rng, is_class)
    if is_class:
        parts = cover_classes(parts, y, groups)
    folds = [
        (rows[parts != part], rows[parts == part])
        for part in range(k)
        if (parts == part).any() and (parts != part).any()
    ]
    if not folds:
        raise _no_fold(dataset)
    kind = "stratified folds" if is_class else "folds with like targets"
    whole = ", groups kept together" if groups is not None else ""
    always = int((parts == TRAINING).sum())
    rare = f", {counted(always, 'row')} always in training" if always else ""
    return folds, f"{len(folds)} {kind}{whole}{rare}"


def _no_fold(dataset: Dataset) -> SplitError:
    grouped = " without tearing a group apart" if dataset.groups is not None else ""
    return SplitError(
        f"No validation part leaves every class in training{grouped}.",
        hint="Give more rows per class, merge rare classes or use other groups.",
    )


def _one_part(
    dataset: Dataset, rows: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[list[Fold], str]:
    training, validation = _parts(dataset, rows, share, rng)
    how = "the latest rows" if dataset.times is not None else "drawn alike"
    whole = ", groups kept together" if dataset.groups is not None else ""
    strategy = f"one validation part of {counted(len(validation), 'row')}, {how}{whole}"
    return [(training, validation)], strategy


def _parts(dataset: Dataset, rows: np.ndarray, share: float, rng: np.random.Generator) -> Fold:
    """Rows to learn from and a share of the rows apart from them."""
    if dataset.times is not None:
        return _expanding(dataset, rows, [1 - share, share])[0]
    y, is_class = dataset.y[rows], dataset.task.is_classification
    groups = dataset.groups[rows] if dataset.groups is not None else None
    if groups is not None:
        parts = deal_groups_fraction(y, groups, share, rng, is_class)
    else:
        parts = deal_fraction(y, share, rng)
    if is_class:
        parts = cover_classes(parts, y, groups)
    chosen = parts == 0
    if not chosen.any() or chosen.all():
        if len(rows) > 1 and groups is None and not is_class:
            chosen = np.arange(len(rows)) == rng.integers(len(rows))
        else:
            raise _no_fold(dataset)
    return rows[~chosen], rows[chosen]


def _expanding(dataset: Dataset, rows: np.ndarray, shares: list[float]) -> list[Fold]:
    """Each block of time after the first validated by all rows before it."""
    assert dataset.times is not None
    blocks = time_blocks(dataset.times[rows], shares)
    folds = []
    for block in range(1, int(blocks.max()) + 1):
        training, validation = rows[blocks < block], rows[blocks == block]
        if dataset.groups is not None:
            training = training[~np.isin(dataset.groups[training], dataset.groups[validation])]
        if len(training) and not _unlearned(dataset, training, rows):
            folds.append((training, validation))
    if not folds:
        raise SplitError(
            "No time split keeps every class in the training part."
            if dataset.task.is_classification
            else "The time has one value only, so that nothing comes later.",
            hint="Leave out time= for folds that ignore it.",
        )
    return folds


def _unlearned(dataset: Dataset, training: np.ndarray, rows: np.ndarray) -> list[Any]:
    """Classes of the rows that the training part lacks."""
    if not dataset.task.is_classification:
        return []
    lacking = np.setdiff1d(dataset.y[rows], dataset.y[training])
    return [(dataset.task.classes or ())[code] for code in lacking]


def _from_splitter(dataset: Dataset, rows: np.ndarray, splitter: Any) -> list[Fold]:
    groups = dataset.groups[rows] if dataset.groups is not None else None
    arguments = (dataset.X.iloc[rows], dataset.y[rows])
    try:
        takes = "groups" in inspect.signature(splitter.split).parameters
        with warnings.catch_warnings():
            # Splitters that ignore groups say so; whether they tear one apart is checked below.
            warnings.simplefilter("ignore", UserWarning)
            made = list(splitter.split(*arguments, groups) if takes else splitter.split(*arguments))
    except ValueError as error:
        raise SplitError(
            f"{type(splitter).__name__} cannot split these rows: {error}",
            hint="Use fewer folds, or pass groups= if it needs them.",
        ) from error
    return _checked(dataset, rows, [(rows[tr], rows[va]) for tr, va in made])


def _from_pairs(dataset: Dataset, rows: np.ndarray, pairs: Iterable[Any]) -> list[Fold]:
    """Pairs of positions in the table as given, brought to those of the dataset."""
    total = len(dataset.y) + dataset.dropped_rows
    place = np.full(total, -1, dtype=np.int64)
    place[dataset.rows] = np.arange(len(dataset.y))
    outside = np.ones(len(dataset.y), dtype=bool)
    outside[rows] = False
    place[dataset.rows[outside]] = -1
    folds = []
    for number, pair in enumerate(pairs):
        try:
            sides = [_positions(side, total, number) for side in pair]
            training, validation = (place[side][place[side] >= 0] for side in sides)
        except (TypeError, ValueError) as error:
            if isinstance(error, SplitError):
                raise
            raise SplitError(
                f"Fold {number} is no pair of training and validation rows.", hint=HINT
            ) from error
        folds.append((training, validation))
    return _checked(dataset, rows, folds)


def _positions(side: Any, total: int, number: int) -> np.ndarray:
    positions = np.asarray(side)
    if positions.dtype == bool:
        positions = np.flatnonzero(positions)
    if positions.size == 0:
        return np.empty(0, dtype=np.int64)
    if positions.dtype.kind not in "iu" or positions.min() < 0 or positions.max() >= total:
        raise SplitError(
            f"Fold {number} names rows outside 0 to {total - 1}.",
            hint="Use positions of rows in the table, counted from 0.",
        )
    return positions.astype(np.int64)


def _checked(dataset: Dataset, rows: np.ndarray, folds: list[Fold]) -> list[Fold]:
    """Sort the folds as given, if a search can use them."""
    if not folds:
        raise SplitError("There are no folds.", hint="Give at least one pair of rows.")
    checked = []
    for number, (training, validation) in enumerate(folds):
        training, validation = np.unique(training), np.sort(validation)
        problem = ""
        lacking = _unlearned(dataset, training, rows)
        if not len(training) or not len(validation):
            problem = f"has no {'validation' if len(training) else 'training'} rows"
        elif np.isin(training, validation).any():
            problem = "has rows in both its parts"
        elif lacking:
            problem = f"has no training rows of the class {lacking[0]!r}"
        elif (
            dataset.groups is not None
            and np.isin(dataset.groups[training], dataset.groups[validation]).any()
        ):
            problem = "has rows of one group in both its parts"
        if problem:
            raise SplitError(f"Fold {number} {problem}.", hint="Change the folds given as cv.")
        checked.append((training, validation))
    return checked
