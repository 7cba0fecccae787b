from __future__ import annotations

import time

import pytest
from builders import build

from metaauto.components import (
    SLOTS,
    BuildContext,
    Deadline,
    FitContext,
    MetafeatureExtractor,
    Model,
    Preprocessor,
    Reader,
)
from metaauto.components.hyperparameters import Choice, Float
from metaauto.errors import ComponentError


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a/b", None, 3, "ä b", "-", "a:b"])
def test_a_component_needs_a_plain_name(name):
    for make in (
        lambda: Model(name, build),
        lambda: Preprocessor(name, "scale", build),
        lambda: MetafeatureExtractor(name, build, ("a",)),
        lambda: Reader(name, bool, build),
    ):
        with pytest.raises(ComponentError, match="name"):
            make()


@pytest.mark.parametrize("trusted", [(Model,), Model, "mine.Model", ("Model",), (None,), {Model}])
def test_trusted_types_are_full_names(trusted):
    for make in (
        lambda: Model("mine", build, trusted=trusted),
        lambda: Preprocessor("mine", "scale", build, trusted=trusted),
    ):
        with pytest.raises(ComponentError, match="expected the full names of types"):
            make()
    for names in ((), ("mine.Model",), ["mine.models.Model"]):
        assert Model("mine", build, trusted=names).trusted == names


@pytest.mark.parametrize("name", ["knn", "my-model_2", "x"])
def test_plain_names_are_taken(name):
    assert Model(name, build).name == name


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Model("m", None), "build"),
        (lambda: Model("m", build, fit="fit"), "fit"),
        (lambda: Model("m", build, tasks=()), "tasks"),
        (lambda: Model("m", build, tasks=("classification",)), "classification"),
        (lambda: Model("m", build, tasks="binary"), "tasks"),
        (lambda: Preprocessor("p", "scaling", build), "scaling"),
        (lambda: Preprocessor("p", "scale", 3), "build"),
        (lambda: Preprocessor("p", "scale", build, space={"a": 3}), "'a'"),
        (lambda: MetafeatureExtractor("e", 3, ("a",)), "extract"),
        (lambda: MetafeatureExtractor("e", build, ("a",), tasks=("ranking",)), "ranking"),
        (lambda: MetafeatureExtractor("e", build, ()), "keys"),
        (lambda: MetafeatureExtractor("e", build, "abc"), "keys"),
        (lambda: MetafeatureExtractor("e", build, ("a", "a")), "keys"),
        (lambda: Reader("r", "*.csv", build), "matches"),
        (lambda: Reader("r", bool, "read"), "read"),
    ],
)
def test_a_broken_component_is_refused_by_name(make, word):
    with pytest.raises(ComponentError, match=word) as caught:
        make()
    assert caught.value.hint


def test_a_space_may_depend_on_the_kind_of_task():
    def space(kind):
        return {"alpha": Float(0.0, 1.0, 0.5)} if kind == "regression" else {}

    model = Model("m", build, space=space)
    assert set(model.space_for("regression")) == {"alpha"}
    assert model.space_for("binary") == {}
    fixed = Model("m", build, space={"c": Choice(("a",))})
    assert set(fixed.space_for("binary")) == {"c"}


def test_an_impossible_space_names_the_model():
    model = Model("mine", build, space=lambda kind: {"a": 1})
    with pytest.raises(ComponentError, match="'mine'"):
        model.space_for("binary")


@pytest.mark.parametrize(
    ("limits", "shape", "word"),
    [
        ({"max_rows": 100}, ("binary", 101, 5, 2), "100 rows"),
        ({"max_features": 4}, ("binary", 10, 5, 2), "4 features"),
        ({"max_classes": 3}, ("multiclass", 10, 5, 4), "3 classes"),
        ({"tasks": ("regression",)}, ("binary", 10, 5, 2), "binary"),
    ],
)
def test_a_model_says_why_it_cannot(limits, shape, word):
    assert word in Model("m", build, **limits).why_not(*shape)


def test_a_model_within_its_limits_can():
    model = Model("m", build, max_rows=100, max_features=5, max_classes=2)
    assert model.why_not("binary", 100, 5, 2) is None


def test_deadline_counts_down():
    deadline = Deadline.after(60.0)
    assert 0 < deadline.remaining() <= 60.0
    assert not deadline.passed()
    assert Deadline.after(0.0).passed()
    assert Deadline(time.monotonic() - 1).remaining() < 0
    assert Deadline().remaining() == float("inf")
    assert Deadline.after(float("inf")) == Deadline()


def test_contexts_know_whether_the_target_is_a_class():
    assert BuildContext("binary", 10, 3).is_classification
    assert not FitContext("regression", 10, 3).is_classification


def test_slots_stand_in_the_order_of_the_data():
    assert len(set(SLOTS)) == len(SLOTS)
    assert SLOTS[-1] == "reduce"
