"""Explain a final model's predictions by the columns of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from metaauto.components.explainer import ExplainerInput
from metaauto.errors import ComponentError, DataError, Refused, UnknownName
from metaauto.model.final import FinalModel
from metaauto.model.prediction import encoded_chunks
from metaauto.plugins.manager import load_plugins
from metaauto.plugins.registry import Registry

__all__ = ["explain"]

DEFAULT = "permutation"
_MOST_BACKGROUND = 200


def explain(
    model: FinalModel,
    X: Any,
    background: Any,
    *,
    explainer: str = DEFAULT,
    label: Any = None,
    seed: int = 0,
    registry: Registry | None = None,
) -> pd.DataFrame:
    """Return the contribution of each column to each prediction.

    Parameters
    ----------
    model : FinalModel
        The model.
    X : DataFrame, array, dict or list of dicts
        Rows to explain, as for `FinalModel.predict`.
    background : DataFrame, array, dict or list of dicts
        Background rows, such as the training table; of more than 200 rows a sample is used.
    explainer : str, default="permutation"
        Name of an installed explainer.
    label : object, optional
        Class whose probability is explained; of two classes the positive one by default.
    seed : int, default=0
        Seed for everything random.
    registry : Registry, optional
        Installed components; by default the plugins selected by the environment are loaded.

    Returns
    -------
    DataFrame of shape (rows, columns)
        One row per row of ``X`` and one column per feature, in the unit of the prediction. The
        mean of the absolute values of a column is its importance.

    Raises
    ------
    UnknownName
        The explainer or class is unknown.
    Refused
        There are more than two classes and no label.
    ComponentError
        The explainer fails or returns an invalid result.

    Examples
    --------
    >>> from metaauto.model.explain import explain
    >>> explain(model, new_rows, training_rows).abs().mean()  # doctest: +SKIP
    """
    registry = registry if registry is not None else load_plugins().registry
    entry = registry.entry("explainer", explainer)
    code = _class_code(model, label)

    def predict(frame: pd.DataFrame) -> np.ndarray:
        found = model.predict_typed(frame)
        return np.asarray(found if code is None else found[:, code], dtype=np.float64)

    rows, others = _typed(model, X), _typed(model, background)
    if others.empty:
        raise DataError("The background has no rows.", hint="Pass rows of the training table.")
    if len(others) > _MOST_BACKGROUND:
        others = others.sample(_MOST_BACKGROUND, random_state=seed).reset_index(drop=True)
    try:
        found = entry.component.explain(ExplainerInput(predict, rows, others, seed))
    except Exception as error:
        raise ComponentError(
            f"Explainer {explainer!r} of plugin {entry.plugin.label!r} failed: "
            f"{type(error).__name__}: {error}",
            hint=f"Use explainer={DEFAULT!r}, or report the error to the author of the plugin.",
        ) from error
    checked = _checked(found, rows, f"Explainer {explainer!r} of plugin {entry.plugin.label!r}")
    if isinstance(X, pd.DataFrame):
        checked.index = X.index
    return checked


def _typed(model: FinalModel, X: Any) -> pd.DataFrame:
    return pd.concat(list(encoded_chunks(X, model.schema)), ignore_index=True)


def _class_code(model: FinalModel, label: Any) -> int | None:
    """Return the column of the explained probability; None in regression."""
    if not model.task.is_classification:
        if label is not None:
            raise Refused("A regression model has no classes.", hint="Remove label.")
        return None
    classes = list(model.classes_)
    if label is None:
        if len(classes) > 2:
            raise Refused(
                f"label is required with more than two classes (got {len(classes)} classes).",
                hint=f"Choose a class, for example label={classes[0]!r}.",
            )
        return model.task.positive_code
    if label not in classes:
        raise UnknownName.among("class", str(label), [str(c) for c in classes])
    return classes.index(label)


def _checked(found: Any, rows: pd.DataFrame, who: str) -> pd.DataFrame:
    """Return the contributions, or raise `ComponentError` if they are invalid."""
    hint = "Return a DataFrame of finite numbers with the index and the columns of input.X."
    if not isinstance(found, pd.DataFrame):
        raise ComponentError(f"{who} returned a {type(found).__name__}.", hint=hint)
    if list(found.columns) != list(rows.columns) or len(found) != len(rows):
        raise ComponentError(
            f"{who} returned shape {found.shape}: expected {rows.shape} with the same columns.",
            hint=hint,
        )
    values = found.astype(np.float64)
    if not np.isfinite(values.to_numpy()).all():
        raise ComponentError(f"{who} returned NaN or infinity.", hint=hint)
    return values
