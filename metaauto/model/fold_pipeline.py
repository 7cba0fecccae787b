"""Run the steps of a fitted fold model without the overhead of scikit-learn's containers.

`ColumnTransformer` and `Pipeline` check tags, names and metadata at each call, and select the
columns of the table anew for each fold model. For one row that takes most of the time.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

__all__ = ["last_step", "probabilities"]


def last_step(
    estimator: Any, frame: Any, selected: MutableMapping[str, Any] | None = None
) -> tuple[Any, Any]:
    """Return the last step of a fitted fold model, and the prepared rows that it receives.

    Parameters
    ----------
    estimator : Pipeline, FrozenEstimator or other estimator
        A fold model; anything but a pipeline is returned with the frame.
    frame : pandas.DataFrame
        Typed frame.
    selected : mutable mapping, optional
        Columns that were selected from this frame; shared by the fold models of one call.

    Returns
    -------
    estimator, rows
        The rows are equal to those inside ``Pipeline.predict``.
    """
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if type(estimator) is FrozenEstimator:
        estimator = estimator.estimator
    if type(estimator) is not Pipeline:
        return estimator, frame
    selected = {} if selected is None else selected
    rows = frame
    for _, step in estimator.steps[:-1]:
        rows = _transformed(step, rows, selected if rows is frame else {})
    return estimator.steps[-1][1], rows


def probabilities(model: Any, rows: Any) -> Any:
    """Return what ``model.predict_proba(rows)`` does.

    For one row, sigmoid calibration in scikit-learn takes ten times longer than the support vector
    machine that it calibrates.
    """
    from sklearn.calibration import CalibratedClassifierCV

    if type(model) is not CalibratedClassifierCV:
        return model.predict_proba(rows)
    parts, n_classes = model.calibrated_classifiers_, len(model.classes_)
    if n_classes < 2 or not all(_is_sigmoid(part, model.classes_) for part in parts):
        return model.predict_proba(rows)
    mean = np.zeros((rows.shape[0], n_classes))
    for part in parts:
        mean += _sigmoid(part, part.estimator.decision_function(rows), n_classes)
    return mean / len(parts)


def _is_sigmoid(part: Any, classes: np.ndarray) -> bool:
    known = np.array_equal(part.classes, classes) and np.array_equal(
        part.estimator.classes_, classes
    )
    return part.method == "sigmoid" and known and hasattr(part.estimator, "decision_function")


def _sigmoid(part: Any, scores: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the probabilities of ``sklearn.calibration._CalibratedClassifier``."""
    found = np.zeros((len(scores), n_classes))
    if n_classes == 2:
        found[:, 1] = part.calibrators[0].predict(scores)
        found[:, 0] = 1.0 - found[:, 1]
    else:
        for place, calibrator in enumerate(part.calibrators):
            found[:, place] = calibrator.predict(scores[:, place])
        total = np.sum(found, axis=1)[:, np.newaxis]
        uniform = np.full_like(found, 1 / n_classes)
        found = np.divide(found, total, out=uniform, where=total != 0)
    found[(found > 1.0) & (found <= 1.0 + 1e-5)] = 1.0
    return found


def _transformed(step: Any, rows: Any, selected: MutableMapping[str, Any]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if step is None or step == "passthrough":
        return rows
    if type(step) is Pipeline:
        for _, part in step.steps:
            rows = _transformed(part, rows, {})
        return rows
    if type(step) is ColumnTransformer and isinstance(rows, pd.DataFrame):
        return _columns_transformed(step, rows, selected)
    return step.transform(rows)


def _columns_transformed(
    step: ColumnTransformer, frame: pd.DataFrame, selected: MutableMapping[str, Any]
) -> Any:
    from sklearn.pipeline import Pipeline

    parts = []
    for _, branch, columns in step.transformers_:
        if (isinstance(branch, str) and branch == "drop") or np.size(columns) == 0:
            continue
        first = branch.steps[0][1] if type(branch) is Pipeline else branch
        takes_array = getattr(first, "takes_array", False)
        prepare = getattr(first, "prepare_columns", None)
        key = f"{columns!r} {takes_array} {prepare}"
        if key not in selected:
            part = frame.iloc[:, columns]
            if prepare is not None:
                part = prepare(part)
            elif takes_array and (part.dtypes == "float64").all():
                part = part.to_numpy()
            selected[key] = part
        parts.append(_transformed(branch, selected[key], {}))
    if step.sparse_output_:
        from scipy import sparse

        return sparse.hstack(parts).tocsr()
    return np.hstack([part.toarray() if hasattr(part, "toarray") else part for part in parts])
