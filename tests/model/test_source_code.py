from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import Ridge

from metaauto.model.source_code import WIDTH, Imports, NotExpressible, value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_values_are_reproduced(thing):
    lines = value(thing, Imports()).lines("x = ")
    script: dict = {}
    exec("\n".join(lines), script)
    assert script["x"] == thing
    assert repr(script["x"]) == repr(thing)


def test_long_expressions_have_one_item_per_line():
    lines = value([f"column {i}" for i in range(20)], Imports()).lines("x = ")
    assert lines[:2] == ["x = [", '    "column 0",']
    assert max(map(len, lines)) <= WIDTH


def test_estimators_are_written_without_defaults():
    imports = Imports()
    assert value(Ridge(alpha=np.float64(2.0)), imports).one_line() == "Ridge(alpha=2.0)"
    assert imports.lines() == ["from sklearn.linear_model import Ridge"]


def test_kernels_are_reproduced():
    imports, kernel = Imports(), RBF(2.0, (0.1, 10.0)) + WhiteKernel(0.5)
    script: dict = {}
    exec("\n".join([*imports.lines(), "x = 0"]), script)
    source = value(kernel, imports).one_line()
    exec("\n".join([*imports.lines(), f"x = {source}"]), script)
    assert script["x"] == kernel


def test_other_values_are_refused():
    with pytest.raises(NotExpressible, match="a value of type object has no source"):
        value(object(), Imports())
