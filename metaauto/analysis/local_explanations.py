"""Explain predictions of single rows by the contributions of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from metaauto.model import FinalModel
from metaauto.model.explain import explain, explained_codes
from metaauto.plugins.registry import Registry

__all__ = ["explain_rows"]

_BACKGROUND_ROWS = 200


def explain_rows(
    model: FinalModel,
    frame: pd.DataFrame,
    chosen: Sequence[int],
    background: pd.DataFrame,
    explainer: str,
    label: str | None = None,
    seed: int = 0,
    registry: Registry | None = None,
) -> list[dict[str, Any]]:
    """Explain some rows of a table.

    Parameters
    ----------
    model : FinalModel
        The model.
    frame : pandas.DataFrame
        The table.
    chosen : sequence of int
        Positions of the rows.
    background : pandas.DataFrame
        Background rows.
    explainer : str
        Name of an installed explainer.
    label : str, optional
        Class whose probability is explained, as text; by default the positive of two classes,
        else the predicted class.
    seed : int
        Seed for everything random.
    registry : Registry, optional
        Installed components.

    Returns
    -------
    list of dict
        For each row ``row``, ``prediction``, ``explained`` (the class, empty in regression),
        ``value`` of the prediction, ``usual`` (its mean over the background) and ``cells``:
        ``column``, ``value``, ``contribution``, the largest first.

    Raises
    ------
    UnknownName
        The class or explainer is unknown.
    """
    frame = model.schema.named(frame)
    rows = frame.iloc[list(chosen)].reset_index(drop=True)
    if rows.empty:
        return []
    others = background
    if len(others) > _BACKGROUND_ROWS:
        others = others.sample(_BACKGROUND_ROWS, random_state=seed)
    predictions = model.predict(rows)
    raw, usual = _matrix(model, rows), _matrix(model, others).mean(axis=0)
    codes = explained_codes(model, model.schema.encode(rows), label)
    adds = explain(
        model, rows, others, explainer=explainer, label=label, seed=seed, registry=registry
    )
    names = {str(column): place for place, column in enumerate(frame.columns)}
    explained = []
    for place, number in enumerate(chosen):
        code = int(codes[place])
        line = adds.iloc[place]
        order = np.argsort(-line.abs().to_numpy(), kind="stable")
        prediction = predictions[place]
        explained.append(
            {
                "row": int(number),
                "prediction": prediction.item() if hasattr(prediction, "item") else prediction,
                "explained": "" if model.task.classes is None else str(model.task.classes[code]),
                "value": float(raw[place, code]),
                "usual": float(usual[code]),
                "cells": [
                    {
                        "column": str(line.index[at]),
                        "value": _text(rows.iloc[place, names[str(line.index[at])]]),
                        "contribution": float(line.iloc[at]),
                    }
                    for at in order
                ],
            }
        )
    return explained


def _matrix(model: FinalModel, rows: pd.DataFrame) -> np.ndarray:
    found = np.asarray(model.predict_raw(rows), dtype=np.float64)
    return found.reshape(len(rows), -1)


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "missing" if np.isnan(value) else f"{value:.6g}"
    return "missing" if value is None or value is pd.NaT or value is pd.NA else str(value)
