"""The gradients are those of finite differences, and the optimiser is AdamW."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.builtin.models.network_layers import ACTIVATIONS, AdamW, Networks


def _networks(activation, hidden, embedded):
    return Networks(3, 5, 13, embedded, hidden, 2, activation)


@settings(max_examples=20, deadline=None)
@given(
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    hidden=st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple),
    embedded=st.integers(0, 2),
    seed=st.integers(0, 1000),
)
def test_gradient_is_that_of_finite_differences(activation, hidden, embedded, seed):
    random = np.random.default_rng(seed)
    networks = _networks(activation, hidden, embedded)
    weights = networks.initial(2, random) + 0.1 * random.normal(size=(2, networks.size))
    inputs = random.normal(size=(7, 5))
    codes = random.integers(0, 13, (7, embedded))
    target = random.normal(size=(2, 7, 2))
    gradient = np.full_like(weights, np.nan)
    networks.gradient(weights, inputs, codes, lambda z: z - target, 0.0, random, gradient)

    def loss(at):
        return 0.5 * ((networks.outputs(at, inputs, codes) - target) ** 2).sum()

    direction = random.normal(size=weights.shape)
    step = 1e-6 * direction
    slope = (loss(weights + step) - loss(weights - step)) / 2e-6
    np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-5)


def test_networks_do_not_influence_each_other():
    random = np.random.default_rng(0)
    networks = _networks("mish", (4,), 1)
    weights = networks.initial(3, random)
    inputs, codes = random.normal(size=(6, 5)), random.integers(0, 13, (6, 1))
    together = networks.outputs(weights, inputs, codes)
    for member in range(3):
        alone = networks.outputs(weights[[member]], inputs, codes)
        np.testing.assert_allclose(together[[member]], alone, rtol=1e-6)


def test_encodings_begin_without_influence():
    random = np.random.default_rng(0)
    networks = _networks("selu", (4, 4), 0)
    weights = networks.initial(1, random)
    inputs, codes = random.normal(size=(6, 5)), np.zeros((6, 0), dtype=int)
    changed = inputs.copy()
    changed[:, 3:] = 0.0
    first, second = (networks.outputs(weights, rows, codes) for rows in (inputs, changed))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("dropout", [0.25, 0.5])
def test_dropout_keeps_the_mean_of_the_gradient(dropout):
    random = np.random.default_rng(0)
    networks = _networks("mish", (64,), 0)
    weights = networks.initial(1, random)
    inputs, codes = random.normal(size=(50, 5)), np.zeros((50, 0), dtype=int)
    plain, noisy = np.zeros_like(weights), np.zeros_like(weights)
    mean = np.zeros_like(weights)

    def constant(outputs):
        return np.ones_like(outputs)

    networks.gradient(weights, inputs, codes, constant, 0.0, random, plain)
    for _ in range(300):
        networks.gradient(weights, inputs, codes, constant, dropout, random, noisy)
        mean += noisy / 300
    assert not np.allclose(noisy, plain)
    assert np.linalg.norm(mean - plain) < 0.1 * np.linalg.norm(plain)


def test_adamw_follows_its_definition():
    random = np.random.default_rng(0)
    weights = random.normal(size=(1, 5)).astype(np.float32)
    expected, mean, square = weights.astype(float), np.zeros((1, 5)), np.zeros((1, 5))
    optimizer = AdamW(weights.shape, decay=0.5)
    for step in range(1, 20):
        gradient = random.normal(size=(1, 5)).astype(np.float32)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.95 * square + 0.05 * gradient.astype(float) ** 2
        direction = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.95**step)) + 1e-8)
        expected = expected * (1 - 0.01 * 0.5) - 0.01 * direction
        optimizer.step(weights, gradient, 0.01)
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-5)
