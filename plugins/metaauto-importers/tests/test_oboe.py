from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaauto_importers.builtin_models import builtin_registry
from metaauto_importers.oboe import (
    PROTOCOL,
    PROTOCOL_MULTICLASS,
    balanced_accuracy_loss,
    translate,
)
from metaauto_importers.provenance import openml_fingerprint
from metaauto_importers.sources import import_published
from metaauto_importers.translation import NoEquivalent, Settings

from metaauto.collect.candidates import reference_task
from metaauto.errors import KnowledgeError
from metaauto.knowledge import DatasetFact, ProvenanceFact
from metaauto.knowledge.canonical import digest
from metaauto.space import SearchSpace

CONFIGURATIONS = [
    ("KNN", {"n_neighbors": 9, "p": 1}),
    ("AB", {"n_estimators": 50, "learning_rate": 1}),
    ("kSVM", {"C": 0.5, "kernel": "rbf", "coef0": 0}),
    ("kSVM", {"C": 0.5, "kernel": "rbf", "coef0": 10}),
    ("RF", {"min_samples_split": 2, "criterion": "gini"}),
    ("Logit", {"C": 2, "solver": "liblinear", "penalty": "l1"}),
    ("Logit", {"C": 2, "solver": "saga", "penalty": "l1"}),
]
LISTED = [
    "did",
    "name",
    "NumberOfClasses",
    "NumberOfFeatures",
    "NumberOfInstances",
    "MajorityClassSize",
    "MinorityClassSize",
    "NumberOfMissingValues",
]


@pytest.fixture
def folder(tmp_path, write):
    folder = tmp_path / "oboe"
    names = [str(number) for number in range(len(CONFIGURATIONS))]
    write(
        folder / "configs.csv",
        ["config_id", "algorithm", "hyperparameters"],
        [[n, a, json.dumps(v)] for n, (a, v) in zip(names, CONFIGURATIONS, strict=True)],
    )
    sizes = [[31, 1000, 62], [61, 150, 5], [999, 200, 11], [40, 208, 61]]
    write(folder / "dataset_sizes.csv", ["openml_did", "n", "p"], sizes)
    errors = [[did, *(round(0.3 + i / 100, 6) for i in range(len(names)))] for did, _, _ in sizes]
    write(folder / "error_matrix_ber.csv", ["openml_did", *names], errors)
    seconds = [[did, *(0.5 + i for i in range(len(names)))] for did, _, _ in sizes]
    write(folder / "runtime_matrix_s.csv", ["openml_did", *names], seconds)
    listed = [
        [31, "credit-g", 2.0, 21.0, 1000.0, 700.0, 300.0, 0.0],
        [61, "iris", 3.0, 5.0, 150.0, 50.0, 50.0, 15.0],
        [40, "sonar", 2.0, 61.0, 207.0, 111.0, 97.0, 0.0],
        [8, "numbers", "", 6.0, 345.0, "", "", 0.0],
    ]
    write(folder / "openml_datasets.csv", LISTED, listed)
    (folder / "README.txt").write_text(
        "Origin: https://github.com/udellgroup/oboe @ 9c5b47d890bf\n"
    )
    return folder


def test_import_counts_entries_by_reason(folder, store):
    report = import_published("oboe", folder, store)
    assert report.configurations.read == 7
    assert report.configurations.imported == 3
    assert report.configurations.skipped == {
        "no equivalent in metaauto: AdaBoost": 1,
        "duplicate of another entry": 1,
        "no equivalent in metaauto: forest of 10 trees": 1,
        "no equivalent in metaauto: solver=saga": 1,
    }
    assert report.datasets.read == 4
    assert report.datasets.imported == 2
    assert report.datasets.skipped == {
        "task kind unknown": 1,
        "number of rows differs from the catalog": 1,
    }
    assert report.evaluations.read == 4 * 7
    assert report.evaluations.imported == 2 * 3
    assert report.evaluations.skipped == {
        "dataset skipped": 2 * 7,
        "configuration skipped": 2 * 4,
    }
    assert report.changed == 3 + 2 + 6


def test_tallies_add_up(folder, store):
    report = import_published("oboe", folder, store)
    for tally in (report.datasets, report.configurations, report.evaluations):
        assert tally.read == tally.imported + Counter(tally.skipped).total()
    assert json.loads(json.dumps(report.to_json())) == report.to_json()


def test_datasets_are_identified_by_openml_id(folder, store):
    import_published("oboe", folder, store)
    [credit] = store.datasets("binary")
    assert credit.fingerprint == openml_fingerprint(31)
    assert (credit.openml_id, credit.source, credit.label) == (31, "openml:31", "credit-g")
    assert (credit.n_rows, credit.n_features, credit.n_classes) == (1000, 20, 2)
    assert credit.group == "shape-1000x61"
    [iris] = store.datasets("multiclass")
    described = {fact.name: fact.value for fact in iris.metafeatures}
    assert described["classes"] == 3
    assert described["missing_share"] == pytest.approx(15 / 600)
    assert described["majority_share"] == pytest.approx(1 / 3, rel=1e-5)
    assert {(fact.extractor, fact.version) for fact in iris.metafeatures} == {("simple", 1)}


def test_losses_and_seconds_per_fold(folder, store):
    import_published("oboe", folder, store)
    knn = next(fact for fact in store.configurations() if fact.model == "knn")
    [binary] = [f for f in store.evaluations("binary") if f.configuration == knn.key]
    assert (binary.protocol, binary.fold, binary.status) == (PROTOCOL, 0, "success")
    assert binary.losses == {"balanced_accuracy": 0.3}
    assert binary.fit_seconds == pytest.approx(0.5 / 5)
    [many] = [f for f in store.evaluations("multiclass") if f.configuration == knn.key]
    assert many.protocol == PROTOCOL_MULTICLASS
    assert many.losses["balanced_accuracy"] == pytest.approx(0.3 * 4 / 3)
    matrix = store.matrix("binary", "balanced_accuracy")
    assert matrix.loss.shape == (1, 3)
    assert not np.isnan(matrix.loss).any()


def test_import_is_idempotent(folder, store):
    import_published("oboe", folder, store)
    before = digest(store)
    report = import_published("oboe", folder, store)
    assert report.changed == 0
    assert report.evaluations.imported == 6
    assert digest(store) == before
    assert len(store.provenances()) == 1


def test_importing_it_again_on_another_day_adds_no_provenance(folder, store, monkeypatch):
    import_published("oboe", folder, store)
    later = "2030-01-01T00:00:00Z"
    monkeypatch.setattr("metaauto_importers.provenance._now", lambda: later)
    assert import_published("oboe", folder, store).changed == 0
    assert [fact.created for fact in store.provenances()] != [later]
    (folder / "README.txt").write_text("Origin: https://github.com/udellgroup/oboe @ 1234567\n")
    import_published("oboe", folder, store)
    assert len(store.provenances()) == 2


def test_imported_datasets_do_not_provide_task_kinds(folder, store):
    import_published("oboe", folder, store)
    (folder / "openml_datasets.csv").unlink()
    assert import_published("oboe", folder, store).datasets.imported == 0


def test_licence_and_provenance(folder, store):
    import_published("oboe", folder.parent, store)
    [said] = store.provenances()
    assert (said.source, said.licence, said.cores) == ("import:oboe", "BSD-3-Clause", 1)
    assert said.versions == {"oboe": "9c5b47d890bf"}
    everything = [*store.datasets(), *store.configurations(), *store.evaluations()]
    assert {fact.provenance for fact in everything} == {said.key}


def test_task_kind_and_group_come_from_a_known_dataset(folder, store):
    (folder / "openml_datasets.csv").unlink()
    said = ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0")
    known = DatasetFact(
        "a" * 64, "binary", 1000, 20, 2, 1000, "build", said.key, openml_id=31, group="credit"
    )
    with store.transaction():
        store.add_provenance(said)
        store.add_dataset(known)
    report = import_published("oboe", folder, store)
    assert report.datasets.imported == 1
    assert report.datasets.skipped == {"task kind unknown": 3}
    [imported] = [fact for fact in store.datasets() if fact.fingerprint != known.fingerprint]
    assert (imported.kind, imported.n_features, imported.group) == ("binary", 20, "credit")
    assert import_published("oboe", folder, store).changed == 0


def test_catalog_in_a_sibling_folder(folder, store):
    beside = folder.parent / "amlb_metadata"
    beside.mkdir()
    (folder / "openml_datasets.csv").rename(beside / "amlb104_metadata.csv")
    assert import_published("oboe", folder.parent, store).datasets.imported == 2


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("configs.csv", "0,KNN", '0,KNN,"{"', "configs.csv', line 2: "),
        (
            "configs.csv",
            '""p"": 1',
            '""p"": ""x""',
            "configs.csv', line 2: p must be a number (got 'x')",
        ),
        (
            "configs.csv",
            "algorithm",
            "family",
            "configs.csv', line 1: there is no column 'algorithm'",
        ),
        (
            "dataset_sizes.csv",
            "1000",
            "many",
            "dataset_sizes.csv', line 2: n must be a number (got 'many')",
        ),
        (
            "error_matrix_ber.csv",
            "0.3,",
            "bad,",
            "error_matrix_ber.csv', line 2: 0 must be a number (got 'bad')",
        ),
        (
            "error_matrix_ber.csv",
            "61,",
            "61,0.5,",
            "error_matrix_ber.csv', line 3: expected 8 cells (got 9)",
        ),
        (
            "runtime_matrix_s.csv",
            "0.5,",
            "-4,",
            "runtime_matrix_s.csv', line 2: 0 must be >= 0 s (got -4)",
        ),
        (
            "error_matrix_ber.csv",
            "0.3,",
            "1.3,",
            "line 2: 0 must be an error from 0 to 1 (got 1.3)",
        ),
        (
            "openml_datasets.csv",
            "credit-g,2.0",
            "credit-g,two",
            "line 2: NumberOfClasses must be a number (got 'two')",
        ),
    ],
)
def test_a_malformed_file_is_one_line_and_adds_nothing(folder, store, name, old, new, said):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(KnowledgeError) as caught:
        import_published("oboe", folder, store)
    assert said in caught.value.message
    assert "\n" not in str(caught.value)
    assert store.provenances() == []


def test_blank_values_and_datasets_without_a_size_are_skipped(folder, store):
    errors, sizes = folder / "error_matrix_ber.csv", folder / "dataset_sizes.csv"
    errors.write_text(errors.read_text().replace("31,0.3,", "31,,"))
    sizes.write_text(sizes.read_text().replace("61,150,5\n", ""))
    report = import_published("oboe", folder, store)
    assert report.datasets.skipped["size unknown"] == 1
    assert report.evaluations.skipped["value missing"] == 1
    assert report.evaluations.imported == 2


def test_a_missing_file_is_named(folder, store):
    (folder / "runtime_matrix_s.csv").unlink()
    with pytest.raises(KnowledgeError, match=r"runtime_matrix_s\.csv': cannot be read"):
        import_published("oboe", folder, store)


@pytest.mark.parametrize(
    ("algorithm", "given_values", "model", "expected"),
    [
        (
            "KNN",
            {"n_neighbors": 9, "p": 1},
            "knn",
            {"n_neighbors": 9, "p": 1, "weights": "uniform"},
        ),
        ("GNB", {}, "naive_bayes", {"var_smoothing": 1e-9, "scale": "standard"}),
        (
            "kSVM",
            {"C": 0.5, "kernel": "poly", "coef0": 10},
            "svm",
            {"C": 500.0, "kernel": "poly", "gamma": 0.1, "degree": 3},
        ),
        (
            "MLP",
            {
                "learning_rate_init": 0.001,
                "learning_rate": "adaptive",
                "solver": "adam",
                "alpha": 0.01,
            },
            "mlp",
            {"layers": 1, "width": 100, "learning_rate": 0.001, "alpha": 0.01},
        ),
        (
            "GBT",
            {"learning_rate": 0.1, "max_depth": 6, "max_features": None},
            "hist_gradient_boosting",
            {
                "learning_rate": 0.1,
                "max_leaf_nodes": 64,
                "min_samples_leaf": 1,
                "max_features": 1.0,
            },
        ),
    ],
)
def test_known_configurations_are_translated(algorithm, given_values, model, expected):
    found = translate(algorithm, Settings(given_values))
    assert found.model == model
    assert found.values["categorical"] == "onehot"
    assert expected.items() <= found.values.items()
    space = SearchSpace(builtin_registry(), reference_task("binary"))
    assert not [c for c in space.repair(found).changes if "unknown" in c]


@pytest.mark.parametrize(
    ("algorithm", "given_values"),
    [
        ("DT", {"min_samples_split": 2}),
        ("ExtraTrees", {"min_samples_split": 2, "criterion": "gini"}),
        ("lSVM", {"C": 1}),
        ("Perceptron", {}),
        ("GBT", {"learning_rate": 0.001, "max_depth": 3, "max_features": None}),
        ("GBT", {"learning_rate": 0.1, "max_depth": 3, "max_features": "log2"}),
        ("kSVM", {"C": 1, "kernel": "poly", "coef0": 0}),
        ("kSVM", {"C": 1e9, "kernel": "rbf", "coef0": 0}),
        ("KNN", {"n_neighbors": 5, "leaf_size": 3}),
        ("Quantum", {}),
    ],
)
def test_translate_raises_without_an_equivalent(algorithm, given_values):
    with pytest.raises(NoEquivalent):
        translate(algorithm, Settings(given_values))


@given(
    st.integers(2, 6).flatmap(
        lambda k: st.lists(
            st.lists(st.integers(0, k - 1), min_size=8, max_size=8), min_size=k, max_size=k
        )
    )
)
def test_balanced_accuracy_loss_is_exact_for_balanced_classes(predicted):
    k, guesses = len(predicted), np.array(predicted)
    truth = np.repeat(np.arange(k), guesses.shape[1])
    answer = guesses.ravel()
    hits = [np.mean(answer[truth == c] == c) for c in range(k)]
    rejected = [np.mean(answer[truth != c] != c) for c in range(k)]
    error = np.mean([1 - hit / 2 - other / 2 for hit, other in zip(hits, rejected, strict=True)])
    assert balanced_accuracy_loss(error, k) == pytest.approx(1 - np.mean(hits))


def test_balanced_accuracy_loss_of_constant_predictions():
    assert balanced_accuracy_loss(0.5, 2) == 0.5
    assert balanced_accuracy_loss(0.5, 10) == pytest.approx(0.9)
