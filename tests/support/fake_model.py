"""Stub of a final model that predicts with a formula and has a task and a schema."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data import TableSchema, prepare
from metaauto.model.fit_record import FitRecord


def fake_model(
    frame: pd.DataFrame,
    formula: Callable[[pd.DataFrame], Any],
    target: str = "target",
    metric: str = "rmse",
) -> tuple[Any, pd.DataFrame, np.ndarray]:
    """Return a stub model of a formula, and the typed rows and target of a table."""
    data = prepare(frame, target, metric_name=metric)
    model = SimpleNamespace(
        task=data.task,
        schema=data.schema,
        decision=None,
        fallback=0.0,
        record=FitRecord(fingerprint=data.fingerprint),
        metric_name=metric,
        predict_typed=lambda typed: np.asarray(formula(typed), dtype=np.float32),
        predict_raw=lambda rows: np.asarray(formula(data.schema.encode(rows)), dtype=np.float32),
    )
    assert isinstance(data.schema, TableSchema)
    return model, data.schema.encode(frame.drop(columns=target)), data.y
