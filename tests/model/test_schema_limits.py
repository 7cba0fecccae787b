from __future__ import annotations

import io
import json
import time
import zipfile

import numpy as np
import pytest
import skops
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from skops.io._protocol import PROTOCOL

from metaauto.errors import ModelFileError
from metaauto.model import schema_limits
from metaauto.model.schema_limits import check_schema
from metaauto.model.serialization import TRUSTED_TYPES, load_estimator

HEAD = {"__module__": "builtins", "__class__": "list", "__loader__": "ListNode"}


def nested(widths: list[int]) -> dict:
    """Lists, the outermost first; all items but the first of each refer to the list in it."""
    item: dict = {**HEAD, "__id__": 0, "content": []}
    for identity, width in enumerate(reversed(widths), start=1):
        reference = {**HEAD, "__id__": item["__id__"], "content": []}
        item = {**HEAD, "__id__": identity, "content": [item] + [reference] * (width - 1)}
    return item


def followed(widths: list[int]) -> int:
    """The number of nodes when each reference is followed: 3 texts, an ID, 2 nodes per list."""
    count = 6
    for width in reversed(widths):
        count = 6 + width * count
    return count


def skops_bytes(schema: dict) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        schema = {**schema, "protocol": PROTOCOL, "_skops_version": skops.__version__}
        file.writestr("schema.json", json.dumps(schema))
    return buffer.getvalue()


@given(widths=st.lists(st.integers(1, 6), max_size=10), limit=st.integers(0, 10_000))
def test_check_schema_counts_followed_references(widths, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema_limits, "MAX_REPEATS", 0)
        patch.setattr(schema_limits, "FREE_NODES", limit)
        if followed(widths) <= limit:
            check_schema(json.dumps(nested(widths)))
        else:
            with pytest.raises(ModelFileError, match="references repeat"):
                check_schema(json.dumps(nested(widths)))


@given(widths=st.lists(st.integers(1, 6), max_size=6))
def test_check_schema_counts_every_node_once(widths):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema_limits, "MAX_REPEATS", 0)
        patch.setattr(schema_limits, "FREE_NODES", followed(widths))
        check_schema(json.dumps(nested(widths)))
        patch.setattr(schema_limits, "FREE_NODES", followed(widths) - 1)
        with pytest.raises(ModelFileError, match="references repeat"):
            check_schema(json.dumps(nested(widths)))


def test_load_estimator_nested_references():
    data = skops_bytes(nested([10] * 11))
    assert len(data) < 5_000
    started = time.monotonic()
    with pytest.raises(ModelFileError, match="references repeat its .* nodes"):
        load_estimator(data, TRUSTED_TYPES)
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize("hidden", [False, True])
def test_check_schema_cycle(hidden):
    inner = {**HEAD, "__id__": 1, "content": []}
    middle = {**HEAD, "__id__": 2, "content": [inner] if hidden else inner}
    with pytest.raises(ModelFileError, match="refers to itself"):
        check_schema(json.dumps({**HEAD, "__id__": 1, "content": {"a": [middle]}}))


def test_check_schema_deep_and_long():
    deep: dict = {**HEAD, "__id__": 0, "content": []}
    for identity in range(1, 200):
        deep = {**HEAD, "__id__": identity, "content": [deep]}
    check_schema(json.dumps(deep))
    long = [{**HEAD, "__id__": n % 7} for n in range(50_000)]
    check_schema(json.dumps({**HEAD, "content": long}))


def test_shared_objects_come_back():
    array = np.arange(3.0)
    again = load_estimator(skops.io.dumps([array] * 5_000), TRUSTED_TYPES)
    assert len(again) == 5_000
    assert again[0] is again[-1]
