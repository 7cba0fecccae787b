"""Check JSON values against the types of a dataclass, and convert between the two."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union

__all__ = ["from_json", "to_json", "type_problem"]


def type_problem(value: Any, kind: Any) -> str:
    """Return which part of a JSON value has another type than a dataclass, empty if none.

    A field without a default is required. Unknown fields are allowed: a later release may add some.
    """
    return _problem(value, kind, "")


def from_json(value: Any, kind: Any) -> Any:
    """Convert a JSON value, checked by `type_problem`, to a type; unknown fields are left out."""
    if is_dataclass(kind):
        hints = _fields(typing.cast(Any, kind))
        found = {name: from_json(value[name], hints[name][0]) for name in hints if name in value}
        return typing.cast(Any, kind)(**found)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in _UNIONS:
        chosen = next(option for option in arguments if not _problem(value, option, ""))
        return from_json(value, chosen)
    if origin is tuple:
        return tuple(from_json(item, arguments[0]) for item in value)
    if origin in _OBJECTS:
        return {name: from_json(item, arguments[1]) for name, item in value.items()}
    return value


def to_json(value: Any) -> Any:
    """Convert a dataclass to JSON values: objects, lists, and plain values as they are."""
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


_UNIONS = (Union, types.UnionType)
_OBJECTS = (dict, Mapping)


def _problem(value: Any, kind: Any, where: str) -> str:
    """Return what is wrong with a value, empty if it has the type."""
    if kind is Any:
        return ""
    if is_dataclass(kind):
        return _problem_of_fields(value, kind, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in _UNIONS:
        problems = [_problem(value, option, where) for option in arguments]
        # Null is the last option of each; the one before says more.
        is_optional = arguments[-1] is type(None)
        return "" if "" in problems else problems[-2 if is_optional else -1]
    if origin is Literal:
        return "" if value in arguments else _wrong(where, value, " or ".join(map(repr, arguments)))
    if origin in (list, tuple):
        if not isinstance(value, list):
            return _wrong(where, value, "a list")
        parts = ((item, arguments[0], f"{where}[{place}]") for place, item in enumerate(value))
        return next(filter(None, (_problem(*part) for part in parts)), "")
    if origin in _OBJECTS:
        if not isinstance(value, dict):
            return _wrong(where, value, "an object")
        parts = ((item, arguments[1], f"{where}.{name}") for name, item in value.items())
        names = ((name, arguments[0], where) for name in value)
        return next(filter(None, (_problem(*part) for part in (*names, *parts))), "")
    return "" if _is_plain(value, kind) else _wrong(where, value, _NAMES[kind])


def _problem_of_fields(value: Any, kind: Any, where: str) -> str:
    if not isinstance(value, dict):
        return _wrong(where, value, "an object")
    for name, (hint, is_required) in _fields(kind).items():
        place = f"{where}.{name}".lstrip(".")
        if name not in value:
            if is_required:
                return f"{place} is missing"
        elif problem := _problem(value[name], hint, place):
            return problem
    return ""


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field, and whether it is required."""
    hints = typing.get_type_hints(kind)
    return {
        field.name: (
            hints[field.name],
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(kind)
    }


_NAMES = {str: "a text", int: "an integer", float: "a number", bool: "true or false"}
_NAMES[type(None)] = "null"
_MAX_INTEGER = 2**63


def _is_plain(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def _wrong(where: str, value: Any, expected: str) -> str:
    found = {dict: "an object", list: "a list", **_NAMES}.get(type(value), "another value")
    if isinstance(value, str):
        found = f"{value[:40]!r}"
    return f"{where or 'it'} must be {expected} (got {found})"
