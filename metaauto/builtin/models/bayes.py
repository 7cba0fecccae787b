"""Naive Bayes with Gaussian columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Float, Model, Tags

__all__ = ["NAIVE_BAYES"]


def _build(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=values["var_smoothing"])


NAIVE_BAYES = Model(
    name="naive_bayes",
    build=_build,
    space={"var_smoothing": Float(1e-9, 10.0, 0.3, log=True)},
    tasks=("binary", "multiclass"),
    tags=Tags(scaled=True, sample_weight=True),
    cost=0.01,
    priority=1.0,
)
