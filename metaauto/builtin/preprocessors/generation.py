"""Generated features, added to the columns of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Float, Int, Preprocessor

__all__ = ["GENERATE"]

_TRUSTED = ("metaauto.builtin.transformers.generated.FeatureGenerator",)
_COUNT = Int(4, 96, log=True, default=24)
_SMOOTHING = Float(1.0, 200.0, log=True, default=10.0)


def _none(values: Mapping[str, Any], context: BuildContext) -> None:
    return None


def _arithmetic(values: Mapping[str, Any], context: BuildContext) -> Any:
    return _generator(values, context, groups=False)


def _groups(values: Mapping[str, Any], context: BuildContext) -> Any:
    return _generator(values, context, arithmetic=False)


def _all(values: Mapping[str, Any], context: BuildContext) -> Any:
    return _generator(values, context)


def _generator(values: Mapping[str, Any], context: BuildContext, **families: bool) -> Any:
    from metaauto.builtin.transformers.generated import FeatureGenerator

    return FeatureGenerator(kind=context.kind, seed=context.seed, **families, **values)


GENERATE = (
    Preprocessor("none", "generate", _none, default=True),
    Preprocessor(
        "arithmetic",
        "generate",
        _arithmetic,
        space={"n_features": _COUNT},
        passes_nan=True,
        columns={"numeric": 2},
        trusted=_TRUSTED,
    ),
    Preprocessor(
        "groups",
        "generate",
        _groups,
        space={"n_features": _COUNT, "smoothing": _SMOOTHING},
        passes_nan=True,
        columns={"categorical": 1},
        trusted=_TRUSTED,
    ),
    Preprocessor(
        "all",
        "generate",
        _all,
        space={"n_features": _COUNT, "smoothing": _SMOOTHING},
        passes_nan=True,
        columns={"numeric": 2, "categorical": 1},
        trusted=_TRUSTED,
    ),
)
