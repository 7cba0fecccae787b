from __future__ import annotations

import math
from random import Random

import pytest
from builders import binary_task, builtin_registry, make_trial

from metaauto.api import Optimizer, Recommendation, SearchEngine
from metaauto.configuration import Configuration
from metaauto.search.proposer import Proposer
from metaauto.search.trial import Outcome, Status, Trial
from metaauto.space import SearchSpace
from metaauto.warmstart import DefaultPortfolio, RuntimeModel

TASK = binary_task(500)
REGISTRY = builtin_registry()
N_FOLDS = 2
SMAC = REGISTRY.entry("search_engine", "smac").component


class FakeSmac:
    """Stands for SMAC: proposes what the test wants."""

    def __init__(self, ranges=None, seed=0) -> None:
        self.told: list = []
        self.queue: list[Configuration] = []
        self.waiting = 0
        self.failure = ""
        self.is_closed = False
        self.timeouts: list[float] = []

    def tell(self, results) -> None:
        self.told += list(results)

    def ask(self) -> None:
        self.waiting += 1

    def ready(self, seconds: float = 0.0):
        self.timeouts.append(seconds)
        if not self.waiting or not self.queue:
            return None
        self.waiting -= 1
        return self.queue.pop(0)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def smac(monkeypatch) -> FakeSmac:
    made = FakeSmac()
    monkeypatch.setattr("metaauto.search.smac.SmacProposer", lambda ranges, seed: made)
    return made


def proposals(include=("logistic", "knn"), **more) -> Proposer:
    space = SearchSpace(REGISTRY.select(include=list(include)), TASK)
    runtime = RuntimeModel(space, N_FOLDS)
    options = {"seed": 1, "reproducible": True, "engine": None, **more}
    return Proposer(space, DefaultPortfolio(space, runtime), runtime, N_FOLDS, **options)


def finished(number: int, configuration: Configuration, loss=0.3, status=Status.SUCCESS) -> Trial:
    loss = loss if status in (Status.SUCCESS, Status.DROPPED) else None
    outcomes = {f: Outcome(number, f, status, seconds=0.2) for f in range(N_FOLDS)}
    return make_trial(number, status, configuration=configuration, loss=loss, outcomes=outcomes)


def play(made: Proposer, n: int, status=Status.SUCCESS, seconds=math.inf) -> list:
    """Propose, finish and observe, one after the other."""
    found = []
    for number in range(n):
        proposal = made.next(seconds)
        if proposal is None:
            break
        found.append(proposal)
        made.mark_tried(proposal.configuration)
        loss = 0.2 + (number * 37 % 11) / 50
        made.observe(finished(number, proposal.configuration, loss, status))
    return found


def test_the_portfolio_first_then_neighbours_of_what_was_good():
    made = proposals()
    length = len(made._strategy)
    found = play(made, length + 12)
    assert [p.source for p in found[:length]] == ["portfolio"] * length
    assert {p.source for p in found[length:]} == {"random"}
    assert any(p.why.startswith("neighbour of ") for p in found[length:])
    assert any(p.why == "random configuration" for p in found[length:]) or len(found) == length + 12


def test_nothing_is_proposed_twice():
    found = play(proposals(), 60)
    keys = [p.configuration.key for p in found]
    assert len(keys) == 60
    assert len(set(keys)) == 60


def test_the_same_seed_proposes_the_same():
    assert play(proposals(), 30) == play(proposals(), 30)
    assert play(proposals(), 30) != play(proposals(seed=2), 30)


def test_a_model_that_failed_three_times_is_given_up():
    made = proposals()
    found = play(made, 40, status=Status.CRASHED)
    for model in ("logistic", "knn"):
        assert sum(p.configuration.model == model for p in found) == 3
    assert made.next(math.inf) is None


def test_a_success_in_between_is_forgiving():
    made = proposals(include=["logistic"])
    configuration = made.next(math.inf).configuration
    for number, status in enumerate((Status.FAILED, Status.FAILED, Status.DROPPED, Status.FAILED)):
        made.observe(finished(number, configuration, status=status))
    assert made.next(math.inf) is not None


def test_what_does_not_fit_into_the_time_is_not_proposed():
    assert proposals().next(0.0) is None
    found = play(proposals(), 200, seconds=0.5)
    assert all(p.expected_seconds <= 0.5 for p in found)


class TestSmac:
    def test_it_is_asked_only_after_it_was_told_a_result(self, smac):
        """SMAC 2.4 loops without end if it is asked first: late results must not lead to that."""
        made = proposals(engine=SMAC)
        smac.queue = [made._space.sample(Random(i)) for i in range(50)]
        waiting = []
        for _ in range(len(made._strategy) + 4):
            waiting.append(made.next(math.inf))
            made.mark_tried(waiting[-1].configuration)
        assert {proposal.source for proposal in waiting[-4:]} == {"random"}
        assert smac.waiting == 0
        made.observe(finished(0, waiting[0].configuration))
        assert made.next(math.inf).source == "smac"
        assert len(smac.told) == 1

    def test_it_starts_when_there_is_something_to_learn_from(self, smac):
        made = proposals(include=["logistic", "knn", "svm", "lda", "extra_trees"], engine=SMAC)
        space = made._space
        smac.queue = [space.sample(Random(i)) for i in range(50)]
        found = play(made, 30)
        first = [p.source for p in found].index("smac")
        assert first >= 3
        assert len(smac.told) >= first
        for configuration, loss, seconds in smac.told:
            assert configuration.model in space.models
            assert math.isfinite(loss)
            assert seconds == pytest.approx(0.4)
        assert {p.source for p in found[first:]} <= {"smac", "portfolio"}

    def test_failures_are_told_a_finite_loss_no_worse_than_the_baseline(self, smac):
        made = proposals(engine=SMAC)
        made.penalty = 0.7
        configuration = made._space.default("knn")
        made.observe(finished(1, configuration, status=Status.CRASHED))
        made._start_engine()
        made.observe(finished(2, configuration, loss=99.0, status=Status.DROPPED))
        made.observe(finished(3, configuration, loss=0.2))
        assert [loss for _, loss, _ in smac.told] == [0.7, 0.7, 0.2]

    def test_a_reproducible_search_waits_and_a_timed_one_does_not(self, smac):
        for reproducible in (True, False):
            smac.timeouts.clear()
            made = proposals(include=["naive_bayes"], engine=SMAC, reproducible=reproducible)
            play(made, 4)
            assert smac.timeouts
            assert all((seconds > 10) is reproducible for seconds in smac.timeouts)

    def test_while_it_thinks_something_else_is_tried(self, smac):
        made = proposals(include=["naive_bayes"], engine=SMAC, reproducible=False)
        found = play(made, 8)
        assert len(found) == 8
        assert {p.source for p in found} == {"portfolio", "random"}

    def test_what_it_repeats_is_passed_over(self, smac):
        made = proposals(include=["naive_bayes"], engine=SMAC)
        first = made._space.default("naive_bayes")
        new = Configuration("naive_bayes", {**first.values, "var_smoothing": 0.01})
        smac.queue = [first, first, new]
        found = play(made, 2)
        assert [p.source for p in found] == ["portfolio", "smac"]
        assert found[1].configuration.values["var_smoothing"] == 0.01

    def test_with_little_time_left_it_is_not_started(self, smac, monkeypatch):
        started = []
        monkeypatch.setattr(
            "metaauto.search.smac.SmacProposer", lambda ranges, seed: started.append(1) or smac
        )
        play(proposals(include=["naive_bayes"], engine=SMAC), 6, seconds=5.0)
        assert not started

    def test_its_failure_is_survived(self, smac):
        smac.failure = "its process ended"
        found = play(proposals(include=["naive_bayes"], engine=SMAC), 6)
        assert len(found) == 6
        assert "smac" not in {p.source for p in found}

    def test_closing_ends_it(self, smac):
        made = proposals(include=["naive_bayes"], engine=SMAC)
        play(made, 3)
        made.close()
        made.close()
        assert smac.is_closed


class TestEngine:
    class Counting(Optimizer):
        """Proposes every value of one hyperparameter, and keeps what it is told."""

        def __init__(self, given) -> None:
            self.given = given
            self.told: list = []
            self.is_closed = False

        def recommend(self, seconds):
            count = len(self.told) + 1
            point = Configuration("knn", {"n_neighbors": count, "unknown": 3})
            return Recommendation(point, "counting", "the next number")

        def observe(self, observations) -> None:
            self.told += observations

        def close(self) -> None:
            self.is_closed = True

    def test_it_replaces_smac_and_its_values_are_repaired(self):
        started: list = []

        def start(given):
            started.append(self.Counting(given))
            return started[0]

        made = proposals(include=["knn"], engine=SearchEngine("counting", start))
        found = play(made, 12)
        (engine,) = started
        mine = [p for p in found if p.source == "counting"]
        assert len(mine) >= 5
        assert all("unknown" not in p.configuration.values for p in mine)
        assert all(p.expected_seconds > 0 for p in mine)
        assert (engine.given.n_folds, engine.given.seed, engine.given.penalty()) == (2, 1, 1.0)
        assert len(engine.told) == len(found), "also those before it started"
        made.close()
        assert engine.is_closed

    @pytest.mark.parametrize("answer", [OSError("no licence"), 42, "svm"])
    def test_an_error_is_told_once_and_the_search_goes_on(self, answer, caplog):
        class Failing(Optimizer):
            def recommend(self, seconds):
                if isinstance(answer, Exception):
                    raise answer
                if answer == "svm":
                    return Recommendation(Configuration("svm", {}), "failing", "not in the space")
                return answer

        made = proposals(
            include=["naive_bayes"], engine=SearchEngine("bad", lambda given: Failing())
        )
        assert len(play(made, 8)) == 8
        told = [r.getMessage() for r in caplog.records]
        assert len(told) == 1
        assert told[0].startswith("Search engine 'bad' failed: ")

    def test_random_search_is_reproducible_and_keeps_the_time(self):
        engine = REGISTRY.entry("search_engine", "random").component
        one, two = (play(proposals(engine=engine), 30) for _ in range(2))
        assert one == two
        assert all(p.source == "random" for p in one[-10:])
        given = proposals(engine=engine)
        play(given, 20)
        assert given._optimizer.recommend(0.0) is None
