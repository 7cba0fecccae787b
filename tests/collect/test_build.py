from __future__ import annotations

import math
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaauto.collect import (
    BuildPlan,
    PredictionFile,
    build_knowledge,
    candidates,
    folder_sources,
)
from metaauto.collect.build import _groups
from metaauto.collect.predictions import EXTRA_PART
from metaauto.collect.table import METRICS
from metaauto.components import MetafeatureExtractor
from metaauto.configuration import Configuration
from metaauto.knowledge import ConfigurationFact, KnowledgeStore, check, here
from metaauto.metrics import resolve_metric
from metaauto.plugins.manager import Bundle, LoadedPlugins, PluginSettings, load_plugins
from metaauto.search import DaskExecutor

pytestmark = pytest.mark.slow

PLUGINS = load_plugins(PluginSettings(only=()))
CHEAP = ("lda", "naive_bayes", "ridge", "knn")
PLAN = BuildPlan(folds=2, rows=100, draws=1, waves=2, cores=2, memory=2048.0)


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    generator = np.random.default_rng(0)
    for number in range(3):
        rows = 90 + 30 * number
        frame = pd.DataFrame(generator.normal(size=(rows, 4)), columns=list("abcd"))
        frame["word"] = generator.choice(["x", "y", "z"], rows)
        signal_ = frame["a"] + generator.normal(size=rows)
        frame["target"] = signal_ if number == 2 else np.where(signal_ > 0, "yes", "no")
        frame.to_csv(folder / f"table{number}.csv", index=False)
    return folder


def cheap() -> LoadedPlugins:
    return replace(PLUGINS, registry=PLUGINS.registry.select(CHEAP, ()))


def build(tables: Path, path: Path, plan: BuildPlan = PLAN) -> int:
    with KnowledgeStore.create(path, exist_ok=True) as store:
        return build_knowledge(folder_sources(tables), store, cheap(), plan, here("build"))


def keys(path: Path) -> list:
    with KnowledgeStore.open(path) as store:
        assert check(store) == []
        return [fact.key for fact in store.evaluations()]


def test_predictions_are_kept_of_all_folds_and_of_a_fifth_of_the_rows(tables, tmp_path):
    plan = replace(PLAN, holdout=0.2, waves=1)
    path, file = tmp_path / "k.db", tmp_path / "p.db"
    with KnowledgeStore.create(path) as store, PredictionFile(file) as kept:
        sources = folder_sources(tables)
        build_knowledge(sources, store, cheap(), plan, here("build"), predictions=kept)
        facts = {fact.key: fact for fact in store.evaluations()}
        assert all(fact.status == "success" for fact in facts.values())
        counted = 0
        for dataset in kept.datasets():
            metric = resolve_metric(METRICS[dataset.kind][0], dataset.kind)
            extra = (dataset.parts == EXTRA_PART).sum()
            assert extra == pytest.approx(0.2 * len(dataset.y), abs=2)
            for configuration, folds in kept.predictions(dataset).items():
                for fold, prediction in folds.items():
                    rows = dataset.rows(fold)
                    assert len(prediction) == len(rows)
                    key = (dataset.fingerprint, dataset.kind, configuration, dataset.protocol)
                    y, own = dataset.y[rows][:-extra], prediction[:-extra]
                    expected = facts[*key, fold].losses[metric.name]
                    assert metric.loss(y, own, None, None) == pytest.approx(expected, abs=0.01)
                    counted += 1
        assert counted == len(facts) > 0
        assert build_knowledge(sources, store, cheap(), plan, here("build"), predictions=kept) == 0


def test_large_datasets_are_evaluated_on_one_fold_if_only_the_first_is_wanted(
    tables, tmp_path, monkeypatch
):
    monkeypatch.setattr("metaauto.collect.table._SMALL_ROWS", 100)
    with KnowledgeStore.create(tmp_path / "k.db") as store:
        plan = replace(PLAN, rows=150, only_first=True)
        build_knowledge(folder_sources(tables), store, cheap(), plan, here("build"))
        size = {fact.fingerprint: fact.rows_used for fact in store.datasets()}
        for fact in store.evaluations():
            assert size[fact.fingerprint] <= 100 or fact.fold == 0
        assert {fact.fold for fact in store.evaluations()} == {0, 1}


def test_metafeatures_of_a_new_extractor_are_added_to_stored_datasets(tables, tmp_path):
    path = tmp_path / "k.db"
    build(tables, path)
    before = keys(path)
    with KnowledgeStore.open(path) as store:
        described = {fact.key: fact.metafeatures for fact in store.datasets()}
    size = MetafeatureExtractor("size", lambda table: {"log": math.log(table.n_rows)}, ("log",))
    plugins = load_plugins(PluginSettings(only=()), [Bundle([size])])
    plan = replace(PLAN, metafeatures_only=True)
    for expected in (3, 0):
        with KnowledgeStore.create(path, exist_ok=True) as store:
            sources = folder_sources(tables)
            assert build_knowledge(sources, store, plugins, plan, here("build")) == expected
    assert keys(path) == before
    with KnowledgeStore.open(path) as store:
        for fact in store.datasets():
            new = {f.key: f.value for f in fact.metafeatures}
            assert new.pop(("size", 1, "log")) == pytest.approx(math.log(fact.n_rows))
            assert new == {f.key: f.value for f in described[fact.key]}


@pytest.mark.parametrize("waves", [0, 1, 2, 3, 7, 64])
def test_waves_are_evaluated_in_few_groups_each_once_and_in_order(waves):
    groups = _groups(waves)
    assert [wave for group in groups for wave in group] == list(range(waves))
    assert len(groups) <= 2 + math.log2(max(waves, 1))
    assert all(len(group) == 1 for group in groups[:2])


def expected_count() -> int:
    registry = cheap().registry
    sizes = {
        kind: sum(c.wave < PLAN.waves for c in candidates(registry, kind, PLAN.draws))
        for kind in ("binary", "regression")
    }
    return PLAN.folds * (2 * sizes["binary"] + sizes["regression"])


def test_every_configuration_is_measured_once_and_a_second_build_adds_nothing(tables, tmp_path):
    path = tmp_path / "k.db"
    assert build(tables, path) == expected_count()
    found = keys(path)
    assert len(found) == len(set(found)) == expected_count()
    assert build(tables, path) == 0
    assert keys(path) == found
    with KnowledgeStore.open(path) as store:
        for fact in store.datasets():
            assert fact.rows_used <= 100
            assert fact.label.startswith("table")
        matrix = store.matrix("binary", "roc_auc")
        assert np.isfinite(matrix.loss).all()
        assert (matrix.seconds > 0).all()


def test_more_waves_are_added_to_what_is_there(tables, tmp_path):
    path = tmp_path / "k.db"
    first = build(tables, path, replace(PLAN, waves=1))
    assert 0 < first < expected_count()
    assert build(tables, path) == expected_count() - first


def test_more_rows_are_measured_beside_what_is_there(tables, tmp_path):
    path, fewer = tmp_path / "k.db", replace(PLAN, rows=60)
    assert build(tables, path, fewer) == expected_count()
    assert build(tables, path) == expected_count()
    assert build(tables, path) == build(tables, path, fewer) == 0
    with KnowledgeStore.open(path) as store:
        assert [fact.rows_used for fact in store.datasets("binary")].count(100) == 1
        matrix = store.matrix("binary", "roc_auc")
    assert len(matrix.datasets) == 4
    assert len(set(matrix.tables)) == 2
    assert matrix.training_rows.min() == 30
    assert matrix.training_rows.max() == 50
    assert np.isfinite(matrix.loss).all()


def test_running_out_of_time_on_more_rows_says_nothing_of_fewer(tables, tmp_path):
    path, more, wanted = tmp_path / "k.db", replace(PLAN, waves=1), replace(PLAN, rows=60)
    build(tables, path, more)
    build(tables, path, replace(wanted, waves=1))
    with KnowledgeStore.open(path, readonly=False) as store:
        late = [
            replace(fact, fold=fold, status="timeout", losses={})
            for fact in store.evaluations()
            if fact.protocol == PLAN.protocol
            for fold in (7, 8)
        ]
        store.add_evaluations(late)
    assert build(tables, path) == 0
    assert build(tables, path, wanted) > 0


def test_a_table_that_has_had_its_time_is_left(tables, tmp_path):
    path = tmp_path / "k.db"
    short = replace(PLAN, table_seconds=1e-6, cores=1)
    assert 0 < build(tables, path, short) < expected_count()
    assert build(tables, path, short) == 0
    with KnowledgeStore.open(path) as store:
        assert len({fact.fingerprint for fact in store.evaluations()}) == 3
    missing = expected_count() - len(keys(path))
    assert build(tables, path) == missing


def test_models_that_are_slow_on_a_table_get_no_more_configurations(tables, tmp_path):
    path = tmp_path / "k.db"
    first = build(tables, path, replace(PLAN, waves=1))
    assert build(tables, path, replace(PLAN, expected_seconds=1e-6)) == 0
    assert build(tables, path, replace(PLAN, expected_seconds=1e3)) == expected_count() - first


def test_a_build_on_a_cluster_measures_the_same(tables, tmp_path):
    distributed = pytest.importorskip("distributed")
    plan = replace(PLAN, waves=1)
    build(tables, tmp_path / "here.db", plan)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, dashboard_address=":0", silence_logs=50
        ) as cluster,
        KnowledgeStore.create(tmp_path / "there.db") as store,
    ):
        executor = DaskExecutor(cluster.scheduler_address, memory=2048.0)
        build_knowledge(
            folder_sources(tables), store, cheap(), plan, here("build"), executor=executor
        )
    losses = []
    for name in ("here.db", "there.db"):
        with KnowledgeStore.open(tmp_path / name) as store:
            losses.append({fact.key: fact.losses for fact in store.evaluations()})
    assert losses[0] == losses[1]


def test_a_table_that_cannot_be_read_is_named_and_left_out(tables, tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    for file in tables.glob("table0.csv"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "broken.csv").write_text("a,target\n")
    said: list[str] = []
    with KnowledgeStore.create(tmp_path / "k.db") as store:
        fresh = build_knowledge(
            folder_sources(folder), store, cheap(), replace(PLAN, waves=1), here("build"),
            warn=said.append,
        )  # fmt: skip
    assert fresh > 0
    assert len(said) == 1
    assert said[0].startswith("broken is left out: ")


def test_the_progress_comes_to_its_end(tables, tmp_path):
    seen = []
    with KnowledgeStore.create(tmp_path / "k.db") as store:
        build_knowledge(
            folder_sources(tables), store, cheap(), PLAN, here("build"), on_progress=seen.append
        )
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == expected_count()
    assert seen[-1].fresh == expected_count()
    assert seen[-1].total >= seen[-1].done
    assert seen[0].seconds_left >= 0


def test_published_configurations_that_were_imported_are_measured_too(tables, tmp_path):
    path = tmp_path / "k.db"
    published = Configuration("knn", {"n_neighbors": 13})
    with KnowledgeStore.create(path) as store:
        origin = store.add_provenance(here("import:flaml", licence="MIT"))
        store.add_configuration(ConfigurationFact(published, origin, proposed_for=("binary",)))
    assert build(tables, path) == expected_count() + 2 * PLAN.folds
    with KnowledgeStore.open(path) as store:
        neighbours = {
            f.configuration.values["n_neighbors"]
            for f in store.configurations("binary")
            if f.model == "knn"
        }
    assert 13 in neighbours


SCRIPT = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, sys.argv[3])
    from pathlib import Path
    from test_build import build
    if __name__ == "__main__":
        build(Path(sys.argv[1]), Path(sys.argv[2]))
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_killed_again_and_again_nothing_finished_is_lost_and_nothing_comes_twice(tables, tmp_path):
    script, path = tmp_path / "build.py", tmp_path / "k.db"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tables), str(path), str(Path(__file__).parent)]
    dice = random.Random(0)
    before: set = set()
    for _ in range(4):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            if path.exists() and dice.random() < 0.02:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if path.exists():
            now = set(keys(path))
            assert before <= now
            before = now
    subprocess.run(command, check=True, timeout=120)
    found = keys(path)
    assert before <= set(found)
    assert len(found) == len(set(found)) == expected_count()


def test_all_waves_of_a_model_new_to_the_store_are_evaluated(tables, tmp_path):
    path, plan = tmp_path / "k.db", replace(PLAN, waves=3, only_first=True)
    folder = shutil.copytree(tables, tmp_path / "tables")
    kinds = {"table0": "binary", "table1": "binary", "table2": "regression"}
    catalog = pd.DataFrame({"name": kinds.keys(), "task": kinds.values()})
    # With the kinds of the tables known, finished tables are not loaded.
    catalog.to_csv(folder / "catalog.csv", index=False)
    counts = []
    for names in (("lda", "naive_bayes"), ("knn",)):
        plugins = replace(PLUGINS, registry=PLUGINS.registry.select(names, ()))
        with KnowledgeStore.create(path, exist_ok=True) as store:
            build_knowledge(folder_sources(folder), store, plugins, plan, here("build"))
            models = {fact.key: fact.model for fact in store.configurations()}
            counts.append(Counter(models[fact.configuration] for fact in store.evaluations()))
    assert counts[1]["knn"] == PLAN.folds * len(kinds) * plan.waves
    assert counts[1]["lda"] == counts[0]["lda"]
