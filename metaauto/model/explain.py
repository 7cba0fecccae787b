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
from metaauto.plugins.registry import Registered, Registry
from metaauto.text import argument

__all__ = ["default_explainer", "explain", "explained_codes"]

_PREFERRED = ("shap", "permutation")
_MOST_BACKGROUND = 200


def default_explainer(registry: Registry) -> str:
    """Return the explainer that is used by default: shap if it is installed, else permutation."""
    installed = registry.names("explainer")
    return next(name for name in _PREFERRED if name in installed)


def explain(
    model: FinalModel,
    X: Any,
    background: Any = None,
    *,
    explainer: str | None = None,
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
    background : DataFrame, array, dict or list of dicts, optional
        Background rows, such as the training table, `X` by default; of more than 200 rows a sample
        is used.
    explainer : str, optional
        Name of an installed explainer; by default ``"shap"`` if it is installed, else
        ``"permutation"``.
    label : object, optional
        Class whose probability is explained, or its text; by default the positive of two classes,
        else the predicted class of each row.
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
        A label is given in regression.
    ComponentError
        The explainer fails or returns an invalid result.

    Examples
    --------
    >>> from metaauto.model.explain import explain
    >>> explain(model, new_rows, training_rows).abs().mean()  # doctest: +SKIP
    """
    registry = registry if registry is not None else load_plugins().registry
    entry = registry.entry("explainer", explainer or default_explainer(registry))
    rows = _typed(model, X)
    others = rows if background is None else _typed(model, background)
    if others.empty:
        raise DataError("The background has no rows.", hint="Pass rows of the training table.")
    if len(others) > _MOST_BACKGROUND:
        others = others.sample(_MOST_BACKGROUND, random_state=seed).reset_index(drop=True)
    codes = explained_codes(model, rows, label)
    found = pd.DataFrame(0.0, index=rows.index, columns=rows.columns)
    # Without rows, the explainer is called once, for its columns.
    for code in np.unique(codes) if len(codes) else (0,):
        part = np.flatnonzero(codes == code)
        asked = rows.iloc[part].reset_index(drop=True)
        found.iloc[part] = _contributions(model, entry, int(code), asked, others, seed).to_numpy()
    if isinstance(X, pd.DataFrame):
        found.index = X.index
    return found


def explained_codes(model: FinalModel, rows: pd.DataFrame, label: Any = None) -> np.ndarray:
    """Return which output of the model is explained for each typed row; 0 in regression."""
    if not model.task.is_classification:
        if label is not None:
            raise Refused("A regression model has no classes.", hint=f"Remove {argument('label')}.")
        return np.zeros(len(rows), dtype=np.int64)
    classes = list(model.classes_)
    if label is not None:
        texts = [str(name) for name in classes]
        if label not in classes and str(label) not in texts:
            raise UnknownName.among("class", str(label), texts)
        code = classes.index(label) if label in classes else texts.index(str(label))
        return np.full(len(rows), code)
    if len(classes) == 2:
        return np.full(len(rows), model.task.positive_code)
    found: np.ndarray = model.predict_typed(rows).argmax(axis=1)
    return found


def _contributions(
    model: FinalModel,
    entry: Registered,
    code: int,
    rows: pd.DataFrame,
    background: pd.DataFrame,
    seed: int,
) -> pd.DataFrame:
    """Return the contributions to one output of the model, checked."""

    def predict(frame: pd.DataFrame) -> np.ndarray:
        found = model.predict_typed(frame)
        return np.asarray(found[:, code] if found.ndim == 2 else found, dtype=np.float64)

    who = f"Explainer {entry.component.name!r} of plugin {entry.plugin.label!r}"
    try:
        found = entry.component.explain(ExplainerInput(predict, rows, background, seed))
    except Exception as error:
        raise ComponentError(
            f"{who} failed: {type(error).__name__}: {error}",
            hint=f"Use {argument('explainer', 'permutation')}, or report the error to the author "
            "of the plugin.",
        ) from error
    return _checked(found, rows, who)


def _typed(model: FinalModel, X: Any) -> pd.DataFrame:
    return pd.concat(list(encoded_chunks(X, model.schema)), ignore_index=True)


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
