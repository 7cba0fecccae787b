from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from builders import builtin_registry
from scipy.sparse import issparse

from metaauto.model import FinalModel

REGISTRY = builtin_registry()


def check(model, new_rows, folder, registry):
    path = model.save(folder / "model", on_unsavable="raise")
    loaded = FinalModel.load(path, registry=registry)
    np.testing.assert_array_equal(loaded.predict_raw(new_rows), model.predict_raw(new_rows))


@pytest.mark.parametrize(
    "name",
    [m.name for m in REGISTRY.models() if m.tags.accepts_sparse and not m.tags.accepts_dataframe],
)
def test_models_fitted_on_sparse_rows_are_saved_and_loaded(maker_of, registry, tmp_path, name):
    random = np.random.default_rng(0)
    cells = random.choice([f"c{i}" for i in range(60)], (240, 3))
    frame = pd.DataFrame(cells, columns=["a", "b", "c"])
    kind = registry.model(name).tasks[0]
    classes = random.integers(0, 2 if kind == "binary" else 3, 240)
    frame["target"] = classes if kind != "regression" else random.normal(size=240)
    roles = dict.fromkeys("abc", "categorical")
    maker = maker_of(frame, roles=roles)
    model = maker.model(maker.member(name, categorical="onehot"))
    steps = model.members[0].estimators[0]
    assert issparse(steps[:-1].transform(model.schema.encode(frame)))
    check(model, frame, tmp_path, registry)
