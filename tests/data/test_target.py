from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.data import prepare
from metaauto.errors import TargetError

VALUES = np.random.default_rng(0).normal(size=120)
X = pd.DataFrame({"a": np.sin(np.arange(120))})


def prepared(y, **options):
    return prepare(X.iloc[: len(y)], pd.Series(list(y), name="y", dtype=object), **options)


@settings(max_examples=20, deadline=None)
@given(word=st.sampled_from(["TBD", "n.d.", "see note", "A1"]), count=st.integers(1, 5))
def test_read_target_stray_words(word, count):
    """Numbers with other words are never classes without a word about it."""
    texts = [f"{value:.2f}" for value in VALUES]
    texts[:count] = [word] * count
    with pytest.raises(TargetError, match=f"looks like numbers, but {count} cell.*{word}") as error:
        prepared(texts)
    assert "task='classification'" in error.value.hint
    assert prepared(texts, task="classification").task.kind == "multiclass"


def test_read_target_half_numbers():
    texts = [f"{value:.2f}" for value in VALUES[:80]] + ["low"] * 20 + ["high"] * 20
    dataset = prepared(texts)
    assert dataset.task.kind == "multiclass"
    assert "mostly-numbers" in {finding.code for finding in dataset.findings}


@pytest.mark.parametrize(
    "texts",
    [
        [f"{value:.1f} kg" for value in VALUES],
        [f"{'-' if value < 0 else ''}${abs(value):.2f}" for value in VALUES],
        [f"${1500 + 100 * (i % 12):,}" for i in range(120)],
        [f"{i} €" for i in range(15)],
        [f"{i % 4}.5" for i in range(120)],
    ],
)
def test_read_target_quantities(texts):
    assert prepared(texts).task.kind == "regression"


@pytest.mark.parametrize(
    "texts",
    [["1", "2", "3"], ["<=50K", ">50K"], ["$5", "$10"], ["3-4", "5-6", "7-8"], ["01", "02"]],
)
def test_read_target_classes(texts):
    dataset = prepared(texts * 30)
    assert dataset.task.classes == tuple(sorted(texts))


def test_read_target_missing_words():
    texts = [f"{value:.2f}" for value in VALUES]
    texts[3:5] = ["NA", "#DIV/0!"]
    dataset = prepared(texts)
    assert (dataset.task.kind, dataset.dropped_rows) == ("regression", 2)
    classes = prepared(["1", "2", "NA"] * 40).task.classes
    assert classes == ("1", "2", "NA")
