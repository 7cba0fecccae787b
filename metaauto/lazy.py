"""Packages that import their parts when they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

__all__ = ["attribute_of"]


def attribute_of(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Import what is asked for, and no more; for the ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        The module of each name, within the package.
    name : str
        What is asked for.

    Raises
    ------
    AttributeError
        If no module is known for it.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
