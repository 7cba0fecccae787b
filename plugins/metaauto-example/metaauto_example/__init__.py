"""A model for metaauto: bagging, trees on samples of the rows and columns.

`SPACE` defines the hyperparameters that are searched; `build` returns an estimator with the
interface of scikit-learn. `Tags` declare what the model accepts without preprocessing; metaauto
prepares the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Float, Int, Model, Register, Space, Tags, hookimpl

SPACE: Space = {
    "trees": Int(10, 100, 30, log=True),
    "columns": Float(0.3, 1.0, 0.7),
    "leaf_rows": Int(1, 30, 3, log=True),
}


def build(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Return an estimator in the style of scikit-learn; heavy imports belong in here."""
    from sklearn.ensemble import BaggingClassifier, BaggingRegressor
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    bagging, tree = BaggingRegressor, DecisionTreeRegressor
    if context.is_classification:
        bagging, tree = BaggingClassifier, DecisionTreeClassifier
    return bagging(
        tree(min_samples_leaf=values["leaf_rows"]),
        n_estimators=values["trees"],
        max_features=values["columns"],
        random_state=context.seed,
    )


MODEL = Model(
    name="example",
    build=build,
    space=SPACE,
    tags=Tags(accepts_sample_weight=True),
    portfolio=({"trees": 100, "columns": 1.0, "leaf_rows": 1},),
)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model to the search."""
    register.model(MODEL)
