"""Scaling of numeric columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Preprocessor

__all__ = ["SCALE"]

_SCALER = ("metaauto.builtin.transformers.numeric.NumericScaler",)
_QUANTILE = ("metaauto.builtin.transformers.numeric.QuantileScaler",)


def _standard(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.numeric import NumericScaler

    return NumericScaler("standard", smooth_clip=False)


def _robust(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.numeric import NumericScaler

    return NumericScaler("robust", **values)


def _quantile(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.numeric import QuantileScaler

    return QuantileScaler(seed=context.seed)


def _none(values: Mapping[str, Any], context: BuildContext) -> None:
    return None


SCALE = (
    Preprocessor("standard", "scale", _standard, default=True, needs_dense=True, trusted=_SCALER),
    Preprocessor(
        "robust",
        "scale",
        _robust,
        space={"smooth_clip": Choice((True, False), default=True)},
        needs_dense=True,
        trusted=_SCALER,
    ),
    Preprocessor("quantile", "scale", _quantile, needs_dense=True, trusted=_QUANTILE),
    Preprocessor("none", "scale", _none),
)
