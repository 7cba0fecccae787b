from __future__ import annotations

import math
from dataclasses import replace

import builders
import numpy as np
import pytest
from builders import binary_task, drain, frame_model
from matrices import matrix

from metaauto.components import Model
from metaauto.components.hyperparameters import Float
from metaauto.components.strategy import Observation
from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace
from metaauto.warmstart import (
    KnowledgeStrategy,
    RuntimeModel,
    known_configurations,
)
from metaauto.warmstart.candidates import repaired_configurations

TASK = binary_task()
FIRST = [Configuration("tree", {"c": float(c)}) for c in range(3)]
OTHERS = [Configuration("line", {"c": float(c)}) for c in range(3)]


def model(name: str) -> Model:
    portfolio = ({"c": 9.0},) if name == "line" else ()
    return frame_model(name, {"c": Float(0.0, 10.0, 0.0)}, portfolio=portfolio)


def space_of(*names: str) -> SearchSpace:
    return builders.space_of(*map(model, names))


def known_matrix(count: int = 20, **options):
    """Tables of even number like trees, the others lines; the metafeature says which."""
    like = np.arange(count) % 2 == 0
    loss = np.where(like[:, None], [0.1, 0.2, 0.3, 0.8, 0.9, 1.0], [0.8, 0.9, 1.0, 0.1, 0.2, 0.3])
    options.setdefault("metafeatures", np.where(like, 0.0, 9.0)[:, None])
    return matrix(loss, [*FIRST, *OTHERS], **options)


def strategy(space: SearchSpace, **options) -> KnowledgeStrategy:
    runtime = RuntimeModel(space, 3)
    return KnowledgeStrategy(
        space, runtime, known_configurations(known_matrix(**options), space), 3
    )


@pytest.mark.parametrize(("value", "wins"), [(0.0, "tree"), (9.0, "line")])
def test_what_won_on_similar_tables_comes_first(value, wins):
    found = strategy(space_of("tree", "line"))
    found.inform(Metafeatures({"simple.m0": value}))
    first = found.recommend(math.inf)
    assert first.configuration == Configuration(wins, {"c": 0.0})
    assert first.source == "knowledge"
    assert "near the best on table" in first.why
    assert first.expected_seconds > 0
    assert 0.1 <= first.expected_loss <= 0.8


@pytest.mark.parametrize(("usual", "quick"), [(1.0, 0.05), (20.0, 4.0)])
def test_where_time_counts_there_is_soon_an_answer(usual, quick):
    """The first is the quickest, however much better expensive ones are."""
    seconds = np.full((20, 6), usual)
    seconds[:, 4] = quick
    found = strategy(space_of("tree", "line"), seconds=seconds)
    found.inform(Metafeatures({"simple.m0": 0.0}))
    first, second = found.recommend(600.0), found.recommend(600.0)
    assert first.configuration == OTHERS[1]
    assert second.configuration.model == "tree"


def test_losses_of_another_metric_are_not_expected_here():
    """A joined store may know some tables by another metric alone."""
    whole = known_matrix()
    metrics = tuple("log_loss" if row < 10 else "roc_auc" for row in range(20))
    whole = replace(
        whole, metrics=metrics, loss=whole.loss + 100.0 * (np.arange(20) >= 10)[:, None]
    )
    space = space_of("tree", "line")
    found = KnowledgeStrategy(space, RuntimeModel(space, 3), known_configurations(whole, space), 3)
    assert 0.1 <= found.recommend(math.inf).expected_loss <= 1.0


def test_all_that_is_known_comes_once_then_what_else_its_authors_recommend():
    found = [r.configuration for r in drain(strategy(space_of("tree", "line")))]
    assert sorted(c.key for c in found[:6]) == sorted(c.key for c in [*FIRST, *OTHERS])
    assert found[6:] == [Configuration("line", {"c": 9.0})]


def test_what_blends_turns_to_other_models():
    """Where neither kind is sure to win, an ensemble wants both in turn."""
    space = space_of("tree", "line")
    # No two gains above zero are equal: rounding, which differs by processor, decides nothing.
    tables = known_matrix(40)
    loss = tables.loss.copy()
    loss[1::2] = [0.3, 0.9, 1.0, 0.1, 0.11, 0.4]
    known = known_configurations(replace(tables, loss=loss), space)
    firsts = {}
    for for_ensemble in (False, True):
        found = KnowledgeStrategy(space, RuntimeModel(space, 3), known, 3, for_ensemble)
        found.inform(Metafeatures({"simple.m0": 4.0}))
        firsts[for_ensemble] = [found.recommend(math.inf).configuration.model for _ in range(4)]
    assert firsts[False] == ["tree", "line", "tree", "tree"]
    assert firsts[True] == ["tree", "line", "line", "tree"]


def test_results_turn_the_order():
    one = strategy(space_of("tree", "line"), count=60)
    one.inform(Metafeatures({"simple.m0": 0.0}))
    for configuration, loss in ((FIRST[0], 0.9), (FIRST[1], 1.0), (OTHERS[1], 0.2)):
        one.observe(Observation(configuration, loss, 1.0))
    for configuration, loss in ((FIRST[2], 1.1), (OTHERS[2], 0.3)):
        one.observe(Observation(configuration, loss, 1.0))
    assert one.recommend(math.inf).configuration == OTHERS[0]


def test_models_that_are_not_there_are_counted():
    found = strategy(space_of("tree"))
    assert {r.configuration.model for r in drain(found)} == {"tree"}
    summary = found.summary()
    assert summary.configurations == 3
    assert summary.skipped == {"line is excluded": 3}
    assert summary.datasets == 20


def test_a_model_nobody_knows_gets_its_turn():
    found = [r.configuration.model for r in drain(strategy(space_of("tree", "line", "new")))]
    assert "new" in found[:5]
    assert len(found) == 8


def test_configurations_out_of_range_are_repaired_and_merged():
    far = [Configuration("tree", {"c": 50.0}), Configuration("tree", {"c": 99.0})]
    loss = np.array([[0.1, 0.2, 0.3]] * 5)
    known = known_configurations(matrix(loss, [*far, FIRST[0]]), space_of("tree"))
    assert [c.values["c"] for c in known.configurations] == [10.0, 0.0]
    assert known.skipped == {"equal to another configuration on this dataset": 1}


def test_repaired_configurations_lead_back_to_what_is_stored():
    far = Configuration("tree", {"c": 50.0})
    stored = matrix(np.array([[0.1, 0.2, 0.4]] * 5), [far, *FIRST[:2]])
    columns, _ = repaired_configurations(stored, space_of("tree"))
    column = columns[Configuration("tree", {"c": 10.0})]
    assert stored.configurations[column].configuration == far


def test_time_that_is_left_decides_what_may_come():
    seconds = np.array([[100.0, 100.0, 100.0, 0.01, 0.01, 0.01]] * 20)
    found = drain(strategy(space_of("tree", "line"), seconds=seconds), 5.0)
    assert {r.configuration.model for r in found} == {"line"}


def test_a_slower_machine_expects_more_seconds():
    space = space_of("tree", "line")
    expected = []
    for speed in (0.1, 0.2):
        runtime = RuntimeModel(space, 3)
        known = known_configurations(known_matrix(speed=0.1), space, speed)
        KnowledgeStrategy(space, runtime, known, 3)
        expected.append(runtime.expected_seconds(FIRST[0]))
    assert expected[1] == pytest.approx(2 * expected[0], rel=0.1)


def test_little_gain_after_many_results_ends_the_warm_start():
    space = space_of("tree")
    many = [Configuration("tree", {"c": round(0.1 * c, 1)}) for c in range(40)]
    loss = np.array([[0.1 + 0.001 * c for c in range(40)]] * 30)
    known = known_configurations(matrix(loss, many), space)
    found = KnowledgeStrategy(space, RuntimeModel(space, 3), known, 3)
    tried = 0
    while (one := found.recommend(math.inf)) is not None:
        found.observe(Observation(one.configuration, 0.1 + 0.01 * one.configuration.values["c"], 1))
        tried += 1
    assert 16 <= tried < 40


def test_rows_with_next_to_nothing_measured_are_left_out():
    loss = np.array([[0.1, 0.2, 0.3], [0.1, np.nan, np.nan]])
    known = known_configurations(matrix(loss, FIRST), space_of("tree"))
    assert len(known.matrix.datasets) == 1


def test_a_table_that_was_measured_twice_is_told_once():
    few = known_matrix(4, labels=list("abab"), rows=[30_000] * 4)
    few = replace(few, protocols=("3-fold/rows<=900",) * 2 + ("3-fold/rows<=30000",) * 2)
    space = space_of("tree", "line")
    found = KnowledgeStrategy(space, RuntimeModel(space, 3), known_configurations(few, space), 3)
    found.inform(Metafeatures({"simple.m0": 0.0}))
    summary = found.summary()
    assert [name for name, _ in summary.similar] == ["a", "b"]
    assert sum(weight for _, weight in summary.similar) == pytest.approx(1.0)
    assert summary.datasets == 2
    first = found.recommend(math.inf)
    assert first.configuration.model == "tree"
    assert first.why == "near the best on a"


def test_tables_are_named_by_their_best_row():
    """Table a has the nearest row and the farthest one."""
    labels = ["a", "b", "b", "a"]
    whole = matrix(
        np.array([[0.1, 0.2, 0.3]] * 4), FIRST, labels=labels, rows=[30_000] * 4,
        metafeatures=np.array([[0.0], [1.0], [1.0], [0.0]]),
    )  # fmt: skip
    caps = (1000, 1000, 6000, 30_000)
    whole = replace(whole, protocols=tuple(f"3-fold/rows<={cap}" for cap in caps))
    space = space_of("tree")
    found = KnowledgeStrategy(space, RuntimeModel(space, 3), known_configurations(whole, space), 3)
    found.inform(Metafeatures({"simple.m0": 0.0}))
    assert found.recommend(math.inf).why == "near the best on a, b"


def test_rows_measured_at_the_size_of_this_table_decide():
    """Trees win on 600 rows of every table, lines on 30,000."""
    small, large = [0.1, 0.2, 0.3, 0.8, 0.9, 1.0], [0.8, 0.9, 1.0, 0.1, 0.2, 0.3]
    labels = [f"t{i}" for i in range(10)]
    whole = matrix(
        np.array([small] * 10 + [large] * 10),
        [*FIRST, *OTHERS],
        labels=labels * 2,
        rows=[30_000] * 20,
    )
    whole = replace(whole, protocols=("3-fold/rows<=1000",) * 10 + ("3-fold/rows<=30000",) * 10)
    space = space_of("tree", "line")
    known = known_configurations(whole, space)
    found = KnowledgeStrategy(space, RuntimeModel(space, 3), known, 3)
    assert found.recommend(math.inf).configuration.model == "tree"
    space = SearchSpace(space.registry, replace(TASK, n_rows=30_000, class_counts=(15_000,) * 2))
    found = KnowledgeStrategy(space, RuntimeModel(space, 3), known, 3)
    assert found.recommend(math.inf).configuration.model == "line"


@pytest.mark.parametrize(("cost", "place"), [(0.01, 4), (1e6, None)])
def test_an_unseen_model_comes_early_unless_it_needs_most_of_the_time(cost, place):
    plugin = replace(model("plugin"), cost=cost)
    space = builders.space_of(model("tree"), model("line"), plugin)
    found = strategy(space)
    seconds = 60.0
    models = [found.recommend(seconds).configuration.model for _ in range(5)]
    assert ("plugin" in models) == (place is not None)
    if place is not None:
        assert models.index("plugin") == place


def test_an_expensive_unseen_model_comes_last_if_its_time_is_left():
    plugin = replace(model("plugin"), cost=200.0)
    space = builders.space_of(model("tree"), model("line"), plugin)
    found = strategy(space)
    expected = RuntimeModel(space, 3).expected_seconds(space.default("plugin"))
    models = [r.configuration.model for r in drain(found, 2 * expected)]
    assert models[-1] == "plugin"
    assert models.count("plugin") == 1
