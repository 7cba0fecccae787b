from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.model.fit_record import FitRecord, ScoredRows, WarmStartRecord
from metaauto.model.json_types import from_json, to_json, type_problem

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = {str: st.text(), int: st.integers(-(2**62), 2**62), float: NUMBERS, bool: st.booleans()}
VALUES = st.none() | st.text() | st.integers(-9, 9) | NUMBERS


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return values of a type that a record may have."""
    if kind is Any:
        return VALUES
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{name: values_of(hint) for name, hint in hints.items()})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=2)
    if origin is not None and type(None) in arguments:
        return st.none() | st.one_of(*(values_of(k) for k in arguments if k is not type(None)))
    return st.sampled_from(arguments) if arguments else PLAIN[kind]


@given(values_of(FitRecord))
def test_a_record_comes_back_from_its_json(record: FitRecord) -> None:
    value = json.loads(json.dumps(record.to_json()))
    assert type_problem(value, FitRecord) == ""
    assert FitRecord.from_json(value) == record


@given(values_of(FitRecord), st.sampled_from([f.name for f in dataclasses.fields(FitRecord)]))
def test_a_field_of_another_type_is_named(record: FitRecord, name: str) -> None:
    value = {**record.to_json(), name: object()}
    assert type_problem(value, FitRecord).startswith(f"{name} must be")


def test_unknown_fields_are_left_out_and_absent_ones_take_their_default() -> None:
    assert from_json({"new": 1, "similar": []}, WarmStartRecord) == WarmStartRecord()
    assert type_problem({"new": 1}, WarmStartRecord) == ""
    assert type_problem({}, ScoredRows) == "diagnosis is missing"


def test_every_field_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FitRecord().score = 1.0  # type: ignore[misc]
    assert to_json({"a": (1, [2])}) == {"a": [1, [2]]}
