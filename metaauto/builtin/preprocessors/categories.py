"""Encoding of categorical columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Float, Int, Preprocessor

__all__ = ["CATEGORICAL"]

_MODULE = "metaauto.builtin.transformers"


def _onehot(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.onehot import OneHotEncoder

    return OneHotEncoder(**values)


def _native(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.categories import NativeEncoder

    return NativeEncoder(**values)


def _ordinal(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.categories import OrdinalEncoder

    return OrdinalEncoder(**values)


def _target(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.target import TargetEncoder

    return TargetEncoder(kind=context.kind, seed=context.seed, **values)


def _frequency(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.categories import FrequencyEncoder

    return FrequencyEncoder(**values)


CATEGORICAL = (
    Preprocessor(
        "onehot",
        "categorical",
        _onehot,
        space={
            "min_frequency": Float(0.0002, 0.05, log=True, default=0.001),
            "max_categories": Int(8, 512, log=True, default=64),
        },
        default=True,
        outputs_sparse=True,
        trusted=(f"{_MODULE}.onehot.OneHotEncoder",),
    ),
    Preprocessor(
        "native",
        "categorical",
        _native,
        space={"min_count": Int(1, 50, log=True, default=2)},
        passes_nan=True,
        outputs_categories=True,
        trusted=(f"{_MODULE}.categories.NativeEncoder",),
    ),
    Preprocessor(
        "ordinal",
        "categorical",
        _ordinal,
        space={"order": Choice(("frequency", "value"))},
        outputs_scaled=False,
        trusted=(f"{_MODULE}.categories.OrdinalEncoder",),
    ),
    Preprocessor(
        "target",
        "categorical",
        _target,
        space={"smoothing": Float(1.0, 200.0, log=True, default=10.0)},
        trusted=(f"{_MODULE}.target.TargetEncoder",),
    ),
    Preprocessor(
        "frequency",
        "categorical",
        _frequency,
        space={"log": Choice((True, False))},
        trusted=(f"{_MODULE}.categories.FrequencyEncoder",),
    ),
)
