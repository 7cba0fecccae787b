from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import metaauto
from metaauto.configuration import Configuration

HOME = Path(metaauto.__file__).parent.parent
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-1, 1), st.text(max_size=4)
)
VALUES = st.dictionaries(st.text(max_size=4), SCALARS, max_size=5)


@given(st.text(max_size=5), VALUES)
def test_a_configuration_comes_back_from_json(model, values):
    configuration = Configuration(model, values)
    again = Configuration.from_json(json.loads(json.dumps(configuration.to_json())))
    assert again == configuration
    assert again.key == configuration.key
    assert hash(again) == hash(configuration)


@given(VALUES, st.randoms())
def test_the_order_of_values_plays_no_part(values, random):
    items = list(values.items())
    random.shuffle(items)
    one, other = Configuration("m", values), Configuration("m", dict(items))
    assert one == other
    assert one.key == other.key
    assert list(one.values) == list(other.values)


def test_different_configurations_have_different_keys():
    made = [
        Configuration("a"),
        Configuration("b"),
        Configuration("a", {"x": 1}),
        Configuration("a", {"x": 2}),
        Configuration("a", {"x": "1"}),
        Configuration("a", {"x": True}),
        Configuration("a", {"x": None}),
    ]
    assert len({c.key for c in made}) == len(made)


def test_the_key_is_the_same_in_every_process():
    code = (
        "from metaauto.configuration import Configuration;"
        "print(Configuration('knn', {'b': 0.1, 'a': None}).key)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME
    )
    assert run.stdout.strip() == Configuration("knn", {"a": None, "b": 0.1}).key


def test_later_changes_of_the_dict_do_not_reach_the_configuration():
    values = {"x": 1}
    configuration = Configuration("m", values)
    values["x"] = 2
    assert configuration.values["x"] == 1


def test_describe_is_one_short_line():
    text = Configuration("knn", {"n": 5, "p": 0.123456789, "w": None}).describe()
    assert text == "knn(n=5, p=0.1235, w=None)"


def test_nan_is_no_value_that_can_be_written():
    with pytest.raises(ValueError, match="JSON"):
        _ = Configuration("m", {"x": float("nan")}).key
