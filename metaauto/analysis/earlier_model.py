"""Read the result of an earlier fit without its fold models, to refit it or to start from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.analysis.run_report import run_manifest
from metaauto.data import Dataset
from metaauto.errors import ModelFileError, ReadError, RunError
from metaauto.model import FinalModel
from metaauto.model.manifest import FORMAT, FORMAT_VERSION, as_json
from metaauto.model.manifest_schema import check_manifest
from metaauto.model.save import parts_of, read_parts
from metaauto.run import MARKER, read_run
from metaauto.search.dataset_io import Inputs, read_inputs

__all__ = ["EarlierModel", "read_earlier", "stored_rows"]


class EarlierModel(FinalModel):
    """A final model without its fold models: it cannot predict."""

    def __post_init__(self) -> None:
        """Accept members without fold models."""
        self._check_weights()


def read_earlier(place: str | Path) -> EarlierModel:
    """Read the ensemble of a model file (its manifest only) or of a finished run directory.

    Parameters
    ----------
    place : str or Path
        Path of the file or directory.

    Raises
    ------
    ReadError, ModelFileError, RunError
        The path is neither a model file nor the directory of a finished run, or is damaged.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        return EarlierModel(**_parts_of_run(path))
    if not path.exists():
        raise ReadError(
            f"Model file or run directory not found: {str(place)!r}.",
            hint=f"Name a model file, or a directory that holds {MARKER}.",
        )
    return EarlierModel(**read_parts(path))


def _parts_of_run(folder: Path) -> dict[str, Any]:
    name, record = str(folder), read_run(folder)
    manifest = run_manifest(name, record)
    if not manifest["members"]:
        raise RunError(
            f"The run in {name!r} is not finished: it has no ensemble.",
            hint=f"Resume it: metaauto fit --resume {name} --out FILE.",
        )
    rounds, task = record.result.get("rounds", {}), manifest["task"]
    source = {"plugin": "", "distribution": "", "version": "", "packages": {}, "entries": []}
    manifest |= {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fallback": None,
        "members": [
            {**member, **source, "rounds": rounds.get(member["name"])}
            for member in manifest["members"]
        ],
        "schema": {
            "target": task["target"],
            "columns": task["columns"],
            "positional": record.settings.get("positional", False),
            "missing": record.settings.get("missing") or [],
        },
    }
    # A file holds JSON types: lists in place of tuples.
    manifest = as_json(manifest)
    try:
        unknown = [member["name"] for member in manifest["members"] if not member["model"]]
        if unknown:
            raise ValueError(f"there is no trial {unknown[0]!r}.")
        check_manifest(manifest, name)
        return parts_of(manifest)
    except (ModelFileError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise RunError(
            f"The record of the run in {name!r} is damaged: {error}",
            hint="Restore a copy of the run directory, or give a model file.",
        ) from error


def stored_rows(folder: str | Path, model: FinalModel) -> tuple[Dataset, Inputs]:
    """Return the training rows that a run directory holds, and the inputs with their folds.

    Raises
    ------
    RunError
        It holds none, or they are damaged.
    """
    path = Path(folder).expanduser() / "data"
    if not (path / "inputs.json").is_file():
        raise RunError(
            f"The run directory {str(folder)!r} holds no training rows.",
            hint="Give the training table after it.",
        )
    try:
        inputs = read_inputs(path)
        _check(inputs, model)
    except Exception as error:
        # Which error a damaged file raises depends on its bytes.
        raise RunError(
            f"The training rows in {str(folder)!r} are damaged: {type(error).__name__}: {error}.",
            hint="Give the training table after the run directory.",
        ) from error
    task = replace(model.task, n_rows=len(inputs.y))
    dataset = Dataset(
        task,
        model.schema,
        inputs.X,
        inputs.y,
        inputs.weights,
        fingerprint=model.record.fingerprint,
    )
    return dataset, inputs


def _check(inputs: Inputs, model: FinalModel) -> None:
    """Raise `ValueError` if the rows are not those of the model's task."""
    y, task = np.asarray(inputs.y), model.task
    names = [column.name for column in task.features]
    if list(inputs.X.columns) != names or not len(y) == len(inputs.X) == task.n_rows:
        raise ValueError(f"{len(y)} targets for {len(inputs.X)} rows")
    weights = inputs.weights
    if weights is not None and (weights.shape != y.shape or not (weights >= 0).all()):
        raise ValueError("the weights are invalid")
    is_valid = np.isfinite(y) if task.classes is None else (y >= 0) & (y < task.n_classes)
    if y.ndim != 1 or not is_valid.all() or (task.classes is not None and y.dtype.kind != "i"):
        raise ValueError("the targets are invalid")
