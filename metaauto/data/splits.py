"""Folds for cross-validation, and a holdout that the search does not use."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metaauto.components.splitter import SplitInput, Splitter
from metaauto.data.cost import boosting_seconds
from metaauto.data.dataset import Dataset
from metaauto.data.splitters import (
    TRAINING,
    cover_classes,
    grouped,
    grouped_fraction,
    stratified,
    stratified_fraction,
    time_blocks,
)
from metaauto.errors import MetaautoError, SplitError
from metaauto.text import argument, counted

__all__ = ["Splits", "plan_splits"]

Fold = tuple[np.ndarray, np.ndarray]

FOLDS_BY_ROWS = ((1_000, 8), (20_000, 5), (100_000, 3))
"""(Most rows, folds) pairs; larger tables get a single validation part."""
VALIDATION_SHARE = 0.2
VALIDATION_ROWS = 50_000
"""Share and maximum number of rows of a single validation part."""
BOOSTING_SHARE = 0.15
"""Largest share of the budget that boosting on all folds may take; else there are fewer folds."""
SINGLE_SPLIT_ROWS = 3_000
"""Up to this many rows get at least 3 folds: the score of one part has too high a variance."""
SAMPLE_ROWS, SAMPLE_COST, SAMPLE_FROM_COST = 20_000, 0.02, 0.5
"""A sample has at least this number of rows, or as many as boosting can fit in this share of the
budget; it is used where boosting on all rows takes more than the last share."""


@dataclass(frozen=True)
class Splits:
    """Rows of the folds and of the holdout.

    Parameters
    ----------
    folds : list of (ndarray, ndarray)
        Training and validation rows of each fold, sorted positions in the dataset.
    holdout : ndarray or None
        Rows in no fold, for an unbiased final score.
    description : str
        One sentence on the folds and the reason for their number.
    evaluated : ndarray
        Rows with an out-of-fold prediction, sorted; each is in one validation part.
    sample : int or None
        Training rows of the first fits of a short search on a large table; None for all rows.
    """

    folds: list[Fold]
    holdout: np.ndarray | None
    description: str
    evaluated: np.ndarray
    sample: int | None = None


def plan_splits(
    dataset: Dataset,
    *,
    cv: Any = "auto",
    holdout: float = 0.0,
    seed: int = 0,
    budget_seconds: float | None = None,
    cores: int = 1,
) -> Splits:
    """Split the rows into folds, and a holdout if requested.

    Groups are kept together. With times, later rows are predicted from earlier ones and ties are
    kept together. Folds are stratified by class or by the sorted numeric target. Every class is in
    every training part: rows that would violate this are always in training.

    Parameters
    ----------
    dataset : Dataset
        From `prepare`.
    cv : 'auto', int, float, 'holdout', Splitter, splitter or iterable of pairs, default='auto'
        'auto': by table size, 8 folds up to 1,000 rows, 5 up to 20,000, 3 up to 100,000, else one
        validation part. Otherwise a number of folds; the share of one validation part; a `Splitter`
        component; a scikit-learn splitter; or (training, validation) pairs of row positions in the
        table passed to `prepare`.
    holdout : float, default=0.0
        Share of the rows that the search does not use.
    seed : int, default=0
        Random seed.
    budget_seconds : float, optional
        Time limit of the fit; under 'auto', a short time for a large table gives fewer folds.
    cores : int, default=1
        Number of cores used in parallel.

    Returns
    -------
    Splits

    Raises
    ------
    SplitError
        The rows cannot be split as requested; the message gives the remedy.
    """
    check_split_options(cv, holdout)
    rng = np.random.default_rng(seed)
    rows = np.arange(len(dataset.y))
    kept, held_out, suffix = rows, None, ""
    if holdout:
        kept, held_out = _parts(dataset, rows, holdout, rng)
        suffix = f"; {counted(len(held_out), 'row')} held out"
    if isinstance(cv, str):
        folds, description = _named(dataset, kept, cv, rng, budget_seconds, cores)
    elif isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        folds, description = _folds(dataset, kept, _fold_count(dataset, kept, int(cv)), rng)
    elif isinstance(cv, (float, np.floating)):
        folds, description = _one_part(dataset, kept, float(cv), rng)
    elif isinstance(cv, Splitter):
        folds, description = _from_component(dataset, kept, cv, seed), cv.description or cv.name
    elif hasattr(cv, "split"):
        folds, description = _from_splitter(dataset, kept, cv), f"user-defined {type(cv).__name__}"
    else:
        folds, description = _from_pairs(dataset, kept, cv), "user-defined rows"
    splits = _finished(folds, held_out, description + suffix)
    sample = _sample(dataset, folds, budget_seconds, cores)
    if sample is None:
        return splits
    described = f"{splits.description}; models are fitted on {sample:,} rows first"
    return replace(splits, description=described, sample=sample)


def _sample(
    dataset: Dataset, folds: list[Fold], budget_seconds: float | None, cores: int
) -> int | None:
    """Return the rows of a sample for the first fits; None if all rows are affordable."""
    rows = len(folds[0][0])
    if budget_seconds is None or len(folds) > 1:
        return None
    cost = boosting_seconds(dataset.task, rows) / (budget_seconds * max(cores, 1))
    if cost <= SAMPLE_FROM_COST:
        return None
    sample = max(SAMPLE_ROWS, round(rows * SAMPLE_COST / cost))
    return sample if 2 * sample <= rows else None


def check_split_options(cv: Any, holdout: float = 0.0) -> None:
    """Check the options of `plan_splits` that need no table; raise a SplitError if invalid."""
    if holdout:
        _check_share(holdout, "holdout")
    is_number = isinstance(cv, (int, float, np.number)) and not isinstance(cv, bool)
    if isinstance(cv, (int, np.integer)) and is_number:
        if cv < 2:
            raise SplitError(
                f"Invalid {argument('cv', cv)}: expected at least 2 folds.",
                hint=f"Use {argument('cv', 2)} or more, or a fraction such as 0.2 for one "
                "validation part.",
            )
    elif is_number:
        _check_share(float(cv), "cv")
    elif isinstance(cv, str):
        if cv not in ("auto", "holdout"):
            raise _invalid_cv(cv)
    elif not hasattr(cv, "split") and not isinstance(cv, Iterable):
        raise _invalid_cv(cv)


def _invalid_cv(cv: Any) -> SplitError:
    return SplitError(
        f"Invalid {argument('cv', cv)}: expected 'auto', 'holdout', an integer >= 2, a fraction "
        "between 0 and 1, the name of a splitter such as 'sliding', a scikit-learn splitter or "
        "(training, validation) pairs.",
        hint=f"Use {argument('cv', 'auto')} to choose the folds by table size.",
    )


def _finished(folds: list[Fold], held_out: np.ndarray | None, description: str) -> Splits:
    evaluated = np.concatenate([validation for _, validation in folds])
    unique, counts = np.unique(evaluated, return_counts=True)
    if len(unique) < len(evaluated):
        raise SplitError(
            f"Row {int(unique[counts > 1][0])} is validated in {int(counts.max())} folds.",
            hint="Use folds with disjoint validation parts; repeated cross-validation is not "
            "supported.",
        )
    return Splits(folds, held_out, description, unique)


def _check_share(value: float, option: str) -> None:
    if not 0.0 < value < 1.0:
        raise SplitError(
            f"Invalid {argument(option, value)}: expected a fraction between 0 and 1.",
            hint=f"Set {argument(option)} to the share of rows, such as 0.2.",
        )


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
    k, reason = _auto_folds(dataset, len(rows), budget_seconds, cores)
    if k > 1:
        k = min(k, _most_folds(dataset, rows))
    if k > 1:
        folds, description = _folds(dataset, rows, k, rng)
    else:
        folds, description = _one_part(dataset, rows, _validation_share(len(rows)), rng)
    return folds, f"{description} ({reason})"


def _validation_share(n: int) -> float:
    return min(VALIDATION_SHARE, VALIDATION_ROWS / max(n, 1))


def _auto_folds(
    dataset: Dataset, n: int, budget_seconds: float | None, cores: int
) -> tuple[int, str]:
    """Return the number of folds (1 for a single validation part) and the reason."""
    k = next((folds for most, folds in FOLDS_BY_ROWS if n <= most), 1)
    reason = counted(n, "row")
    if budget_seconds is None:
        return k, reason
    seconds = boosting_seconds(dataset.task, n)
    for fewer in (5, 3, 1) if n > SINGLE_SPLIT_ROWS else (5, 3):
        if (k - 1) * seconds <= BOOSTING_SHARE * budget_seconds * max(cores, 1):
            return k, reason
        if fewer < k:
            k, reason = fewer, f"{counted(n, 'row')}, boosting takes about {seconds:.2g} s per fold"
    return k, reason


def _most_folds(dataset: Dataset, rows: np.ndarray) -> int:
    if dataset.times is not None:
        return max(1, len(np.unique(dataset.times[rows])) - 1)
    if dataset.groups is not None:
        return len(np.unique(dataset.groups[rows]))
    return len(rows)


def _fold_count(dataset: Dataset, rows: np.ndarray, k: int) -> int:
    most = _most_folds(dataset, rows)
    if k > most:
        units = counted(len(rows), "row")
        if dataset.times is not None:
            units = counted(len(np.unique(dataset.times[rows])), "distinct time")
        elif dataset.groups is not None:
            units = counted(most, "group")
        raise SplitError(
            f"Cannot make {k} folds from {units}.",
            hint=f"Use at most {most} folds." if most > 1 else _too_few_hint(dataset),
        )
    return k


def _too_few_hint(dataset: Dataset) -> str:
    """Return the hint for a table from which no two folds can be made."""
    if dataset.times is None and dataset.groups is None:
        return "Add rows."
    return "Choose a column with more distinct values, or omit it."


def _folds(
    dataset: Dataset, rows: np.ndarray, k: int, rng: np.random.Generator
) -> tuple[list[Fold], str]:
    """Split the rows into k folds."""
    if dataset.times is not None:
        folds = _expanding(dataset, rows, [1 / (k + 1)] * (k + 1))
        return folds, f"{counted(len(folds), 'time-ordered fold')} with expanding training parts"
    y, is_class = dataset.y[rows], dataset.task.is_classification
    groups = dataset.groups[rows] if dataset.groups is not None else None
    if groups is not None:
        _fold_count(dataset, rows, k)
        parts = grouped(y, groups, k, rng, is_class)
    else:
        parts = stratified(y, k, rng, is_class)
    if is_class:
        parts = cover_classes(parts, y, groups)
    folds = [
        (rows[parts != part], rows[parts == part])
        for part in range(k)
        if (parts == part).any() and (parts != part).any()
    ]
    if not folds:
        raise _no_fold(dataset)
    kind = "stratified folds" if is_class else "folds stratified by the sorted target"
    together = ", groups kept together" if groups is not None else ""
    always = int((parts == TRAINING).sum())
    rare = f", {counted(always, 'row')} always in training" if always else ""
    return folds, f"{len(folds)} {kind}{together}{rare}"


def _no_fold(dataset: Dataset) -> SplitError:
    together = " and every group together" if dataset.groups is not None else ""
    return SplitError(
        f"No split keeps every class in the training part{together}.",
        hint="Add rows to the rare classes, merge rare classes or use other groups.",
    )


def _one_part(
    dataset: Dataset, rows: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[list[Fold], str]:
    training, validation = _parts(dataset, rows, share, rng)
    method = "the latest rows" if dataset.times is not None else "stratified"
    together = ", groups kept together" if dataset.groups is not None else ""
    description = f"one validation part of {counted(len(validation), 'row')}, {method}{together}"
    return [(training, validation)], description


def _parts(dataset: Dataset, rows: np.ndarray, share: float, rng: np.random.Generator) -> Fold:
    """Return the training rows and a share of the rows for validation."""
    if dataset.times is not None:
        return _expanding(dataset, rows, [1 - share, share])[0]
    y, is_class = dataset.y[rows], dataset.task.is_classification
    groups = dataset.groups[rows] if dataset.groups is not None else None
    if groups is not None:
        parts = grouped_fraction(y, groups, share, rng, is_class)
    else:
        parts = stratified_fraction(y, share, rng)
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
    """Return folds that validate each time block after the first, trained on earlier blocks."""
    assert dataset.times is not None
    blocks = time_blocks(dataset.times[rows], shares)
    folds = []
    for block in range(1, int(blocks.max()) + 1):
        training, validation = rows[blocks < block], rows[blocks == block]
        if dataset.groups is not None:
            training = training[~np.isin(dataset.groups[training], dataset.groups[validation])]
        if len(training) and not _missing_classes(dataset, training, rows):
            folds.append((training, validation))
    if not folds:
        raise SplitError(
            "No time split keeps every class in the training part."
            if dataset.task.is_classification
            else "The time has one distinct value, so no row is later than another.",
            hint=f"Omit {argument('time')} to use folds that ignore it.",
        )
    return folds


def _missing_classes(dataset: Dataset, training: np.ndarray, rows: np.ndarray) -> list[Any]:
    """Return the classes that are missing in the training part."""
    if not dataset.task.is_classification:
        return []
    missing = np.setdiff1d(dataset.y[rows], dataset.y[training])
    return [(dataset.task.classes or ())[code] for code in missing]


def _from_splitter(dataset: Dataset, rows: np.ndarray, splitter: Any) -> list[Fold]:
    groups = dataset.groups[rows] if dataset.groups is not None else None
    arguments = (dataset.X.iloc[rows], dataset.y[rows])
    try:
        takes = "groups" in inspect.signature(splitter.split).parameters
        with warnings.catch_warnings():
            # Splitters that ignore groups warn; groups in both parts are detected below.
            warnings.simplefilter("ignore", UserWarning)
            made = list(splitter.split(*arguments, groups) if takes else splitter.split(*arguments))
    except ValueError as error:
        raise SplitError(
            f"{type(splitter).__name__} cannot split these rows: {error}",
            hint="Use fewer folds, or pass groups if the splitter requires them.",
        ) from error
    return _checked(dataset, rows, [(rows[tr], rows[va]) for tr, va in made])


def _from_component(
    dataset: Dataset, rows: np.ndarray, splitter: Splitter, seed: int
) -> list[Fold]:
    groups = None if dataset.groups is None else dataset.groups[rows]
    times = None if dataset.times is None else dataset.times[rows]
    X = dataset.X.iloc[rows].reset_index(drop=True)
    given = SplitInput(X, dataset.y[rows].copy(), groups, times, dataset.task, seed)
    name = f"splitter {splitter.name!r}"
    try:
        made = [
            tuple(rows[_positions(side, len(rows), number)] for side in (training, validation))
            for number, (training, validation) in enumerate(splitter.split(given))
        ]
    except MetaautoError:
        raise
    except Exception as error:
        raise SplitError(
            f"The {name} failed: {type(error).__name__}: {error}",
            hint=f"Use another value of {argument('cv')}, or correct the plugin.",
        ) from error
    return _checked(dataset, rows, made, f"made by the {name}")


def _from_pairs(dataset: Dataset, rows: np.ndarray, pairs: Iterable[Any]) -> list[Fold]:
    """Convert pairs of positions in the input table to positions in the dataset."""
    total = len(dataset.y) + dataset.dropped_rows
    row_of = np.full(total, -1, dtype=np.int64)
    row_of[dataset.rows] = np.arange(len(dataset.y))
    outside = np.ones(len(dataset.y), dtype=bool)
    outside[rows] = False
    row_of[dataset.rows[outside]] = -1
    folds = []
    for number, pair in enumerate(pairs):
        try:
            sides = [_positions(side, total, number) for side in pair]
            training, validation = (row_of[side][row_of[side] >= 0] for side in sides)
        except (TypeError, ValueError) as error:
            if isinstance(error, SplitError):
                raise
            raise SplitError(
                f"Invalid fold {number} in cv: expected a (training, validation) pair of row "
                "positions.",
                hint="Pass one pair of index arrays per fold.",
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
            f"Invalid fold {number} in cv: row positions must be integers from 0 to {total - 1}.",
            hint="Use positions of rows in the table, counted from 0.",
        )
    return positions.astype(np.int64)


def _checked(
    dataset: Dataset, rows: np.ndarray, folds: Iterable[Any], source: str = "passed as cv"
) -> list[Fold]:
    """Return user-defined folds with sorted rows; raise an error if they are invalid."""
    if not folds:
        raise SplitError(f"No folds are {source}.", hint="Pass at least one pair of rows.")
    checked = []
    for number, (training, validation) in enumerate(folds):
        training, validation = np.unique(training), np.sort(validation)
        problem = ""
        missing = _missing_classes(dataset, training, rows)
        if not len(training) or not len(validation):
            problem = f"has no {'validation' if len(training) else 'training'} rows"
        elif np.isin(training, validation).any():
            problem = "has rows in both training and validation"
        elif missing:
            problem = f"has no training rows of the class {missing[0]!r}"
        elif (
            dataset.groups is not None
            and np.isin(dataset.groups[training], dataset.groups[validation]).any()
        ):
            problem = "has rows of one group in both training and validation"
        if problem:
            raise SplitError(f"Fold {number} {problem}.", hint=f"Change the folds {source}.")
        checked.append((training, validation))
    return checked
