from __future__ import annotations

import pytest
from metaauto_importers.autosklearn import translate
from metaauto_importers.autosklearn_models import Table
from metaauto_importers.builtin_models import builtin_registry
from metaauto_importers.proposals import CLASSIFICATION, REGRESSION
from metaauto_importers.sources import import_published
from metaauto_importers.translation import NoEquivalent

from metaauto.collect.candidates import reference_task
from metaauto.errors import KnowledgeError
from metaauto.knowledge.canonical import digest
from metaauto.space import SearchSpace

COLUMNS = "data_preprocessor:feature_type:"
SCALE = f"{COLUMNS}numerical_transformer:rescaling:__choice__"
ENCODING = f"{COLUMNS}categorical_transformer:categorical_encoding:__choice__"
RARE = f"{COLUMNS}categorical_transformer:category_coalescence:"
IMPUTE = f"{COLUMNS}numerical_transformer:imputation:strategy"
FEATURES = "feature_preprocessor:__choice__"
TABLE = Table(16.0, True)

FOREST = {
    "criterion": "entropy",
    "max_features": 0.5,
    "min_samples_leaf": 3,
    "min_samples_split": 6,
    "bootstrap": "True",
    "max_depth": "None",
    "max_leaf_nodes": "None",
    "min_impurity_decrease": 0.0,
    "min_weight_fraction_leaf": 0.0,
}
BOOSTING = {
    "learning_rate": 0.08,
    "max_leaf_nodes": 50,
    "min_samples_leaf": 20,
    "l2_regularization": 1e-10,
    "max_bins": 255,
    "max_depth": "None",
    "loss": "auto",
    "early_stop": "valid",
    "n_iter_no_change": 10,
    "tol": 1e-7,
    "scoring": "loss",
    "validation_fraction": 0.1,
}
NETWORK = {
    "hidden_layer_depth": 2,
    "num_nodes_per_layer": 64,
    "activation": "tanh",
    "alpha": 1e-4,
    "learning_rate_init": 1e-3,
    "solver": "adam",
    "batch_size": "auto",
    "early_stopping": "train",
}
VECTORS = {
    "C": 8.0,
    "kernel": "rbf",
    "gamma": 0.05,
    "tol": 1e-3,
    "shrinking": "True",
    "max_iter": -1,
}


def pipeline(algorithm, values, part="classifier", **around):
    steps = {
        SCALE: "standardize",
        ENCODING: "one_hot_encoding",
        IMPUTE: "median",
        FEATURES: "no_preprocessing",
        "data_preprocessor:__choice__": "feature_type",
    }
    if part == "classifier":
        steps["balancing:strategy"] = "weighting"
    own = {f"{part}:{algorithm}:{name}": value for name, value in values.items()}
    return {f"{part}:__choice__": algorithm, **steps, **own, **around}


def translated(algorithm, values, part="classifier", table=TABLE, **around):
    kinds = CLASSIFICATION if part == "classifier" else REGRESSION
    [proposal] = translate(pipeline(algorithm, values, part, **around), table, kinds)
    space = SearchSpace(builtin_registry(), reference_task(kinds[0]))
    changes = space.repair(proposal.configuration).changes
    assert not [change for change in changes if "unknown" in change]
    assert proposal.kinds == kinds
    return proposal.model, dict(proposal.values)


@pytest.mark.parametrize(
    ("algorithm", "values", "model", "expected"),
    [
        (
            "random_forest",
            FOREST,
            "random_forest",
            {
                "criterion": "entropy",
                "max_features": "sqrt",
                "min_samples_leaf": 3,
                "max_leaf_nodes": 50_000,
                "class_weight": "balanced",
            },
        ),
        (
            "gradient_boosting",
            BOOSTING,
            "hist_gradient_boosting",
            {
                "learning_rate": 0.08,
                "max_leaf_nodes": 50,
                "l2_regularization": 1e-8,
                "max_features": 1.0,
            },
        ),
        (
            "mlp",
            NETWORK,
            "mlp",
            {
                "layers": 2,
                "width": 64,
                "activation": "tanh",
                "learning_rate": 1e-3,
                "scale": "standard",
            },
        ),
        ("gaussian_nb", {}, "naive_bayes", {"var_smoothing": 1e-9}),
        (
            "lda",
            {"shrinkage": "manual", "shrinkage_factor": 0.3, "tol": 1e-3},
            "lda",
            {"shrinkage": "manual", "strength": 0.3},
        ),
        ("qda", {"reg_param": 0.2}, "qda", {"shrinkage": 0.2}),
        (
            "k_nearest_neighbors",
            {"n_neighbors": 3, "p": 1, "weights": "distance"},
            "knn",
            {"n_neighbors": 3, "p": 1, "weights": "distance"},
        ),
        (
            "libsvm_svc",
            VECTORS,
            "svm",
            {"C": 8.0, "kernel": "rbf", "gamma": 0.8, "class_weight": "balanced"},
        ),
    ],
)
def test_classifiers_are_translated(algorithm, values, model, expected):
    found, given_values = translated(algorithm, values)
    assert found == model
    assert expected.items() <= given_values.items()
    assert given_values["impute"] == "median"


def test_class_weights_of_models_that_use_them():
    assert "class_weight" not in translated("gradient_boosting", BOOSTING)[1]
    unweighted = translated("random_forest", FOREST, **{"balancing:strategy": "none"})[1]
    assert unweighted["class_weight"] is None


def test_regressors_are_translated():
    forest = {**FOREST, "criterion": "friedman_mse", "max_features": 0.76}
    model, values = translated("random_forest", forest, "regressor")
    assert (model, values["max_features"]) == ("random_forest", 0.75)
    assert "criterion" not in values
    assert "class_weight" not in values
    process = {"alpha": 1e-8, "thetaL": 1e-6, "thetaU": 1e5}
    model, values = translated("gaussian_process", process, "regressor")
    assert (model, values["kernel"], values["ard"]) == ("gaussian_process", "rbf", True)
    model, values = translated("libsvm_svr", {**VECTORS, "epsilon": 0.1}, "regressor")
    assert (model, values["epsilon"]) == ("svm", 0.1)


def test_max_features_depends_on_the_columns_of_the_table():
    power = {**FOREST, "max_features": 0.75}
    assert translated("random_forest", power, table=Table(16.0, True))[1]["max_features"] == 0.5
    assert translated("random_forest", power, table=Table(256.0, True))[1]["max_features"] == 0.25
    with pytest.raises(NoEquivalent, match="number of columns unknown"):
        translated("random_forest", power, table=Table(None, True))


def test_preprocessing_steps_are_translated():
    around = {
        SCALE: "robust_scaler",
        f"{RARE}__choice__": "minority_coalescer",
        f"{RARE}minority_coalescer:minimum_fraction": 0.01,
        FEATURES: "select_percentile_classification",
        "feature_preprocessor:select_percentile_classification:percentile": 40.0,
        "feature_preprocessor:select_percentile_classification:score_func": "f_classif",
    }
    values = translated("mlp", NETWORK, **around)[1]
    assert (values["scale"], values["scale.robust.smooth_clip"]) == ("robust", False)
    assert values["categorical.onehot.min_frequency"] == 0.01
    assert (values["reduce"], values["reduce.select.share"]) == ("select", 0.4)
    assert values["reduce.select.score"] == "variance_ratio"
    components = {FEATURES: "pca", "feature_preprocessor:pca:keep_variance": 0.9}
    values = translated("mlp", NETWORK, **components)[1]
    assert (values["reduce"], values["reduce.pca.variance"]) == ("pca", 0.9)


def test_preprocessing_of_trees_ignores_the_scaler():
    around = {SCALE: "minmax", ENCODING: "no_encoding", IMPUTE: "most_frequent"}
    values = translated("random_forest", FOREST, **around)[1]
    assert "scale" not in values
    assert (values["categorical"], values["categorical.ordinal.order"]) == ("ordinal", "value")
    assert values["impute"] == "median"
    assert "categorical" not in translated("mlp", NETWORK, **{ENCODING: "no_encoding"})[1]
    assert translated("gaussian_nb", {}, **{SCALE: "minmax"})[1]["scale"] == "standard"


@pytest.mark.parametrize(
    ("algorithm", "values", "around", "reason"),
    [
        ("adaboost", {}, {}, "AdaBoost"),
        ("sgd", {}, {}, "stochastic gradient descent"),
        ("passive_aggressive", {}, {}, "passive_aggressive"),
        ("random_forest", {**FOREST, "bootstrap": "False"}, {}, "bootstrap=False"),
        ("random_forest", {**FOREST, "max_depth": "4"}, {}, "max_depth=4"),
        ("random_forest", {**FOREST, "min_samples_split": 20}, {}, "min_samples_split"),
        ("random_forest", {**FOREST, "booster": "dart"}, {}, "booster"),
        ("random_forest", FOREST, {SCALE: "normalize"}, "rescaling=normalize"),
        ("random_forest", FOREST, {FEATURES: "polynomial"}, "feature_preprocessor=polynomial"),
        ("mlp", NETWORK, {SCALE: "minmax"}, "rescaling=minmax"),
        ("mlp", {**NETWORK, "solver": "sgd"}, {}, "solver=sgd"),
        ("lda", {"shrinkage": "None"}, {}, "without shrinkage"),
        ("libsvm_svc", VECTORS, {SCALE: "quantile_transformer"}, "gamma cannot be converted"),
        (
            "mlp",
            NETWORK,
            {FEATURES: "pca", "feature_preprocessor:pca:whiten": "True"},
            "pca with whitening",
        ),
    ],
)
def test_translate_raises_without_an_equivalent(algorithm, values, around, reason):
    with pytest.raises(NoEquivalent, match=reason):
        translate(pipeline(algorithm, values, **around), TABLE, CLASSIFICATION)


@pytest.fixture
def tables(tmp_path, write):
    folder = tmp_path / "autosklearn1"
    boosting = pipeline("gradient_boosting", BOOSTING)
    forest = pipeline("random_forest", FOREST)
    far = pipeline("gradient_boosting", {**BOOSTING, "learning_rate": 0.9})
    rows = {1: boosting, 5: forest, 7: far, 9: pipeline("adaboost", {})}
    names = sorted({name for row in rows.values() for name in row})
    for metric in ("accuracy", "log_loss"):
        task = f"{metric}_multiclass.classification_dense"
        write(
            folder / f"configs_{task}.csv",
            ["idx", *names],
            [[idx, *(row.get(name, "") for name in names)] for idx, row in rows.items()],
        )
        runs = [["sonar", 1.0, 1, 0.1, "ok"], ["iris", 1.0, 5, 0.1, "ok"]]
        header = ["instance_id", "repetition", "algorithm", metric, "runstatus"]
        write(folder / f"runs_{task}.csv", header, runs)
    described = [
        "instance_id",
        "NumberOfFeatures",
        "NumberOfCategoricalFeatures",
        "NumberOfClasses",
    ]
    write(
        folder / "metafeatures_classification_1.csv",
        described,
        [["sonar", 60.0, 0.0, 2.0], ["iris", 4.0, 0.0, 3.0]],
    )
    process = pipeline("gaussian_process", {"alpha": 1e-8}, "regressor")
    write(folder / "configs_r2_regression_dense.csv", ["idx", *process], [[2, *process.values()]])
    header = ["instance_id", "repetition", "algorithm", "r2", "runstatus"]
    write(folder / "runs_r2_regression_dense.csv", header, [["laser", 1.0, 2, 0.1, "ok"]])
    return folder


def test_tables_are_proposed_for_the_task_kind_of_their_dataset(tables, store):
    report = import_published("autosklearn", tables, store)
    assert report.configurations.read == 9
    assert report.configurations.imported == 3
    assert report.configurations.skipped == {
        "far outside metaauto's range: learning_rate": 2,
        "no equivalent in metaauto: AdaBoost": 2,
        "duplicate of another entry": 2,
    }
    assert report.evaluations.read == report.datasets.read == 0
    proposed = {fact.model: fact.proposed_for for fact in store.configurations()}
    assert proposed == {
        "hist_gradient_boosting": ("binary",),
        "random_forest": ("multiclass",),
        "gaussian_process": ("regression",),
    }


def test_portfolios_are_proposed_for_classification(tmp_path, write, store):
    folder = tmp_path / "portfolios"
    portfolio = {"b3c": pipeline("mlp", NETWORK), "f15": pipeline("sgd", {})}
    write(folder / "one.json", {"portfolio": portfolio, "cutoffs": [1, 2]})
    write(folder / "askl2_training_data.json", {"metafeatures": {}})
    report = import_published("autosklearn", folder, store)
    assert report.configurations.skipped == {
        "no equivalent in metaauto: stochastic gradient descent": 1
    }
    [fact] = store.configurations()
    assert (fact.model, fact.proposed_for) == ("mlp", ("binary", "multiclass"))
    [said] = store.provenances()
    assert (said.source, said.licence) == ("import:autosklearn2", "BSD-3-Clause")


def test_import_is_idempotent(tables, store):
    import_published("autosklearn", tables.parent, store)
    before = digest(store)
    assert import_published("autosklearn", tables.parent, store).changed == 0
    assert digest(store) == before
    assert {fact.source for fact in store.provenances()} == {"import:autosklearn1"}


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "configs_accuracy_multiclass.classification_dense.csv",
            "0.08",
            "fast",
            "line 2: learning_rate",
        ),
        ("configs_r2_regression_dense.csv", "idx", "number", "line 1: there is no column 'idx'"),
        (
            "runs_r2_regression_dense.csv",
            "1.0,2",
            "1.0,x",
            "line 2: algorithm must be a number (got 'x')",
        ),
        (
            "metafeatures_classification_1.csv",
            "60.0",
            "wide",
            "line 2: NumberOfFeatures must be a number (got 'wide')",
        ),
    ],
)
def test_a_malformed_table_is_one_line_and_adds_nothing(tables, store, name, old, new, said):
    path = tables / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(KnowledgeError) as caught:
        import_published("autosklearn", tables, store)
    assert f"{name}', {said}" in caught.value.message
    assert "\n" not in str(caught.value)
    assert store.provenances() == []


def test_a_malformed_portfolio_names_its_configuration(tmp_path, write, store):
    bad = {**pipeline("mlp", NETWORK), "classifier:mlp:alpha": "weak"}
    path = write(tmp_path / "files" / "one.json", {"portfolio": {"b3c": bad}, "cutoffs": []})
    with pytest.raises(KnowledgeError, match="configuration 'b3c': alpha must be a number"):
        import_published("autosklearn", path.parent, store)


def test_folder_without_files(tmp_path, store):
    with pytest.raises(KnowledgeError, match="No tables or portfolios"):
        import_published("autosklearn", tmp_path, store)
