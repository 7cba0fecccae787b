"""A preprocessor for metaauto: scaling by quantiles, which outliers do not affect.

The slot `scale` gives it numeric columns without missing values. Every model that needs scaling can
use it; the search chooses among the scalers, and the hyperparameters of `SPACE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Float, Preprocessor, Register, Space, hookimpl

SPACE: Space = {"tail": Float(0.01, 0.25, 0.1)}


def build(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Return a transformer in the style of scikit-learn; heavy imports belong in here."""
    from sklearn.preprocessing import RobustScaler

    tail = 100 * values["tail"]
    return RobustScaler(quantile_range=(tail, 100 - tail))


PREPROCESSOR = Preprocessor("example", "scale", build, space=SPACE)


@hookimpl
def register_preprocessors(register: Register) -> None:
    """Offer the preprocessor to the search."""
    register.preprocessor(PREPROCESSOR)
