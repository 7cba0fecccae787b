"""Gaussian naive Bayes with temperature scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Float, Model, Tags

__all__ = ["NAIVE_BAYES"]


def _build(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.naive_bayes import GaussianNB

    from metaauto.builtin.models.temperature_scaling import TemperatureScaledClassifier

    return TemperatureScaledClassifier(GaussianNB(var_smoothing=values["var_smoothing"]))


NAIVE_BAYES = Model(
    name="naive_bayes",
    build=_build,
    space={"var_smoothing": Float(1e-9, 10.0, 0.1, log=True)},
    tasks=("binary", "multiclass"),
    tags=Tags(needs_scaling=True, accepts_sample_weight=True),
    trusted=("metaauto.builtin.models.temperature_scaling.TemperatureScaledClassifier",),
    cost=0.02,
)
