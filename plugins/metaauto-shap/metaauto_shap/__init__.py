"""Shapley values for metaauto, by the columns of the table."""

from __future__ import annotations

from typing import Any

from metaauto.api import Explainer, ExplainerInput, Register, hookimpl

__all__ = ["EXPLAINER", "explain", "register_explainers"]

EXACT_COLUMNS = 8
BACKGROUND_ROWS = 25
WALKS = 4


def explain(table: ExplainerInput) -> Any:
    """Shapley values of every cell, in the unit of the prediction."""
    from metaauto_shap.values import shapley_values

    return shapley_values(table, EXACT_COLUMNS, BACKGROUND_ROWS, WALKS)


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
