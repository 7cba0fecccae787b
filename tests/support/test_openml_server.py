"""The real OpenML client against the loopback server."""

from __future__ import annotations

import os
import time

import numpy as np
import openml
import pandas as pd
import pytest
import requests
from openml.exceptions import (
    OpenMLHashException,
    OpenMLServerError,
    OpenMLServerException,
    OpenMLServerNoResult,
)
from openml_forms import Fold
from openml_server import OpenmlServer

pytestmark = pytest.mark.filterwarnings(
    # The client leaves closing the splits' file to the garbage collector.
    "ignore:.*datasplits.arff.*:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed file:ResourceWarning",
)


def table(rows: int = 30) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": random.normal(size=rows).round(3),
            "whole": random.integers(-500, 500, rows),
            "town's name": pd.Categorical(random.choice(["Bonn", "Kiel, Nord", "Ü'lm"], rows)),
            "remark": [f"row {n}, 'quoted' 100%" for n in range(rows)],
            "sold": np.arange(rows) % 2 == 0,
        }
    )
    frame.loc[::7, "number"] = np.nan
    frame.loc[3, ["town's name", "remark"]] = None
    return frame


@pytest.fixture
def server():
    with OpenmlServer() as server:
        yield server


def test_a_dataset_comes_as_it_was_put_there(server):
    frame = table()
    number = server.add_dataset(frame, name="sales", target="sold", version=2)
    dataset = openml.datasets.get_dataset(number)
    assert (dataset.name, dataset.version, dataset.id) == ("sales", 2, number)
    assert dataset.default_target_attribute == "sold"
    got, _, categorical, names = dataset.get_data()
    assert names == list(frame.columns)
    assert categorical == [False, False, True, False, True]
    np.testing.assert_allclose(got["number"].astype(float), frame["number"])
    np.testing.assert_array_equal(got["whole"], frame["whole"])
    assert got["town's name"].isna().tolist() == frame["town's name"].isna().tolist()
    assert got["town's name"].dropna().tolist() == frame["town's name"].dropna().tolist()
    assert got["remark"].dropna().tolist() == frame["remark"].dropna().tolist()
    assert got["sold"].tolist() == frame["sold"].tolist()


def test_the_description_comes_before_the_data(server):
    number = server.add_dataset(table(), name="sales", target="sold")
    dataset = openml.datasets.get_dataset(number)
    assert server.requests == ["data/1"]
    dataset.get_data()
    assert server.requests == ["data/1", server.file_of(1)]


def test_features_and_qualities(server):
    frame = table()
    dataset = openml.datasets.get_dataset(server.add_dataset(frame, target="sold"))
    kinds = [feature.data_type for feature in dataset.features.values()]
    assert kinds == ["numeric", "numeric", "nominal", "string", "nominal"]
    assert dataset.features[2].nominal_values == ["Bonn", "Kiel, Nord", "Ü'lm"]
    assert dataset.features[0].number_missing_values == 5
    assert dataset.qualities["NumberOfInstances"] == 30
    assert dataset.qualities["NumberOfFeatures"] == 5
    assert dataset.qualities["NumberOfClasses"] == 2
    assert dataset.qualities["NumberOfMissingValues"] == 7


def test_row_numbers_and_ignored_columns_are_left_out(server):
    number = server.add_dataset(table(), target="sold", row_id="whole", ignore=["remark", "number"])
    frame = openml.datasets.get_dataset(number).get_data()[0]
    assert list(frame.columns) == ["town's name", "sold"]


def test_a_sparse_file(server):
    frame = pd.DataFrame({"a": [0, 1, 0, 2], "b": [0.0, 0.0, 0.5, 0.0], "y": [1, 0, 1, 1]})
    got = openml.datasets.get_dataset(server.add_dataset(frame, sparse=True)).get_data()[0]
    assert isinstance(got["a"].dtype, pd.SparseDtype)
    np.testing.assert_array_equal(got.to_numpy(), frame.to_numpy())


def test_datasets_are_listed_by_name_version_and_status(server):
    server.add_dataset(table(), name="sales", status="deactivated")
    second = server.add_dataset(table(20), name="sales", version=2)
    other = server.add_dataset(table(), name="other")
    assert other == 3
    listed = openml.datasets.list_datasets(output_format="dataframe")
    assert listed["did"].tolist() == [2, 3]
    assert listed["NumberOfInstances"].tolist() == [20, 30]
    every = openml.datasets.list_datasets(output_format="dataframe", status="all", data_id=[1, 3])
    assert every["did"].tolist() == [1, 3]
    assert openml.datasets.get_dataset("sales").id == second
    third = server.add_dataset(table(), name="sales", version=3)
    assert openml.datasets.get_dataset("sales", version=3).id == third
    page = openml.datasets.list_datasets(output_format="dataframe", offset=1, size=1)
    assert page["did"].tolist() == [other]


def test_a_task_and_its_splits(server):
    number = server.add_dataset(table(), name="sales", target="sold")
    task = openml.tasks.get_task(server.add_task(number, folds=3, repeats=2))
    assert task.task_type_id is openml.tasks.TaskType.SUPERVISED_CLASSIFICATION
    assert (task.dataset_id, task.target_name) == (number, "sold")
    assert task.class_labels == ["False", "True"]
    assert task.get_split_dimensions() == (2, 3, 1)
    tested = []
    for fold in range(3):
        train, test = task.get_train_test_split_indices(repeat=1, fold=fold)
        assert sorted([*train, *test]) == list(range(30))
        tested += list(test)
    assert sorted(tested) == list(range(30))


def test_tasks_of_other_kinds(server):
    number = server.add_dataset(table(), name="sales", target="sold")
    task = openml.tasks.get_task(server.add_task(number, target="whole", procedure="holdout"))
    assert task.task_type_id is openml.tasks.TaskType.SUPERVISED_REGRESSION
    assert task.estimation_procedure["parameters"]["percentage"] == "33"
    assert task.get_split_dimensions() == (1, 1, 1)
    splits = [
        Fold(0, 0, sample, np.arange(5 * (sample + 1)), np.arange(20, 30)) for sample in (0, 1)
    ]
    curve = server.add_task(number, splits=splits, procedure="learningcurve")
    task = openml.tasks.get_task(curve)
    assert task.get_split_dimensions() == (1, 1, 2)
    train, _ = task.get_train_test_split_indices(sample=1)
    assert len(train) == 10


def test_a_suite_by_number_and_by_alias(server):
    numbers = [server.add_dataset(table(), name=name, target="sold") for name in "ab"]
    tasks = [server.add_task(number) for number in numbers]
    server.add_suite(tasks, alias="two-tables", name="Two tables", number=99)
    for key in (99, "two-tables"):
        suite = openml.study.get_suite(key)
        assert (suite.id, suite.name, suite.tasks, suite.data) == (99, "Two tables", tasks, numbers)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: openml.datasets.get_dataset(7),
        lambda: openml.tasks.get_task(7),
        lambda: openml.study.get_suite("nowhere"),
    ],
)
def test_what_is_not_there_is_unknown(server, ask):
    with pytest.raises(OpenMLServerException, match="Unknown"):
        ask()


def test_a_dataset_without_qualities_or_checksum(server):
    number = server.add_dataset(table(), checksum=False, has_qualities=False)
    dataset = openml.datasets.get_dataset(number)
    assert dataset.md5_checksum is None
    assert len(dataset.get_data()[0]) == 30
    with pytest.raises(OpenMLServerException, match="No qualities"):
        _ = dataset.qualities


def test_a_slow_answer(server):
    number = server.add_dataset(table())
    server.fault("data/1", "slow", seconds=0.3)
    began = time.monotonic()
    openml.datasets.get_dataset(number)
    assert time.monotonic() - began >= 0.3


def test_a_slow_answer_does_not_keep_the_server_open():
    began = time.monotonic()
    with OpenmlServer() as server:
        server.add_dataset(table())
        server.fault("data/1", "slow", seconds=60)
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{server.url}/api/v1/xml/data/1", timeout=0.2)
    assert time.monotonic() - began < 30


def test_a_dropped_connection(server):
    number = server.add_dataset(table())
    server.fault(server.file_of(number), "drop", times=1)
    dataset = openml.datasets.get_dataset(number)
    with pytest.raises(requests.RequestException):
        dataset.get_data()
    assert len(dataset.get_data()[0]) == 30


@pytest.mark.parametrize("kind", ["corrupt", "truncate"])
def test_a_file_that_does_not_fit_its_checksum(server, kind):
    number = server.add_dataset(table())
    server.fault(server.file_of(number), kind)
    with pytest.raises(OpenMLHashException, match="Checksum"):
        openml.datasets.get_dataset(number).get_data()


def test_a_truncated_file_without_checksum_goes_unnoticed_by_the_client(server):
    number = server.add_dataset(table(), checksum=False)
    server.fault(server.file_of(number), "truncate")
    assert 0 < len(openml.datasets.get_dataset(number).get_data()[0]) < 30


def test_a_failing_server(server):
    number = server.add_dataset(table())
    server.fault("data/1", "fail", times=2)
    for _ in range(2):
        with pytest.raises(OpenMLServerError, match="Status code: 500"):
            openml.datasets.get_dataset(number)
    assert openml.datasets.get_dataset(number).id == number


def test_an_error_of_openml(server):
    number = server.add_dataset(table())
    server.fault("data/1", "refuse", code=372, message="No results")
    with pytest.raises(OpenMLServerNoResult, match="No results"):
        openml.datasets.get_dataset(number)
    server.repair()
    assert openml.datasets.get_dataset(number).id == number


def test_the_client_is_as_before_afterwards(monkeypatch):
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.delenv("NO_PROXY", raising=False)
    config = openml.config

    def state():
        names = ("server", "apikey", "retry_policy", "connection_n_retries")
        values = [getattr(config, name) for name in names]
        return [*values, config.get_cache_directory(), os.environ.get("no_proxy")]

    before = state()
    with OpenmlServer() as first:
        folder = first.cache
        first.add_dataset(table())
        openml.datasets.get_dataset(1)
        assert (folder / "datasets" / "1" / "description.xml").is_file()
        address = first.url
    assert state() == before
    assert "NO_PROXY" not in os.environ
    assert not folder.exists()
    with OpenmlServer() as second:
        assert second.cache != folder
        with pytest.raises(OpenMLServerException):
            openml.datasets.get_dataset(1)
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=5)
    with pytest.raises(RuntimeError, match="with block"):
        _ = first.cache


def test_what_cannot_be_put_there(server):
    server.add_dataset(table(), number=5)
    with pytest.raises(ValueError, match="5 already exists"):
        server.add_dataset(table(), number=5)
    with pytest.raises(ValueError, match="no default target"):
        server.add_task(5)
    with pytest.raises(ValueError, match="Unknown fault 'odd'"):
        server.fault("data/5", "odd")
