"""Checks that apply to components of all kinds; they raise `ComponentError`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS

__all__ = ["check_callable", "check_component", "check_tasks", "check_trusted"]


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


def check_trusted(name: str, trusted: Sequence[str]) -> None:
    """Raise if the trusted types of a component are not full names.

    A class in place of its name would make each model file with the component unreadable.
    """
    is_sequence = isinstance(trusted, Sequence) and not isinstance(trusted, str)
    if not is_sequence or not all(isinstance(item, str) and "." in item for item in trusted):
        raise ComponentError(
            f"Invalid trusted={trusted!r} of {name!r}: expected the full names of types.",
            hint="Write trusted=('package.module.Class',), or (f'{__name__}.Class',) in a file.",
        )
