"""Check the fold models of a trial in a worker, and convert them to the format of model files.

Loading a fold model runs code of plugins, which may hang or crash. A worker therefore loads it and
asks it for a prediction; the process of the fit then reads the bytes of the same file, and loads
them when the model predicts or is saved.
"""

from __future__ import annotations

import functools
import json
import logging
import pickle
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd

from metaauto.components import Deadline
from metaauto.data.schema import TableSchema
from metaauto.errors import ModelFileError, RunError
from metaauto.model.prediction import mean_of_folds, mean_of_parts
from metaauto.model.serialization import (
    TRUSTED_TYPES,
    declared_types,
    dump_estimator,
    load_estimator,
    modules_in,
    trusted_types,
)
from metaauto.plugins.manager import SESSION, PluginSettings
from metaauto.plugins.registry import Registry
from metaauto.search.sealing import read_sealed
from metaauto.task import Role

__all__ = [
    "CheckedTrial",
    "PackedModel",
    "PackedModels",
    "SavedModel",
    "generated_features",
    "check_trial",
    "missing_row",
    "pack_estimators",
    "read_packed",
    "training_record",
    "types_trusted_for",
    "verify_model",
]

logger = logging.getLogger(__name__)

_LARGEST_RECORD = 20_000
_GENERATED = "generated"
"""The branch of the preprocessing with generated features."""


@dataclass
class PackedModel:
    """The pickle of a fold model that a worker has loaded; it is loaded when it is first used.

    Parameters
    ----------
    data : bytes
        The pickle, from a worker of this fit.
    """

    data: bytes = field(repr=False)
    _estimator: Any = field(default=None, repr=False, compare=False)

    def load(self) -> Any:
        """Return the estimator."""
        if self._estimator is None:
            self._estimator = pickle.loads(self.data)
        return self._estimator

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_estimator": None}


class SavedModel(NamedTuple):
    """A fold model in the format of model files, and the top-level modules of its types."""

    data: bytes
    modules: tuple[str, ...]


@dataclass
class PackedModels(Sequence[Any]):
    """The fold models of a member; each is loaded when it is first used.

    Parameters
    ----------
    folds : list of PackedModel
        By fold.
    plugins : PluginSettings, optional
        Plugins to load in a worker that converts the models to save them; None for models of
        metaauto's own classes, which this process converts.
    """

    folds: list[PackedModel]
    plugins: PluginSettings | None = None

    def __len__(self) -> int:
        return len(self.folds)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> PackedModels: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return PackedModels(self.folds[index], self.plugins)
        return self.folds[index].load()

    def __iter__(self) -> Iterator[Any]:
        return (fold.load() for fold in self.folds)


@dataclass
class CheckedTrial:
    """What a worker returns of a trial whose fold models it has loaded.

    Parameters
    ----------
    parts : int
        Number of parts of the holdout that were predicted in time.
    value, known : ndarray
        Mean prediction of these rows and mask of finite rows, as from `mean_of_folds`.
    generated : mapping of str to float or None
        Generated features and their mean share of the importance in the fold models; None if the
        model has no importances.
    training : mapping
        What the first fold model says about its training, see `training_record`.
    """

    parts: int = 0
    value: np.ndarray = field(default_factory=lambda: np.zeros(0))
    known: np.ndarray = field(default_factory=lambda: np.zeros(0))
    generated: Mapping[str, float | None] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def with_all_rows(self, other: CheckedTrial) -> CheckedTrial:
        """Return the mean of these predictions and those of the model on all rows."""
        if not self.parts:
            return self
        rows = min(len(self.value), len(other.value))
        first, second = ((p.value[:rows], p.known[:rows]) for p in (self, other))
        value, known = mean_of_parts(first, second)
        return CheckedTrial(
            min(self.parts, other.parts), value, known, self.generated, self.training
        )


def missing_row(schema: TableSchema) -> pd.DataFrame:
    """Return one typed row of missing values, to compare predictions on."""
    empty = {
        column.name: [float("nan") if column.role is Role.NUMERIC else None]
        for column in schema.features
    }
    return schema.encode(pd.DataFrame(empty, index=[0]))


def types_trusted_for(model: str, registry: Registry) -> tuple[str, ...] | None:
    """Return the types that plugins declare as trusted; None if the model may be of any type."""
    # The types of objects passed in Python are not declared by any plugin on loading.
    is_own = registry.entry("model", model).plugin.name == SESSION
    return None if is_own else declared_types(registry)


def verify_model(path: Path, row: pd.DataFrame, folds: int) -> float:
    """Load a fold model and predict one row; return the seconds per fold model of such a check.

    Called by the worker that fitted the model, so that a model which cannot be loaded fails its
    trial.

    Parameters
    ----------
    path : Path
        The pickled fold model.
    row : DataFrame
        One typed row, see `missing_row`.
    folds : int
        Number of fold models of the trial: all are loaded at the end, and one predicts.
    """
    started = time.monotonic()
    estimator = _loaded(path)
    loaded = time.monotonic()
    _predicted(estimator, row)
    return loaded - started + (time.monotonic() - loaded) / folds


def read_packed(files: Sequence[Path], plugins: PluginSettings | None = None) -> PackedModels:
    """Return the fold models of a trial without loading them.

    Parameters
    ----------
    files : sequence of Path
        Pickled fold models, which `check_trial` has loaded in a worker.
    plugins : PluginSettings, optional
        See `PackedModels`.
    """
    return PackedModels([PackedModel(read_sealed(path)) for path in files], plugins)


def check_trial(
    evaluator: Any,
    *,
    model: str,
    files: Sequence[Path],
    row: pd.DataFrame,
    parts: Sequence[np.ndarray] = (),
    seconds: float = float("inf"),
) -> CheckedTrial:
    """Load and check the fold models of a trial; predict the holdout with them.

    Parameters
    ----------
    evaluator : Evaluator
        Evaluator of the worker, for its table and components.
    model : str
        Name of the component.
    files : sequence of Path
        Pickled fold models.
    row : DataFrame
        One typed row, see `missing_row`.
    parts : sequence of ndarray
        Rows of the holdout; at least the first part is predicted.
    seconds : float
        No further part is predicted after this time.
    """
    deadline = Deadline.after(seconds)
    training: dict[str, Any] = {}
    checked = _checked(files, row, training)
    # Without a holdout only one fold model is in memory at a time: forests are large.
    estimators = list(checked) if parts else checked
    generated = generated_features(estimators, len(files))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for rows in parts:
        if found and deadline.passed():
            break
        frame = evaluator.inputs.X.iloc[rows]
        found.append(mean_of_folds(model, estimators, frame, evaluator.inputs.task.n_classes))
    if not found:
        return CheckedTrial(generated=generated, training=training)
    value, known = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return CheckedTrial(len(found), value, known, generated, training)


def _checked(files: Sequence[Path], row: pd.DataFrame, training: dict[str, Any]) -> Iterator[Any]:
    """Yield the fold models; ask the first one for a prediction and for its training."""
    for number, path in enumerate(files):
        estimator = _loaded(path)
        # The folds differ in what they learned, not in their code.
        if number == 0:
            _predicted(estimator, row)
            training.update(training_record(estimator))
        yield estimator


def training_record(pipeline: Any) -> dict[str, Any]:
    """Return what the method ``training_record`` of a fitted estimator says, if it has one.

    It is JSON of at most 20,000 characters, which the record of the fit keeps for the report.
    """
    model = pipeline.steps[-1][1] if hasattr(pipeline, "steps") else pipeline
    describe = getattr(getattr(model, "estimator", model), "training_record", None)
    if describe is None:
        return {}
    try:
        found: dict[str, Any] = json.loads(json.dumps(dict(describe()), allow_nan=False))
    except Exception as error:
        # A method of a plugin may raise anything.
        logger.warning("training_record of %s: %s", type(model).__name__, error)
        return {}
    return found if len(json.dumps(found)) <= _LARGEST_RECORD else {}


def generated_features(estimators: Iterable[Any], count: int) -> dict[str, float | None]:
    """Return the generated features of `count` fold models with their mean share of importance."""
    found: dict[str, float | None] = {}
    for estimator in estimators:
        steps: Sequence[Any] = getattr(estimator, "steps", ())
        branches = getattr(steps[0][1] if steps else None, "named_transformers_", {})
        if _GENERATED not in branches:
            continue
        names = [str(name) for name in steps[0][1].get_feature_names_out()]
        shares = _importance_shares(steps[-1][1], len(names) if len(steps) == 2 else -1)
        for place, name in enumerate(names):
            if name.startswith(f"{_GENERATED}__"):
                name = name.removeprefix(f"{_GENERATED}__")
                share = None if shares is None else float(shares[place]) / count
                found[name] = None if share is None else (found.get(name) or 0.0) + share
    return found


def _importance_shares(model: Any, count: int) -> np.ndarray | None:
    """Return the importance of each column as a share; None if the model does not have it."""
    try:
        values = np.asarray(model.feature_importances_, dtype=np.float64)
    except Exception as error:
        # A plugin's property may raise anything.
        logger.debug("No importances of %s: %s", type(model).__name__, error)
        return None
    total = values.sum()
    if values.shape != (count,) or not np.isfinite(total) or total <= 0:
        return None
    shares: np.ndarray = values / total
    return shares


def _loaded(path: Path) -> Any:
    """Return the fold model of a file."""
    data = read_sealed(path)
    try:
        return pickle.loads(data)
    except MemoryError:
        raise
    except Exception as error:
        # Unpickling a damaged file or a model of a plugin may raise anything.
        raise RunError(
            f"The fold model {path.name!r} cannot be loaded: {type(error).__name__}: {error}",
            hint="Fix the model, or delete the file if it is damaged.",
        ) from error


def pack_estimators(
    plugin: str, estimators: Iterable[Any], trusted: tuple[str, ...] | None, row: pd.DataFrame
) -> list[SavedModel]:
    """Serialise fold models; check that the first one predicts the same after loading.

    Parameters
    ----------
    plugin : str
        Name of its plugin, for messages.
    estimators : iterable
        The fold models.
    trusted : tuple of str, optional
        Types that plugins declare as trusted; None for any type.
    row : DataFrame
        One typed row, see `missing_row`.

    Raises
    ------
    ModelFileError
        They cannot be saved.
    """
    packed = []
    for fold, estimator in enumerate(estimators):
        data = dump_estimator(estimator)
        modules = tuple(modules_in(data))
        if "__main__" in modules:
            raise ModelFileError(
                "its class is defined in a script or notebook and cannot be imported on loading.",
                hint="Move the class to a module or a plugin file (--plugins FOLDER); fit again.",
            )
        if fold == 0:
            _check_loads(estimator, _load_again(plugin, trusted, data), row)
        packed.append(SavedModel(data, modules))
    return packed


def _load_again(plugin: str, trusted: tuple[str, ...] | None, data: bytes) -> Any:
    """Load a fold model as `load_model` will; raise `ModelFileError` for undeclared types."""
    if trusted is None:
        return load_estimator(data, TRUSTED_TYPES, trust=True)
    # Not all classes of the plugin's package: a file could then construct those that execute what
    # they are given. Their author has to declare the ones that only hold data.
    try:
        return load_estimator(data, {*_always_trusted(), *trusted})
    except ModelFileError as error:
        types = error.details.get("types")
        if not types:
            raise
        names = ", ".join(types)
        raise ModelFileError(
            f"plugin {plugin!r} does not declare types as trusted: {names}.",
            hint="Add to its Model or Preprocessor: "
            f"trusted=({' '.join(f'{name!r},' for name in types)}). Then fit again.",
            types=types,
        ) from error


@functools.cache
def _always_trusted() -> tuple[str, ...]:
    return tuple(trusted_types(Registry()))


def _prediction(estimator: Any, row: Any) -> np.ndarray:
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    return np.asarray(getattr(estimator, method)(row), dtype=np.float64)


def _predicted(estimator: Any, row: Any) -> np.ndarray | None:
    """Return the prediction of a row; None if the model rejects a row of missing values."""
    try:
        return _prediction(estimator, row)
    except Exception as error:
        logger.debug("No prediction for a row of missing values: %s", error)
        return None


def _check_loads(estimator: Any, copy: Any, row: Any) -> None:
    """Raise `ModelFileError` unless the loaded estimator gives the same predictions."""
    expected = _predicted(estimator, row)
    if expected is None:
        return
    try:
        found = _prediction(copy, row)
    except Exception as error:
        raise ModelFileError(
            f"after saving and loading it fails with {type(error).__name__}: {error}",
            hint="Ask the plugin's author to implement __getstate__ and __setstate__.",
        ) from error
    if not np.allclose(found, expected, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise ModelFileError(
            "its predictions differ after saving and loading.",
            hint="Ask the plugin's author to implement __getstate__ and __setstate__.",
        )
