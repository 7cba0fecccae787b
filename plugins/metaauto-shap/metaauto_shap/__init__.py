"""Shapley values for metaauto, by the columns of the table."""

from __future__ import annotations

from typing import Any

from metaauto.api import Explainer, ExplainerInput, Register, hookimpl

__all__ = ["EXPLAINER", "explain", "register_explainers"]

EXACT_COLUMNS = 8
BACKGROUND_ROWS = 25
FEWEST_ROWS = 5
WALKS = 4
ROW_PREDICTIONS = 25_000
"""Predictions that one row may cost: wide tables get fewer walks, then a smaller background."""


def explain(table: ExplainerInput) -> Any:
    """Shapley values of every cell, in the unit of the prediction."""
    from metaauto_shap.values import shapley_values

    walk = 2 * table.X.shape[1] + 1
    background = min(max(ROW_PREDICTIONS // walk, FEWEST_ROWS), BACKGROUND_ROWS)
    walks = min(max(ROW_PREDICTIONS // (walk * background), 1), WALKS)
    return shapley_values(table, EXACT_COLUMNS, background, walks)


EXPLAINER = Explainer(
    "shap",
    explain,
    "Shapley value: what the column adds to the prediction, averaged over all orders of columns.",
    requires=("shap",),
)


@hookimpl
def register_explainers(register: Register) -> None:
    """Register the explainer ``shap``."""
    register.explainer(EXPLAINER)
