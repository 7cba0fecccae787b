"""Constant prediction, the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Model, Range, Tags

__all__ = ["DUMMY"]


def _space(kind: str) -> dict[str, Range]:
    return {"strategy": Choice(("mean", "median"))} if kind == "regression" else {}


def _build(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if context.is_classification:
        return DummyClassifier(strategy="prior", random_state=context.seed)
    return DummyRegressor(strategy=values.get("strategy", "mean"))


DUMMY = Model(
    name="dummy",
    build=_build,
    space=_space,
    tags=Tags(
        accepts_nan=True,
        accepts_categories=True,
        accepts_sparse=True,
        accepts_sample_weight=True,
        accepts_dataframe=True,
    ),
    cost=0.001,
)
