"""metaauto-skrub fulfils the contract of a preprocessor in each of its slots."""

from __future__ import annotations

from dataclasses import replace

import metaauto_skrub
import numpy as np
import pandas as pd
import pytest

from metaauto.api import BuildContext
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import PreprocessorContract, default_values

REGISTRY = load_plugins(PluginSettings(only=(), strict=True), objects=[metaauto_skrub]).registry


def step(slot, name):
    """A preprocessor for one kind of task: the target makes no difference for it."""
    return replace(REGISTRY.preprocessor(slot, name), tasks=("binary",))


class TestMinHash(PreprocessorContract):
    preprocessor = step("categorical", "minhash")


class TestGap(PreprocessorContract):
    preprocessor = step("categorical", "gap")
    draws = 2


class TestString(PreprocessorContract):
    preprocessor = step("categorical", "string")


class TestCalendar(PreprocessorContract):
    preprocessor = step("datetime", "calendar")


class TestSpelling(PreprocessorContract):
    preprocessor = step("text", "spelling")


@pytest.mark.parametrize("name", ["minhash", "gap", "string"])
def test_the_target_makes_no_difference(name: str) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 40, 80)
    frame = pd.DataFrame({"k": pd.Categorical.from_codes(codes, [f"town {i}" for i in range(40)])})
    component, fitted = REGISTRY.preprocessor("categorical", name), []
    for kind, y in (("binary", codes % 2), ("regression", random.normal(size=80))):
        context = BuildContext(
            kind=kind, n_rows=80, n_features=1, n_classes=2 * (kind == "binary"), seed=0
        )
        transformer = component.build(default_values(component.space), context)
        fitted.append(transformer.fit_transform(frame, y))
    np.testing.assert_array_equal(*fitted)


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
