"""Build scikit-learn preprocessing from a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.components import BuildContext, Model, Preprocessor
from metaauto.components.hyperparameters import Scalar
from metaauto.configuration import Configuration
from metaauto.errors import ComponentError
from metaauto.plugins.registry import Registry
from metaauto.space import SearchSpace
from metaauto.task import Role

__all__ = ["PreparationPlan", "plan_preparation"]


class PreparationPlan:
    """The chosen preprocessor of each slot with its hyperparameter values.

    Attributes
    ----------
    steps : dict of str to (Preprocessor, dict)
        Preprocessor and values by slot.
    key : str
        Equal for plans with the same result, so that prepared rows can be shared.
    """

    def __init__(
        self, model: Model, steps: Mapping[str, tuple[Preprocessor, dict[str, Scalar]]]
    ) -> None:
        self.model = model
        self.steps = dict(steps)
        chosen = sorted((slot, step.name, sorted(v.items())) for slot, (step, v) in steps.items())
        self.key = repr((chosen, model.tags.accepts_sparse, model.tags.accepts_dataframe))

    @property
    def is_native(self) -> bool:
        """Return whether the model receives categories as codes."""
        step = self.steps.get("categorical")
        return step is not None and step[0].outputs_categories

    def build(self, space: SearchSpace, context: BuildContext) -> Any:
        """Return an unfitted transformer of typed frames.

        Category codes, if any, are the first columns of its output.
        """
        from sklearn.compose import ColumnTransformer

        # Positions, because scikit-learn searches each name in a list: slow for 10,000 columns.
        columns = space.task.positions
        numbers = columns(Role.NUMERIC, Role.BOOLEAN)
        branches: list[tuple[str, Any, Any]] = []
        if categories := columns(Role.CATEGORICAL):
            branch = self._chain(["categorical"], context)
            branches.append(("categorical", branch, _span(categories)))
        if numbers:
            branch = self._chain(["impute", "scale"], context)
            branches.append(("numeric", branch, _span(numbers)))
        if dates := columns(Role.DATETIME):
            branch = self._chain(["datetime", "impute", "scale"], context)
            branches.append(("datetime", branch, _span(dates)))
        if (sources := numbers + categories) and self._step("generate", context) is not None:
            branch = self._chain(["generate", "impute", "scale"], context)
            branches.append(("generated", branch, _span(sorted(sources))))
        for number, column in enumerate(columns(Role.TEXT)):
            branches.append((f"text{number}", self._chain(["text"], context), column))
        return ColumnTransformer(
            branches,
            remainder="drop",
            sparse_threshold=0.3 if self._may_be_sparse() else 0.0,
            verbose_feature_names_out=True,
        )

    def build_reduction(self, context: BuildContext) -> Any | None:
        """Return an unfitted transformer of the complete matrix, or None."""
        return self._step("reduce", context)

    def _may_be_sparse(self) -> bool:
        if not self.model.tags.accepts_sparse:
            return False
        reduce = self.steps.get("reduce")
        return reduce is None or reduce[0].name == "none" or not reduce[0].needs_dense

    def _step(self, slot: str, context: BuildContext) -> Any | None:
        if slot not in self.steps:
            return None
        step, values = self.steps[slot]
        return step.build(values, context)

    def _chain(self, slots: list[str], context: BuildContext) -> Any:
        from sklearn.pipeline import Pipeline

        built = [(slot, self._step(slot, context)) for slot in slots]
        built = [(slot, step) for slot, step in built if step is not None]
        if not built:
            return "passthrough"
        return Pipeline(built) if len(built) > 1 else built[0][1]


def _span(positions: list[int]) -> list[int] | slice:
    """Return contiguous positions as a slice, others as a list."""
    first, last = positions[0], positions[-1]
    return slice(first, last + 1) if last - first + 1 == len(positions) else positions


def plan_preparation(
    space: SearchSpace, registry: Registry, configuration: Configuration
) -> PreparationPlan:
    """Return the preprocessor of each needed slot, by the configuration or the default."""
    model = registry.model(configuration.model)
    values = configuration.values
    steps: dict[str, tuple[Preprocessor, dict[str, Scalar]]] = {}
    for slot in space.needed_slots(model):
        name = values.get(slot)
        if name is None:
            fitting = space.fitting(model, slot)
            if slot == "reduce" or not fitting:
                continue
            step = fitting[0]
        else:
            step = registry.preprocessor(slot, str(name))
        prefix = f"{slot}.{step.name}."
        given = {
            key: values.get(prefix + key, bounds.default) for key, bounds in step.space.items()
        }
        active = {
            key: value
            for key, value in given.items()
            if all(given.get(p) in ok for p, ok in step.space[key].when.items())
        }
        steps[slot] = (step, active)
    if (
        "categorical" in steps
        and steps["categorical"][0].outputs_categories
        and not model.tags.accepts_categories
    ):
        raise ComponentError(
            f"Model {model.name!r} does not accept category codes.",
            hint="Choose another preprocessor for the slot 'categorical'.",
        )
    return PreparationPlan(model, steps)
