"""Fit several configurations of one model together, in a worker."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from metaauto.components import Deadline, FitTask
from metaauto.errors import ComponentError
from metaauto.search.evaluate import failure, peak_memory, queued_seconds
from metaauto.search.fitting import model_values
from metaauto.search.trial import Job, JointJob, JointOutcome, Outcome, Status

if TYPE_CHECKING:
    from metaauto.search.evaluate import Evaluator, FoldData

__all__ = ["fit_together"]


def fit_together(evaluator: Evaluator, job: JointJob) -> JointOutcome:
    """Run `Model.fit_many`, and return an outcome for each of its tasks.

    An error ends the tasks for which nothing was yielded yet. The seconds of the fit are divided
    by the shares of the training.
    """
    started, queued = time.monotonic(), queued_seconds()
    found: dict[tuple[int, int], Outcome] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _fit(evaluator, job, found)
        missing: BaseException = ComponentError(
            "fit_many yielded nothing for this task.", hint="Yield a FittedTask for each FitTask."
        )
        status = Status.FAILED
    except MemoryError as error:
        missing, status = error, Status.MEMORY
    except Exception as error:
        missing, status = error, Status.FAILED
    seconds = time.monotonic() - started - sum(o.predict_seconds for o in found.values())
    queued = queued_seconds() - queued
    total = sum(outcome.share for outcome in found.values()) or 1.0
    outcomes = []
    for each in job.jobs:
        outcome = found.get((each.trial, each.fold))
        if outcome is None:
            outcomes.append(failure(each, status, time.monotonic(), missing))
        else:
            part = outcome.share / total
            outcomes.append(_with_seconds(outcome, seconds * part, queued * part))
    return JointOutcome(tuple(outcomes))


def _fit(evaluator: Evaluator, job: JointJob, found: dict[tuple[int, int], Outcome]) -> None:
    from sklearn.pipeline import Pipeline

    deadline = Deadline.after(job.soft_seconds)
    model = evaluator.registry.model(job.jobs[0].configuration.model)
    given: dict[tuple[int, int], tuple[Job, FoldData]] = {}
    tasks = []
    for each in job.jobs:
        data = evaluator.fold_data(each.configuration, each.fold, each.seed, deadline)
        given[each.trial, each.fold] = each, data
        values = model_values(each.configuration)
        tasks.append(FitTask(each.trial, each.fold, values, data.X, data.y, data.context))
    if model.fit_many is None:
        raise ComponentError(f"Model {model.name!r} has no fit_many.", hint="Report this as a bug.")
    for fitted in model.fit_many(tasks, deadline):
        key = fitted.task.configuration, fitted.task.fold
        one, data = given[key]
        try:
            pipeline = Pipeline(data.steps_with(fitted.estimator))
            seconds, check = evaluator.write(one, pipeline, data.context.X_validation)
        except Exception as error:
            found[key] = failure(one, Status.FAILED, time.monotonic(), error)
            continue
        found[key] = Outcome(
            *key,
            Status.SUCCESS,
            predict_seconds=seconds,
            memory=peak_memory(),
            prediction=f"predictions/{one.stem}.npy",
            model=f"models/{one.stem}.pkl" if evaluator.keeps_models else "",
            check_seconds=check,
            share=float(fitted.share),
        )


def _with_seconds(outcome: Outcome, fit: float, queued: float) -> Outcome:
    return replace(
        outcome,
        seconds=fit + outcome.predict_seconds,
        fit_seconds=fit,
        queued_seconds=queued,
    )
