"""k-nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, Int, Model, Range, Tags

__all__ = ["KNN"]


def _space(kind: str) -> dict[str, Range]:
    # With distance weights, duplicated rows get probabilities of 0 and 1.
    regression = kind == "regression"
    return {
        "n_neighbors": Int(1, 100, 10 if regression else 30, log=True),
        "weights": Choice(("uniform", "distance"), "distance" if regression else "uniform"),
        "p": Choice((1, 2), 1),
    }


def _build(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    kind = KNeighborsClassifier if context.is_classification else KNeighborsRegressor
    return kind(
        n_neighbors=max(1, min(values["n_neighbors"], context.n_rows)),
        weights=values["weights"],
        p=values["p"],
        n_jobs=context.threads,
    )


KNN = Model(
    name="knn",
    build=_build,
    space=_space,
    tags=Tags(accepts_sparse=True, needs_scaling=True),
    portfolio=(
        {"n_neighbors": 15, "weights": "distance"},
        {"n_neighbors": 80, "weights": "uniform"},
    ),
    max_rows=50_000,
    max_cells=25_000_000,
    cost=0.3,
)
