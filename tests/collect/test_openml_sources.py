"""Tables of OpenML: the real client, a server on this machine, and everything that goes wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import openml
import pandas as pd
import pytest
from openml_forms import Fold
from openml_server import OpenmlServer

from metaauto.collect import BuildPlan, build_knowledge, recipe_sources, suite_sources, task_sources
from metaauto.collect import openml_sources as sources_module
from metaauto.errors import ReadError
from metaauto.knowledge import KnowledgeStore
from metaauto.knowledge.provenance import here
from metaauto.plugins.manager import PluginSettings, load_plugins


def sales(rows: int = 40, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    price = random.normal(10, 3, rows).round(4)
    return pd.DataFrame(
        {
            "row": np.arange(rows),
            "price": price,
            "town": pd.Categorical(random.choice(["Bonn", "Kiel", "Ulm"], rows)),
            "note": [f"remark {n}" for n in range(rows)],
            "amount": (2 * price + random.normal(size=rows)).round(4),
            "sold": pd.Categorical(np.where(np.arange(rows) % 2, "yes", "no")),
        }
    )


@pytest.fixture
def server():
    with OpenmlServer() as server:
        yield server


def add_task(server, rows=40, *, name="sales", target="sold", folds=3, **more):
    number = server.add_dataset(
        sales(rows), name=name, target=target, row_id="row", ignore=["note"]
    )
    return server.add_task(number, folds=folds, **more)


def failure_of(source):
    with pytest.raises(ReadError) as caught:
        source.load()
    return caught.value


class TestDescription:
    def test_what_a_source_says(self, server):
        task = add_task(server, name="Sales_v2", folds=5)
        (source,) = task_sources([task])
        assert source.label == "Sales_v2 [task 1]"
        assert (source.target, source.kind, source.group) == ("sold", "binary", "sales")
        assert (source.openml_id, source.cells) == (1, 40 * 6)
        assert source.protocol("own", 6000) == "openml-task-1/5-fold/rows<=6000"

    def test_kinds(self, server):
        number = server.add_dataset(sales(), target="sold")
        tasks = [
            server.add_task(number, target=name) for name in ("amount", "sold", "town", "note")
        ]
        kinds = {s.target: s.kind for s in task_sources(tasks)}
        assert kinds["amount"] == "regression"
        assert kinds["sold"] == "binary"
        assert kinds["town"] == "multiclass"

    def test_only_descriptions_are_fetched_and_small_tables_come_first(self, server):
        tasks = [add_task(server, rows) for rows in (60, 30, 45)]
        found = task_sources([*tasks, tasks[0]])
        assert [source.openml_id for source in found] == [2, 3, 1]
        assert not [path for path in server.requests if ".arff" in path]
        before = len(server.requests)
        assert before == 4 * 3
        task_sources(tasks)
        assert len(server.requests) == before

    def test_versions_share_a_group(self, server):
        for version in (1, 2):
            number = server.add_dataset(sales(), name="Sales", version=version, target="sold")
            server.add_task(number)
        add_task(server, name="wages")
        groups = [source.group for source in task_sources([1, 2, 3])]
        assert sorted(groups) == ["sales", "sales", "wages"]

    def test_a_suite_by_number_and_by_alias(self, server):
        tasks = [add_task(server), add_task(server, name="wages", target="amount")]
        server.add_suite(tasks, alias="pair", number=99)
        for key in (99, "pair"):
            assert {source.openml_id for source in suite_sources(key)} == {1, 2}
        told = []
        found = recipe_sources(
            "openml-cc18", on_progress=lambda done, total: told.append((done, total))
        )
        assert len(found) == 2
        assert told == [(1, 2), (2, 2)]

    def test_suites_that_cannot_be_used(self, server):
        server.add_suite([], alias="empty")
        with pytest.raises(ReadError, match="suite 'empty' has no tasks"):
            suite_sources("empty")
        with pytest.raises(
            ReadError, match=r"does not provide suite 7: .*Unknown study.* \(error 601\)"
        ):
            suite_sources(7)

    def test_a_table_whose_size_is_unknown_comes_last(self, server):
        number = server.add_dataset(sales(10), target="sold", has_qualities=False)
        tasks = [server.add_task(number), add_task(server)]
        found = task_sources(tasks)
        assert [source.openml_id for source in found] == [2, 1]
        assert found[1].cells == math.inf
        assert len(found[1].load()) == 10


class TestTable:
    def test_row_numbers_and_ignored_columns_are_left_out(self, server):
        (source,) = task_sources([add_task(server)])
        frame = source.load()
        assert list(frame.columns) == ["price", "town", "amount", "sold"]
        np.testing.assert_allclose(frame["price"], sales()["price"])

    def test_names_of_ignored_columns_with_commas_between(self, server):
        number = server.add_dataset(sales(), target="sold", ignore=["row, note"])
        (source,) = task_sources([server.add_task(number)])
        assert list(source.load().columns) == ["price", "town", "amount", "sold"]

    def test_a_target_that_is_ignored_otherwise_is_kept(self, server):
        number = server.add_dataset(sales(), target="sold", ignore=["amount", "note"])
        (source,) = task_sources([server.add_task(number, target="amount")])
        assert list(source.load().columns) == ["row", "price", "town", "amount", "sold"]

    def test_a_sparse_table_becomes_a_plain_one(self, server, monkeypatch):
        random = np.random.default_rng(0)
        frame = pd.DataFrame(random.integers(0, 2, (30, 4)), columns=list("abcd"))
        frame["y"] = np.arange(30) + 1.5
        task = server.add_task(server.add_dataset(frame, target="y", sparse=True), folds=2)
        (source,) = task_sources([task])
        got = source.load()
        assert not any(isinstance(kind, pd.SparseDtype) for kind in got.dtypes)
        np.testing.assert_allclose(got.to_numpy(), frame.to_numpy())
        assert len(source.splits()) == 2
        monkeypatch.setattr(sources_module, "MOST_CELLS", 100)
        assert "30 x 5 values" in str(failure_of(source))

    def test_a_target_that_is_not_there(self, server):
        task = add_task(server)
        server._tasks[task] = replace(server._tasks[task], target="gone")
        (source,) = task_sources([task])
        assert "of dataset 1 of task 1 has no column 'gone'" in str(failure_of(source))


class TestSplits:
    def test_they_are_the_official_ones_repeat_by_repeat(self, server):
        task = add_task(server, folds=4, repeats=2)
        (source,) = task_sources([task])
        folds = source.splits()
        official = openml.tasks.get_task(task)
        assert len(folds) == 8
        for number, (train, test) in enumerate(folds):
            place = {"repeat": number // 4, "fold": number % 4}
            expected = official.get_train_test_split_indices(**place)
            np.testing.assert_array_equal(np.sort(train), np.sort(expected[0]))
            np.testing.assert_array_equal(np.sort(test), np.sort(expected[1]))

    def test_a_holdout(self, server):
        (source,) = task_sources([add_task(server, procedure="holdout")])
        assert source.scheme == "openml-task-1"
        ((train, test),) = source.splits()
        assert (len(train), len(test)) == (26, 14)

    def test_rows_without_a_target_may_be_in_no_fold(self, server):
        frame = sales()
        frame.loc[:4, "sold"] = None
        number = server.add_dataset(frame, target="sold")
        splits = [Fold(0, 0, 0, np.arange(5, 20), np.arange(20, 40)),
                  Fold(0, 1, 0, np.arange(20, 40), np.arange(5, 20))]  # fmt: skip
        (source,) = task_sources([server.add_task(number, splits=splits)])
        assert len(source.splits()) == 2

    @pytest.mark.parametrize(
        ("train", "test", "problem"),
        [
            (np.arange(20), np.arange(20, 41), "contains row 40 of a table of 40 rows"),
            (np.arange(21), np.arange(20, 40), "contains row 20 twice"),
            (np.arange(20), np.arange(25, 40), "does not contain 5 rows"),
        ],
    )
    def test_splits_that_do_not_fit_the_table(self, server, train, test, problem):
        number = server.add_dataset(sales(), target="sold")
        task = server.add_task(number, splits=[Fold(0, 0, 0, train, test)])
        (source,) = task_sources([task])
        with pytest.raises(ReadError, match=f"splits of task 1 are incomplete: fold 0 {problem}"):
            source.splits()


@pytest.mark.slow
class TestFaults:
    """Each fault gives one line that names the task; afterwards nothing of it is left."""

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ("drop", "connection to OpenML for dataset 1 of task 1 was lost: IncompleteRead"),
            ("corrupt", "checksum of the file of dataset 1 of task 1 differs"),
            ("truncate", "checksum of the file of dataset 1 of task 1 differs"),
            ("fail", "OpenML fails on dataset 1 of task 1: HTTP status 500"),
            (
                "refuse",
                r"does not provide dataset 1 of task 1: Function not available.*\(error 100\)",
            ),
        ],
    )
    def test_the_table(self, server, kind, message):
        (source,) = task_sources([add_task(server)])
        server.fault(server.file_of(1), kind, times=1)
        with pytest.raises(ReadError, match=message) as caught:
            source.load()
        assert "\n" not in str(caught.value)
        assert caught.value.hint
        assert not (server.cache / "datasets" / "1" / "dataset.arff").exists()
        assert len(source.load()) == 40

    @pytest.mark.parametrize("kind", ["drop", "fail", "refuse"])
    def test_the_splits(self, server, kind):
        (source,) = task_sources([add_task(server)])
        server.fault(server.splits_of(1), kind, times=1)
        with pytest.raises(ReadError, match="the splits of task 1"):
            source.splits()
        assert len(source.splits()) == 3

    def test_truncated_splits_are_seen_and_asked_for_again(self, server):
        (source,) = task_sources([add_task(server)])
        server.fault(server.splits_of(1), "truncate", times=1)
        assert len(source.splits()) == 3
        assert server.requests.count(server.splits_of(1)) == 2

    def test_splits_that_are_truncated_every_time(self, server):
        (source,) = task_sources([add_task(server)])
        server.fault(server.splits_of(1), "truncate")
        with pytest.raises(ReadError, match="splits of task 1 are incomplete"):
            source.splits()
        assert not (server.cache / "tasks" / "1" / "datasplits.arff").exists()
        server.repair()
        assert len(source.splits()) == 3

    def test_a_truncated_table_without_checksum(self, server):
        number = server.add_dataset(sales(), target="sold", checksum=False)
        (source,) = task_sources([server.add_task(number, folds=2)])
        server.fault(server.file_of(number), "truncate")
        assert "rows; OpenML states 40" in str(failure_of(source))
        server.repair()
        assert len(source.load()) == 40

    @pytest.mark.parametrize("path", ["task/1", "data/1", "data/features/1"])
    @pytest.mark.parametrize("kind", ["drop", "fail", "refuse", "truncate"])
    def test_one_description_does_not_spoil_the_others(self, server, path, kind):
        tasks = [add_task(server, name=name) for name in ("sales", "wages")]
        server.fault(path, kind)
        good, bad = task_sources([tasks[1], tasks[0]])
        assert good.label == "wages [task 2]"
        assert (bad.label, bad.cells) == ("openml task 1", math.inf)
        assert "1" in str(failure_of(bad))
        server.repair()
        assert len(task_sources(tasks)) == 2
        for source in task_sources(tasks):
            assert len(source.load()) == 40

    def test_the_qualities_are_not_needed(self, server):
        task = add_task(server)
        server.fault("data/qualities/1", "fail", times=1)
        (source,) = task_sources([task])
        assert source.cells == math.inf
        assert task_sources([task])[0].cells == 240

    def test_a_server_that_is_not_there(self, server):
        task = add_task(server)
        openml.config.server = "http://127.0.0.1:9/api/v1/xml"
        with pytest.raises(ReadError, match="connection to OpenML for task 1 failed"):
            task_sources([task, 2])

    def test_unknown_and_unsuitable_tasks(self, server):
        number = server.add_dataset(sales(), target="sold")
        curve = server.add_task(number, procedure="learningcurve")
        found = {s.label: str(failure_of(s)) for s in task_sources([404, curve])}
        assert "does not provide task 404: Unknown task" in found["openml task 404"]
        assert "has the unsupported type 'Learning Curve'" in found[f"openml task {curve}"]

    def test_a_slow_server_is_waited_for_and_a_silent_one_given_up(self, server):
        task = add_task(server)
        server.fault("task/1", "slow", seconds=0.2)
        (source,) = task_sources([task])
        server.fault(server.file_of(1), "slow", seconds=30, times=1)
        (hasty,) = task_sources([task], timeout=2.0)
        assert "did not answer for dataset 1 of task 1 within 2 s" in str(failure_of(hasty))
        assert len(source.load()) == 40

    @pytest.mark.parametrize(
        "path",
        [
            "datasets/1/dataset.arff",
            "datasets/1/dataset.pkl.py3",
            "datasets/1/description.xml",
            "datasets/1/features.xml",
            "datasets/1/qualities.xml",
            "tasks/1/task.xml",
            "tasks/1/datasplits.arff",
            "tasks/1/datasplits.pkl.py3",
        ],
    )
    @pytest.mark.parametrize("kept", [0.0, 0.6])
    def test_copies_of_which_half_was_written(self, server, path, kept):
        """What a process leaves behind that is killed while the client writes."""
        task = add_task(server)
        (source,) = task_sources([task])
        expected, folds = source.load(), source.splits()
        file = server.cache / path
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * kept)])
        for pickled in (f"{file}.pkl", str(file).replace(".arff", ".pkl.py3")):
            if pickled != str(file):
                (server.cache / pickled).unlink(missing_ok=True)
        (again,) = task_sources([task])
        pd.testing.assert_frame_equal(again.load(), expected)
        for one, other in zip(again.splits(), folds, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
        assert again.cells == 240

    def test_a_copy_that_ends_too_early_with_a_whole_row(self, server):
        task = add_task(server)
        (source,) = task_sources([task])
        source.load()
        file = server.cache / "datasets" / "1" / "dataset.arff"
        rows = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(rows[:-5]), "utf-8")
        file.with_suffix(".pkl.py3").unlink()
        assert len(task_sources([task])[0].load()) == 40

    def test_a_full_disk(self, server, monkeypatch):
        (source,) = task_sources([add_task(server)])

        def fail(*_, **__):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("openml.datasets.functions._get_dataset_arff", fail)
            assert "No space left on device" in str(failure_of(source))
        assert len(source.load()) == 40


@pytest.mark.slow
class TestBuild:
    @pytest.fixture
    def plugins(self):
        loaded = load_plugins(PluginSettings(only=()))
        loaded.registry = loaded.registry.select(include=["naive_bayes", "ridge", "dummy"])
        return loaded

    def build(self, sources, path, plugins, warn=lambda message: None, **plan):
        store = KnowledgeStore.create(path, exist_ok=True)
        plan = BuildPlan(folds=2, rows=6000, draws=0, waves=1, **plan)
        with store:
            fresh = build_knowledge(
                sources, store, plugins, plan, here("build", licence="BSD-3-Clause"), warn=warn
            )
            return fresh, store.datasets(), list(store.evaluations())

    def test_two_tasks_on_their_official_splits_resumed_after_a_failure(
        self, server, plugins, tmp_path
    ):
        tasks = [add_task(server), add_task(server, 50, name="wages", target="amount")]
        third = add_task(server, 60, name="rents")
        path, warnings = tmp_path / "store.db", []
        server.fault(server.file_of(3), "drop")
        found = task_sources([*tasks, third])
        fresh, datasets, facts = self.build(found, path, plugins, warnings.append)
        assert len(warnings) == 1
        assert "rents [task 3] is left out: The connection to OpenML" in warnings[0]
        assert {fact.kind: fact.openml_id for fact in datasets} == {"binary": 1, "regression": 2}
        assert {fact.group for fact in datasets} == {"sales", "wages"}
        assert {fact.protocol for fact in facts} == {
            "openml-task-1/3-fold/rows<=6000",
            "openml-task-2/3-fold/rows<=6000",
        }
        assert {fact.fold for fact in facts} == {0, 1}
        assert {fact.status for fact in facts} == {"success"}
        assert fresh == len(facts) > 0

        server.repair()
        fresh, datasets, facts = self.build(task_sources([*tasks, third]), path, plugins)
        assert {fact.openml_id for fact in datasets} == {1, 2, 3}
        assert {fact.openml_id for fact in datasets if fact.group == "rents"} == {3}
        assert fresh == sum(fact.protocol.startswith("openml-task-3/") for fact in facts) > 0
        assert self.build(task_sources([*tasks, third]), path, plugins)[0] == 0
