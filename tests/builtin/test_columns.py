"""What transformers learned comes back from a model file as it was."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from metaauto.builtin.transformers.categories import CodedColumns, OrdinalEncoder, matched_codes
from metaauto.builtin.transformers.columns import ColumnTransform
from metaauto.builtin.transformers.onehot import OneHotEncoder
from metaauto.model.serialization import dump_estimator, load_estimator

TEXTS = st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
SHAPES = arrays.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)
VALUES = st.one_of(
    st.lists(TEXTS.map(lambda texts: np.asarray(texts, dtype=np.str_)), max_size=4),
    st.lists(arrays.arrays(np.float64, SHAPES), max_size=4),
    st.lists(arrays.arrays(np.int64, st.tuples(st.integers(0, 4))), max_size=4),
    st.lists(st.lists(st.text() | st.integers() | st.floats() | st.booleans()), max_size=4),
    st.integers() | st.text() | st.tuples(st.text(), st.text()),
)


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert (found.dtype.kind, found.shape) == (expected.dtype.kind, expected.shape)
        assert found.tolist() == expected.tolist() or found.tobytes() == expected.tobytes()
    else:
        assert repr(found) == repr(expected)


class Learned(ColumnTransform):
    pass


@given(value=VALUES)
def test_learned_values_come_back(value):
    transformer = Learned()
    transformer.learned_ = value
    assert_same(pickle.loads(pickle.dumps(transformer)).learned_, value)


def test_states_without_packed_lists_are_restored():
    encoder = OrdinalEncoder()
    encoder.__setstate__({"order": "value", "tables_": [np.zeros(2)], "categories_": []})
    assert encoder.tables_[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("count", [1, 30])
def test_a_model_file_has_few_entries_for_many_columns(count):
    frame = pd.DataFrame({f"c{i}": pd.Categorical(list("aab")) for i in range(count)})
    few = OneHotEncoder().fit(frame[["c0"]])
    many = OneHotEncoder().fit(frame)
    assert dump_estimator(many).count(b".npy") == dump_estimator(few).count(b".npy")
    again = load_estimator(dump_estimator(many), ())
    assert again.transform(frame).tobytes() == many.transform(frame).tobytes()
    assert again.get_feature_names_out().tolist() == many.get_feature_names_out().tolist()


def test_loaded_encoders_share_their_categories():
    frame = pd.DataFrame({"a": pd.Categorical(list("xyz")), "b": pd.Categorical(list("uvu"))})
    data = dump_estimator(OrdinalEncoder().fit(frame))
    first, second = (load_estimator(data, ()).categories_ for _ in range(2))
    assert all(one is other for one, other in zip(first, second, strict=True))


@given(
    names=st.lists(st.sampled_from("abcdef"), min_size=1, unique=True),
    lists=st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True), min_size=1),
)
def test_codes_in_gives_the_codes_of_each_list_of_categories(names, lists):
    columns = CodedColumns(pd.DataFrame({"a": pd.Categorical([*names, None], categories=names)}))
    for categories in [*lists, *lists]:
        known = np.asarray(categories, dtype=np.str_)
        expected = matched_codes(columns.codes[0], columns.names[0], known)
        (found,) = columns.codes_in([known])
        assert found.tolist() == expected.tolist()
        texts = [categories.index(name) if name in categories else len(known) for name in names]
        assert found.tolist() == [*texts, len(known)]
