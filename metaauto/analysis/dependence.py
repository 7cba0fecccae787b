"""Compute partial dependence: the mean prediction when one column is set to each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components import Deadline
from metaauto.data.booleans import truth_table
from metaauto.model import FinalModel
from metaauto.task import Column, Role

__all__ = ["boolean_names", "partial_dependence"]

_ROWS = 200
_POINTS = 15
_CATEGORIES = 10
_CLASSES = 5
_MISSING = "missing"
_NO_LIMIT = Deadline()


def partial_dependence(
    model: FinalModel,
    typed: pd.DataFrame,
    columns: Sequence[str],
    *,
    seed: int = 0,
    deadline: Deadline = _NO_LIMIT,
) -> list[dict[str, Any]]:
    """Return the mean predictions of the same rows with a column set to each of some values.

    Parameters
    ----------
    model : FinalModel
        The model.
    typed : pandas.DataFrame
        Rows as the model's schema encodes them; of more than 200 rows a sample is used.
    columns : sequence of str
        Names of the columns; text columns are skipped.
    seed : int
        Seed of the sample.
    deadline : Deadline
        Checked before each column.

    Returns
    -------
    list of dict
        For each column ``column``, ``role``, ``values`` (numbers, or texts for categories and
        dates), ``curves``: by class (the positive of two, of more the five most frequent) or for
        the value, ``mean`` and the 10 % and 90 % quantiles ``low`` and ``high``.

    References
    ----------
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics
    2001, section 8.2.
    """
    known = {column.name: column for column in model.task.features}
    few = typed
    if len(typed) > _ROWS:
        few = typed.sample(_ROWS, random_state=seed).reset_index(drop=True)
    # Values may have a large offset, which takes up the first digits.
    digits = 6 if model.task.is_classification else 15
    found = []
    for name in columns:
        if deadline.passed():
            break
        column = known[name]
        values = _values(typed[name], column)
        if few.empty or len(values) < 2:
            continue
        stacked = few.iloc[np.tile(np.arange(len(few)), len(values))].reset_index(drop=True)
        stacked[name] = values.repeat(len(few))
        predicted = model.predict_typed(stacked).reshape(len(values), len(few), -1)
        found.append(
            {
                "column": name,
                "role": str(column.role),
                "values": _shown(values, column),
                "curves": [
                    {
                        "class": label,
                        "mean": _floats(predicted[:, :, place].mean(axis=1), digits),
                        "low": _floats(np.quantile(predicted[:, :, place], 0.1, axis=1), digits),
                        "high": _floats(np.quantile(predicted[:, :, place], 0.9, axis=1), digits),
                    }
                    for place, label in _outputs(model)
                ],
            }
        )
    return found


def _outputs(model: FinalModel) -> list[tuple[int, str]]:
    """Return the shown columns of the prediction and their names."""
    task = model.task
    if task.classes is None:
        return [(0, "")]
    if task.n_classes == 2:
        return [(task.positive_code, str(task.classes[task.positive_code]))]
    order = np.argsort(-np.asarray(task.class_counts or [1] * task.n_classes), kind="stable")
    return [(int(place), str(task.classes[place])) for place in sorted(order[:_CLASSES])]


def _values(cells: pd.Series, column: Column) -> Any:
    """Return the values to set, as an array of the column's type."""
    if column.role is Role.TEXT:
        return cells.array[:0]
    if column.role is Role.CATEGORICAL:
        counts = cells.value_counts(dropna=False)
        frequent = counts[counts > 0].index[:_CATEGORIES]
        values = pd.Categorical(frequent, categories=cells.cat.categories)
        # In the order of the categories, missing last.
        return values[np.argsort(values.codes.astype(np.uint32), kind="stable")]
    present = np.sort(cells.dropna().unique())
    if len(present) <= _POINTS:
        return pd.array(present, dtype=cells.dtype) if len(present) else cells.array[:0]
    edge = np.linspace(0.02, 0.98, _POINTS)
    ordered = cells.dropna().sort_values().reset_index(drop=True)
    places = np.unique((edge * (len(ordered) - 1)).round().astype(np.int64))
    return ordered.iloc[places].drop_duplicates().array


def _shown(values: Any, column: Column) -> list[Any]:
    if column.role is Role.NUMERIC:
        return _floats(np.asarray(values, dtype=np.float64))
    if column.role is Role.DATETIME:
        return [pd.Timestamp(value).isoformat()[:10] for value in values]
    if column.role is Role.BOOLEAN:
        names = boolean_names(column)
        return [names[int(value)] for value in values]
    return [_MISSING if pd.isna(value) else str(value) for value in values]


def boolean_names(column: Column) -> tuple[str, str]:
    """Return the texts for 0 and 1 of a Boolean column."""
    table = truth_table(column.categories or ())
    names = {
        int(table[word.lower()]): word for word in column.categories or () if word.lower() in table
    }
    return names.get(0, "no"), names.get(1, "yes")


def _floats(values: np.ndarray, digits: int = 6) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]
