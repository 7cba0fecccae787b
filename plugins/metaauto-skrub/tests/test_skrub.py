"""metaauto-skrub fulfils the contract of a preprocessor in each of its slots."""

from __future__ import annotations

import metaauto_skrub
import numpy as np
import pandas as pd
import pytest

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import PreprocessorContract

REGISTRY = load_plugins(PluginSettings(only=(), strict=True), objects=[metaauto_skrub]).registry


class TestMinHash(PreprocessorContract):
    preprocessor = REGISTRY.preprocessor("categorical", "minhash")


class TestGap(PreprocessorContract):
    preprocessor = REGISTRY.preprocessor("categorical", "gap")
    draws = 2


class TestString(PreprocessorContract):
    preprocessor = REGISTRY.preprocessor("categorical", "string")


class TestCalendar(PreprocessorContract):
    preprocessor = REGISTRY.preprocessor("datetime", "calendar")


class TestSpelling(PreprocessorContract):
    preprocessor = REGISTRY.preprocessor("text", "spelling")


@pytest.mark.parametrize("encoder", ["minhash", "string"])
def test_like_spellings_come_out_alike(encoder: str) -> None:
    from metaauto_skrub.encoders import DirtyCategories

    known = ["accountant", "accountant ii", "accountants", "fire fighter", "fire fighters", "nurse"]
    frame = pd.DataFrame({"job": pd.Categorical(known * 5, categories=known)})
    made = DirtyCategories(encoder, n_components=6, few=3).fit_transform(frame)[: len(known)]
    near = np.linalg.norm(made[0] - made[2])
    far = np.linalg.norm(made[0] - made[3])
    assert near < far


def test_a_category_that_the_fold_lacks_is_encoded_by_its_spelling() -> None:
    from metaauto_skrub.encoders import DirtyCategories

    known = ["accountant", "accountants", "fire fighter", "nurse"]
    rows = pd.Categorical(["accountant", "fire fighter", "nurse"] * 5, categories=known)
    encoder = DirtyCategories("minhash", few=2).fit(pd.DataFrame({"job": rows}))
    new = pd.DataFrame({"job": pd.Categorical(["accountants", None], categories=known)})
    made = encoder.transform(new)
    assert (made[0] != 0).any()
    assert (made[1] == 0).all()


@pytest.mark.parametrize("periodic", ["none", "circular"])
def test_dates_are_saved_whatever_their_encoding(periodic: str) -> None:
    from metaauto_skrub.encoders import CalendarParts

    from metaauto.model.serialization import dump_estimator, load_estimator, trusted_types
    from metaauto.plugins.registry import Registry

    days = pd.date_range("2021-01-01", periods=50, freq="37h")
    frame = pd.DataFrame({"paid": days})
    encoder = CalendarParts(periodic=periodic).fit(frame)
    component = REGISTRY.preprocessor("datetime", "calendar")
    trusted = {*trusted_types(Registry()), *component.trusted}
    again = load_estimator(dump_estimator(encoder), trusted)
    np.testing.assert_array_equal(again.transform(frame), encoder.transform(frame))
