"""Write unfitted estimators and values as formatted Python source.

Lines are at most 88 characters where the values allow it. A longer expression has one
item per line and a trailing comma, which formatters keep.
"""

from __future__ import annotations

import importlib
import inspect
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["WIDTH", "Expression", "Imports", "NotExpressible", "call", "name", "value"]

WIDTH = 88


class NotExpressible(Exception):
    """A value or estimator has no source."""


@dataclass(frozen=True)
class Expression:
    """Source of an expression: a plain text, or items between brackets.

    Parameters
    ----------
    start : str
        The text, or what stands before the items, with the opening bracket.
    items : tuple of (str, Expression)
        Prefix (such as ``"alpha="``) and source of each item.
    end : str
        The closing bracket; empty for a plain text.
    """

    start: str
    items: tuple[tuple[str, Expression], ...] = ()
    end: str = ""

    def one_line(self) -> str:
        """Return the source in one line."""
        inner = ", ".join(prefix + item.one_line() for prefix, item in self.items)
        comma = "," if self.start == "(" and len(self.items) == 1 else ""
        return f"{self.start}{inner}{comma}{self.end}"

    def lines(self, prefix: str = "", suffix: str = "", indent: int = 0) -> list[str]:
        """Return the source as lines, between a prefix and a suffix."""
        line = " " * indent + prefix + self.one_line() + suffix
        if len(line) <= WIDTH or not self.items:
            return [line]
        lines = [" " * indent + prefix + self.start]
        for key, item in self.items:
            lines += item.lines(key, ",", indent + 4)
        return [*lines, " " * indent + self.end + suffix]


@dataclass
class Imports:
    """The names that the source uses, by module."""

    modules: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: type) -> str:
        """Import a class from its public module and return its name.

        Raises
        ------
        NotExpressible
            The class cannot be imported, or another one of this name is imported.
        """
        module = _public_module(kind)
        others = [m for m, names in self.modules.items() if kind.__name__ in names]
        if others not in ([], [module]):
            raise NotExpressible(f"two classes are named {kind.__name__}")
        self.modules.setdefault(module, set()).add(kind.__name__)
        return kind.__name__

    def lines(self) -> list[str]:
        """Return the import statements, sorted."""
        result = []
        for module in sorted(self.modules, key=str.lower):
            # Formatters sort constants, then classes, then functions.
            names = sorted(self.modules[module], key=lambda n: (n[0].islower(), n))
            line = f"from {module} import {', '.join(names)}"
            if len(line) <= WIDTH:
                result.append(line)
            else:
                result += [f"from {module} import (", *(f"    {n}," for n in names), ")"]
        return result


def _public_module(kind: type) -> str:
    parts = kind.__module__.split(".")
    if not any(finder.find_spec(parts[0], None) for finder in sys.meta_path):
        # Defined in a notebook, script or plugin file: another process cannot import it.
        raise NotExpressible(f"{kind.__qualname__} is not in an installed package")
    private = next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))
    for module in (".".join(parts[:private]), kind.__module__):
        try:
            if module and getattr(importlib.import_module(module), kind.__name__, None) is kind:
                return module
        except ImportError:
            continue
    raise NotExpressible(f"{kind.__qualname__} of {kind.__module__} cannot be imported")


def name(text: str) -> Expression:
    """Return the source of a name."""
    return Expression(text)


def call(function: str, *items: Expression, **keywords: Expression) -> Expression:
    """Return the source of a call."""
    named = tuple((f"{key}=", item) for key, item in keywords.items())
    return Expression(f"{function}(", (*(("", item) for item in items), *named), ")")


def value(thing: Any, imports: Imports) -> Expression:
    """Return the source of a value: scalars, texts, containers, classes with `get_params`.

    Raises
    ------
    NotExpressible
        The value is of another type.
    """
    if isinstance(thing, np.generic):
        thing = thing.item()
    if isinstance(thing, np.ndarray) and thing.ndim == 1:
        thing = thing.tolist()
    if thing is None or type(thing) in (bool, int):
        return name(repr(thing))
    if type(thing) is float:
        return name(repr(thing) if math.isfinite(thing) else f'float("{thing}")')
    if type(thing) is str:
        return name(_text(thing))
    if type(thing) in (list, tuple):
        start, end = ("[", "]") if type(thing) is list else ("(", ")")
        return Expression(start, tuple(("", value(item, imports)) for item in thing), end)
    if isinstance(thing, Mapping):
        return _mapping(thing, imports)
    if hasattr(thing, "get_params") and not isinstance(thing, type):
        return _estimator(thing, imports)
    raise NotExpressible(f"a value of type {type(thing).__name__} has no source")


def _mapping(thing: Mapping[Any, Any], imports: Imports) -> Expression:
    entries: Iterable[tuple[str, Expression]] = (
        (f"{value(key, imports).one_line()}: ", value(item, imports)) for key, item in thing.items()
    )
    return Expression("{", tuple(entries), "}")


def _estimator(thing: Any, imports: Imports) -> Expression:
    """Return the call that constructs an estimator, with the parameters that are not defaults."""
    from sklearn.frozen import FrozenEstimator

    if isinstance(thing, FrozenEstimator):
        raise NotExpressible("a fitted estimator has no source")
    defaults = inspect.signature(type(thing)).parameters
    keywords = {
        key: value(item, imports)
        for key, item in thing.get_params(deep=False).items()
        if key not in defaults or not _same(item, defaults[key].default)
    }
    return call(imports.add(type(thing)), **keywords)


def _same(first: Any, second: Any) -> bool:
    return type(first) is type(second) and repr(first) == repr(second)


def _text(text: str) -> str:
    """Return the literal with the quotes that formatters prefer: double, or fewer escapes."""
    quoted = repr(text)
    body = quoted[1:-1]
    if quoted[0] == '"' or '"' not in text:
        return f'"{body}"'
    if "'" not in text or text.count("'") < text.count('"'):
        return quoted
    return '"' + body.replace("\\'", "'").replace('"', '\\"') + '"'
