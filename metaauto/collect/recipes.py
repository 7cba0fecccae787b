"""Recipes: which tasks of OpenML to build knowledge from, by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from metaauto.errors import KnowledgeError, UnknownName

__all__ = ["Recipe", "load_recipe", "recipe_names"]


@dataclass(frozen=True)
class Recipe:
    """Tasks of OpenML to measure on: a suite, or their numbers. It holds no data.

    Parameters
    ----------
    name : str
        As in `load_recipe`.
    title : str
        What it is, one line.
    source : str
        Where the list comes from.
    licence : str
        Licence of the list, and what is said of the tables' own.
    suite : int, optional
        Number of a suite at OpenML.
    tasks : tuple of int
        Numbers of tasks at OpenML; empty for a suite.
    """

    name: str
    title: str
    source: str
    licence: str
    suite: int | None = None
    tasks: tuple[int, ...] = ()


def recipe_names() -> list[str]:
    """Names of the recipes that come with metaauto, sorted."""
    return sorted(file.stem for file in _folder().glob("*.json"))


def load_recipe(name: str) -> Recipe:
    """Read a recipe that comes with metaauto.

    Parameters
    ----------
    name : str
        One of `recipe_names`.

    Returns
    -------
    Recipe

    Raises
    ------
    UnknownName
        There is none of that name.
    KnowledgeError
        Its file is damaged.

    Examples
    --------
    >>> load_recipe("openml-cc18").suite
    99
    """
    names = recipe_names()
    if name not in names:
        raise UnknownName.among("recipe", name, names)
    file = _folder() / f"{name}.json"
    try:
        content = json.loads(file.read_text("utf-8"))
        return _recipe(name, content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise KnowledgeError(
            f"Recipe {str(file)!r} cannot be read: {type(error).__name__}: {error}.",
            hint="Install metaauto again.",
        ) from error


def _recipe(name: str, content: Any) -> Recipe:
    if not isinstance(content, dict):
        raise ValueError("it is no object")
    suite = content.get("suite")
    tasks = tuple(int(number) for number in content.get("tasks", ()))
    if (suite is None) == (not tasks):
        raise ValueError("it names neither a suite nor tasks, or both")
    return Recipe(
        name,
        str(content["title"]),
        str(content["source"]),
        str(content["licence"]),
        None if suite is None else int(suite),
        tasks,
    )


def _folder() -> Path:
    package = Path(str(files("metaauto")))
    installed = package / "metaknowledge" / "recipes"
    # A checkout keeps them beside the package.
    return installed if installed.is_dir() else package.parent / "metaknowledge" / "recipes"
