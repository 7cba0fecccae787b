"""Several configurations of a model are fitted together, in one job."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from metaauto.budget import Budget
from metaauto.components import FittedTask, Model
from metaauto.components.hyperparameters import Float
from metaauto.errors import ComponentError
from metaauto.plugins.registry import Plugin, Registered, Registry
from metaauto.run import RunDirectory
from metaauto.search.checkpoint import restored_trials
from metaauto.search.evaluate import Evaluator
from metaauto.search.loop import Search
from metaauto.search.proposer import Proposer
from metaauto.search.trial import JointJob, Outcome, Status
from metaauto.space import SearchSpace
from metaauto.warmstart import DefaultPortfolio, RuntimeModel


def build(values, context):
    return Ridge(alpha=values["alpha"])


def fit_many(tasks, deadline):
    """Fit all; stop all but the first configuration at a quarter."""
    assert deadline.remaining() > 0
    first = min(task.configuration for task in tasks)
    for task in reversed(tasks):
        estimator = build(task.values, task.context).fit(task.X, task.y)
        yield FittedTask(task, estimator, 1.0 if task.configuration == first else 0.25)


def half_of_them(tasks, deadline):
    for number, fitted in enumerate(fit_many(tasks, deadline)):
        if number == len(tasks) // 2:
            raise MemoryError
        yield fitted


def model(fit_many=fit_many, size=4) -> Model:
    return Model(
        "ridges",
        build,
        {"alpha": Float(1e-3, 1e3, 1.0, log=True)},
        portfolio=({"alpha": 10.0},),
        fit_many=fit_many,
        joint_size=lambda context, n_folds, seconds: size,
    )


class InProcess:
    """Runs each job in this process."""

    workers = 1

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.jobs: list = []
        self.results: list = []

    def free(self) -> int:
        return 0 if self.results else 1

    def submit(self, job) -> None:
        self.jobs.append(job)
        self.results.append(job.run(self.evaluator))

    def wait(self, seconds: float) -> list:
        done, self.results = self.results, []
        assert all(job.accepts(result) for job, result in zip(self.jobs[-1:], done, strict=True))
        return done

    def cancel(self, trial: int) -> None:
        raise AssertionError("nothing runs beside this process")


@pytest.fixture
def searched(make_inputs, registry, tmp_path):
    def run(component, budget):
        entries = [e for k in ("model", "preprocessor") for e in registry.entries(k)]
        plugin = Plugin("tests", source="object")
        entries.append(Registered("model", component.name, component, plugin))
        inputs = make_inputs("regression", ("numeric", "numeric"))
        known = Registry(entries).select([component.name])
        evaluator = Evaluator(inputs, known, tmp_path)
        space = SearchSpace(known, inputs.task)
        runtime = RuntimeModel(space, len(inputs.folds))
        search = Search(
            proposals=Proposer(
                space, DefaultPortfolio(space, runtime), runtime, len(inputs.folds), 0,
                reproducible=not budget.is_timed,
            ),
            executor=InProcess(evaluator),
            budget=budget,
            folder=tmp_path,
            folds=inputs.folds,
            evaluated=np.unique(np.concatenate([rows for _, rows in inputs.folds])),
            loss=lambda rows, prediction: float(np.mean((inputs.y[rows] - prediction) ** 2)),
            seed=0,
            recorder=Notes(),
        )  # fmt: skip
        budget.start()
        list(search.run())
        return search

    return run


class Notes:
    def __init__(self) -> None:
        self.trials: dict = {}
        self.outcomes: dict = {}

    def record_trial(self, trial: dict) -> None:
        self.trials[trial["number"]] = trial

    def record_outcome(self, outcome: Outcome) -> None:
        self.outcomes[outcome.trial, outcome.fold] = outcome


def test_survivors_succeed_and_the_others_are_dropped(searched):
    search = searched(model(), Budget(seconds=60, trials=4))
    (job,) = search._executor.jobs
    assert isinstance(job, JointJob)
    assert len(job.jobs) == 4 * len(search._folds)
    first, *others = search.trials
    assert len(others) == 3
    assert first.status is Status.SUCCESS
    assert first.share == 1.0
    assert {trial.status for trial in others} == {Status.DROPPED}
    assert {trial.share for trial in others} == {0.25}
    assert all(trial.loss is not None for trial in search.trials)
    assert "25 %" in others[0].error
    assert [t.source for t in search.trials] == ["portfolio", "portfolio", "random", "random"]
    assert first.seconds > others[0].seconds > 0


def test_an_error_ends_only_what_was_not_yielded(searched):
    search = searched(model(half_of_them), Budget(seconds=60, trials=4))
    assert [trial.status for trial in search.trials] == [
        *2 * [Status.MEMORY], *2 * [Status.DROPPED]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "budget"), [(4, Budget(trials=3)), (1, Budget(seconds=60, trials=3))]
)
def test_without_a_clock_or_where_the_author_advises_against_it_each_is_alone(
    searched, size, budget
):
    search = searched(model(size=size), budget)
    assert not any(isinstance(job, JointJob) for job in search._executor.jobs)
    assert [trial.status for trial in search.trials] == 3 * [Status.SUCCESS]


def test_the_share_of_the_training_survives_a_restart(searched, tmp_path):
    search = searched(model(), Budget(seconds=60, trials=4))
    notes = search._recorder
    # The process was killed before the ends of the trials were written.
    trials = [{**t, "status": "running", "loss": None} for _, t in sorted(notes.trials.items())]
    rows = [vars(outcome) | {"status": str(outcome.status)} for outcome in notes.outcomes.values()]
    with RunDirectory.create(None, {}) as run:
        for outcome in notes.outcomes.values():
            run.record_outcome(outcome)
        stored = run.stored().outcomes
    assert sorted(row["share"] for row in stored) == sorted(row["share"] for row in rows)
    before = [trial.status for trial in search.trials]
    search.trials.clear()
    for trial in restored_trials(trials, rows, tmp_path):
        search.restore(trial)
    assert [trial.status for trial in search.trials] == before


def test_a_model_has_both_functions_or_neither():
    with pytest.raises(ComponentError, match="joint_size"):
        Model("ridges", build, fit_many=fit_many)
