"""The file of predictions returns what was added, within the precision it promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.collect import PredictedDataset, PredictionFile
from metaauto.collect.predictions import EXTRA_PART, NO_PART
from metaauto.errors import KnowledgeError

PARTS = np.array([0, 1, EXTRA_PART, 0, NO_PART, 1, EXTRA_PART], dtype=np.int8)


def dataset(kind: str, y=None, protocol: str = "2-fold") -> PredictedDataset:
    values = np.arange(7) % 3 if y is None else np.asarray(y, dtype=np.float64)
    return PredictedDataset("f1", kind, protocol, "iris", "flowers", values, PARTS)


def stored(path, given_dataset, prediction, fold: int = 0):
    with PredictionFile(path) as file:
        file.add_dataset(given_dataset)
        file.add(given_dataset, "c1", fold, prediction)
    with PredictionFile(path) as file:
        [found] = file.datasets()
        return found, file.predictions(found)["c1"][fold]


def test_a_fold_model_predicts_its_validation_part_and_then_the_rows_of_no_fold():
    assert dataset("binary").rows(0).tolist() == [0, 3, 2, 6]
    assert dataset("binary").rows(1).tolist() == [1, 5, 2, 6]


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_log_losses_of_probabilities_change_by_less_than_a_thousandth(tmp_path_factory, numbers):
    raw = np.array(numbers).reshape(4, 3) + 1e-6
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    path = tmp_path_factory.mktemp("predictions") / "p.db"
    found, back = stored(path, dataset("multiclass"), probabilities)
    assert found.y.tolist() == dataset("multiclass").y.tolist()
    assert found.parts.tolist() == PARTS.tolist()
    assert (found.label, found.group, found.protocol) == ("iris", "flowers", "2-fold")
    np.testing.assert_allclose(back.sum(axis=1), 1.0, rtol=1e-5)
    losses = -np.log(probabilities)
    assert (np.abs(-np.log(back) - losses) <= 1e-3 * (1.0 + losses)).all()


@given(
    st.floats(-1e12, 1e12),
    st.floats(1e-3, 1e6),
    st.lists(st.floats(-5, 5), min_size=4, max_size=4),
)
def test_errors_of_values_are_small_in_units_of_the_deviation(
    tmp_path_factory, center, spread, numbers
):
    y = center + spread * np.arange(7.0)
    prediction = y.mean() + y.std() * np.array(numbers)
    path = tmp_path_factory.mktemp("predictions") / "p.db"
    found, back = stored(path, dataset("regression", y), prediction)
    assert found.y.tolist() == y.tolist()
    rounding = 1e-12 * abs(center)
    assert (np.abs(back - prediction) <= 4e-3 * (y.std() or 1.0) + rounding).all()


def test_datasets_and_predictions_of_a_repeated_build_are_kept_once(tmp_path):
    path = tmp_path / "p.db"
    first, other = dataset("binary"), dataset("binary", protocol="3-fold")
    with PredictionFile(path) as file:
        for number in range(2):
            file.add_dataset(first)
            file.add_dataset(other)
            file.add(first, "c1", 1, np.full((4, 2), 0.5 + 0.1 * number))
        assert [found.protocol for found in file.datasets()] == ["2-fold", "3-fold"]
        assert file.predictions(other) == {}
        assert set(file.predictions(first)["c1"]) == {1}


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n" * 100)
    with pytest.raises(KnowledgeError, match="cannot be used"):
        PredictionFile(path)
    assert path.read_text().startswith("a,b")
