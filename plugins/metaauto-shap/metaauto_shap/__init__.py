"""Explainer of Shapley values per table column."""

from __future__ import annotations

from typing import Any

from metaauto.api import Explainer, ExplainerInput, Register, hookimpl

__all__ = ["EXPLAINER", "explain", "register_explainers"]

EXACT_COLUMNS = 8
BACKGROUND_ROWS = 25
MIN_BACKGROUND_ROWS = 5
PERMUTATIONS = 4
ROW_PREDICTIONS = 25_000
"""Maximum predictions per row: wide tables get fewer permutations, then fewer background rows."""


def explain(table: ExplainerInput) -> Any:
    """Compute the Shapley value of every cell, in the unit of the prediction."""
    from metaauto_shap.values import shapley_values

    evaluations = 2 * table.X.shape[1] + 1
    background = min(max(ROW_PREDICTIONS // evaluations, MIN_BACKGROUND_ROWS), BACKGROUND_ROWS)
    permutations = min(max(ROW_PREDICTIONS // (evaluations * background), 1), PERMUTATIONS)
    return shapley_values(table, EXACT_COLUMNS, background, permutations)


EXPLAINER = Explainer(
    "shap",
    explain,
    "Shapley value: contribution of the column, averaged over the orders of the columns.",
    requires=("shap",),
)


@hookimpl
def register_explainers(register: Register) -> None:
    """Register the explainer ``shap``."""
    register.explainer(EXPLAINER)
