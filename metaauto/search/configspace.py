"""Translate metaauto's ranges to a ConfigSpace, and configurations in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.components.hyperparameters import Choice, Int, Range, Scalar
from metaauto.configuration import Configuration
from metaauto.space import SearchSpace

__all__ = ["Translation", "translate"]

_ROOT = "model"


class Translation:
    """A ConfigSpace over all models of a search space, and the conversion between the two.

    The hyperparameters of each model, preprocessing included, are conditional on the choice of that
    model. Options of a `Choice` are translated by position, because ConfigSpace compares options by
    value and does not distinguish ``1``, ``True`` and ``"1"``.

    Parameters
    ----------
    ranges : mapping of str to mapping of str to Range
        As in `SearchSpace.ranges`; plain data that can be sent to another process.
    seed : int
        Seed of random samples from the space.
    """

    def __init__(self, ranges: Mapping[str, Mapping[str, Range]], seed: int) -> None:
        from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition

        self._ranges = ranges
        models = sorted(ranges)
        root = Categorical(_ROOT, models, default=models[0])
        found: list[Any] = [root]
        for model in models:
            parameters = {
                key: _parameter(f"{model}:{key}", bounds) for key, bounds in ranges[model].items()
            }
            found += parameters.values()
            for key, bounds in ranges[model].items():
                conditions = [EqualsCondition(parameters[key], root, model)]
                for parent, allowed in bounds.when.items():
                    known = ranges[model][parent]
                    conditions.append(
                        _condition(parameters[key], parameters[parent], known, allowed)
                    )
                found.append(_all(conditions))
        self.space = ConfigurationSpace(seed=seed)
        # In one call, because ConfigSpace sorts all hyperparameters again after each call.
        self.space.add(*found)

    def to_space(self, configuration: Configuration) -> Any:
        """Return a ConfigSpace configuration; hyperparameters outside the space are omitted."""
        from ConfigSpace import Configuration as SpaceConfiguration
        from ConfigSpace.exceptions import (
            ActiveHyperparameterNotSetError,
            InactiveHyperparameterSetError,
        )
        from ConfigSpace.util import deactivate_inactive_hyperparameters

        model, ranges = configuration.model, self._ranges[configuration.model]
        values: dict[str, Any] = {_ROOT: model}
        for key, value in configuration.values.items():
            if key in ranges:
                values[f"{model}:{key}"] = _encode(ranges[key], value)
        try:
            return SpaceConfiguration(self.space, values=values)
        except (ActiveHyperparameterNotSetError, InactiveHyperparameterSetError):
            missing = {f"{model}:{k}": _encode(b, b.default) for k, b in ranges.items()}
            values = {**missing, **values}
        loose: Any = SpaceConfiguration(self.space, values=values, allow_inactive_with_values=True)
        return deactivate_inactive_hyperparameters(loose, self.space)

    def from_space(self, point: Any) -> Configuration:
        """Return the configuration of a ConfigSpace point."""
        given = dict(point)
        model = str(given.pop(_ROOT))
        values: dict[str, Scalar] = {}
        for name, value in given.items():
            owner, key = name.split(":", 1)
            if owner == model:
                values[key] = _decode(self._ranges[model][key], value)
        return Configuration(model, values)


def translate(space: SearchSpace, seed: int = 0) -> Translation:
    """Return the translation of a search space."""
    return Translation(space.ranges, seed)


def _parameter(name: str, bounds: Range) -> Any:
    from ConfigSpace import Categorical, Constant
    from ConfigSpace import Float as FloatParameter
    from ConfigSpace import Integer as IntParameter

    if isinstance(bounds, Choice):
        if len(bounds.options) == 1:
            return Constant(name, 0)
        positions = list(range(len(bounds.options)))
        return Categorical(name, positions, default=_encode(bounds, bounds.default))
    if bounds.low == bounds.high:
        return Constant(name, bounds.low)
    kind: Any = IntParameter if isinstance(bounds, Int) else FloatParameter
    return kind(name, (bounds.low, bounds.high), default=bounds.default, log=bounds.log)


def _condition(child: Any, parent: Any, bounds: Range, allowed: Any) -> Any:
    from ConfigSpace import InCondition

    return InCondition(child, parent, [_encode(bounds, value) for value in allowed])


def _all(conditions: list[Any]) -> Any:
    from ConfigSpace import AndConjunction

    return conditions[0] if len(conditions) == 1 else AndConjunction(*conditions)


def _encode(bounds: Range, value: Scalar) -> Any:
    if isinstance(bounds, Choice):
        value = bounds.clip(value)
        same = [option == value and type(option) is type(value) for option in bounds.options]
        return same.index(True)
    return bounds.clip(value)


def _decode(bounds: Range, value: Any) -> Scalar:
    if isinstance(bounds, Choice):
        return bounds.options[int(value)]
    return int(value) if isinstance(bounds, Int) else float(value)
