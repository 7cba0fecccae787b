"""Arguments as scikit-learn users write them, in the words of `FitOptions`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from metaauto.components import Model
from metaauto.errors import DataError, SettingError
from metaauto.text import counted

__all__ = [
    "DENSE_CELLS",
    "budget_of",
    "cores_of",
    "dense",
    "included_of",
    "knowledge_of",
    "named_as",
    "one_per_row",
    "remembers",
    "seed_of",
    "weights_of",
]

DENSE_CELLS = 2**28
"""Sparse tables of at most so many cells (2 GiB as numbers) are made dense."""

_TRIALS = re.compile(r"(\d+)\s*(?:t|trials?)", re.IGNORECASE)
_MOST_SEEDS = 2**31 - 1


def budget_of(budget: Any) -> tuple[float | str | None, int | None]:
    """Seconds and trials of a budget as the estimators take it."""
    if isinstance(budget, str) and (match := _TRIALS.fullmatch(budget.strip())):
        return None, int(match[1])
    if isinstance(budget, np.generic):
        budget = budget.item()
    return budget, None


def included_of(include: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Names to select, and the components of this session that were given as objects."""
    if include is None:
        return (), ()
    if isinstance(include, (str, Model)):
        include = (include,)
    objects = tuple(item for item in include if not isinstance(item, str))
    names = [item.name if isinstance(item, Model) else item for item in include]
    return tuple(name for name in names if isinstance(name, str)), objects


def knowledge_of(knowledge: Any) -> bool | str:
    """Whether to start warm, or the path of the store to start from."""
    if isinstance(knowledge, (bool, np.bool_)):
        return bool(knowledge)
    if isinstance(knowledge, (str, os.PathLike)) and str(knowledge):
        return os.fspath(knowledge)
    raise SettingError(
        f"knowledge={knowledge!r} is neither True, False nor a path.",
        hint="Name a knowledge store, or leave it at True.",
    )


def remembers() -> bool:
    """Whether fits are remembered: an estimator has no parameter for it, but the environment."""
    said = os.environ.get("METAAUTO_REMEMBER", "1").strip().lower()
    return said not in ("0", "false", "f", "no", "n", "off")


def cores_of(n_jobs: Any) -> int:
    """Worker processes for ``n_jobs``, as joblib understands it."""
    from joblib import effective_n_jobs

    if isinstance(n_jobs, bool) or not isinstance(n_jobs, (int, np.integer, type(None))):
        raise SettingError(f"n_jobs={n_jobs!r} is no whole number.", hint="Use -1 for all cores.")
    if n_jobs == 0:
        raise SettingError("n_jobs=0 leaves no worker.", hint="Use 1 or more, or -1 for all cores.")
    return int(effective_n_jobs(n_jobs))


def seed_of(random_state: Any) -> int:
    """One seed for everything random; a generator gives a new one each time."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if random_state < 0:
            raise SettingError(f"random_state={random_state} is negative.", hint="Give 0 or more.")
        return int(random_state)
    return int(check_random_state(random_state).randint(_MOST_SEEDS))


def one_per_row(values: Any, name: str, rows: int) -> np.ndarray:
    """An array of one value for each row, or an error that names it."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{name} must be 1D array or scalar, got {array.ndim} dimensions.")
    if len(array) != rows:
        raise DataError(
            f"{name} has {counted(len(array), 'value')}, the table {counted(rows, 'row')}."
        )
    return array


def named_as(y: Any, values: np.ndarray, columns: Iterable[Any]) -> Any:
    """Target values under the name of `y`, where that is a text which no column has."""
    name = y.columns[0] if isinstance(y, pd.DataFrame) else getattr(y, "name", None)
    is_free = isinstance(name, str) and name.strip() and name not in set(map(str, columns))
    return pd.Series(values, name=name) if is_free else values


def weights_of(values: Any, rows: int) -> np.ndarray:
    """Sample weights, one for each row and not all of them zero."""
    weights = one_per_row(values, "sample_weight", rows)
    if not weights.any():
        raise DataError("Sample weights must contain at least one non-zero number.")
    return weights


def dense(X: Any) -> Any:
    """Make a sparse matrix dense, if that is no harm."""
    if not hasattr(X, "toarray"):
        return X
    cells = int(np.prod(X.shape))
    if cells > DENSE_CELLS:
        raise DataError(
            f"The sparse table has {cells:,} cells, too many to make it dense.",
            hint="Select or reduce features first, such as by TruncatedSVD.",
        )
    return X.toarray()
