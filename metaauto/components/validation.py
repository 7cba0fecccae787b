"""Checks that apply to components of all kinds; they raise `ComponentError`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS

__all__ = ["check_callable", "check_component", "check_tasks"]


def check_component(component: Any, function: str) -> None:
    """Raise if the name of a component is invalid or this attribute is not callable."""
    name = component.name
    if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum():
        raise ComponentError(
            f"Invalid name {name!r} of a {type(component).__name__}.",
            hint="Use letters, digits, '-' and '_'.",
        )
    check_callable(component, function)


def check_callable(component: Any, function: str) -> None:
    """Raise if this attribute of a component is not callable."""
    if not callable(getattr(component, function)):
        raise ComponentError(
            f"{type(component).__name__} {component.name!r}: {function} is not callable.",
            hint=f"Pass a function as {function}.",
        )


def check_tasks(name: str, tasks: Sequence[str]) -> None:
    """Raise if the tasks of a component are empty or unknown."""
    wrong = [kind for kind in tasks if kind not in TASK_KINDS]
    if wrong or not tasks or isinstance(tasks, str):
        raise ComponentError(
            f"Invalid tasks {tasks!r} of {name!r}.", hint=f"Choose from {', '.join(TASK_KINDS)}."
        )
