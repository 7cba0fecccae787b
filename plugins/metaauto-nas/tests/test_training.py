"""Training with torch: halving, deadlines, divergence, extreme tables."""

from __future__ import annotations

import time

import metaauto_nas
import numpy as np
import pytest
from metaauto_nas.estimator import NetworkSearchClassifier, NetworkSearchRegressor

from metaauto.api import BuildContext, Deadline, FitContext, FitTask

torch = pytest.importorskip("torch", reason="trains with torch: tox -e nas")

SMALL = {"layers": 2, "width": 32, "members": 1, "encoding": "none"}
OTHERS = (
    {**SMALL, "layers": 4, "residual": True, "activation": "selu", "members": 4},
    {**SMALL, "layers": 3, "width": 48, "encoding": "periodic", "bins": 4, "dropout": 0.3},
    {**SMALL, "activation": "relu", "schedule": "cosines", "front_scaling": False},
    {**SMALL, "width": 40, "encoding": "piecewise_linear", "bins": 4, "weight_decay": 1.0},
)


def table(n_rows=240, n_classes=3, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_rows, 4))
    X[:, 3] = random.integers(0, 15, n_rows)
    X[::11, 0] = np.nan
    signal = np.nan_to_num(X[:, 0]) + (X[:, 3] > 7)
    y = signal if not n_classes else np.digitize(signal, np.linspace(-0.5, 1.5, n_classes - 1))
    return X, y


def tasks(all_values, n_classes=3, n_folds=2):
    X, y = table(n_classes=n_classes)
    kind = "multiclass" if n_classes else "regression"
    folds = [np.flatnonzero(np.arange(len(y)) % n_folds != fold) for fold in range(n_folds)]
    parts = [(X[rows], y[rows]) for rows in folds]
    return [
        FitTask(
            number, fold, values, *parts[fold],
            FitContext(kind, len(folds[fold]), 4, n_classes, seed=number, categorical=(3,)),
        )
        for number, values in enumerate(all_values)
        for fold in range(n_folds)
    ]  # fmt: skip


@pytest.mark.parametrize("n_classes", [0, 3])
def test_a_third_goes_on_after_each_rung(n_classes):
    given = tasks([SMALL, *OTHERS], n_classes)
    found = list(metaauto_nas.fit_many(given, Deadline()))
    assert {id(each.task) for each in found} == {id(task) for task in given}
    by_share = {}
    for each in found:
        by_share.setdefault(each.share, set()).add(each.task.configuration)
    assert [len(by_share[share]) for share in sorted(by_share)] == [3, 1, 1]
    assert max(by_share) == 1.0
    updates = [each.estimator.training_["updates"] for each in found]
    assert updates == sorted(updates)
    X, y = table(n_classes=n_classes)
    best = found[-1].estimator
    if n_classes:
        assert (best.predict(X) == y).mean() > 0.7
    else:
        assert np.mean((best.predict(X) - y) ** 2) < 0.5 * y.var()


def test_a_pack_gives_what_torch_computed():
    """Padding changes nothing: NumPy with own shapes predicts as the batched tensors."""
    from metaauto_nas.packs import Pack
    from metaauto_nas.training import Network

    given = tasks(OTHERS, n_folds=2)
    networks = []
    for task in given:
        estimator = metaauto_nas.build({**task.values, "members": 4}, task.context)
        networks.append(Network(estimator, task.X, task.y, configuration=task.configuration))
    pack = Pack(networks, Deadline())
    pack.advance(30, 100.0)
    places = np.tile(np.arange(20), (len(pack), 1))
    with torch.no_grad():
        x, codes = pack._inputs(places, held=False)
        expected = pack._outputs(pack.weights, x, codes, is_training=False).numpy()
    pack.losses[:] = np.inf  # so that the last weights are taken
    for place, network in enumerate(pack.networks):
        network.finish(pack.weights_of(network), {})
        rows = network.rows
        found = network.estimator.outputs(rows.plain[:20], rows.codes[:20])
        np.testing.assert_allclose(found, expected[place], atol=2e-4)


def test_same_seed_same_models():
    first, second = (
        [each.estimator.predict_proba(table()[0]) for each in metaauto_nas.fit_many(
            tasks([SMALL, *OTHERS[:2]]), Deadline())]
        for _ in range(2)
    )  # fmt: skip
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seconds", [-1.0, 0.5])
def test_the_deadline_gives_usable_networks(seconds):
    given = tasks([SMALL, *OTHERS])
    began = time.process_time()
    found = list(metaauto_nas.fit_many(given, Deadline.after(seconds)))
    assert time.process_time() - began < 10
    assert len(found) == len(given)
    assert len({each.task.configuration for each in found if each.share == 1.0}) >= 1
    for each in found:
        assert np.isfinite(each.estimator.predict_proba(table()[0])).all()


@pytest.mark.parametrize("n_classes", [0, 3])
def test_a_network_that_diverges_still_predicts(n_classes):
    X, y = table(60, n_classes)
    kind = NetworkSearchClassifier if n_classes else NetworkSearchRegressor
    made = kind(learning_rate=1e30, categorical=(3,), **SMALL).fit(X, y)
    found = made.predict_proba(X) if n_classes else made.predict(X)
    assert np.isfinite(found).all()


def test_divergence_does_not_reach_the_other_networks():
    wild = {**SMALL, "learning_rate": 1e30}
    found = list(metaauto_nas.fit_many(tasks([SMALL, wild, wild]), Deadline()))
    assert {each.task.configuration for each in found if each.share == 1.0} == {0}


@pytest.mark.parametrize(
    ("shape", "n_classes"), [((1, 1), 1), ((2, 1), 2), ((300, 1), 100), ((40, 10_000), 2)]
)
def test_extreme_tables(shape, n_classes):
    X = np.random.default_rng(0).normal(size=shape)
    y = np.arange(shape[0]) % n_classes
    made = NetworkSearchClassifier(**SMALL).fit(X, y, deadline=Deadline.after(2.0))
    proba = made.predict_proba(X)
    assert proba.shape == (shape[0], n_classes)
    assert np.isfinite(proba).all()


@pytest.mark.parametrize(
    ("changed", "searches"),
    [({}, True), ({"n_rows": 10_000}, False), ({"n_features": 10_000}, False),
     ({"n_classes": 100}, False)],
)  # fmt: skip
def test_the_rule_when_not_to_search(changed, searches):
    context = BuildContext(**{"kind": "multiclass", "n_rows": 800, "n_features": 10} | changed)
    assert (metaauto_nas.joint_size(context, 5, 60.0) > 1) is searches
    assert metaauto_nas.joint_size(context, 5, 2.0) == 1
