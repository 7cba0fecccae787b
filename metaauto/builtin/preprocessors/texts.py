"""Vectorisation of text columns, one column at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Int, Preprocessor

__all__ = ["TEXT"]

_TERMS = Choice(("words", "word_pairs", "characters"))
_MODULE = "metaauto.builtin.transformers.texts"


def _tfidf_svd(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.texts import TextComponents

    return TextComponents(seed=context.seed, **values)


def _tfidf(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.texts import TextTerms

    return TextTerms(seed=context.seed, **values)


TEXT = (
    Preprocessor(
        "tfidf_svd",
        "text",
        _tfidf_svd,
        space={"n_components": Int(16, 256, log=True, default=64), "terms": _TERMS},
        default=True,
        trusted=(f"{_MODULE}.TextComponents", f"{_MODULE}.TextTerms"),
    ),
    Preprocessor(
        "tfidf",
        "text",
        _tfidf,
        space={"max_features": Int(1_000, 50_000, log=True, default=20_000), "terms": _TERMS},
        outputs_sparse=True,
        trusted=(f"{_MODULE}.TextTerms",),
    ),
)
