"""Packed fold models are loaded when they are used, and saved as they were checked."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from metaauto.errors import ModelFileError
from metaauto.model import FinalModel
from metaauto.model.packing import PackedModel, PackedModels, missing_row, pack_estimators


@pytest.fixture
def packed(models) -> FinalModel:
    """A model whose fold models are packed, as after a fit."""
    model = models["regression"]
    row = missing_row(model.schema)
    members = [
        dataclasses.replace(
            m, estimators=PackedModels(pack_estimators("a", m.estimators, None, row))
        )
        for m in model.members
    ]
    return dataclasses.replace(model, members=members)


def folds(model: FinalModel) -> list[PackedModel]:
    return [fold for member in model.members for fold in member.estimators.folds]


def test_packed_models_predict_like_the_fitted_ones(models, packed, new_rows):
    assert all(fold._estimator is None for fold in folds(packed))
    np.testing.assert_allclose(packed.predict(new_rows), models["regression"].predict(new_rows))
    assert all(fold._estimator is not None for fold in folds(packed))


def test_packed_models_are_saved_without_loading_them(packed, new_rows, tmp_path):
    path = packed.save(tmp_path / "model.metaauto")
    pruned = packed.prune(folds=1).save(tmp_path / "pruned.metaauto")
    assert all(fold._estimator is None for fold in folds(packed))
    np.testing.assert_array_equal(FinalModel.load(path).predict(new_rows), packed.predict(new_rows))
    assert {len(member.estimators) for member in FinalModel.load(pruned).members} == {1}


def test_packed_models_are_pickled_as_bytes(packed, new_rows):
    expected = packed.predict(new_rows)
    again = pickle.loads(pickle.dumps(packed))
    assert all(fold._estimator is None for fold in folds(again))
    np.testing.assert_array_equal(again.predict(new_rows), expected)


def test_packed_models_that_cannot_be_saved_predict(models, new_rows, tmp_path):
    model = models["regression"]
    problem = ModelFileError("its class is defined in a notebook.", hint="Move the class.")
    members = []
    for member in model.members:
        data = [PackedModel(pickle.dumps(fold), is_pickle=True) for fold in member.estimators]
        members.append(dataclasses.replace(member, estimators=PackedModels(data, problem)))
    unsavable = dataclasses.replace(model, members=members)
    np.testing.assert_array_equal(unsavable.predict(new_rows), model.predict(new_rows))
    with pytest.raises(ModelFileError, match="defined in a notebook"):
        unsavable.save(tmp_path / "model.metaauto")
