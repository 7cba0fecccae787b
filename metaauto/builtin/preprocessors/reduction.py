"""Dimensionality reduction and feature selection on the joined matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Float, Preprocessor

__all__ = ["REDUCE"]

_MODULE = "metaauto.builtin.transformers.reduction"


def _none(values: Mapping[str, Any], context: BuildContext) -> None:
    return None


def _pca(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.reduction import PrincipalComponents

    return PrincipalComponents(seed=context.seed, **values)


def _select(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.reduction import ColumnSelector

    return ColumnSelector(kind=context.kind, seed=context.seed, **values)


REDUCE = (
    Preprocessor("none", "reduce", _none, default=True),
    Preprocessor(
        "pca",
        "reduce",
        _pca,
        space={"variance": Float(0.5, 0.999, default=0.95)},
        needs_dense=True,
        trusted=(f"{_MODULE}.PrincipalComponents",),
    ),
    Preprocessor(
        "select",
        "reduce",
        _select,
        space={
            "share": Float(0.02, 0.9, log=True, default=0.5),
            "score": Choice(("variance_ratio", "mutual_information")),
        },
        outputs_sparse=True,
        trusted=(f"{_MODULE}.ColumnSelector",),
    ),
)
