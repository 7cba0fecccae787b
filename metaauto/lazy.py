"""Lazy imports of the parts of a package."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

__all__ = ["attribute_of"]


def attribute_of(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Import one attribute on demand; for the ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    homes : mapping of str to str
        Module of each name, within the package.
    name : str
        The requested name.

    Raises
    ------
    AttributeError
        The name is unknown.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
