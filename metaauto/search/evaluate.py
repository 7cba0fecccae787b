"""Evaluate one configuration on one fold: prepare, fit, predict the validation rows."""

from __future__ import annotations

import logging
import pickle
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metaauto.components import BuildContext, Deadline, FitContext
from metaauto.configuration import Configuration
from metaauto.errors import ComponentError
from metaauto.files import write_whole
from metaauto.metafeatures import describe
from metaauto.plugins.registry import Registry
from metaauto.search.dataset_io import Inputs
from metaauto.search.fitting import build_model, fit_built, model_values, training_rounds
from metaauto.search.pipeline import PreparationPlan, plan_preparation
from metaauto.search.row_sampling import sampled_rows
from metaauto.search.sealing import dump_sealed
from metaauto.search.target_scaling import TargetScaling
from metaauto.search.trial import (
    DescribeJob,
    Description,
    Job,
    JointJob,
    JointOutcome,
    Outcome,
    Status,
)
from metaauto.space import SearchSpace

__all__ = [
    "Evaluator",
    "FoldData",
    "align_probabilities",
    "failure",
    "peak_memory",
    "predict_fold",
    "queued_seconds",
]

logger = logging.getLogger(__name__)

_CHECKED_ROWS = 1_000
_CACHE_BYTES = 256 * 2**20
# The squares of larger predictions overflow in the metrics.
_LARGEST_VALUE = 1e150
_SCHEDSTAT = Path("/proc/thread-self/schedstat")


@dataclass
class _Prepared:
    """The prepared rows of one fold and the fitted preprocessing."""

    steps: list[tuple[str, Any]]
    X_train: Any
    X_validation: Any
    categorical: tuple[int, ...]
    seconds: float

    @property
    def size(self) -> int:
        return _bytes(self.X_train) + _bytes(self.X_validation)


class FoldData(NamedTuple):
    """The prepared training rows of a fold: preprocessing steps, rows, target, context, scaling."""

    steps: list[tuple[str, Any]]
    X: Any
    y: np.ndarray
    context: FitContext
    scaling: TargetScaling

    def steps_with(self, estimator: Any) -> list[tuple[str, Any]]:
        """Return the steps of the pipeline, with a fitted estimator as the last."""
        return [*self.steps, ("model", self.scaling.restored(estimator))]


class _Timing(NamedTuple):
    """Seconds of fitting, of predicting, of waiting for a processor while fitting, and so on."""

    fit: float
    predict: float
    queued: float
    check: float
    build: float


class Evaluator:
    """Runs jobs on one table; caches recently prepared rows, which many models share.

    The fold after the last one has all rows of the folds for training and none for validation. A
    fold without validation rows is a refit: the model is fitted without early stopping.

    Parameters
    ----------
    inputs : Inputs
        The table and its folds.
    registry : Registry
        Installed components.
    folder : Path
        The run directory, for predictions and models.
    threads : int
        Number of threads a model may use.
    by_value : bool
        Whether models are pickled with the definitions of their classes, which is slower: for
        components of a script or notebook, whose classes cannot be imported here.
    keeps_models : bool
        Whether models are written.
    verify : callable, optional
        ``verify(path) -> seconds of loading`` also asks a written model for a prediction; called
        for jobs with ``verify``.
    """

    def __init__(
        self,
        inputs: Inputs,
        registry: Registry,
        folder: Path,
        threads: int = 1,
        by_value: bool = False,
        keeps_models: bool = True,
        verify: Callable[[Path], float] | None = None,
    ) -> None:
        self.inputs = inputs
        self.verify = verify
        self.keeps_models = keeps_models
        self.by_value = by_value
        self.registry = registry
        self.folder = folder
        self.threads = threads
        self.space = SearchSpace(registry, inputs.task)
        self._cache: OrderedDict[tuple[int, int, str], _Prepared] = OrderedDict()
        self._build_seconds = 0.0
        self._rounds = (0, 0)

    def describe(self, job: DescribeJob) -> Description:
        """Compute the metafeatures of the table."""
        started = time.monotonic()
        found = describe(
            self.inputs, self.registry.metafeatures(), seconds=job.seconds, seed=job.seed
        )
        return Description(found, time.monotonic() - started)

    def run(self, job: Job) -> Outcome:
        """Run a job; return any failure as an outcome with its cause."""
        started = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                spent = self._run(job, Deadline.after(job.soft_seconds))
        except MemoryError as error:
            return failure(job, Status.MEMORY, started, error)
        except Exception as error:
            return failure(job, Status.FAILED, started, error)
        return Outcome(
            job.trial,
            job.fold,
            Status.SUCCESS,
            seconds=time.monotonic() - started,
            fit_seconds=spent.fit,
            predict_seconds=spent.predict,
            queued_seconds=spent.queued,
            memory=peak_memory(),
            prediction=f"predictions/{job.stem}.npy",
            model=f"models/{job.stem}.pkl" if self.keeps_models else "",
            check_seconds=spent.check,
            build_seconds=spent.build,
            rounds=self._rounds[0],
            max_rounds=self._rounds[1],
        )

    def run_together(self, job: JointJob) -> JointOutcome:
        """Run several jobs at once, with the `fit_many` of their model."""
        from metaauto.search.joint import fit_together

        return fit_together(self, job)

    def _run(self, job: Job, deadline: Deadline) -> _Timing:
        started, queued = time.monotonic(), queued_seconds()
        pipeline, X_validation = self.fit(
            job.configuration, job.fold, job.seed, deadline, job.rows, job.rounds
        )
        fitted, queued = time.monotonic(), queued_seconds() - queued
        predict, check = self.write(job, pipeline, X_validation)
        return _Timing(fitted - started, predict, queued, check, self._build_seconds)

    def write(self, job: Job, pipeline: Any, X_validation: Any) -> tuple[float, float]:
        """Write the predictions and the model of a job; return the seconds to predict and check."""
        started = time.monotonic()
        final, parts = pipeline.steps[-1][1], []
        if X_validation is not None:
            parts.append(predict_fold(final, X_validation, self.inputs.task))
        seconds = time.monotonic() - started
        extra = self.inputs.extra
        if X_validation is None and extra is None:
            # Predictions of some training rows show models that diverged.
            train = self._rows(job.fold)[0]
            extra = train[np.unique(np.linspace(0, len(train) - 1, _CHECKED_ROWS).astype(np.intp))]
        if extra is not None:
            prepared = pipeline[:-1].transform(self.inputs.X.iloc[extra])
            parts.append(predict_fold(final, prepared, self.inputs.task))
        prediction = np.concatenate(parts)
        write_whole(self.folder / f"predictions/{job.stem}.npy", lambda f: np.save(f, prediction))
        check = 0.0
        if self.keeps_models:
            path = self.folder / f"models/{job.stem}.pkl"
            write_whole(path, lambda f: self._dump(pipeline, f))
            if job.verify:
                check = self._verify(path)
        return seconds, check

    def _rows(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the training and the validation rows of a fold."""
        folds = self.inputs.folds
        if fold < len(folds):
            return folds[fold]
        rows = np.unique(np.concatenate([part for pair in folds for part in pair]))
        return rows, rows[:0]

    def _verify(self, path: Path) -> float:
        """Return the seconds to check a written model; delete it if it cannot be loaded."""
        try:
            return 0.0 if self.verify is None else self.verify(path)
        except Exception:
            path.unlink()
            raise

    def _dump(self, pipeline: Any, file: Any) -> None:
        """Pickle a fold model; raise one error type, because Python's differ by release."""
        dump: Any = pickle.dump
        if self.by_value:
            import cloudpickle

            dump = cloudpickle.dump
        try:
            dump_sealed(file, lambda sealing: dump(pipeline, sealing, 5))
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise ComponentError(
                f"The fitted model cannot be pickled: {type(error).__name__}: {error}",
                hint="Do not store nested functions, locks or open files in the model.",
            ) from error

    def fit(
        self,
        configuration: Configuration,
        fold: int,
        seed: int,
        deadline: Deadline,
        rows: int | None = None,
        rounds: int | None = None,
    ) -> tuple[Any, Any]:
        """Fit on the training rows of a fold, or on a sample of some of them.

        Returns
        -------
        pipeline : sklearn.pipeline.Pipeline
            Fitted pipeline for typed frames.
        X_validation : matrix or None
            Prepared validation rows, the input of the pipeline's last step; None without any.
        """
        from sklearn.pipeline import Pipeline

        model = self.registry.model(configuration.model)
        data = self.fold_data(configuration, fold, seed, deadline, rows, rounds)
        started = time.monotonic()
        estimator = build_model(model, model_values(configuration), data.context)
        self._build_seconds = time.monotonic() - started
        estimator = fit_built(model, estimator, data.X, data.y, data.context)
        self._rounds = training_rounds(model, estimator)
        return Pipeline(data.steps_with(estimator)), data.context.X_validation

    def fold_data(
        self,
        configuration: Configuration,
        fold: int,
        seed: int,
        deadline: Deadline,
        rows: int | None = None,
        rounds: int | None = None,
    ) -> FoldData:
        """Return the prepared training rows of a fold with the context of the fit."""
        inputs = self.inputs
        plan = plan_preparation(self.space, self.registry, configuration)
        is_values = not inputs.task.is_classification
        train, validation = self._rows(fold)
        train = sampled_rows(train, None if is_values else inputs.y, rows, fold)
        weights = inputs.weights
        scaling = TargetScaling.of(inputs.y[train]) if is_values else TargetScaling()
        y_train = scaling.apply(inputs.y[train])
        prepared = self._prepare(plan, fold, train, y_train)
        is_validated = prepared.X_validation is not None
        context = FitContext(
            kind=inputs.task.kind,
            n_rows=prepared.X_train.shape[0],
            n_features=prepared.X_train.shape[1],
            n_classes=inputs.task.n_classes,
            seed=seed,
            threads=self.threads,
            categorical=prepared.categorical,
            metric=inputs.task.metric,
            X_validation=prepared.X_validation,
            y_validation=scaling.apply(inputs.y[validation]) if is_validated else None,
            sample_weight=None if weights is None else np.asarray(weights[train]),
            validation_weight=np.asarray(weights[validation])
            if is_validated and weights is not None
            else None,
            deadline=deadline,
            rounds=rounds,
        )
        return FoldData(prepared.steps, prepared.X_train, y_train, context, scaling)

    def _prepare(
        self, plan: PreparationPlan, fold: int, train: np.ndarray, y: np.ndarray
    ) -> _Prepared:
        key = (fold, len(train), plan.key)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        started = time.monotonic()
        inputs = self.inputs
        validation = self._rows(fold)[1]
        X_train = inputs.X.iloc[train]
        X_validation = inputs.X.iloc[validation] if len(validation) else None
        if plan.model.tags.accepts_dataframe:
            steps: list[tuple[str, Any]] = [("preprocess", "passthrough")]
            prepared = _Prepared(steps, X_train, X_validation, (), time.monotonic() - started)
        else:
            prepared = self._prepare_matrix(plan, X_train, X_validation, y, fold)
            prepared.seconds = time.monotonic() - started
        self._cache[key] = prepared
        while len(self._cache) > 1 and sum(p.size for p in self._cache.values()) > _CACHE_BYTES:
            self._cache.popitem(last=False)
        return prepared

    def _prepare_matrix(
        self, plan: PreparationPlan, X_train: Any, X_validation: Any, y: Any, fold: int
    ) -> _Prepared:
        task = self.inputs.task
        # Prepared rows are shared between trials, so their seed depends only on the fold.
        context = BuildContext(
            kind=task.kind,
            n_rows=len(X_train),
            n_features=X_train.shape[1],
            n_classes=task.n_classes,
            seed=fold,
            threads=self.threads,
            metric=task.metric,
        )
        preprocess = plan.build(self.space, context)
        train = preprocess.fit_transform(X_train, y)
        validation = None if X_validation is None else preprocess.transform(X_validation)
        steps = [("preprocess", preprocess)]
        codes = plan.steps.get("categorical")
        n_codes = _width(preprocess, "categorical") if plan.is_native and codes else 0
        reduction = plan.build_reduction(replace(context, n_features=train.shape[1]))
        if reduction is not None:
            train = reduction.fit_transform(train, y)
            validation = None if validation is None else reduction.transform(validation)
            steps.append(("reduce", reduction))
        if train.shape[1] == 0:
            raise ComponentError(
                "The preprocessing removes all columns.",
                hint="Use a configuration that keeps at least one column.",
            )
        return _Prepared(steps, train, validation, tuple(range(n_codes)), 0.0)


def predict_fold(estimator: Any, X: Any, task: Any) -> np.ndarray:
    """Predict prepared rows; return checked float32 probabilities or float64 values."""
    if task.is_classification:
        raw = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    else:
        raw = np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1)
    if raw.shape[:1] != X.shape[:1]:
        raise ComponentError(
            f"The model predicted {raw.shape[0] if raw.ndim else 0} rows; expected {X.shape[0]}.",
            hint="Return one prediction per row.",
        )
    _check_finite(raw)
    if task.is_classification:
        raw = align_probabilities(raw, estimator.classes_, task.n_classes).astype(np.float32)
        _check_finite(raw)
    elif np.abs(raw).max(initial=0.0) > _LARGEST_VALUE:
        raise ComponentError(
            f"The model predicted a value beyond ±{_LARGEST_VALUE:g}.", hint="Scale the features."
        )
    return np.ascontiguousarray(raw)


def _check_finite(prediction: np.ndarray) -> None:
    if not np.isfinite(prediction).all():
        raise ComponentError("The model predicted NaN or infinity.", hint="Scale the features.")


def align_probabilities(raw: np.ndarray, classes: Any, n_classes: int) -> np.ndarray:
    """Return probabilities with one column for each class of the task; rows sum to one."""
    codes = np.asarray(classes).astype(np.int64)
    if raw.ndim != 2 or raw.shape[1] != len(codes):
        raise ComponentError(
            f"predict_proba returned shape {raw.shape} for {len(codes)} classes.",
            hint="Return one column for each element of classes_.",
        )
    known = np.flatnonzero((codes >= 0) & (codes < n_classes))
    if len(known) < len(codes) or len(np.unique(codes)) < len(codes):
        raise ComponentError(
            f"The model has the classes {codes.tolist()[:10]}; expected unique codes from 0 to "
            f"{n_classes - 1}.",
            hint="Set classes_ to the class codes that occur in y, each once.",
        )
    aligned = np.zeros((raw.shape[0], n_classes))
    aligned[:, codes] = raw
    aligned = np.clip(aligned, 0.0, None)
    total = aligned.sum(axis=1, keepdims=True)
    even = np.full_like(aligned, 1.0 / n_classes)
    return np.divide(aligned, total, out=even, where=total > 0)


def _width(preprocess: Any, branch: str) -> int:
    indices = preprocess.output_indices_[branch]
    return int(indices.stop - indices.start)


def _bytes(matrix: Any) -> int:
    if hasattr(matrix, "columns"):
        return int(8 * matrix.size)
    if hasattr(matrix, "data") and hasattr(matrix, "indices"):
        return int(matrix.data.nbytes + matrix.indices.nbytes)
    return int(getattr(matrix, "nbytes", 0))


def peak_memory() -> float:
    """Return the peak resident memory of this process, MiB."""
    import psutil

    info = psutil.Process().memory_info()
    peak = getattr(info, "peak_wset", None)
    if peak is None:
        import resource
        import sys

        scale = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return float(peak) / 2**20


def failure(job: Job, status: Status, started: float, error: BaseException) -> Outcome:
    """Return the outcome of a job that raised an error."""
    import traceback

    return Outcome(
        job.trial,
        job.fold,
        status,
        seconds=time.monotonic() - started,
        memory=peak_memory(),
        error=f"{type(error).__name__}: {error}".splitlines()[0][:500],
        detail="".join(traceback.format_exception(error))[-8000:],
    )


def queued_seconds() -> float:
    """Return the seconds this thread has waited for a processor; 0 where this is not reported.

    Linux reports it (Documentation/scheduler/sched-stats.rst). The difference of two calls is the
    part of a measured time that is due to the load of the machine and not to the model.
    """
    try:
        return int(_SCHEDSTAT.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
