from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaauto.data import prepare
from metaauto.search.dataset_io import Inputs

ROLES = ("numeric", "boolean", "categorical", "datetime", "text")


def table(
    kind: str, roles=ROLES, n_rows: int = 120, missing: bool = True, seed: int = 0, n_words=9
):
    """Two columns of each wanted role, in an order that mixes them, and a learnable target."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=n_rows)
    made = {
        "numeric": lambda i: signal + random.normal(size=n_rows) * (i + 0.5),
        "boolean": lambda i: (signal + random.normal(size=n_rows)) > 0,
        "categorical": lambda i: (
            np.digitize(signal + random.normal(size=n_rows), [-1, 0, 1]).astype(str).astype(object)
            + np.array("abcd"[i], dtype=object)
        ),
        "datetime": lambda i: (
            pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, n_rows), unit="D")
        ),
        "text": lambda i: [
            " ".join(f"word{n}" for n in random.integers(0, n_words, 4)) for _ in range(n_rows)
        ],
    }
    columns = {}
    for i in range(2):
        for role in roles:
            values = pd.Series(made[role](i))
            if missing and role != "text":
                values = values.astype(object).where(random.random(n_rows) > 0.15, None)
                values = values.infer_objects()
            columns[f"{role}_{i}"] = values
    frame = pd.DataFrame(columns)
    target = signal + random.normal(size=n_rows) * 0.2
    if kind == "binary":
        frame["y"] = np.where(target > 0, "yes", "no")
    elif kind == "multiclass":
        frame["y"] = np.digitize(target, [-0.7, 0.7]) + 5
    else:
        frame["y"] = target * 10 + 3
    return frame


def inputs_of(kind="binary", roles=ROLES, n_folds: int = 2, weighted=False, **more) -> Inputs:
    frame = table(kind, roles, **more)
    steer = {f"{role}_{i}": role for i in range(2) for role in roles}
    weights = np.linspace(0.5, 2.0, len(frame)) if weighted else None
    data = prepare(frame, "y", roles=steer, weights=weights, metric_name="log_loss")
    rows = np.arange(len(data.y))
    folds = [(rows[rows % n_folds != f], rows[rows % n_folds == f]) for f in range(n_folds)]
    return Inputs(data.task, data.X, data.y, data.weights, folds)


@pytest.fixture(scope="session")
def make_inputs():
    made = {}

    def make(*args, **more):
        key = (args, tuple(sorted(more.items())))
        if key not in made:
            made[key] = inputs_of(*args, **more)
        return made[key]

    return make
