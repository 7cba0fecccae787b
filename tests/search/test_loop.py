from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from builders import builtin_registry, columns_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaauto.budget import Budget
from metaauto.components.strategy import Recommendation
from metaauto.configuration import Configuration
from metaauto.search.checkpoint import restored_trials
from metaauto.search.loop import Search, job_seed
from metaauto.search.proposer import Proposer
from metaauto.search.racing import required_gain
from metaauto.search.row_sampling import RowSampling
from metaauto.search.trial import DescribeJob, Description, Job, Outcome, Status, Trial
from metaauto.space import SearchSpace
from metaauto.task import Role, Task
from metaauto.warmstart import DefaultPortfolio, RuntimeModel

N_ROWS, N_FOLDS = 40, 4
ROWS = np.arange(N_ROWS)
FOLDS = [(ROWS[f != ROWS % N_FOLDS], ROWS[f == ROWS % N_FOLDS]) for f in range(N_FOLDS)]
TASK = Task("regression", "y", columns_of((Role.NUMERIC,) * 9, 0.1), "mae", N_ROWS)
REGISTRY = builtin_registry()
SPACE = SearchSpace(REGISTRY, TASK)


def share(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but the parts."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def quality(configuration: Configuration, fold: int) -> float:
    return 1.0 + 3.0 * share(configuration.key) + 0.4 * share(configuration.key, fold)


class FakeExecutor:
    """Finishes jobs at once in this process, in an order that its seed decides."""

    def __init__(self, folder: Path, workers: int = 3, seed: int = 0, failing: float = 0.0):
        self.folder = folder
        self.workers = workers
        self.failing = failing
        self.jobs: list[Job | DescribeJob] = []
        self.pending: list[Job | DescribeJob] = []
        self.random = Random(seed)
        self.is_stuck = False

    def free(self) -> int:
        return self.workers - len(self.pending)

    def submit(self, job) -> None:
        assert self.free() > 0
        self.jobs.append(job)
        self.pending.append(job)

    def cancel(self, trial: int) -> None:
        self.pending = [job for job in self.pending if job.trial != trial]

    def wait(self, seconds: float) -> list:
        if self.is_stuck or not self.pending:
            time.sleep(min(seconds, 0.02))
            return []
        self.random.shuffle(self.pending)
        count = self.random.randint(1, len(self.pending))
        done, self.pending = self.pending[:count], self.pending[count:]
        return [self.finish(job) for job in done]

    def finish(self, job):
        if isinstance(job, DescribeJob):
            return Description(None, 0.1)
        seconds = 0.01 + self.random.random()
        if share(job.configuration.key, job.fold, "fails") < self.failing:
            return Outcome(job.trial, job.fold, Status.CRASHED, seconds, error=f"fold {job.fold}")
        name = f"predictions/{job.stem}.npy"
        rows = FOLDS[job.fold][1]
        np.save(self.folder / name, np.full(len(rows), quality(job.configuration, job.fold), "f4"))
        model = f"models/{job.stem}.pkl"
        return Outcome(job.trial, job.fold, Status.SUCCESS, seconds, prediction=name, model=model)


class Notes:
    """A recorder that keeps everything in lists."""

    def __init__(self) -> None:
        self.trials: dict[int, dict] = {}
        self.outcomes: dict[tuple[int, int], Outcome] = {}

    def record_trial(self, trial: dict) -> None:
        self.trials[trial["number"]] = trial

    def record_outcome(self, outcome: Outcome) -> None:
        self.outcomes[outcome.trial, outcome.fold] = outcome


def mean_size(rows: np.ndarray, prediction: np.ndarray) -> float:
    return float(np.abs(np.asarray(prediction, dtype=np.float64)).mean())


def make_search(folder: Path, executor=None, budget=None, **more) -> Search:
    (folder / "predictions").mkdir(exist_ok=True, parents=True)
    budget = budget or Budget(trials=12)
    if budget.started is None:
        budget.start()
    executor = executor or FakeExecutor(folder)
    runtime = RuntimeModel(SPACE, N_FOLDS)
    proposals = Proposer(
        SPACE,
        more.pop("strategy", None) or DefaultPortfolio(SPACE, runtime),
        runtime,
        N_FOLDS,
        seed=5,
        reproducible=not budget.is_timed,
    )
    return Search(
        proposals=proposals,
        executor=executor,
        budget=budget,
        folder=folder,
        folds=more.pop("folds", FOLDS),
        evaluated=more.pop("evaluated", ROWS),
        loss=more.pop("loss", mean_size),
        seed=5,
        recorder=more.pop("recorder", None) or Notes(),
        **more,
    )


def baseline(folder: Path) -> Trial:
    trial = Trial(0, Configuration("dummy"), "baseline")
    (folder / "predictions").mkdir(exist_ok=True, parents=True)
    for fold, (_, rows) in enumerate(FOLDS):
        name = f"predictions/{0:05d}-{fold:02d}.npy"
        np.save(folder / name, np.full(len(rows), 5.0, "f4"))
        model = f"models/{0:05d}-{fold:02d}.pkl"
        trial.outcomes[fold] = Outcome(0, fold, Status.SUCCESS, 0.01, prediction=name, model=model)
    return trial


def story(search: Search) -> list[tuple]:
    """What must not depend on which worker was quicker."""
    return [
        (t.number, t.configuration.key, t.source, t.why, str(t.status), t.loss, t.error)
        for t in search.trials
    ]


def all_of(search: Search) -> list[Trial]:
    search.add_finished(baseline(search._predictions.folder))
    return list(search.run())


class TestReproducible:
    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.integers(1, 2**30), st.sampled_from((1, 2, 3, 6)), st.sampled_from((0.0, 0.1)))
    def test_which_worker_was_quicker_plays_no_part(self, tmp_path_factory, seed, workers, failing):
        """Same proposals, same fates, same losses, in whatever order jobs end."""
        stories = []
        for order, n in ((seed, workers), (0, 3)):
            folder = tmp_path_factory.mktemp("run")
            search = make_search(
                folder,
                FakeExecutor(folder, workers=n, seed=order, failing=failing),
                Budget(trials=24),
                describe_seconds=1.0,
            )
            all_of(search)
            stories.append(story(search))
        assert stories[0] == stories[1]
        fates = Counter(line[4] for line in stories[0])
        assert fates["dropped"] > 0
        assert fates["success"] > 3
        assert bool(failing) == bool(fates["crashed"])

    def test_what_is_told_of_a_dropped_trial_is_the_same_too(self, tmp_path):
        """The projected loss is what SMAC learns from."""
        search = make_search(tmp_path, budget=Budget(trials=24))
        for trial in all_of(search):
            if trial.status is Status.DROPPED:
                folds = sorted(trial.fold_losses)
                assert folds == list(range(len(folds)))

    def test_seeds_of_jobs_depend_on_their_numbers_alone(self, tmp_path):
        executor = FakeExecutor(tmp_path)
        search = make_search(tmp_path, executor)
        all_of(search)
        for job in executor.jobs:
            assert job.seed == job_seed(5, job.trial, job.fold)
        assert len({job.seed for job in executor.jobs}) == len(executor.jobs)
        assert job_seed(6, 1, 1) != job_seed(5, 1, 1)

    def test_no_clock_is_passed_to_models(self, tmp_path):
        executor = FakeExecutor(tmp_path)
        all_of(make_search(tmp_path, executor, describe_seconds=1.0))
        for job in executor.jobs:
            if isinstance(job, Job):
                assert job.soft_seconds == float("inf")
            else:
                assert job.seconds == float("inf")
                assert job.hard_seconds >= 600


class TestCounting:
    @pytest.mark.parametrize("n", [1, 2, 7])
    def test_as_many_trials_as_asked_for_beside_the_baseline(self, n, tmp_path):
        search = make_search(tmp_path, budget=Budget(trials=n))
        finished = all_of(search)
        assert len(finished) == n
        assert [t.number for t in search.trials] == list(range(n + 1))
        assert all(t.is_over for t in search.trials)

    def test_no_configuration_is_tried_twice(self, tmp_path):
        search = make_search(tmp_path, budget=Budget(trials=40))
        all_of(search)
        keys = [t.configuration.key for t in search.trials]
        assert len(set(keys)) == len(keys)

    def test_each_finished_trial_is_handed_over_once(self, tmp_path):
        search = make_search(tmp_path)
        numbers = [t.number for t in all_of(search)]
        assert sorted(numbers) == list(range(1, 13))

    def test_a_space_that_is_used_up_ends_the_search(self, tmp_path):
        class Nothing:
            def inform(self, metafeatures):
                pass

            def recommend(self, seconds):
                return None

            def observe(self, observation):
                pass

        search = make_search(tmp_path, budget=Budget(trials=5), strategy=Nothing())
        search._proposals._space = replace_models(SPACE)
        assert all_of(search) == []


def replace_models(space: SearchSpace) -> SearchSpace:
    empty = SearchSpace(REGISTRY, TASK)
    empty.ranges = {}
    return empty


class TestRacing:
    def test_a_trial_must_prove_itself_on_its_first_fold(self, tmp_path):
        executor = FakeExecutor(tmp_path, workers=6)
        search = make_search(tmp_path, executor, Budget(trials=30))
        dropped = [t for t in all_of(search) if t.status is Status.DROPPED]
        assert dropped
        at_once = [t for t in dropped if len(t.outcomes) == 1]
        assert len(at_once) > len(dropped) / 2
        for trial in dropped:
            assert 0 in trial.outcomes
            assert len(trial.outcomes) < N_FOLDS

    def test_the_projected_loss_of_a_dropped_trial_is_no_better_than_the_best(self, tmp_path):
        search = make_search(tmp_path, budget=Budget(trials=30))
        finished = all_of(search)
        best = min(t.loss for t in search.trials if t.status is Status.SUCCESS)
        for trial in finished:
            if trial.status is Status.DROPPED:
                assert trial.loss >= best
                assert trial.error

    def test_losses_are_over_all_evaluated_rows(self, tmp_path):
        search = make_search(tmp_path)
        for trial in all_of(search):
            if trial.status is Status.SUCCESS:
                expected = np.mean([quality(trial.configuration, f) for f in range(N_FOLDS)])
                assert trial.loss == pytest.approx(expected, rel=1e-5)
                prediction = search.out_of_fold(trial)
                for fold, (_, rows) in enumerate(FOLDS):
                    np.testing.assert_allclose(
                        prediction[rows], quality(trial.configuration, fold), rtol=1e-6
                    )


class TestFailures:
    def test_a_failure_is_recorded_and_the_search_goes_on(self, tmp_path):
        notes = Notes()
        search = make_search(
            tmp_path, FakeExecutor(tmp_path, failing=0.15), Budget(trials=20), recorder=notes
        )
        finished = all_of(search)
        failed = [t for t in finished if t.status is Status.CRASHED]
        assert 0 < len(failed) < 20
        for trial in failed:
            assert trial.error.startswith("fold ")
            assert trial.loss is None
            assert notes.trials[trial.number]["status"] == "crashed"

    def test_if_everything_fails_it_still_ends(self, tmp_path):
        search = make_search(tmp_path, FakeExecutor(tmp_path, failing=1.0), Budget(trials=60))
        finished = all_of(search)
        assert finished
        assert {t.status for t in finished} == {Status.CRASHED}
        hopeless = Counter(t.configuration.model for t in finished)
        assert max(hopeless.values()) <= 3 + search._window

    def test_a_loss_that_is_not_finite_is_a_failure(self, tmp_path):
        def loss(rows, prediction):
            value = mean_size(rows, prediction)
            return float("nan") if 1.5 < value < 3.0 else value

        search = make_search(tmp_path, loss=loss)
        failed = [t for t in all_of(search) if t.status is Status.FAILED]
        assert failed
        for trial in failed:
            assert "not finite" in trial.error
            assert trial.loss is None

    def test_a_metric_that_raises_costs_the_trial_alone(self, tmp_path):
        def loss(rows, prediction):
            if 1.5 < mean_size(rows, prediction) < 3.0:
                raise ZeroDivisionError("in the user's metric")
            return mean_size(rows, prediction)

        search = make_search(tmp_path, loss=loss)
        fates = Counter(t.status for t in all_of(search))
        assert fates[Status.FAILED] > 0
        assert any("ZeroDivisionError: in the user's metric" in t.error for t in search.trials)

    def test_a_prediction_that_is_gone_costs_the_trial_alone(self, tmp_path):
        class Losing(FakeExecutor):
            def finish(self, job):
                outcome = super().finish(job)
                if job.trial == 2:
                    (self.folder / outcome.prediction).unlink()
                return outcome

        search = make_search(tmp_path, Losing(tmp_path))
        all_of(search)
        assert search.trials[2].status is Status.FAILED
        assert len(search.trials) == 13

    def test_folds_of_one_class_are_not_the_models_fault(self, tmp_path):
        """Where even the baseline has no loss on a fold, the metric has none there."""

        def loss(rows, prediction):
            is_second_fold = len(rows) < N_ROWS and rows[0] == 1
            return float("nan") if is_second_fold else mean_size(rows, prediction)

        search = make_search(tmp_path, loss=loss, budget=Budget(trials=24))
        fates = Counter(t.status for t in all_of(search))
        assert fates[Status.SUCCESS] > 3
        assert fates[Status.DROPPED] > 0
        assert fates[Status.FAILED] == 0
        assert all(np.isfinite(t.loss) for t in search.trials)


class SlowEnds(FakeExecutor):
    """Every job predicts for more than four seconds, which no deadline of a fit ends."""

    def finish(self, job):
        return dataclasses.replace(super().finish(job), seconds=4.5, fit_seconds=0.1)


class Slow(FakeExecutor):
    """Each job takes five seconds, by its own account."""

    def finish(self, job):
        return replace(super().finish(job), seconds=5.0)


class TestEnding:
    def test_the_next_folds_leave_time_for_what_the_first_took_after_its_fit(self, tmp_path):
        executor = SlowEnds(tmp_path, workers=1)
        search = make_search(tmp_path, executor, Budget(seconds=4.0 * N_FOLDS, reserve=0.0))
        search.add_finished(baseline(tmp_path))
        next(search.run())
        first, second = [job.soft_seconds for job in executor.jobs[:2]]
        assert second < 0.7 * first

    def test_stop_ends_it_and_what_runs_is_marked(self, tmp_path):
        notes = Notes()
        search = make_search(tmp_path, budget=Budget(trials=1000), recorder=notes)
        search.add_finished(baseline(tmp_path))
        finished = []
        timer = threading.Timer(0.3, search.stop)
        for trial in search.run():
            finished.append(trial)
            if len(finished) == 5:
                search._executor.is_stuck = True
                timer.start()
        timer.join()
        assert len(search.trials) < 30
        assert all(t.is_over for t in search.trials)
        stopped = [t for t in search.trials if t.status is Status.STOPPED]
        assert stopped
        for trial in stopped:
            assert trial.error
            assert notes.trials[trial.number]["status"] == "stopped"

    def test_stop_works_from_another_thread(self, tmp_path):
        executor = FakeExecutor(tmp_path)
        executor.is_stuck = True
        search = make_search(tmp_path, executor, Budget(trials=1000))
        timer = threading.Timer(0.3, search.stop)
        timer.start()
        finished = list(search.run())
        timer.join()
        assert {t.status for t in finished} == {Status.STOPPED}

    def test_stop_before_the_start_runs_nothing(self, tmp_path):
        executor = FakeExecutor(tmp_path)
        search = make_search(tmp_path, executor)
        search.stop()
        assert all_of(search) == []
        assert executor.jobs == []

    def test_the_end_of_the_budget_ends_it(self, tmp_path):
        executor = FakeExecutor(tmp_path)
        executor.is_stuck = True
        search = make_search(tmp_path, executor, Budget(seconds=0.8))
        began = time.monotonic()
        finished = list(search.run())
        assert time.monotonic() - began < 10
        assert finished
        assert all(t.status is Status.STOPPED for t in finished)
        for job in executor.jobs:
            assert 0 < job.soft_seconds <= job.hard_seconds <= 0.8

    def test_a_budget_that_is_spent_runs_nothing(self, tmp_path):
        budget = Budget(seconds=10.0)
        budget.start(at=time.monotonic() - 11)
        executor = FakeExecutor(tmp_path)
        assert all_of(make_search(tmp_path, executor, budget)) == []
        assert executor.jobs == []

    @pytest.mark.parametrize(("seconds", "gain"), [(100.0, 0.0), (100.0, 1.0), (1e6, 0.0)])
    def test_what_adds_nothing_to_the_answer_ends_early(self, tmp_path, seconds, gain):
        """Unless its other folds cost next to nothing."""
        asked = []

        def gain_of(positions, prediction):
            asked.append(len(positions))
            assert len(prediction) == len(positions)
            return gain

        budget = Budget(seconds=seconds, trials=3)
        search = make_search(tmp_path, Slow(tmp_path, workers=1), budget, gain=gain_of)
        tried = all_of(search)
        assert len(tried) == 3
        wanted = gain > 0 or seconds > 1000
        ending = Status.SUCCESS if wanted else Status.DROPPED
        assert {trial.status for trial in tried} == {ending}
        assert {len(trial.outcomes) for trial in tried} == {N_FOLDS if wanted else 1}
        assert bool(asked) == (seconds < 1000)
        if not wanted:
            assert "Pruned: too little gain" in tried[0].error
            assert all(np.isfinite(trial.loss) for trial in tried)

    def test_after_some_that_were_refused_a_lesser_gain_is_enough(self, tmp_path):
        budget = Budget(seconds=100.0, trials=4)
        share = 5.0 * (N_FOLDS - 1) / 100.0
        gain = 0.8 * required_gain(share)
        search = make_search(
            tmp_path, Slow(tmp_path, workers=1), budget, gain=lambda positions, predicted: gain
        )
        endings = [trial.status for trial in all_of(search)]
        assert endings == [Status.DROPPED, Status.SUCCESS, Status.DROPPED, Status.SUCCESS]

    def test_a_busy_moment_is_not_the_end(self, tmp_path):
        """The search goes on after a moment without a proposal or without a free worker."""

        class Moody:
            def __init__(self) -> None:
                self.queue = SPACE.portfolio("ridge") + SPACE.portfolio("hist_gradient_boosting")
                self.calls = 0

            def inform(self, metafeatures):
                pass

            def observe(self, observation):
                pass

            def recommend(self, seconds):
                self.calls += 1
                if self.calls == 2 or not self.queue:
                    return None
                return Recommendation(self.queue.pop(0), "portfolio", "default")

        class Restarting(FakeExecutor):
            """Has no free worker just after a job has ended."""

            is_restarting = False

            def wait(self, seconds):
                found = super().wait(seconds)
                self.is_restarting = bool(found)
                return found

            def free(self):
                return 0 if self.is_restarting else super().free()

        executor = Restarting(tmp_path, workers=9)
        search = make_search(tmp_path, executor, Budget(seconds=60.0), strategy=Moody())
        search._proposals._neighbour_or_random = lambda seconds: None
        assert len(all_of(search)) >= 3


class TestRecords:
    def test_everything_is_written_down(self, tmp_path):
        notes = Notes()
        search = make_search(tmp_path, recorder=notes)
        all_of(search)
        assert sorted(notes.trials) == list(range(13))
        for trial in search.trials:
            assert notes.trials[trial.number] == trial.to_json()
            for fold, outcome in trial.outcomes.items():
                assert notes.outcomes[trial.number, fold] == outcome

    def test_a_search_goes_on_where_another_was_cut_off(self, tmp_path):
        notes = Notes()
        executor = FakeExecutor(tmp_path, seed=3)
        search = make_search(tmp_path, executor, Budget(trials=14), recorder=notes)
        search.add_finished(baseline(tmp_path))
        for count, _ in enumerate(search.run()):
            if count == 5:
                break
        cut_off = {n: dict(t) for n, t in notes.trials.items()}
        rows = [cut_off[n] for n in sorted(cut_off)]
        outcomes = [dict(vars(o), status=str(o.status)) for o in notes.outcomes.values()]

        again = FakeExecutor(tmp_path, seed=4)
        later = make_search(tmp_path, again, Budget(trials=14))
        for trial in restored_trials(rows, outcomes, tmp_path):
            later.restore(trial)
        done = {(t.number, f) for t in later.trials for f in t.outcomes}
        assert len(list(later.run())) >= 14 - 6
        assert not done & {(job.trial, job.fold) for job in again.jobs}

        fresh_folder = tmp_path / "fresh"
        fresh = make_search(fresh_folder, FakeExecutor(fresh_folder), Budget(trials=14))
        all_of(fresh)
        assert len(later.trials) == len(fresh.trials)
        assert [t.configuration for t in later.trials] == [t.configuration for t in fresh.trials]
        assert [t.loss for t in later.trials] == [t.loss for t in fresh.trials]


def test_descriptions_reach_the_warm_start(tmp_path):
    told = []

    class Listening(DefaultPortfolio):
        def inform(self, metafeatures):
            told.append(metafeatures)

    class Describing(FakeExecutor):
        def finish(self, job):
            if isinstance(job, DescribeJob):
                return Description("metafeatures", 0.1)
            return super().finish(job)

    executor = Describing(tmp_path)
    runtime = RuntimeModel(SPACE, N_FOLDS)
    search = make_search(
        tmp_path, executor, strategy=Listening(SPACE, runtime), describe_seconds=1.0
    )
    all_of(search)
    assert told == ["metafeatures"]
    assert sum(isinstance(job, DescribeJob) for job in executor.jobs) == 1
    assert search.description.metafeatures == "metafeatures"


def test_a_description_that_fails_stops_nothing(tmp_path):
    search = make_search(tmp_path, describe_seconds=1.0)
    assert len(all_of(search)) == 12
    assert search.description == replace(search.description, metafeatures=None)


class AlwaysRefits(RowSampling):
    def is_time_to_refit(self, seconds: float) -> bool:
        return True


def test_configurations_are_fitted_on_a_sample_and_once_again_on_more_rows(tmp_path):
    executor = FakeExecutor(tmp_path, workers=1)
    budget = Budget(seconds=1000.0, trials=14)
    training, validation = FOLDS[0]
    sampling = AlwaysRefits(len(training), 3)
    search = make_search(
        tmp_path, executor, budget, folds=FOLDS[:1], evaluated=validation, sampling=sampling
    )
    trials = list(search.run())
    first = [t for t in trials if t.rows == 3]
    again = [t for t in trials if t.rows is None]
    assert len(first) + len(again) == len(trials) == 14
    assert len(again) >= 5
    assert [job.rows for job in executor.jobs] == [t.rows for t in search.trials]
    keys = [t.configuration.key for t in again]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= {t.configuration.key for t in first}
    # Losses on other rows are not mixed with those of the sample.
    assert {t.rows for t in search._proposals._observed} == {3}


def test_a_restored_trial_keeps_its_rows(tmp_path):
    notes = Notes()
    training, validation = FOLDS[0]
    more = {"folds": FOLDS[:1], "evaluated": validation, "recorder": notes}
    budget = Budget(seconds=1000.0, trials=3)
    search = make_search(
        tmp_path, FakeExecutor(tmp_path), budget, sampling=RowSampling(len(training), 3), **more
    )
    list(search.run())
    outcomes = [dataclasses.asdict(outcome) for outcome in notes.outcomes.values()]
    found = restored_trials(notes.trials.values(), outcomes, tmp_path)
    assert [t.rows for t in found] == [3, 3, 3]
