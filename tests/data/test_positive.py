"""The positive class of two: as requested, by a word, or the rarer one."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.data import prepare
from metaauto.data.positive import POSITIVE_WORDS, positive_class
from metaauto.errors import Refused, UnknownName

words = st.text(alphabet="abcxyz", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("classes", "counts", "positive"),
    [
        (("No", "Yes"), (1, 9), "Yes"),
        ((False, True), (1, 9), True),
        ((0, 1), (1, 9), 1),
        ((-1, 1), (1, 9), 1),
        (("0", "1"), (1, 9), "1"),
        (("ja", "nein"), (9, 1), "ja"),
        (("negative", "positive"), (1, 9), "positive"),
        (("fraud", "legit"), (1, 9), "fraud"),
        (("legit", "suspect"), (9, 1), "suspect"),
        ((1, 2), (9, 1), 2),
        ((1, 2), (1, 9), 1),
        (("Positive", "Yes"), (1, 9), "Positive"),
        (("N", "Y"), (1, 9), "Y"),
        (("m", "t"), (1, 9), "m"),
        (("+", "-"), (9, 1), "+"),
        (("a", "b"), (5, 5), "b"),
        (("a", "b", "c"), (5, 5, 5), None),
        (None, None, None),
    ],
)
def test_positive_class_default(classes, counts, positive) -> None:
    found = positive_class(classes, counts)
    assert found == positive
    assert type(found) is type(positive)


@given(
    names=st.lists(words, min_size=2, max_size=2, unique_by=str.lower),
    counts=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    word=st.sampled_from(sorted(POSITIVE_WORDS)),
)
def test_positive_class_does_not_depend_on_the_order_of_the_names(names, counts, word) -> None:
    rare, frequent = min(counts), max(counts) + 1
    for first, second in (names, names[::-1]):
        assert positive_class((first, second), (rare, frequent)) == first
        assert positive_class((second, first), (frequent, rare)) == first
        assert positive_class((first, word.title()), counts) == word.title()
        assert positive_class((word, second), counts) == word
        for label in names:
            assert positive_class((first, second), counts, label) == label


@pytest.mark.parametrize(
    ("classes", "requested", "positive"),
    [
        ((0, 1), "0", 0),
        ((0.5, 2.0), "2", 2.0),
        (("1", "2"), 1.0, "1"),
        ((False, True), "false", False),
        (("Bad", "good"), "bad", "Bad"),
    ],
)
def test_positive_class_requested_in_another_spelling(classes, requested, positive) -> None:
    found = positive_class(classes, (5, 5), requested)
    assert found == positive
    assert type(found) is type(positive)


def test_positive_class_refuses_other_labels_and_tasks() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'legit'"):
        positive_class(("fraud", "legit"), (1, 9), "legi")
    with pytest.raises(Refused, match="3 classes has no positive class"):
        positive_class(("a", "b", "c"), (1, 1, 1), "a")
    with pytest.raises(Refused, match="a regression has no positive class"):
        positive_class(None, None, 0)


def test_prepare_keeps_sorted_classes_and_stores_the_positive_one() -> None:
    frame = pd.DataFrame({"a": range(0, 20, 2), "y": ["fraud"] + ["legit"] * 7 + ["fraud"] * 2})
    task = prepare(frame, "y").task
    assert (task.classes, task.positive, task.positive_code) == (("fraud", "legit"), "fraud", 0)
    assert prepare(frame, "y", positive="legit").task.positive_code == 1
