"""Packed fold models are loaded when they are used."""

from __future__ import annotations

import dataclasses
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from metaauto.model import FinalModel, packing
from metaauto.model.packing import (
    PackedModel,
    PackedModels,
    check_trial,
    read_packed,
    verify_model,
)
from metaauto.search.sealing import dump_sealed


@pytest.fixture
def packed(models) -> FinalModel:
    """A model whose fold models are packed, as after a fit."""
    model = models["regression"]
    members = [
        dataclasses.replace(
            m, estimators=PackedModels([PackedModel(pickle.dumps(f)) for f in m.estimators])
        )
        for m in model.members
    ]
    return dataclasses.replace(model, members=members)


def folds(model: FinalModel) -> list[PackedModel]:
    return [fold for member in model.members for fold in member.estimators.folds]


def test_packed_models_predict_like_the_fitted_ones(models, packed, new_rows):
    assert all(fold._estimator is None for fold in folds(packed))
    np.testing.assert_array_equal(packed.predict(new_rows), models["regression"].predict(new_rows))
    assert all(fold._estimator is not None for fold in folds(packed))


def test_packed_models_are_saved(packed, new_rows, tmp_path):
    path = packed.save(tmp_path / "model.metaauto")
    pruned = packed.prune(folds=1).save(tmp_path / "pruned.metaauto")
    np.testing.assert_array_equal(FinalModel.load(path).predict(new_rows), packed.predict(new_rows))
    assert {len(member.estimators) for member in FinalModel.load(pruned).members} == {1}


def test_packed_models_are_pickled_as_bytes(packed, new_rows):
    expected = packed.predict(new_rows)
    again = pickle.loads(pickle.dumps(packed))
    assert all(fold._estimator is None for fold in folds(again))
    np.testing.assert_array_equal(again.predict(new_rows), expected)


class Clock:
    seconds = 0.0


class Slow:
    """Takes 2 seconds to load and 12 to predict, by the clock of the test."""

    def __init__(self) -> None:
        self.name = "slow"

    def __setstate__(self, state):
        Clock.seconds += 2.0
        self.__dict__.update(state)

    def predict(self, X):
        Clock.seconds += 12.0
        return np.zeros(len(X))


@pytest.mark.parametrize(("folds", "expected"), [(1, 14.0), (4, 5.0)])
def test_verify_model_counts_the_prediction_of_one_fold(folds, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "time", SimpleNamespace(monotonic=lambda: Clock.seconds))
    with (tmp_path / "fold").open("w+b") as file:
        dump_sealed(file, lambda part: pickle.dump(Slow(), part))
    assert verify_model(tmp_path / "fold", np.zeros((1, 2)), folds) == expected


class Large:
    """A fold model of one MiB; counts how many are in memory."""

    alive = 0

    def __init__(self) -> None:
        self.values = np.arange(2**17, dtype=np.float64)

    def __setstate__(self, state):
        self.__dict__.update(state)
        Large.alive += 1
        assert Large.alive <= 2, "the next fold model is loaded while the previous one is in use"

    def __del__(self):
        Large.alive -= "values" in self.__dict__

    def predict(self, X):
        return np.zeros(len(X))


def test_a_check_returns_no_model_and_has_few_in_memory(tmp_path, monkeypatch):
    files = [tmp_path / f"{fold}.pkl" for fold in range(5)]
    for path in files:
        with path.open("w+b") as file:
            dump_sealed(file, lambda part: pickle.dump(Large(), part, 5))
    monkeypatch.setattr(Large, "alive", 0)
    checked = check_trial(None, model="large", files=files, row=np.zeros((1, 2)))
    assert len(pickle.dumps(checked)) < 10_000
    models = read_packed(files)
    assert [len(fold.data) > 2**20 for fold in models.folds] == [True] * 5
    np.testing.assert_array_equal(models[4].values, np.arange(2**17))
