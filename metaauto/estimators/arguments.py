"""Convert arguments of the estimators to values of `FitOptions`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from metaauto.errors import DataError, SettingError
from metaauto.text import counted

__all__ = [
    "DENSE_CELLS",
    "budget_of",
    "cores_of",
    "dense",
    "knowledge_of",
    "one_per_row",
    "remembers",
    "seed_of",
    "target_name",
    "weights_of",
]

DENSE_CELLS = 2**28
"""Maximum number of cells (2 GiB as numbers) of a sparse table that is converted to dense."""

_TRIALS = re.compile(r"(\d+)\s*(?:t|trials?)", re.IGNORECASE)
_MAX_SEED = 2**31 - 1


def budget_of(budget: Any) -> tuple[float | str | None, int | None]:
    """Return seconds and trials of a budget."""
    if isinstance(budget, str) and (match := _TRIALS.fullmatch(budget.strip())):
        return None, int(match[1])
    if isinstance(budget, np.generic):
        budget = budget.item()
    return budget, None


def knowledge_of(knowledge: Any) -> bool | str:
    """Return whether to use a warm start, or the path of its only store."""
    if isinstance(knowledge, (bool, np.bool_)):
        return bool(knowledge)
    if isinstance(knowledge, (str, os.PathLike)) and str(knowledge):
        return os.fspath(knowledge)
    raise SettingError(
        f"Invalid knowledge={knowledge!r}: expected True, False or a path.",
        hint="Give the path of a knowledge store, or keep the default True.",
    )


def remembers() -> bool:
    """Return whether fits are added to the user's store, by the variable METAAUTO_REMEMBER."""
    value = os.environ.get("METAAUTO_REMEMBER", "1").strip().lower()
    return value not in ("0", "false", "f", "no", "n", "off")


def cores_of(n_jobs: Any, dask: Any = None) -> int | None:
    """Return the number of worker processes for ``n_jobs``, as joblib defines it.

    On a Dask cluster only a positive number limits the workers.
    """
    from joblib import effective_n_jobs

    if isinstance(n_jobs, bool) or not isinstance(n_jobs, (int, np.integer, type(None))):
        raise SettingError(
            f"Invalid n_jobs={n_jobs!r}: expected an integer or None.", hint="Use -1 for all cores."
        )
    if n_jobs == 0:
        raise SettingError(
            "Invalid n_jobs=0: expected a non-zero integer.",
            hint="Use 1 or more, or -1 for all cores.",
        )
    if dask is not None:
        return int(n_jobs) if n_jobs is not None and n_jobs > 0 else None
    return int(effective_n_jobs(n_jobs))


def seed_of(random_state: Any) -> int:
    """Return the seed of a fit; a random generator gives a new one each time."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if random_state < 0:
            raise SettingError(
                f"random_state must be >= 0 (got {random_state}).", hint="Use 0 or more."
            )
        return int(random_state)
    return int(check_random_state(random_state).randint(_MAX_SEED))


def one_per_row(values: Any, name: str, rows: int) -> np.ndarray:
    """Return an array of one value per row; raise `DataError` for other shapes."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{name} must be 1D array or scalar, got {array.ndim} dimensions.")
    if len(array) != rows:
        raise DataError(
            f"{name} has {counted(len(array), 'value')}, but the table has {counted(rows, 'row')}."
        )
    return array


def target_name(y: Any, columns: Iterable[Any]) -> str:
    """Return the name of `y` if it is a text and not the name of a column, else ``"target"``."""
    name = y.columns[0] if isinstance(y, pd.DataFrame) else getattr(y, "name", None)
    if isinstance(name, str) and name.strip() and name not in set(map(str, columns)):
        return name
    return "target"


def weights_of(values: Any, rows: int) -> np.ndarray:
    """Return sample weights, one per row and not all zero."""
    weights = one_per_row(values, "sample_weight", rows)
    if not weights.any():
        raise DataError("Sample weights must contain at least one non-zero number.")
    return weights


def dense(X: Any) -> Any:
    """Convert a sparse matrix to dense, up to a maximum size."""
    if not hasattr(X, "toarray"):
        return X
    cells = int(np.prod(X.shape))
    if cells > DENSE_CELLS:
        raise DataError(
            f"The sparse table is too large to convert to dense: {cells:,} cells, at most "
            f"{DENSE_CELLS:,}.",
            hint="Select or reduce features first, for example by TruncatedSVD.",
        )
    return X.toarray()
