"""The search space of a task: models, hyperparameters and preprocessing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from metaauto.components import SLOTS, Model, Preprocessor
from metaauto.components.hyperparameters import Choice, Float, Int, Range, Scalar
from metaauto.configuration import Configuration
from metaauto.errors import Refused
from metaauto.plugins.registry import Registry
from metaauto.task import Role, Task

if TYPE_CHECKING:
    from random import Random

__all__ = ["BASELINE", "Repaired", "SearchSpace"]

BASELINE = "dummy"

_MIN_FEATURES_TO_REDUCE = 8


@dataclass(frozen=True)
class Repaired:
    """A configuration adapted to the installed space, with the list of changes."""

    configuration: Configuration
    changes: tuple[str, ...] = ()


class SearchSpace:
    """The search space of one task with the installed components.

    Parameters
    ----------
    registry : Registry
        Installed components, `Registry.select` applied.
    task : Task
        The task.

    Attributes
    ----------
    ranges : dict of str to dict of str to Range
        Hyperparameter ranges by model, including preprocessing slots, with conditions.
    skipped : dict of str to str
        Models that do not support the task, with the reason.
    """

    def __init__(self, registry: Registry, task: Task) -> None:
        self.registry = registry
        self.task = task
        self.ranges: dict[str, dict[str, Range]] = {}
        self.skipped: dict[str, str] = {}
        for model in registry.models():
            if model.name == BASELINE:
                continue
            why = model.why_not(task.kind, task.n_rows, len(task.features), task.n_classes)
            if why is None and task.weighted and not model.tags.accepts_sample_weight:
                why = "has no support for sample weights"
            if why is None and task.is_classification and not model.tags.outputs_probabilities:
                why = "has no class probabilities"
            if why is None and not model.tags.accepts_dataframe:
                why = self._unprepared(model)
            if why is not None:
                self.skipped[model.name] = why
            else:
                self.ranges[model.name] = self._ranges_of(model)

    def require_models(self) -> None:
        """Raise `Refused` if no model can do the task."""
        if not self.ranges:
            reasons = "; ".join(f"{name} {why}" for name, why in self.skipped.items())
            reasons = reasons or f"{BASELINE} is the baseline and cannot be searched"
            raise Refused(f"No model can do this task: {reasons}.", hint="Include other models.")

    @property
    def models(self) -> list[str]:
        """Names of the models of the space, sorted."""
        return sorted(self.ranges)

    def needed_slots(self, model: Model) -> list[str]:
        """Return the preprocessing slots that this model needs for this table."""
        if model.tags.accepts_dataframe:
            return []
        columns = self.task.positions
        numbers = columns(Role.NUMERIC, Role.BOOLEAN) + columns(Role.DATETIME)
        wanted = {
            "generate": len(columns(Role.NUMERIC, Role.BOOLEAN, Role.CATEGORICAL)) > 1,
            "impute": bool(numbers),
            "categorical": bool(columns(Role.CATEGORICAL)),
            "scale": bool(numbers) and model.tags.needs_scaling,
            "datetime": bool(columns(Role.DATETIME)),
            "text": bool(columns(Role.TEXT)),
            "reduce": True,
        }
        return [slot for slot in SLOTS if wanted[slot]]

    def fitting(self, model: Model, slot: str) -> list[Preprocessor]:
        """Return the preprocessors of a slot that are compatible with a model, default first."""
        tags = model.tags
        n_features = len(self.task.features)
        compatible = []
        for step in self.registry.preprocessors(slot):
            if self.task.kind not in step.tasks:
                continue
            if step.max_rows is not None and self.task.n_rows > step.max_rows:
                continue
            if step.max_features is not None and n_features > step.max_features:
                continue
            # The columns of these slots are imputed afterwards, or were before.
            if step.passes_nan and not tags.accepts_nan and slot not in ("generate", "scale"):
                continue
            if step.outputs_categories and not tags.accepts_categories:
                continue
            if any(self._count(role) < count for role, count in step.columns.items()):
                continue
            if tags.needs_scaling and not step.outputs_scaled:
                continue
            if step.outputs_sparse and slot == "text" and not tags.accepts_sparse:
                continue
            compatible.append(step)
        preferred = self._preferred(model, slot)
        return sorted(compatible, key=lambda s: (s.name != preferred, not s.default, s.name))

    def _count(self, role: str) -> int:
        """Return the number of columns that the preprocessors treat as of this role."""
        roles = (Role.NUMERIC, Role.BOOLEAN) if role == Role.NUMERIC else (Role(role),)
        return len(self.task.positions(*roles))

    def _preferred(self, model: Model, slot: str) -> Scalar:
        own = model.space_for(self.task.kind).get(slot)
        if isinstance(own, Choice):
            return own.default
        if slot == "impute":
            return "keep" if model.tags.accepts_nan else None
        if slot == "categorical":
            if model.tags.accepts_categories:
                return "native"
            return None if model.tags.needs_scaling else "ordinal"
        if slot == "text" and model.tags.accepts_sparse:
            # Sparse word features give better scores than their projections.
            return next(
                (s.name for s in self.registry.preprocessors(slot) if s.outputs_sparse), None
            )
        return None

    def _unprepared(self, model: Model) -> str | None:
        for slot in self.needed_slots(model):
            if slot != "reduce" and not self.fitting(model, slot):
                return f"no installed preprocessor for the slot {slot!r} is compatible with it"
        return None

    def _ranges_of(self, model: Model) -> dict[str, Range]:
        own = model.space_for(self.task.kind)
        ranges = {key: bounds for key, bounds in own.items() if key not in SLOTS}
        missing = any(column.missing > 0 for column in self.task.features)
        for slot in self.needed_slots(model):
            steps = self.fitting(model, slot)
            allowed = own.get(slot)
            if isinstance(allowed, Choice):
                steps = [s for s in steps if s.name in allowed.options] or steps[:1]
            if slot == "impute" and not missing:
                continue
            if slot == "reduce" and len(self.task.features) < _MIN_FEATURES_TO_REDUCE:
                continue
            # Generated features help some models on some tables: the author of a model asks for it.
            if slot == "generate" and (allowed is None or len(steps) < 2):
                continue
            if steps:
                ranges.update(_slot_ranges(slot, steps))
        return _possible(ranges)

    def default(self, model: str) -> Configuration:
        """Return the default configuration of a model."""
        return self.repair(Configuration(model, {})).configuration

    def portfolio(self, model: str) -> list[Configuration]:
        """Return the default configuration of a model and those of its portfolio."""
        entries = self.registry.model(model).portfolio
        found = [self.default(model)]
        found += [self.repair(Configuration(model, entry)).configuration for entry in entries]
        return list(dict.fromkeys(found))

    def repair(self, configuration: Configuration) -> Repaired:
        """Adapt a configuration to the installed space.

        Values out of range are clipped, missing ones set to their default, unknown and inactive
        ones dropped; each change is listed.

        Raises
        ------
        KeyError
            The model is not in the space; see `skipped` for the reason.
        """
        ranges = self.ranges[configuration.model]
        changes = []
        given = dict(configuration.values)
        values: dict[str, Scalar] = {}
        for key in _in_order(ranges):
            bounds = ranges[key]
            if not _is_active(bounds, values):
                if key in given:
                    changes.append(f"{key}: inactive, dropped")
                continue
            if key not in given:
                values[key] = bounds.default
                continue
            values[key] = bounds.clip(given[key])
            if values[key] != given[key]:
                changes.append(f"{key}: {given[key]!r} became {values[key]!r}")
        changes += [f"{key}: unknown, dropped" for key in given if key not in ranges]
        self._drop_reduction(configuration.model, values, changes)
        return Repaired(Configuration(configuration.model, values), tuple(changes))

    def _drop_reduction(self, model: str, values: dict[str, Scalar], changes: list[str]) -> None:
        """Drop a reduction that is incompatible with the chosen encoding."""
        reduce = values.get("reduce")
        if reduce in (None, "none"):
            return
        step = self.registry.preprocessor("reduce", str(reduce))
        blocked = ""
        for slot in ("categorical", "text"):
            if slot not in values:
                continue
            chosen = self.registry.preprocessor(slot, str(values[slot]))
            if chosen.outputs_categories:
                blocked = "category codes cannot be reduced"
            elif slot == "text" and chosen.outputs_sparse and step.needs_dense:
                blocked = "sparse matrices cannot be centred"
        tags = self.registry.model(model).tags
        keeps = tags.accepts_nan and not step.passes_nan
        impute = values.get("impute", "keep" if tags.accepts_nan else "")
        if keeps and impute == "keep":
            blocked = "missing values are not imputed"
        if blocked:
            for key in [k for k in values if k == "reduce" or k.startswith("reduce.")]:
                del values[key]
            if self.ranges[model]["reduce"].contains("none"):
                values["reduce"] = "none"
            changes.append(f"reduce: {reduce!r} became 'none', {blocked}")

    def sample(self, random: Random, model: str | None = None) -> Configuration:
        """Draw a random configuration, of a random model unless one is given."""
        name = model or random.choice(self.models)
        values: dict[str, Scalar] = {}
        for key in _in_order(self.ranges[name]):
            bounds = self.ranges[name][key]
            if _is_active(bounds, values):
                values[key] = _draw(bounds, random)
        return self.repair(Configuration(name, values)).configuration

    def neighbour(self, configuration: Configuration, random: Random) -> Configuration:
        """Return a configuration with one or two slightly changed values."""
        ranges = self.ranges[configuration.model]
        values = dict(configuration.values)
        keys = [key for key in values if key in ranges]
        for key in random.sample(keys, min(len(keys), random.choice((1, 2)))):
            values[key] = _step(ranges[key], values[key], random)
        return self.repair(Configuration(configuration.model, values)).configuration


def _possible(ranges: dict[str, Range]) -> dict[str, Range]:
    """Drop ranges whose conditions cannot be satisfied in this space."""
    while True:
        kept = {}
        for key, bounds in ranges.items():
            when = {
                parent: tuple(value for value in allowed if ranges[parent].contains(value))
                for parent, allowed in bounds.when.items()
                if parent in ranges
            }
            if len(when) == len(bounds.when) and all(when.values()):
                kept[key] = bounds if when == dict(bounds.when) else replace(bounds, when=when)
        if len(kept) == len(ranges):
            return kept
        ranges = kept


def _slot_ranges(slot: str, steps: list[Preprocessor]) -> dict[str, Range]:
    names = tuple(step.name for step in steps)
    default = names[0]
    if slot == "reduce" and "none" in names:
        default = "none"
    ranges: dict[str, Range] = {slot: Choice(names, default)}
    for step in steps:
        for key, bounds in step.space.items():
            prefix = f"{slot}.{step.name}."
            when: dict[str, Any] = {prefix + parent: ok for parent, ok in bounds.when.items()}
            when[slot] = (step.name,)
            ranges[prefix + key] = replace(bounds, when=when)
    return ranges


def _in_order(ranges: Mapping[str, Range]) -> Iterable[str]:
    """Return keys in topological order: parents before dependent keys."""
    done: dict[str, None] = {}
    waiting = list(ranges)
    while waiting:
        ready = [key for key in waiting if all(parent in done for parent in ranges[key].when)]
        if not ready:
            return [*done, *waiting]
        done.update(dict.fromkeys(ready))
        waiting = [key for key in waiting if key not in done]
    return list(done)


def _is_active(bounds: Range, values: Mapping[str, Scalar]) -> bool:
    return all(
        parent in values and any(_is_same(values[parent], value) for value in allowed)
        for parent, allowed in bounds.when.items()
    )


def _is_same(value: Scalar, other: Scalar) -> bool:
    """Return whether two values are equal; True and 1 differ."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _draw(bounds: Range, random: Random) -> Scalar:
    if isinstance(bounds, Choice):
        return random.choice(bounds.options)
    share = random.random()
    return _at(bounds, share)


def _step(bounds: Range, value: Scalar, random: Random) -> Scalar:
    if isinstance(bounds, Choice):
        return random.choice(bounds.options)
    share = min(max(_share(bounds, float(value or 0.0)) + random.gauss(0.0, 0.15), 0.0), 1.0)
    return _at(bounds, share)


def _at(bounds: Float | Int, share: float) -> Scalar:
    if bounds.log:
        low, high = math.log(bounds.low), math.log(bounds.high)
        return bounds.clip(math.exp(low + share * (high - low)))
    return bounds.clip(bounds.low + share * (bounds.high - bounds.low))


def _share(bounds: Float | Int, value: float) -> float:
    if bounds.high == bounds.low:
        return 0.0
    if bounds.log:
        span = math.log(bounds.high) - math.log(bounds.low)
        return (math.log(value) - math.log(bounds.low)) / span
    return (value - bounds.low) / (bounds.high - bounds.low)
