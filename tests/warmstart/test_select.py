from __future__ import annotations

import math

import pytest
from matrices import matrix

from metaauto.api import Configuration, Recommendation, Strategy, WarmStartSummary
from metaauto.components.strategy import Observation
from metaauto.errors import KnowledgeError, UnknownName
from metaauto.knowledge import LoadedKnowledge
from metaauto.metafeatures import Metafeatures
from metaauto.plugins.manager import Bundle, PluginSettings, load_plugins
from metaauto.space import SearchSpace
from metaauto.task import reference_task
from metaauto.warmstart import RuntimeModel
from metaauto.warmstart.select import check_warm_start, select_strategy, source_of_first

RIDGE = Configuration("logistic", {"C": 0.5})
NOTHING = LoadedKnowledge(None)


class OneOnly:
    """Recommends one configuration, however often it is asked, unless it has a fault."""

    def __init__(self, configuration=RIDGE, fault: str = "") -> None:
        self.configuration, self.fault = configuration, fault
        self.heard: list[str] = []

    def _hear(self, name: str) -> None:
        self.heard.append(name)
        if name == self.fault:
            raise RuntimeError(f"{name} on purpose")

    def inform(self, metafeatures) -> None:
        self._hear("inform")

    def recommend(self, seconds):
        self._hear("recommend")
        if self.configuration is None:
            return "something else"
        return Recommendation(self.configuration, "mine", "because")

    def observe(self, observation) -> None:
        self._hear("observe")


def chosen(start, loaded: LoadedKnowledge = NOTHING, name: str = "mine"):
    """The warm start of a plugin's strategy, the space, and the warnings so far."""
    bundle = [Bundle([Strategy("mine", start)])]
    registry = load_plugins(PluginSettings(only=()), bundle).registry
    space = SearchSpace(registry, reference_task("binary"))
    said: list[str] = []
    runtime = RuntimeModel(space, 3)
    return select_strategy(loaded, space, runtime, 3, name=name, warn=said.append), space, said


def test_a_plugin_recommends_in_place_of_metaauto():
    mine = OneOnly()
    warm, space, said = chosen(lambda given: mine)
    warm.inform(Metafeatures({}))
    found = warm.recommend(math.inf)
    assert found.source == "mine"
    assert found.configuration == space.repair(RIDGE).configuration
    warm.observe(Observation(found.configuration, 0.1, 1.0))
    assert mine.heard == ["inform", "recommend", "observe"]
    assert said == []


def test_it_may_build_on_what_metaauto_would_do():
    given_to = []

    def start(given):
        given_to.append(given)
        return given.from_knowledge()

    portfolio = [Configuration("lda", {}), Configuration("logistic", {})]
    known = matrix([[0.1, 0.2]] * 6 + [[0.2, 0.1]] * 6, portfolio)
    warm, _, said = chosen(start, LoadedKnowledge(known, {}, "log_loss"))
    assert warm.recommend(math.inf) is not None
    assert given_to[0].known is known
    assert given_to[0].n_folds == 3
    assert said == []


@pytest.mark.parametrize("fault", ["inform", "recommend", "observe"])
def test_a_fault_is_told_once_and_metaauto_goes_on(fault):
    warm, _, said = chosen(lambda given: OneOnly(fault=fault))
    warm.inform(Metafeatures({}))
    first = warm.recommend(math.inf)
    warm.observe(Observation(first.configuration, 0.1, 1.0))
    assert [one for one in said if "on purpose" in one] == said
    assert len(said) == 1
    assert said[0].startswith("Strategy 'mine' of plugin session failed: RuntimeError: ")
    later = [warm.recommend(math.inf) for _ in range(3)]
    assert {one.source for one in later} == {"portfolio"}
    assert len(said) == 1


@pytest.mark.parametrize(
    ("configuration", "words"),
    [(None, "returned a str"), (Configuration("unheard_of", {}), "'unheard_of'")],
)
def test_a_recommendation_that_cannot_be_tried_is_a_fault(configuration, words):
    warm, _, said = chosen(lambda given: OneOnly(configuration))
    assert warm.recommend(math.inf).source == "portfolio"
    assert words in said[0]


def test_values_out_of_range_are_repaired():
    warm, space, said = chosen(lambda given: OneOnly(Configuration("logistic", {"C": 1e30})))
    found = warm.recommend(math.inf).configuration
    assert found == space.repair(found).configuration
    assert said == []


def test_a_strategy_with_nothing_to_say_or_that_cannot_start():
    warm, _, said = chosen(lambda given: None)
    assert warm.recommend(math.inf).source == "portfolio"
    assert said == []
    warm, _, said = chosen(lambda given: 1 / 0)
    assert warm.recommend(math.inf).source == "portfolio"
    assert "ZeroDivisionError" in said[0]


def test_metaautos_own_by_name():
    portfolio = [Configuration("lda", {}), Configuration("logistic", {}), Configuration("knn", {})]
    known = LoadedKnowledge(matrix([[0.1, 0.2, 0.3]] * 6, portfolio), {}, "log_loss")
    for loaded, name, source in (
        (known, "knowledge", "knowledge"),
        (known, "portfolio", "portfolio"),
        (NOTHING, "knowledge", "portfolio"),
        (known, "random", "random"),
    ):
        warm, _, said = chosen(OneOnly, loaded, name)
        assert warm.summary().configurations == (3 if source == "knowledge" else 0)
        assert warm.recommend(math.inf).source == source
        assert said == []
    with pytest.raises(UnknownName, match="knowlege"):
        chosen(OneOnly, known, "knowlege")


class RecommendOnly:
    """A strategy without the optional methods, and without the base class."""

    def __init__(self, given) -> None:
        self._left = [RIDGE]

    def recommend(self, seconds):
        return Recommendation(self._left.pop(), "mine", "once") if self._left else None


def test_only_recommend_is_required():
    warm, _, said = chosen(RecommendOnly)
    warm.inform(Metafeatures({}))
    found = warm.recommend(math.inf)
    warm.observe(Observation(found.configuration, 0.1, 1.0))
    assert found.source == "mine"
    assert warm.recommend(math.inf) is None, "SMAC goes on alone"
    assert warm.summary() == WarmStartSummary()
    assert said == []


@pytest.mark.parametrize("results", [0, 1, 5])
def test_the_fallback_receives_what_came_before_the_error(results):
    portfolio = [Configuration("lda", {}), Configuration("logistic", {}), Configuration("knn", {})]
    known = LoadedKnowledge(matrix([[0.1, 0.2, 0.3]] * 6, portfolio), {}, "log_loss")

    class Late(OneOnly):
        def recommend(self, seconds):
            if len(self.heard) >= results:
                raise RuntimeError("no more")
            return super().recommend(seconds)

    warm, space, said = chosen(lambda given: Late(RIDGE), known)
    expected = chosen(OneOnly, known, "knowledge")[0]
    for observation in [Observation(space.default("lda"), 0.1 * n, 1.0) for n in range(results)]:
        warm.observe(observation)
        expected.observe(observation)
    found = [warm.recommend(math.inf).configuration for _ in range(3)]
    assert found == [expected.recommend(math.inf).configuration for _ in range(3)]
    assert len(said) == 1


@pytest.mark.parametrize("name", ["absent.db", "9" * 5000, "a\0b"])
def test_a_store_that_cannot_exist_is_named(name):
    with pytest.raises(KnowledgeError, match="There is no knowledge store"):
        check_warm_start(name, "knowledge", load_plugins(PluginSettings(only=())).registry)


def test_the_source_of_the_first_configurations():
    nothing, some = WarmStartSummary(), WarmStartSummary(configurations=1, datasets=2)
    assert source_of_first(some, "knowledge") == "1 configuration evaluated on 2 datasets"
    assert source_of_first(nothing, "knowledge").startswith("No knowledge for this task type;")
    assert source_of_first(nothing, "knowledge", False).startswith("Knowledge is not used;")
    assert "strategy 'portfolio'" in source_of_first(nothing, "portfolio", False)
