"""Compare a file of ONNX with its model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from metaauto.errors import Refused
from metaauto.model.final import FinalModel
from metaauto.model.prediction import as_rows
from metaauto.task import Role

__all__ = ["TOLERANCE", "compared_rows", "difference", "feeds"]

TOLERANCE = 1e-4
"""Largest difference: of probabilities, or of values as a share of their range."""
MADE_ROWS, MOST_ROWS = 500, 10_000


def difference(model: FinalModel, content: bytes, typed: pd.DataFrame) -> tuple[float, int]:
    """Return the largest difference of predictions, and the number of rows with another label.

    Parameters
    ----------
    model : FinalModel
        The model.
    content : bytes
        The file of ONNX.
    typed : DataFrame
        Typed rows.

    Returns
    -------
    (float, int)
        The difference is NaN if a prediction of the file is. Labels may differ where a difference
        within the tolerance explains it.

    Raises
    ------
    Refused
        The file cannot be run.
    """
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.log_severity_level = 3
    try:
        session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
        given = feeds(model, typed)
        # Neighbours take the memory of the rows times those of the training table.
        parts = [
            session.run(None, {name: array[start : start + 500] for name, array in given.items()})
            for start in range(0, max(len(typed), 1), 500)
        ]
        outputs = [np.concatenate(output) for output in zip(*parts, strict=True)]
    except Exception as error:  # onnxruntime raises many types
        why = " ".join(str(error).split())[:200]
        raise Refused(
            f"onnxruntime cannot run the exported model: {why}.",
            hint="Update onnxruntime, or use --to python.",
        ) from error
    expected = model.predict_frame(typed)
    scale = 1.0 if model.task.is_classification else float(np.ptp(expected)) or 1.0
    found = np.asarray(outputs[-1], dtype=np.float64)
    largest = float(np.abs(found - expected).max(initial=0.0)) / scale
    wrong = 0
    if model.task.is_classification:
        wrong = _wrong_labels(model, expected, np.asarray(outputs[0]))
    return largest, wrong


def _wrong_labels(model: FinalModel, expected: np.ndarray, labels: np.ndarray) -> int:
    wrong = labels != model.decided(expected).astype(labels.dtype)
    random = np.random.default_rng(0)
    for _ in range(20):
        # A row near the boundary of two classes may get either.
        moved = expected + random.uniform(-TOLERANCE, TOLERANCE, expected.shape)
        wrong &= labels != model.decided(moved).astype(labels.dtype)
    return int(wrong.sum())


def feeds(model: FinalModel, typed: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the inputs of the exported model for a typed frame."""
    found = {}
    for column in model.schema.features:
        cells = typed[column.name]
        if column.role is Role.NUMERIC:
            array = cells.to_numpy(dtype=np.float64)
        elif column.role is Role.DATETIME:
            array = cells.to_numpy(dtype="datetime64[ns]").astype(np.int64)
        elif column.role is Role.BOOLEAN:
            words = _words(column)
            array = np.array([words.get(cell, "") for cell in cells], dtype=object)
        else:
            array = cells.astype(object).where(cells.notna(), "").to_numpy(dtype=object)
        found[column.name] = array[:, None]
    return found


def _words(column: Any) -> dict[float, str]:
    from metaauto.data.booleans import truth_table

    return {code: word for word, code in truth_table(column.categories or ()).items()}


def compared_rows(model: FinalModel, data: Any = None) -> pd.DataFrame:
    """Return typed rows: at most 10,000 of a table, evenly spaced, or 500 made from the columns."""
    if data is None:
        return _made_rows(model)
    rows = as_rows(data, model.schema)
    if rows.shape[0] > MOST_ROWS:
        places = np.linspace(0, rows.shape[0] - 1, MOST_ROWS).astype(np.int64)
        rows = rows.iloc[places] if isinstance(rows, pd.DataFrame) else rows[places]
    return model.schema.encode(rows)


def _made_rows(model: FinalModel) -> pd.DataFrame:
    """Return typed rows with typical numbers, all categories and missing values."""
    random = np.random.default_rng(0)
    typical = _typical_numbers(model)
    found: dict[str, Any] = {}
    for place, column in enumerate(model.schema.features):
        if column.role is Role.CATEGORICAL:
            names = pd.Index(list(column.categories or ()), dtype=object)
            codes = random.integers(-1, len(names), MADE_ROWS)
            found[column.name] = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(names))
            continue
        if column.role is Role.DATETIME:
            days = random.uniform(-10_000.0, 30_000.0, MADE_ROWS)
            cells = (days * 86_400e9).astype("datetime64[ns]")
            cells[random.random(MADE_ROWS) < 0.05] = np.datetime64("NaT")
            found[column.name] = cells
            continue
        if column.role is Role.BOOLEAN:
            cells = random.integers(0, 2, MADE_ROWS).astype(np.float64)
        else:
            known = typical.get(place, np.zeros(1))
            cells = random.choice(known, MADE_ROWS)
            # Half of the cells are on a threshold, a quantile or the centre itself.
            noise = random.normal(0.0, float(np.std(known)) or 1.0, MADE_ROWS)
            cells = np.where(random.random(MADE_ROWS) < 0.5, cells + 0.3 * noise, cells)
        cells[random.random(MADE_ROWS) < 0.05] = np.nan
        found[column.name] = cells
    return pd.DataFrame(found)


def _typical_numbers(model: FinalModel) -> dict[int, np.ndarray]:
    """Return numbers that the members have learned, by the position of the column."""
    found: dict[int, list[np.ndarray]] = {}
    for member in model.members:
        if not member.weight > 0:
            continue
        steps = [step for _, step in member.estimators[0].steps]
        if not hasattr(steps[0], "transformers_"):  # a constant model
            continue
        for title, branch, chosen in steps[0].transformers_:
            if title != "numeric" or isinstance(branch, str):
                continue
            positions = np.atleast_1d(np.arange(len(model.schema.features))[chosen])
            thresholds: dict[int, np.ndarray] = {}
            scaled = False
            for part in getattr(branch, "steps", [("", branch)]):
                scaled |= _learned(part[1], positions, found)
            start = steps[0].output_indices_[title].start
            if not scaled and len(steps) == 2 and hasattr(steps[-1], "decision_trees"):
                thresholds = _thresholds(steps[-1].decision_trees(), start)
            for column, values in thresholds.items():
                if column < len(positions):
                    found.setdefault(int(positions[column]), []).append(values)
    return {place: np.concatenate(arrays) for place, arrays in found.items()}


def _learned(part: Any, positions: np.ndarray, found: dict[int, list[np.ndarray]]) -> bool:
    """Collect the numbers of a step; return whether it scales."""
    if hasattr(part, "fill_values_") and part.strategy != "keep":
        for place, value in zip(positions, part.fill_values_, strict=True):
            found.setdefault(int(place), []).append(np.array([value]))
    if hasattr(part, "quantiles_"):
        for place, values in zip(positions, part.quantiles_.T, strict=True):
            found.setdefault(int(place), []).append(values)
        return True
    if hasattr(part, "center_") and len(part.center_) >= len(positions):
        for column, place in enumerate(positions):
            values = part.center_[column] + part.scale_[column] * np.linspace(-2.0, 2.0, 9)
            found.setdefault(int(place), []).append(values)
        return True
    return False


def _thresholds(trees: Any, start: int) -> dict[int, np.ndarray]:
    """Return the thresholds of the columns from a position on."""
    is_split = trees.feature >= 0
    is_split[list(trees.categories)] = False
    features, values = trees.feature[is_split], trees.threshold[is_split]
    return {
        int(column) - start: np.unique(values[features == column])
        for column in np.unique(features)
        if column >= start
    }
