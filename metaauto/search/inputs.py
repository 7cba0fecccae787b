"""The training table on disk, as worker processes read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaauto.task import Role, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["Inputs", "read_inputs", "write_inputs"]


@dataclass
class Inputs:
    """What every job needs of the table.

    Parameters
    ----------
    task : Task
        What is to be learned.
    X : pandas.DataFrame
        The typed frame.
    y : ndarray
        Class codes or values.
    weights : ndarray or None
        Sample weights.
    folds : list of (ndarray, ndarray)
        Training and validation rows.
    """

    task: Task
    X: pd.DataFrame
    y: np.ndarray
    weights: np.ndarray | None
    folds: list[tuple[np.ndarray, np.ndarray]]


def write_inputs(folder: Path, inputs: Inputs) -> None:
    """Write the inputs to a folder; columns are stored by position, so any name will do."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    frame = inputs.X.copy(deep=False)
    frame.columns = [f"c{i}" for i in range(frame.shape[1])]
    frame.reset_index(drop=True).to_feather(folder / "X.feather", compression="uncompressed")
    np.save(folder / "y.npy", inputs.y)
    (folder / "weights.npy").unlink(missing_ok=True)
    if inputs.weights is not None:
        np.save(folder / "weights.npy", inputs.weights)
    for number, (train, validation) in enumerate(inputs.folds):
        np.save(folder / f"train-{number:02d}.npy", np.asarray(train, dtype=np.int64))
        np.save(folder / f"validation-{number:02d}.npy", np.asarray(validation, dtype=np.int64))
    record: dict[str, Any] = {"task": inputs.task.to_json(), "folds": len(inputs.folds)}
    (folder / "inputs.json").write_text(json.dumps(record, default=_plain), encoding="utf-8")


def read_inputs(folder: Path) -> Inputs:
    """Read what `write_inputs` wrote; the arrays are memory-mapped."""
    import numpy as np
    from pyarrow import feather

    record = json.loads((folder / "inputs.json").read_text(encoding="utf-8"))
    task = Task.from_json(record["task"])
    frame = feather.read_table(folder / "X.feather", memory_map=True).to_pandas()
    frame.columns = [column.name for column in task.features]
    for column in task.features:
        frame[column.name] = _as_written(frame[column.name], column.role)
    weights = folder / "weights.npy"
    folds = [
        (
            np.load(folder / f"train-{number:02d}.npy"),
            np.load(folder / f"validation-{number:02d}.npy"),
        )
        for number in range(record["folds"])
    ]
    return Inputs(
        task,
        frame,
        np.load(folder / "y.npy", mmap_mode="r"),
        np.load(weights, mmap_mode="r") if weights.exists() else None,
        folds,
    )


def _as_written(values: pd.Series, role: Role) -> pd.Series:
    """Texts as objects, which Arrow turns into a dtype of its own where pandas has one."""
    if role is Role.CATEGORICAL:
        return values.cat.rename_categories(values.cat.categories.astype(object))
    return values.astype(object) if role is Role.TEXT else values


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
