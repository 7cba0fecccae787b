from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from metaauto.errors import ModelFileError
from metaauto.model import FinalModel, read_manifest

ALLOWED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def small(makers, tmp_path_factory):
    """A model file as bytes, small enough that a random byte often is one that matters."""
    maker = makers["binary"]
    model = maker.model(maker.member("logistic"), maker.member("dummy", 0.5))
    path = model.save(tmp_path_factory.mktemp("small") / "model")
    return path.read_bytes()


@pytest.fixture(scope="module")
def expected(small, new_rows, registry, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "model"
    path.write_bytes(small)
    return FinalModel.load(path, registry=registry).predict_proba(new_rows)


def check(data: bytes, path, expected, new_rows, registry) -> None:
    """Loading gives the same predictions or one clear error."""
    path.write_bytes(data)
    with contextlib.suppress(ModelFileError):
        found = FinalModel.load(path, registry=registry).predict_proba(new_rows)
        np.testing.assert_array_equal(found, expected)
    with contextlib.suppress(ModelFileError):
        read_manifest(path)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=ALLOWED)
def test_one_changed_byte(small, expected, new_rows, registry, tmp_path, data):
    # Half of the draws go to the zip's own records, where parsers trust the most.
    place = data.draw(
        st.one_of(
            st.integers(0, len(small) - 1),
            st.integers(max(len(small) - 600, 0), len(small) - 1),
            st.integers(0, 60),
        )
    )
    change = data.draw(st.integers(1, 255))
    damaged = bytearray(small)
    damaged[place] ^= change
    check(bytes(damaged), tmp_path / "model", expected, new_rows, registry)


@given(kept=st.floats(0, 1))
@example(kept=0.0)
@settings(max_examples=40, deadline=None, suppress_health_check=ALLOWED)
def test_a_truncated_file(small, registry, tmp_path, kept):
    path = tmp_path / "model"
    path.write_bytes(small[: min(int(len(small) * kept), len(small) - 1)])
    with pytest.raises(ModelFileError):
        FinalModel.load(path, registry=registry)


@given(data=st.binary(max_size=400))
@settings(max_examples=60, deadline=None, suppress_health_check=ALLOWED)
def test_bytes_that_are_no_model(registry, tmp_path, data):
    path = tmp_path / "model"
    path.write_bytes(data)
    with pytest.raises(ModelFileError):
        FinalModel.load(path, registry=registry)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=ALLOWED)
def test_a_piece_overwritten(small, expected, new_rows, registry, tmp_path, data):
    place = data.draw(st.integers(0, len(small) - 1))
    piece = data.draw(st.binary(min_size=1, max_size=64))
    damaged = small[:place] + piece + small[place + len(piece) :]
    check(damaged, tmp_path / "model", expected, new_rows, registry)
