"""The unfitted pipeline of a member, with what its fold models have learned about its settings.

metaauto's models stop early on validation rows, continue fits in batches and scale targets. Plain
scikit-learn estimators get the number of rounds that the fold models had, and scikit-learn's own
early stopping and target scaling.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metaauto.builtin.models.neural import MAX_EPOCHS, MIN_UPDATES, PATIENCE
from metaauto.model.final import Member
from metaauto.task import Task

__all__ = ["template"]

_LOGISTIC_ITERATIONS = 1_000
_SAME_AS_PARENT = "metaauto.builtin.models.compact_trees"


def template(member: Member, task: Task) -> tuple[Any, list[str]]:
    """Return an unfitted pipeline, and its differences from the member as sentences.

    Parameters
    ----------
    member : Member
        Member of an ensemble.
    task : Task
        Its task.
    """
    from sklearn.pipeline import Pipeline

    folds = list(member.estimators)
    notes: list[str] = []
    if type(folds[0]) is not Pipeline:
        return folds[0], notes
    last = _model([fold.steps[-1][1] for fold in folds], task, notes)
    steps = [(title, _prepared(step)) for title, step in folds[0].steps[:-1]]
    return Pipeline([*steps, ("model", last)]), notes


def _prepared(step: Any) -> Any:
    """Return a preprocessing step, as scikit-learn's where that does the same."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    if type(step) is Pipeline:
        return Pipeline([(title, _prepared(part)) for title, part in step.steps])
    if type(step) is ColumnTransformer:
        branches = [(title, _prepared(part), columns) for title, part, columns in step.transformers]
        return ColumnTransformer(branches, sparse_threshold=step.sparse_threshold)
    kind = type(step).__name__
    if kind == "NumericImputer" and step.strategy != "keep":
        return SimpleImputer(
            strategy=step.strategy, add_indicator=step.indicator, keep_empty_features=True
        )
    if kind == "NumericScaler" and step.method == "standard" and not step.smooth_clip:
        return StandardScaler()
    return step


def _model(folds: list[Any], task: Task, notes: list[str]) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    first = folds[0]
    if type(first).__name__ == "RescaledRegressor":
        inner = _model([fold.estimator for fold in folds], task, notes)
        if isinstance(inner, TransformedTargetRegressor):
            return inner
        return TransformedTargetRegressor(inner, transformer=StandardScaler())
    kind: Any = type(first)
    if kind.__module__ == _SAME_AS_PARENT:
        kind = next(base for base in kind.__mro__ if base.__module__.startswith("sklearn.ensemble"))
    parameters = first.get_params(deep=False)
    changes = _changes(kind.__name__, folds, task, notes)
    built = kind(**{**parameters, **{k: v for k, v in changes.items() if k in parameters}})
    if kind.__name__ in ("ElasticNet", "MLPRegressor"):
        # metaauto fits them on the standardised target.
        return TransformedTargetRegressor(built, transformer=StandardScaler())
    return built


def _changes(kind: str, folds: list[Any], task: Task, notes: list[str]) -> dict[str, Any]:
    """Return the parameters that a single fit without metaauto's training loops needs."""
    first = folds[0]
    if kind.startswith("HistGradientBoosting"):
        rounds = round(float(np.mean([fold.n_iter_ for fold in folds])))
        notes.append(
            "Histogram gradient boosting has the mean number of rounds of its models, which early "
            "stopping found, instead of early stopping."
        )
        return {"early_stopping": False, "n_iter_no_change": 10, "max_iter": rounds}
    if "Forest" in kind or "ExtraTrees" in kind:
        weights = getattr(first, "class_weight", None)
        # The weights of the classes were computed from "balanced".
        weights = "balanced" if isinstance(weights, dict) else weights
        return {"class_weight": weights, "n_estimators": max(f.n_estimators for f in folds)}
    if kind == "LogisticRegression":
        return {"max_iter": _LOGISTIC_ITERATIONS}
    if kind.startswith("MLP"):
        notes.append(
            "Neural networks use scikit-learn's early stopping, on a tenth of the rows, instead of "
            "metaauto's."
        )
        updates = max(math.ceil(task.n_rows / first.batch_size), 1)
        epochs = max(MAX_EPOCHS, math.ceil(MIN_UPDATES / updates))
        return {
            "shuffle": True,
            "early_stopping": True,
            "n_iter_no_change": PATIENCE,
            "max_iter": epochs,
        }
    if hasattr(first, "booster_"):
        notes.append(
            f"{kind} is fitted without early stopping: the number of rounds follows from the "
            "learning rate."
        )
    return {}
