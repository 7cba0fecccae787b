from __future__ import annotations

import math

import pytest
from builders import builtin_registry, columns_of, drain, frame_model, space_of
from hypothesis import given
from hypothesis import strategies as st

from metaauto.components import Model
from metaauto.components.hyperparameters import Float
from metaauto.components.strategy import Observation
from metaauto.configuration import Configuration
from metaauto.space import SearchSpace
from metaauto.task import Role, Task
from metaauto.warmstart import DefaultPortfolio, RuntimeModel

COLUMNS = columns_of((Role.NUMERIC,) * 5)
INF = math.inf


def model(name: str, cost: float, further: int = 0) -> Model:
    portfolio = tuple({"c": 1.0 + n} for n in range(further))
    space = {"c": Float(0.0, 100.0, 0.5)}
    return frame_model(name, space, portfolio=portfolio, cost=cost)


def portfolio_of(*models: Model, rows: int = 1000, folds: int = 5) -> DefaultPortfolio:
    space = space_of(*models, rows=rows)
    return DefaultPortfolio(space, RuntimeModel(space, folds))


def configurations(portfolio: DefaultPortfolio, seconds: float = INF) -> list[Configuration]:
    return [recommendation.configuration for recommendation in drain(portfolio, seconds)]


MODELS = (
    model("cheap", 0.01, further=1),
    model("expensive", 20.0, further=2),
    model("good", 1.0),
    model("usual", 1.0),
)


def test_the_defaults_by_cost_then_the_portfolios_in_turns():
    found = configurations(portfolio_of(*MODELS))
    assert [c.model for c in found] == [
        "cheap", "good", "usual", "expensive", "cheap", "expensive", "expensive",
    ]  # fmt: skip
    assert [c.values["c"] for c in found] == [0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 2.0]


def test_nothing_comes_twice_and_the_length_says_what_is_left():
    portfolio = portfolio_of(*MODELS, model("twin", 1.0, further=1))
    length = len(portfolio)
    found = configurations(portfolio)
    assert len(found) == length == len(set(found))
    assert len(portfolio) == 0
    assert portfolio.recommend(INF) is None


def test_each_recommendation_says_why_and_how_long():
    portfolio = portfolio_of(*MODELS)
    first = portfolio.recommend(INF)
    assert (first.source, first.why) == ("portfolio", "default")
    assert first.expected_seconds > 0
    whys = []
    while (found := portfolio.recommend(INF)) is not None:
        whys.append(found.why)
    assert whys[-1] == "recommended by its author"


def test_what_takes_too_long_is_put_back_until_there_is_time():
    portfolio = portfolio_of(*MODELS, rows=100_000)
    runtime = portfolio._runtime
    expensive = runtime.expected_seconds(Configuration("expensive", {"c": 0.5}))
    good = runtime.expected_seconds(Configuration("good", {"c": 0.5}))
    between = (expensive + good) / 2
    assert "expensive" not in {c.model for c in configurations(portfolio, between)}
    assert [c.model for c in configurations(portfolio)] == ["expensive"] * 3


def test_with_no_time_nothing_is_recommended():
    portfolio = portfolio_of(*MODELS)
    assert portfolio.recommend(0.0) is None
    assert portfolio.recommend(-1.0) is None
    assert len(portfolio) == 7


def test_results_and_the_table_do_not_change_the_order():
    one, other = portfolio_of(*MODELS), portfolio_of(*MODELS)
    other.observe(Observation(Configuration("cheap", {"c": 0.5}), 0.1, 9.0))
    other.inform(None)
    assert configurations(one) == configurations(other)


def test_an_empty_space_recommends_nothing():
    assert portfolio_of().recommend(INF) is None


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_the_builtin_models_begin_with_a_cheap_one(kind):
    registry = builtin_registry()
    classes = {"binary": (0, 1), "multiclass": (0, 1, 2), "regression": None}[kind]
    space = SearchSpace(registry, Task(kind, "y", COLUMNS, "m", 1000, classes))
    found = configurations(DefaultPortfolio(space, RuntimeModel(space, 5)))
    costs = {name: registry.model(name).cost for name in space.models}
    assert costs[found[0].model] == min(costs.values())
    assert {c.model for c in found[: len(space.models) + 1]} == set(space.models)


class TestRuntime:
    def test_more_folds_rows_and_cost_take_longer(self):
        small = RuntimeModel(space_of(*MODELS), 5)
        expected = {m.name: small.expected_seconds(Configuration(m.name)) for m in MODELS}
        assert expected["cheap"] < expected["good"] == expected["usual"] < expected["expensive"]
        more_folds = RuntimeModel(space_of(*MODELS), 10)
        assert more_folds.expected_seconds(Configuration("good")) == pytest.approx(
            2 * expected["good"]
        )
        large = RuntimeModel(space_of(*MODELS, rows=100_000), 5)
        assert large.expected_seconds(Configuration("good")) > 5 * expected["good"]

    @given(st.floats(0.2, 100), st.floats(0.1, 1.0))
    def test_a_model_that_was_seen_is_expected_to_take_about_as_long_again(self, factor, folds):
        runtime = RuntimeModel(space_of(*MODELS), 5)
        before = runtime.expected_seconds(Configuration("good"))
        runtime.observe(Configuration("good", {"c": 0.5}), factor * before * folds, folds)
        ratio = runtime.expected_seconds(Configuration("good", {"c": 9.0})) / before
        assert math.log(ratio) == pytest.approx(math.log(factor), rel=0.06, abs=1e-9)

    @given(st.floats(0.01, 100))
    def test_a_slow_machine_is_slow_for_every_model(self, factor):
        """One model may be another than declared; if all are, it is the machine."""
        runtime = RuntimeModel(space_of(*MODELS), 5)
        before = {m.name: runtime.expected_seconds(Configuration(m.name)) for m in MODELS}
        ratios = []
        for name in ("good", "usual", "cheap"):
            runtime.observe(Configuration(name), factor * before[name], 1.0)
            ratios.append(runtime.expected_seconds(Configuration("expensive")))
        logs = [math.log(ratio / before["expensive"]) for ratio in ratios]
        shares = [one / math.log(factor) for one in logs] if factor != 1.0 else []
        assert shares == sorted(shares)
        assert all(0 < share < 1 for share in shares)

    def test_one_odd_time_does_not_mislead(self):
        runtime = RuntimeModel(space_of(*MODELS), 5)
        for seconds in (1.0, 1.0, 500.0, 1.0, 1.0):
            runtime.observe(Configuration("good"), seconds, 1.0)
        expected = RuntimeModel(space_of(*MODELS), 5)
        expected.observe(Configuration("good"), 1.0, 1.0)
        seconds = expected.expected_seconds(Configuration("good"))
        assert runtime.expected_seconds(Configuration("good")) == seconds

    @pytest.mark.parametrize(("seconds", "folds"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
    def test_nothing_is_learned_from_nothing(self, seconds, folds):
        runtime = RuntimeModel(space_of(*MODELS), 5)
        before = runtime.expected_seconds(Configuration("good"))
        runtime.observe(Configuration("good"), seconds, folds)
        assert runtime.expected_seconds(Configuration("good")) == before


WIDE = columns_of((Role.NUMERIC,) * 10_000)


def test_the_order_of_the_defaults_follows_the_observed_seconds():
    portfolio = portfolio_of(model("linear", 0.03), model("boosting", 1.0), model("forest", 2.0))
    first = portfolio.recommend(INF)
    assert first.configuration.model == "linear"
    for _ in range(3):
        portfolio._runtime.observe(Configuration("boosting"), 1e4, 1.0)
    assert [c.model for c in configurations(portfolio)] == ["forest", "boosting"]


def test_a_forest_that_looks_at_few_of_many_columns_is_not_taken_for_slow():
    registry = builtin_registry()
    few, many = (
        SearchSpace(registry, Task("binary", "y", columns, "auc", 200, (0, 1)))
        for columns in (WIDE[:20], WIDE)
    )
    forest, boosting = (
        RuntimeModel(many, 1).expected_seconds(many.default(name))
        / RuntimeModel(few, 1).expected_seconds(few.default(name))
        for name in ("extra_trees", "hist_gradient_boosting")
    )
    assert forest < boosting / 5
    whole = Configuration("extra_trees", {"max_features": 1.0})
    assert RuntimeModel(many, 1).expected_seconds(many.repair(whole).configuration) > 5.0


def test_few_rows_of_many_columns_are_not_too_many_for_neighbours_and_kernels():
    registry = builtin_registry()
    space = SearchSpace(registry, Task("binary", "y", WIDE, "auc", 200, (0, 1)))
    assert {"knn", "svm"} <= set(space.models)
    space = SearchSpace(registry, Task("binary", "y", WIDE, "auc", 5_000, (0, 1)))
    assert "cells" in space.skipped["knn"]
    assert "cells" in space.skipped["svm"]
