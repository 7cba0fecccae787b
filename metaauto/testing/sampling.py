"""Default and random hyperparameter values of a component."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from metaauto.components import SLOTS
from metaauto.components.hyperparameters import Choice, Float, Int, Range, Scalar

__all__ = ["default_values", "draw_values", "invalid_values"]


def default_values(space: Mapping[str, Range]) -> dict[str, Scalar]:
    """Return the default of every active hyperparameter.

    Parameters
    ----------
    space : mapping of str to Float, Int or Choice
        Ranges of a component, such as ``model.space_for("binary")``.

    Returns
    -------
    dict
        Values as ``build`` receives them, without inactive hyperparameters and slots.

    Examples
    --------
    >>> from metaauto.api import Choice, Float
    >>> default_values({"kind": Choice(("a", "b")), "c": Float(0, 1, 0.5, when={"kind": ("b",)})})
    {'kind': 'a'}
    """
    return _fill(space, lambda bounds: bounds.default)


def draw_values(space: Mapping[str, Range], seed: int) -> dict[str, Scalar]:
    """Sample a random value of every active hyperparameter, as the search does.

    Parameters
    ----------
    space : mapping of str to Float, Int or Choice
        Ranges of a component.
    seed : int
        Random seed.

    Returns
    -------
    dict
        Values as ``build`` receives them.

    Examples
    --------
    >>> from metaauto.api import Int
    >>> 1 <= draw_values({"depth": Int(1, 9, 3)}, seed=0)["depth"] <= 9
    True
    """
    random = Random(seed)
    return _fill(space, lambda bounds: _draw(bounds, random))


def invalid_values(space: Mapping[str, Range], values: Mapping[str, Any]) -> list[str]:
    """Return a message for each value that is not in the space."""
    problems = []
    for key, value in values.items():
        if key.split(".")[0] in SLOTS:
            continue
        if key not in space:
            problems.append(f"{key!r} is not in the space")
        elif not space[key].contains(value):
            problems.append(f"{key}={value!r} is outside {space[key]!r}")
    return problems


def _fill(space: Mapping[str, Range], pick: Any) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    waiting = {key: bounds for key, bounds in space.items() if key not in SLOTS}
    while waiting:
        ready = [k for k, b in waiting.items() if not any(p in waiting for p in b.when)]
        if not ready:
            raise ValueError(f"The conditions of {sorted(waiting)} are cyclic.")
        for key in ready:
            bounds = waiting.pop(key)
            if all(p in values and values[p] in allowed for p, allowed in bounds.when.items()):
                values[key] = pick(bounds)
    return values


def _draw(bounds: Range, random: Random) -> Scalar:
    if isinstance(bounds, Choice):
        return random.choice(bounds.options)
    share = random.random()
    if bounds.log:
        value = bounds.low * math.exp(share * math.log(bounds.high / bounds.low))
    else:
        value = bounds.low + share * (bounds.high - bounds.low)
    assert isinstance(bounds, (Float, Int))
    return bounds.clip(value)
