"""Imputation of numeric columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Preprocessor

__all__ = ["IMPUTE"]

_SPACE = {"indicator": Choice((False, True), default=False)}
_TRUSTED = ("metaauto.builtin.transformers.numeric.NumericImputer",)


def _median(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.numeric import NumericImputer

    return NumericImputer("median", **values)


def _mean(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.numeric import NumericImputer

    return NumericImputer("mean", **values)


def _keep(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.numeric import NumericImputer

    return NumericImputer("keep", **values)


IMPUTE = (
    Preprocessor("median", "impute", _median, space=_SPACE, default=True, trusted=_TRUSTED),
    Preprocessor("mean", "impute", _mean, space=_SPACE, trusted=_TRUSTED),
    Preprocessor("keep", "impute", _keep, space=_SPACE, passes_nan=True, trusted=_TRUSTED),
)
