"""Write the training table to disk and read it in worker processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaauto.errors import RunError
from metaauto.files import write_whole
from metaauto.task import Role, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["Inputs", "read_folds", "read_inputs", "write_inputs"]


@dataclass
class Inputs:
    """The training table as every job uses it.

    Parameters
    ----------
    task : Task
        The task.
    X : pandas.DataFrame
        The typed frame.
    y : ndarray
        Class codes or values.
    weights : ndarray or None
        Sample weights.
    folds : list of (ndarray, ndarray)
        Training and validation rows.
    extra : ndarray, optional
        Rows of no fold; every fold model predicts them after its validation rows.
    """

    task: Task
    X: pd.DataFrame
    y: np.ndarray
    weights: np.ndarray | None
    folds: list[tuple[np.ndarray, np.ndarray]]
    extra: np.ndarray | None = None


def write_inputs(folder: Path, inputs: Inputs) -> None:
    """Write the inputs to a folder; columns are stored by position, so any name is allowed.

    A process that is killed meanwhile leaves no incomplete file, so that its run can be resumed.
    """
    import numpy as np

    def save(name: str, array: Any) -> None:
        write_whole(folder / name, lambda file: np.save(file, array))

    folder.mkdir(parents=True, exist_ok=True)
    frame = inputs.X.copy(deep=False).reset_index(drop=True)
    frame.columns = [f"c{i}" for i in range(frame.shape[1])]
    numbers = _number_columns(inputs.task)
    save("numbers.npy", frame.loc[:, numbers].to_numpy(dtype=np.float64))
    rest = frame.loc[:, ~numbers]
    write_whole(
        folder / "rest.feather", lambda file: rest.to_feather(file, compression="uncompressed")
    )
    save("y.npy", inputs.y)
    for name, array in (("weights", inputs.weights), ("extra", inputs.extra)):
        (folder / f"{name}.npy").unlink(missing_ok=True)
        if array is not None:
            save(f"{name}.npy", array)
    for number, (train, validation) in enumerate(inputs.folds):
        save(f"train-{number:02d}.npy", np.asarray(train, dtype=np.int64))
        save(f"validation-{number:02d}.npy", np.asarray(validation, dtype=np.int64))
    record: dict[str, Any] = {"task": inputs.task.to_json(), "folds": len(inputs.folds)}
    text = json.dumps(record, default=_to_json_value).encode("utf-8")
    write_whole(folder / "inputs.json", lambda file: file.write(text))


def read_inputs(folder: Path) -> Inputs:
    """Read the inputs that `write_inputs` wrote; the arrays are memory-mapped."""
    import numpy as np
    import pandas as pd
    from pyarrow import feather

    record = json.loads((folder / "inputs.json").read_text(encoding="utf-8"))
    task = Task.from_json(record["task"])
    is_number = _number_columns(task)
    numbers = np.load(folder / "numbers.npy", mmap_mode="r")
    rest = feather.read_table(folder / "rest.feather", memory_map=True).to_pandas()
    columns = task.features
    others = [column.role for column, number in zip(columns, is_number, strict=True) if not number]
    if others and len(numbers) != len(rest):
        raise ValueError(f"{len(numbers)} rows of numbers and {len(rest)} of other columns")
    parts = [pd.DataFrame(numbers)]
    parts += [_restore_dtype(rest[name], role) for name, role in zip(rest, others, strict=True)]
    # One block of numbers is faster for wide tables; then the column order is restored.
    frame = pd.concat(parts, axis=1) if len(parts) > 1 else parts[0]
    places = np.argsort(np.concatenate([np.flatnonzero(is_number), np.flatnonzero(~is_number)]))
    frame = frame.iloc[:, places] if len(parts) > 1 else frame
    frame.columns = [column.name for column in columns]

    def load(name: str) -> np.ndarray | None:
        path = folder / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    y = np.load(folder / "y.npy", mmap_mode="r")
    return Inputs(task, frame, y, load("weights"), read_folds(folder), load("extra"))


def read_folds(folder: Path, rows: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the folds that `write_inputs` wrote; an empty list if there are none.

    Parameters
    ----------
    folder : Path
        The folder of the inputs.
    rows : int, optional
        Rows of the table; the folds are then checked.

    Raises
    ------
    RunError
        The files are damaged.
    """
    import numpy as np

    written = folder / "inputs.json"
    if not written.is_file():
        return []
    try:
        folds = [
            (
                np.load(folder / f"train-{number:02d}.npy"),
                np.load(folder / f"validation-{number:02d}.npy"),
            )
            for number in range(json.loads(written.read_text(encoding="utf-8"))["folds"])
        ]
        if rows is not None:
            _check_folds(folds, rows)
        return folds
    except Exception as error:
        # Which error a damaged file raises depends on its bytes.
        raise RunError(
            f"The folds in {str(folder)!r} are damaged: {type(error).__name__}: {error}.",
            hint="Restore a copy of the run directory, or start a new run.",
        ) from error


def _check_folds(folds: list[tuple[np.ndarray, np.ndarray]], rows: int) -> None:
    """Raise `ValueError` if a part is not a list of rows, or rows are validated twice."""
    import numpy as np

    validated = np.zeros(rows, dtype=np.intp)
    for fold in folds:
        for part in fold:
            if part.ndim != 1 or part.dtype.kind != "i" or not len(part):
                raise ValueError(f"rows of type {part.dtype} and shape {part.shape}")
            if part.min() < 0 or part.max() >= rows:
                raise ValueError(f"rows {part.min()} to {part.max()} of {rows}")
        np.add.at(validated, fold[1], 1)
    if validated.max(initial=0) > 1:
        raise ValueError(f"row {validated.argmax()} is validated twice")


def _number_columns(task: Task) -> np.ndarray:
    """Return a mask of the columns that are stored as one block of numbers."""
    import numpy as np

    plain = (Role.NUMERIC, Role.BOOLEAN)
    return np.array([column.role in plain for column in task.features], dtype=bool)


def _restore_dtype(values: pd.Series, role: Role) -> pd.Series:
    """Convert text to object dtype; Arrow returns a string dtype where pandas has one."""
    if role is Role.CATEGORICAL:
        return values.cat.rename_categories(values.cat.categories.astype(object))
    return values.astype(object) if role is Role.TEXT else values


def _to_json_value(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
