from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
import scipy.sparse
from builders import build

from metaauto.components import BuildContext, Model, Tags
from metaauto.configuration import Configuration
from metaauto.errors import ComponentError
from metaauto.plugins.registry import Plugin, Registered, Registry
from metaauto.search.pipeline import PreparationPlan, plan_preparation
from metaauto.space import SearchSpace
from metaauto.task import Role

ROLES = ("numeric", "boolean", "categorical", "datetime", "text")
MIXES = [mix for n in (1, 2, 5) for mix in itertools.combinations(ROLES, n)]


def context_of(inputs, **more) -> BuildContext:
    task = inputs.task
    return BuildContext(task.kind, len(inputs.X), inputs.X.shape[1], task.n_classes, **more)


def plan_for(inputs, registry, model: str, **values) -> tuple[SearchSpace, PreparationPlan]:
    space = SearchSpace(registry, inputs.task)
    configuration = space.repair(Configuration(model, values)).configuration
    return space, plan_preparation(space, registry, configuration)


def prepared(inputs, registry, model: str, **values):
    space, plan = plan_for(inputs, registry, model, **values)
    transformer = plan.build(space, context_of(inputs))
    return plan, transformer, transformer.fit_transform(inputs.X, inputs.y)


@pytest.mark.parametrize("roles", MIXES, ids="-".join)
@pytest.mark.parametrize("model", ["hist_gradient_boosting", "logistic"])
def test_every_mix_of_columns_becomes_a_matrix(roles, model, make_inputs, registry):
    inputs = make_inputs("binary", roles)
    tags = registry.model(model).tags
    _, transformer, matrix = prepared(inputs, registry, model)
    assert matrix.shape[0] == len(inputs.X)
    assert matrix.shape[1] >= len(roles)
    values = matrix.data if scipy.sparse.issparse(matrix) else matrix
    assert np.issubdtype(values.dtype, np.floating)
    if not tags.accepts_nan:
        assert np.isfinite(values).all()
    again = transformer.transform(inputs.X.iloc[:7])
    assert again.shape == (7, matrix.shape[1])


@pytest.mark.parametrize("roles", [m for m in MIXES if "categorical" in m], ids="-".join)
def test_codes_are_the_first_columns_for_models_that_take_them(roles, make_inputs, registry):
    inputs = make_inputs("binary", roles)
    plan, transformer, matrix = prepared(inputs, registry, "hist_gradient_boosting")
    assert plan.is_native
    places = inputs.task.positions(Role.CATEGORICAL)
    assert transformer.output_indices_["categorical"] == slice(0, len(places))
    codes = np.asarray(matrix[:, : len(places)])
    known = codes[np.isfinite(codes)]
    assert (known == known.round()).all()
    assert known.min() >= 0
    for column, place in enumerate(places):
        assert len(np.unique(known)) <= 9
        assert np.isnan(codes[:, column]).sum() == inputs.X.iloc[:, place].isna().sum()


def test_imputation_reaches_numbers_and_dates(make_inputs, registry):
    inputs = make_inputs("binary", ("numeric", "datetime"))
    assert inputs.X.isna().any().all()
    _, _, kept = prepared(inputs, registry, "hist_gradient_boosting", impute="keep")
    assert np.isnan(kept).any()
    _, _, filled = prepared(inputs, registry, "hist_gradient_boosting", impute="median")
    assert np.isfinite(filled).all()


def test_scaling_is_for_models_that_want_it(make_inputs, registry):
    inputs = make_inputs("binary", ("numeric",), missing=False)
    plan, _, scaled = prepared(inputs, registry, "logistic", scale="standard")
    assert "scale" in plan.steps
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-2)
    plan, _, plain = prepared(inputs, registry, "extra_trees")
    assert "scale" not in plan.steps
    np.testing.assert_allclose(plain, inputs.X.to_numpy(), rtol=1e-6)


def test_matrices_are_sparse_for_models_that_take_them_alone(make_inputs, registry):
    inputs = make_inputs("binary", ("text",), n_words=300)
    _, _, sparse = prepared(inputs, registry, "logistic", text="tfidf")
    assert scipy.sparse.issparse(sparse)
    space = SearchSpace(registry, inputs.task)
    assert "tfidf" not in space.ranges["hist_gradient_boosting"]["text"].options
    _, _, dense = prepared(inputs, registry, "hist_gradient_boosting")
    assert isinstance(dense, np.ndarray)


def test_a_reduction_that_centres_gets_a_dense_matrix(make_inputs, registry):
    inputs = make_inputs("binary", ROLES)
    chosen = {"categorical": "onehot", "text": "tfidf_svd", "reduce": "pca"}
    space, plan = plan_for(inputs, registry, "logistic", **chosen)
    matrix = plan.build(space, context_of(inputs)).fit_transform(inputs.X, inputs.y)
    assert isinstance(matrix, np.ndarray)
    reduction = plan.build_reduction(context_of(inputs))
    assert reduction.fit_transform(matrix, inputs.y).shape[1] < matrix.shape[1]


def test_without_a_reduction_there_is_none(make_inputs, registry):
    inputs = make_inputs("binary", ROLES)
    _, plan = plan_for(inputs, registry, "logistic")
    assert plan.build_reduction(context_of(inputs)) is None


def test_the_chosen_step_gets_its_values(make_inputs, registry):
    inputs = make_inputs("binary", ("categorical",))
    chosen = {"categorical": "onehot", "categorical.onehot.max_categories": 8}
    _, plan = plan_for(inputs, registry, "logistic", **chosen)
    step, values = plan.steps["categorical"]
    assert step.name == "onehot"
    assert values["max_categories"] == 8
    assert set(values) == set(step.space)


def test_steps_that_the_space_leaves_out_are_there_for_rows_to_come(make_inputs, registry):
    """Without a hole in training there is nothing to choose, but a new row may have one."""
    inputs = make_inputs("binary", ("numeric",), missing=False)
    space, plan = plan_for(inputs, registry, "logistic")
    assert "impute" not in space.ranges["logistic"]
    assert "impute" in plan.steps
    transformer = plan.build(space, context_of(inputs)).fit(inputs.X, inputs.y)
    holed = inputs.X.iloc[:3].copy()
    holed.iloc[0, 0] = np.nan
    assert np.isfinite(transformer.transform(holed)).all()


def test_columns_that_nothing_prepares_do_not_pass_by(make_inputs, registry):
    inputs = make_inputs("binary", ("numeric", "categorical"))
    assert set(inputs.X.columns) == {f"{r}_{i}" for r in ("numeric", "categorical") for i in (0, 1)}
    _, transformer, _ = prepared(inputs, registry, "logistic")
    assert transformer.remainder == "drop"


class TestKey:
    """Equal keys mean that prepared rows may be shared."""

    def key(self, make_inputs, registry, model, **values):
        return plan_for(make_inputs("binary", ROLES), registry, model, **values)[1].key

    def test_models_that_prepare_alike_share(self, make_inputs, registry):
        one = self.key(make_inputs, registry, "extra_trees", min_samples_leaf=1)
        assert one == self.key(make_inputs, registry, "extra_trees", min_samples_leaf=9)
        other = self.key(make_inputs, registry, "random_forest")
        same = (
            registry.model("extra_trees").tags.accepts_sparse
            == registry.model("random_forest").tags.accepts_sparse
        )
        assert (one == other) is same

    @pytest.mark.parametrize(
        "values",
        [
            {"scale": "quantile"},
            {"categorical": "target"},
            {"categorical.onehot.max_categories": 9},
            {"reduce": "select"},
            {"impute": "mean"},
            {"impute.median.indicator": True},
        ],
        ids=str,
    )
    def test_any_other_choice_does_not(self, values, make_inputs, registry):
        base = {"categorical": "onehot", "scale": "standard", "impute": "median"}
        assert self.key(make_inputs, registry, "logistic", **{**base, **values}) != self.key(
            make_inputs, registry, "logistic", **base
        )


def test_the_same_plan_prepares_the_same(make_inputs, registry):
    inputs = make_inputs("multiclass", ROLES)
    space, random = SearchSpace(registry, inputs.task), Random(5)
    for _ in range(6):
        configuration = space.sample(random, "logistic")
        plan = plan_preparation(space, registry, configuration)
        one, two = (
            plan.build(space, context_of(inputs, seed=3)).fit_transform(inputs.X, inputs.y)
            for _ in range(2)
        )
        if scipy.sparse.issparse(one):
            one, two = one.toarray(), two.toarray()
        np.testing.assert_array_equal(one, two)


def test_codes_for_a_model_that_cannot_take_them_are_refused(make_inputs, registry):
    inputs = make_inputs("binary", ("categorical",))
    space = SearchSpace(registry, inputs.task)
    with pytest.raises(ComponentError, match="'logistic'"):
        plan_preparation(space, registry, Configuration("logistic", {"categorical": "native"}))


def test_a_raw_model_gets_an_empty_plan(make_inputs, registry):
    inputs = make_inputs("binary", ROLES)
    model = Model("raw-one", build, tags=Tags(accepts_dataframe=True))
    entries = [e for k in ("model", "preprocessor") for e in registry.entries(k)]
    mine = Registry([*entries, Registered("model", "raw-one", model, Plugin("tests"))])
    _, plan = plan_for(inputs, mine, "raw-one")
    assert plan.steps == {}
    assert plan.key != plan_for(inputs, mine, "logistic")[1].key
