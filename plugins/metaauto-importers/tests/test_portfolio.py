from __future__ import annotations

import pytest
from metaauto_importers.builtin_models import builtin_registry
from metaauto_importers.portfolio import translate_autogluon, translate_flaml
from metaauto_importers.sources import SOURCES, import_published
from metaauto_importers.translation import NoEquivalent

from metaauto.collect.candidates import reference_task
from metaauto.errors import KnowledgeError, UnknownName
from metaauto.knowledge.canonical import digest
from metaauto.plugins.manager import load_plugins
from metaauto.space import SearchSpace

ALL = ("binary", "multiclass", "regression")
BOOSTED = {
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "cat_l2": 0.5,
    "cat_smooth": 0.001,
    "extra_trees": True,
    "feature_fraction": 0.6,
    "lambda_l1": 0.5,
    "lambda_l2": 0.7,
    "learning_rate": 0.02,
    "max_cat_to_onehot": 16,
    "min_data_in_leaf": 3,
    "min_data_per_group": 9,
    "num_leaves": 39,
    "ag_args": {"name_suffix": "_r1", "priority": -3},
}


def only(proposals):
    [proposal] = proposals
    return proposal.model, dict(proposal.values)


def test_lightgbm_is_translated_with_its_defaults():
    model, values = only(translate_autogluon("GBM", BOOSTED)[:1])
    assert model == "lightgbm"
    assert values == {
        "learning_rate": 0.02,
        "num_leaves": 39,
        "min_data_in_leaf": 3,
        "feature_fraction": 0.6,
        "bagging": True,
        "bagging_fraction": 0.8,
        "lambda_l1": 0.5,
        "lambda_l2": 0.7,
        "extra_trees": True,
        "cat_l2": 0.5,
        "cat_smooth": 0.001,
        "max_cat_to_onehot": 16,
        "min_data_per_group": 9,
    }
    plain = only(translate_autogluon("GBM", {})[:1])[1]
    assert (plain["learning_rate"], plain["num_leaves"], plain["feature_fraction"]) == (
        0.05,
        31,
        1.0,
    )
    assert (plain["bagging"], plain["lambda_l1"], plain["lambda_l2"]) == (False, 1e-6, 1e-3)
    assert (plain["cat_l2"], plain["max_cat_to_onehot"]) == (10.0, 4)
    assert only(translate_flaml("lgbm", {}, "binary"))[1]["learning_rate"] == 0.1


ARITHMETIC = ["ArithmeticFeatureGenerator", {}]
CATEGORIES = [["CategoricalInteractionFeatureGenerator", {"passthrough": True}]]


@pytest.mark.parametrize(
    ("steps", "choice"),
    [
        ([[[ARITHMETIC], CATEGORIES]], "all"),
        ([[ARITHMETIC]], "arithmetic"),
        ([CATEGORIES], "groups"),
        ([], "none"),
    ],
)
def test_generated_features_are_translated_to_their_choice(steps, choice):
    given_values = {**BOOSTED, "ag.prep_params": steps, "ag.prep_params.passthrough_types": {}}
    model, values = only(translate_autogluon("GBM_PREP", given_values)[:1])
    assert model == "lightgbm"
    assert values.pop("generate") == choice
    assert values == only(translate_autogluon("GBM", BOOSTED)[:1])[1]


def test_xgboost_is_translated_with_its_defaults():
    given_values = {
        "enable_categorical": True,
        "grow_policy": "lossguide",
        "max_depth": 6,
        "max_leaves": 10,
        "colsample_bylevel": 0.9,
        "colsample_bynode": 0.5,
        "reg_alpha": 0,
        "min_child_weight": 0.01,
    }
    classes, regression = translate_autogluon("XGB", given_values)
    assert classes.values["max_leaves"] == 10
    assert "max_depth" not in classes.values
    assert classes.values["colsample_bynode"] == pytest.approx(0.45)
    assert (classes.values["categorical"], classes.values["reg_alpha"]) == ("native", 1e-3)
    assert classes.values["subsample"] == 1.0
    assert (classes.values["min_child_weight"], regression.values["min_child_weight"]) == (0.1, 0.5)
    assert (classes.kinds, regression.kinds) == (ALL[:2], ALL[2:])


def test_flaml_tells_leaves_from_depth():
    by_leaves = only(translate_flaml("xgboost", {"max_leaves": 49, "n_estimators": 300}, "binary"))[
        1
    ]
    assert (by_leaves["grow_policy"], by_leaves["max_leaves"]) == ("lossguide", 49)
    by_depth = only(translate_flaml("xgb_limitdepth", {"max_depth": 11}, "binary"))[1]
    assert (by_depth["grow_policy"], by_depth["max_depth"]) == ("depthwise", 11)
    assert by_depth["learning_rate"] == 0.3


def test_catboost_is_translated_with_its_defaults():
    model, values = only(translate_autogluon("CAT", {"grow_policy": "Depthwise", "depth": 8})[:1])
    assert model == "catboost"
    assert (values["depth"], values["min_data_in_leaf"], values["border_count"]) == (8, 1, 254)
    assert "bootstrap_type" not in values
    drawn = only(
        translate_autogluon("CAT", {"bootstrap_type": "Bernoulli", "subsample": 0.87})[:1]
    )[1]
    assert (drawn["bootstrap_type"], drawn["subsample"]) == ("MVS", 0.87)


def test_forests_are_of_their_kind_of_task():
    classes, regression = translate_autogluon("RF", {"min_samples_leaf": 4, "max_features": 0.75})
    assert (classes.values["criterion"], classes.values["max_leaf_nodes"]) == ("gini", 15_000)
    assert "criterion" not in regression.values
    assert regression.values["max_features"] == 0.75
    [entropy] = translate_autogluon("XT", {"criterion": "entropy"})
    assert (entropy.model, entropy.kinds) == ("extra_trees", ("binary", "multiclass"))
    numbers = {
        "criterion": "squared_error",
        "ag_args": {"problem_types": ["regression", "quantile"]},
    }
    [mse] = translate_autogluon("RF", numbers)
    assert (mse.kinds, mse.values["max_features"]) == (("regression",), 1.0)
    flaml = only(translate_flaml("rf", {"max_leaves": 102, "max_features": 0.26}, "regression"))[1]
    assert (flaml["max_leaf_nodes"], flaml["max_features"]) == (102, 0.25)


def test_linear_models_are_logistic_or_ridge():
    given_values = {
        "C": 50.0,
        "penalty": "L2",
        "proc.skew_threshold": 0.99,
        "proc.impute_strategy": "mean",
    }
    classes, regression = translate_autogluon("LR", given_values)
    assert (classes.model, classes.values["C"], classes.values["penalty"]) == (
        "logistic",
        50.0,
        "l2",
    )
    assert (regression.model, regression.values["alpha"]) == ("ridge", pytest.approx(0.02))
    [lasso] = translate_autogluon("LR", {**given_values, "penalty": "L1"})
    assert lasso.kinds == ("binary", "multiclass")


@pytest.mark.parametrize(
    ("family", "given_values", "reason"),
    [
        ("NN_TORCH", {}, "no equivalent in metaauto: NN_TORCH"),
        (
            "GBM_PREP",
            {**BOOSTED, "ag.prep_params": [[["SpectralFeatureGenerator", {}]]]},
            "no equivalent in metaauto: ag.prep_params",
        ),
        ("GBM", {"boosting": "dart"}, "no equivalent in metaauto: boosting=dart"),
        ("GBM", {"max_bin": 15}, "no equivalent in metaauto: max_bin"),
        ("GBM", {"path_smooth": 1.0}, "no equivalent in metaauto: path_smooth"),
        ("GBM", {"ag.prep_params": []}, "no equivalent in metaauto: ag.prep_params"),
        ("XGB", {"booster": "dart"}, "no equivalent in metaauto: booster=dart"),
        (
            "XGB",
            {"grow_policy": "lossguide", "max_depth": 3, "max_leaves": 60},
            "max_depth with max_leaves",
        ),
        ("CAT", {"boosting_type": "Ordered"}, "no equivalent in metaauto: boosting_type=Ordered"),
        ("CAT", {"colsample_bylevel": 0.4}, "no equivalent in metaauto: colsample_bylevel"),
        ("RF", {"max_features": 0.05}, "max_features far"),
        ("RF", {"max_features": "third"}, "no equivalent in metaauto: max_features=third"),
    ],
)
def test_translate_raises_without_an_equivalent(family, given_values, reason):
    with pytest.raises(NoEquivalent, match=reason):
        translate_autogluon(family, given_values)


@pytest.mark.parametrize(
    ("family", "given_values"),
    [
        ("GBM", BOOSTED),
        ("XGB", {"max_depth": 7, "max_cat_to_onehot": 8, "enable_categorical": False}),
        ("XGB", {"grow_policy": "lossguide", "max_leaves": 10}),
        ("CAT", {"one_hot_max_size": 5, "bootstrap_type": "Bernoulli", "subsample": 0.8}),
        ("RF", {"min_samples_leaf": 4}),
        ("XT", {"criterion": "entropy"}),
        ("KNN", {"weights": "distance"}),
        ("LR", {"C": 40.0, "penalty": "L1", "proc.impute_strategy": "median"}),
    ],
)
def test_translations_fit_the_installed_models(family, given_values):
    registry = load_plugins().registry
    for proposal in translate_autogluon(family, given_values):
        if proposal.model not in registry.names("model"):
            pytest.skip(f"the plugin of {proposal.model} is not installed")
        for kind in proposal.kinds:
            space = SearchSpace(registry, reference_task(kind))
            changes = space.repair(proposal.configuration).changes
            assert not [c for c in changes if "unknown" in c or "no part" in c]


@pytest.fixture
def folder(tmp_path, write):
    entries = [
        {"class": "lgbm", "hyperparameters": {"num_leaves": 12, "FLAML_sample_size": 10_000}},
        {"class": "rf", "hyperparameters": {"max_leaves": 200, "criterion": "gini"}},
        {"class": "catboost", "hyperparameters": {}},
    ]
    write(tmp_path / "flaml_default" / "all__binary.json", {"portfolio": entries, "neighbors": []})
    write(
        tmp_path / "autogluon_portfolios" / "portfolio.json",
        {"CAT": [{"depth": 5}], "NN_TORCH": [{}, {}], "KNN": [{"n_neighbors": 4000}]},
    )
    pool = {
        "KNeighbors_c1": {"model_type": "KNN", "hyperparameters": {"weights": "uniform"}},
        "KNeighbors_c2": {"model_type": "KNN", "hyperparameters": {"n_neighbors": 5, "p": 2}},
    }
    write(tmp_path / "tabrepo_configs" / "configs_knn.json", pool)
    readme = "Origin: https://github.com/autogluon/tabrepo @ 9d7336104e47\nLicense: Apache-2.0\n"
    (tmp_path / "tabrepo_configs" / "README.txt").write_text(readme)
    return tmp_path


def test_import_of_all_three_formats(folder, store):
    report = import_published("portfolio", folder, store)
    assert report.configurations.read == 9
    assert report.configurations.imported == 4
    assert report.configurations.skipped == {
        "no equivalent in metaauto: NN_TORCH": 2,
        "no equivalent in metaauto: catboost": 1,
        "far outside metaauto's range: n_neighbors": 1,
        "duplicate of another entry": 1,
    }
    proposed = {fact.model: fact.proposed_for for fact in store.configurations()}
    assert proposed == {
        "lightgbm": ("binary",),
        "random_forest": ("binary",),
        "catboost": ALL,
        "knn": ALL,
    }


def test_licences_and_provenances(folder, store):
    import_published("portfolio", folder, store)
    said = {fact.source: fact for fact in store.provenances()}
    assert {source: fact.licence for source, fact in said.items()} == {
        "import:flaml": "MIT",
        "import:autogluon": "Apache-2.0",
        "import:tabrepo": "Apache-2.0",
    }
    assert said["import:tabrepo"].versions == {"tabrepo": "9d7336104e47"}
    of = {fact.model: fact.provenance for fact in store.configurations()}
    assert of["catboost"] == said["import:autogluon"].key
    assert of["knn"] == said["import:tabrepo"].key


def test_configurations_of_missing_plugins_are_stored(folder, store):
    import_published("portfolio", folder, store)
    plugins = {fact.model: fact.plugin for fact in store.configurations()}
    assert plugins["catboost"] == "metaauto-catboost"
    assert plugins["lightgbm"] == "metaauto-lightgbm"
    assert plugins["knn"] == builtin_registry().entry("model", "knn").plugin.distribution


def test_import_is_idempotent(folder, store):
    import_published("portfolio", folder, store)
    before = digest(store)
    report = import_published("portfolio", folder, store)
    assert (report.changed, report.configurations.imported) == (0, 4)
    assert digest(store) == before


def test_path_can_be_a_file_or_a_folder(folder, store):
    file = folder / "tabrepo_configs" / "configs_knn.json"
    assert import_published("portfolio", file, store).configurations.imported == 1
    report = import_published("portfolio", file.parent, store)
    assert (report.configurations.imported, report.changed) == (1, 0)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("knn.json", '{"a": \n 1,}', "knn.json', line 2: invalid JSON"),
        ("knn.json", "[]", "knn.json': expected a file of FLAML, AutoGluon or TabRepo"),
        (
            "knn.json",
            '{"KNN": [{"p": "x"}]}',
            "knn.json', entry 'KNN[0]': p must be a number (got 'x')",
        ),
        ("knn.json", '{"KNN": ["p"]}', "knn.json', entry 'KNN[0]': "),
        ("knn.json", '{"a": {"model_type": "KNN"}}', "entry 'a': 'hyperparameters' is missing"),
        ("all.json", '{"portfolio": []}', "all.json', file name: must end in binary"),
        ("x__binary.json", '{"portfolio": [{}]}', "entry '0': 'class' is missing"),
    ],
)
def test_a_malformed_file_is_one_line_and_adds_nothing(tmp_path, store, name, text, said):
    path = tmp_path / "files" / name
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(KnowledgeError) as caught:
        import_published("portfolio", path.parent, store)
    assert said in caught.value.message
    assert "\n" not in str(caught.value)
    assert store.provenances() == []


def test_unknown_source_and_empty_folder(tmp_path, store):
    with pytest.raises(UnknownName, match="Did you mean 'oboe'"):
        import_published("obo", tmp_path, store)
    with pytest.raises(KnowledgeError, match="No portfolios"):
        import_published("portfolio", tmp_path, store)
    assert set(SOURCES) == {"oboe", "autosklearn", "portfolio"}
