"""Recipes: named lists of OpenML tasks to build knowledge from."""

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
    """A suite or a list of OpenML tasks, without data.

    Parameters
    ----------
    name : str
        Name for `load_recipe`.
    title : str
        Description, one line.
    source : str
        Origin of the list.
    licence : str
        Licence of the list, and a note on the licences of the datasets.
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
    """Return the names of the built-in recipes, sorted."""
    return sorted(file.stem for file in _folder().glob("*.json"))


def load_recipe(name: str) -> Recipe:
    """Read a built-in recipe.

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
        There is no recipe of that name.
    KnowledgeError
        The file of the recipe is damaged.

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
        raise ValueError("expected a JSON object")
    suite = content.get("suite")
    tasks = tuple(int(number) for number in content.get("tasks", ()))
    if (suite is None) == (not tasks):
        raise ValueError("expected either a suite or tasks")
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
    # In a source checkout the folder is next to the package.
    return installed if installed.is_dir() else package.parent / "metaknowledge" / "recipes"
