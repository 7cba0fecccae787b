"""Ensemble prediction: weighted mean over members, each the mean of its fold models."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.chunks import CHUNK_ROWS
from metaauto.data.dtypes import as_pandas
from metaauto.data.schema import TableSchema
from metaauto.errors import ComponentError, MetaautoError, SchemaMismatch
from metaauto.model.fold_pipeline import last_step, probabilities

__all__ = [
    "CHUNK_ROWS",
    "as_rows",
    "average",
    "combine",
    "encoded_chunks",
    "mean_of_folds",
    "mean_of_parts",
]

Part = tuple[np.ndarray, np.ndarray]

logger = logging.getLogger(__name__)

# For fewer rows a thread pool is slower than sequential prediction.
THREADED_ROWS = 2_000


def average(
    members: Iterable[tuple[str, float, Sequence[Any]]],
    frame: Any,
    n_classes: int,
    fallback: Any = None,
) -> np.ndarray:
    """Predict a typed frame with an ensemble.

    Parameters
    ----------
    members : iterable of (name, weight, fold models)
        Weights with a positive sum; the fold models of a member have equal weights.
    frame : pandas.DataFrame
        Typed frame.
    n_classes : int
        Number of classes, 0 in regression.
    fallback : array of shape (n_classes,) or float, optional
        Prediction for rows for which every fold model gives NaN or infinity.

    Returns
    -------
    ndarray of shape (n, n_classes) or (n,), float64
        Predictions; NaN and infinity of a fold model are excluded from the mean.

    Raises
    ------
    ComponentError
        A row has no finite prediction and there is no fallback.
    """
    if len(frame) == 0:
        return np.zeros((0, n_classes) if n_classes else 0)
    selected: dict[str, Any] = {}
    parts = (
        (weight, *mean_of_folds(name, estimators, frame, n_classes, selected))
        for name, weight, estimators in members
        if weight > 0
    )
    return combine(parts, len(frame), n_classes, fallback)


def combine(
    parts: Iterable[tuple[float, np.ndarray, np.ndarray]],
    rows: int,
    n_classes: int,
    fallback: Any = None,
) -> np.ndarray:
    """Return the weighted mean of predictions of members.

    Parameters
    ----------
    parts : iterable of (weight, prediction, mask)
        From `mean_of_folds`.
    rows, n_classes, fallback
        As in `average`.
    """
    total, mass = np.zeros((rows, n_classes) if n_classes else rows), np.zeros(rows)
    for weight, value, known in parts:
        total += weight * value
        mass += weight * known
    lost = mass == 0
    if lost.any():
        _check_fallback(fallback, int(lost.sum()))
        total[lost], mass[lost] = fallback, 1.0
    return total / (mass[:, None] if n_classes else mass)


def mean_of_folds(
    name: str,
    estimators: Iterable[Any],
    frame: Any,
    n_classes: int,
    selected: dict[str, Any] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the fold models (0 if none is finite), and a 0/1 mask of finite rows."""
    total: Any = 0.0
    count = np.zeros(len(frame))
    with _threads_for(len(frame)):
        for estimator in estimators:
            with _component_errors(name):
                value = _predict(name, *last_step(estimator, frame, selected), n_classes)
            finite: Any = 1.0
            if not np.isfinite(value).all():
                finite = np.isfinite(value).all(axis=1) if n_classes else np.isfinite(value)
                logger.warning(
                    "Model %s gave NaN or infinity for %d rows; "
                    "using the other ensemble members for these rows.",
                    name,
                    int((~finite).sum()),
                )
                value[~finite] = 0.0
            total = total + value
            count += finite
    divisor = np.maximum(count, 1.0)
    return total / (divisor[:, None] if n_classes else divisor), (count > 0).astype(np.float64)


def mean_of_parts(first: Part, second: Part) -> Part:
    """Return the mean of two predictions and masks from `mean_of_folds`."""
    count = first[1] + second[1]
    divisor = np.maximum(count, 1.0)
    total = first[0] + second[0]
    return total / (divisor[:, None] if total.ndim == 2 else divisor), (count > 0).astype(float)


@contextmanager
def _component_errors(name: str) -> Iterator[None]:
    """Convert the errors of a fold model, which may be forged, to a `ComponentError`."""
    try:
        yield
    except (MetaautoError, MemoryError):
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise ComponentError(
            f"Model {name!r} cannot predict: {type(error).__name__}: {why}.",
            hint="Check the versions of its libraries; fit the model or copy its file again.",
        ) from error


def _predict(name: str, estimator: Any, rows: Any, n_classes: int) -> np.ndarray:
    """Return float64 predictions for prepared rows, classes in the task's order."""
    if not n_classes:
        value = np.array(estimator.predict(rows), dtype=np.float64).reshape(-1)
        _check_rows(name, value, rows)
        return value
    raw = np.array(probabilities(estimator, rows), dtype=np.float64)
    codes = np.asarray(estimator.classes_).astype(np.int64)
    _check_rows(name, raw, rows)
    if raw.ndim != 2 or raw.shape[1] != len(codes) or codes.max(initial=0) >= n_classes:
        raise ComponentError(
            f"Model {name!r} returned probabilities of shape {raw.shape} for {len(codes)} classes.",
            hint="Fix its predict_proba: it must return one column for each of classes_.",
        )
    aligned = np.where(raw < 0, 0.0, raw)
    if len(codes) < n_classes or (codes[1:] <= codes[:-1]).any():
        aligned, known = np.zeros((raw.shape[0], n_classes)), aligned
        aligned[:, codes] = known
    sums = aligned.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        if sums.all():
            return np.asarray(aligned / sums)
        # A row of zeros becomes the uniform distribution.
        uniform = np.full_like(aligned, 1.0 / n_classes)
        return np.divide(aligned, sums, out=uniform, where=sums != 0)


def _check_rows(name: str, value: np.ndarray, rows: Any) -> None:
    if value.shape[:1] != (rows.shape[0],):
        raise ComponentError(
            f"Model {name!r} returned {value.shape[0]} predictions for {rows.shape[0]} rows.",
            hint="Fix its predict: it must return one value per row.",
        )


def _check_fallback(fallback: Any, rows: int) -> None:
    if fallback is None:
        raise ComponentError(
            f"No model of the ensemble gives a finite prediction for {rows} rows.",
            hint="Check these rows for extreme values.",
        )


def _threads_for(rows: int) -> AbstractContextManager[Any]:
    if rows > THREADED_ROWS:
        return nullcontext()
    import joblib

    return joblib.parallel_config(backend="sequential")


def as_rows(X: Any, schema: TableSchema) -> Any:
    """Return the rows as a DataFrame or a two-dimensional array (dense or sparse).

    Parameters
    ----------
    X : DataFrame, array, sparse matrix, dict or list of dicts
        A dict of cells is one row, a dict of columns a table. Objects with ``to_pandas`` are
        accepted as well. Nothing is modified.
    schema : TableSchema
        The columns of the training table.

    Raises
    ------
    SchemaMismatch
        It is not a table.
    """
    if isinstance(X, pd.DataFrame):
        return X
    if isinstance(X, pd.Series):
        raise SchemaMismatch(
            "A pandas Series is ambiguous: it may be one row or one column.",
            hint="Pass series.to_frame().T for one row, series.to_frame() for one column.",
        )
    if isinstance(X, Mapping):
        return _from_mapping(X)
    if isinstance(X, (list, tuple)) and all(isinstance(row, Mapping) for row in X):
        names = [column.name for column in schema.columns] if not X else None
        return pd.DataFrame(list(X), columns=names)
    if hasattr(X, "to_pandas"):
        return as_rows(as_pandas(X), schema)
    if hasattr(X, "tocsr"):
        return X.tocsr()
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise SchemaMismatch(
            f"The rows have different lengths: {error}.",
            hint="Give every row the same number of cells.",
        ) from error
    if array.ndim != 2:
        what = f"a {type(X).__name__}" if array.ndim == 0 else f"{array.ndim}-dimensional data"
        raise SchemaMismatch(
            f"Expected a table, got {what}.", hint="Pass a DataFrame, a dict or a list of dicts."
        )
    return array


def _from_mapping(X: Mapping[Any, Any]) -> pd.DataFrame:
    values = dict(X)
    columns = [v for v in values.values() if np.ndim(v) or isinstance(v, (list, tuple))]
    if not columns:
        return pd.DataFrame([values])
    try:
        return pd.DataFrame(values)
    except ValueError as error:
        raise SchemaMismatch(
            f"The columns cannot be combined to a table: {error}.",
            hint="Give every column the same number of cells.",
        ) from error


def encoded_chunks(
    X: Any, schema: TableSchema, chunk_rows: int = CHUNK_ROWS
) -> Iterator[pd.DataFrame]:
    """Yield typed frames of at most `chunk_rows` rows; one empty frame if there are no rows."""
    rows = as_rows(X, schema)
    count = int(rows.shape[0])
    step = max(int(chunk_rows), 1)
    for start in range(0, max(count, 1), step):
        if isinstance(rows, pd.DataFrame):
            part: Any = rows if count <= step else rows.iloc[start : start + step]
        else:
            part = rows if count <= step else rows[start : start + step]
            part = part.toarray() if hasattr(part, "toarray") else part
        yield schema.encode(part)
