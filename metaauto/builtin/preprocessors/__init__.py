"""Built-in preprocessors, one file per slot."""

from __future__ import annotations

from metaauto.api import Preprocessor
from metaauto.builtin.preprocessors.categories import CATEGORICAL
from metaauto.builtin.preprocessors.dates import DATETIME
from metaauto.builtin.preprocessors.generation import GENERATE
from metaauto.builtin.preprocessors.imputation import IMPUTE
from metaauto.builtin.preprocessors.reduction import REDUCE
from metaauto.builtin.preprocessors.scaling import SCALE
from metaauto.builtin.preprocessors.texts import TEXT

__all__ = ["PREPROCESSORS"]

PREPROCESSORS: tuple[Preprocessor, ...] = (
    *GENERATE,
    *IMPUTE,
    *CATEGORICAL,
    *SCALE,
    *DATETIME,
    *TEXT,
    *REDUCE,
)
