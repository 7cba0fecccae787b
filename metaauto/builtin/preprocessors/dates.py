"""Numeric features from date columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Preprocessor

__all__ = ["DATETIME"]


def _parts(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.transformers.dates import DateParts

    return DateParts(**values)


# A missing date is NaN after this step; the imputation that follows in the branch replaces it.
DATETIME = (
    Preprocessor(
        "parts",
        "datetime",
        _parts,
        space={"cyclical": Choice((False, True), default=False)},
        default=True,
        trusted=("metaauto.builtin.transformers.dates.DateParts",),
    ),
)
