"""The types of the values in the manifest of a model file, and a check of a manifest against them.

A field without a default is required. Unknown fields are allowed: a later release may add some.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union

from metaauto.errors import ModelFileError

__all__ = ["Facts", "Number", "check_manifest", "type_problem"]

Number = float | None
Texts = list[str] | None
RoleName = Literal[
    "numeric", "categorical", "boolean", "datetime", "text", "identifier", "constant"
]


@dataclass
class _Column:
    name: str
    role: RoleName
    dtype: str
    n_unique: int
    missing: float
    reason: str = ""
    categories: Texts = None
    format: str = ""


@dataclass
class _Task:
    kind: Literal["binary", "multiclass", "regression"]
    target: str
    columns: list[_Column]
    metric: str
    n_rows: int
    classes: list[str | float | bool] | None = None
    class_counts: list[int] | None = None
    weighted: bool = False
    groups: str | None = None
    time: str | None = None


@dataclass
class _Schema:
    target: str
    columns: list[_Column]
    positional: bool = False


@dataclass
class _Package:
    distribution: str
    version: str


@dataclass
class _Entry:
    path: str
    sha256: str
    size: int


@dataclass
class _Member:
    name: str
    model: str
    values: dict[str, Any]
    weight: float
    plugin: str
    distribution: str
    version: str
    packages: dict[str, _Package]
    entries: list[_Entry]


@dataclass
class _Rule:
    kind: str
    values: list[float]


@dataclass
class _LeaderboardRow:
    name: str = ""
    rank: int | None = None
    score: Number = None
    weight: Number = None
    seconds: Number = None
    memory: Number = None
    source: str | None = None
    status: str | None = None
    error: str | None = None


@dataclass
class _Interval:
    low: float
    high: float
    level: float
    rows: int
    over: str


@dataclass
class _Score:
    score: Number = None
    low: Number = None
    high: Number = None


@dataclass
class _Scored:
    diagnosis: dict[str, Any]
    intervals: dict[str, _Score | None] | None = None
    beats: dict[str, Number] | None = None


@dataclass
class _Finished:
    name: str
    source: str
    at: float
    status: str
    score: Number = None
    why: str = ""


@dataclass
class _Similar:
    dataset: str
    weight: float


@dataclass
class _WarmStart:
    similar: list[_Similar]


@dataclass
class _Report:
    out_of_fold: _Scored | None = None
    history: list[_Finished] | None = None
    warm_start: _WarmStart | None = None
    command: str | None = None


@dataclass
class _Warning:
    message: str
    advice: str


@dataclass
class _LeftOut:
    name: str
    role: str


@dataclass
class _Options:
    holdout: Number = None
    seed: int | None = None


@dataclass
class Facts:
    """The facts of a fit."""

    score: Number = None
    single_score: Number = None
    baseline_score: Number = None
    greater_is_better: bool = True
    interval: _Interval | None = None
    holdout_score: Number = None
    holdout_rows: int | None = None
    holdout_interval: _Interval | None = None
    holdout: _Scored | None = None
    notes: Texts = None
    findings: Texts = None
    dropped_members: Texts = None
    next: Texts = None
    warnings: list[_Warning] | None = None
    left_out: list[_LeftOut] | None = None
    roles: dict[RoleName, int] | None = None
    rows: int | None = None
    dropped_rows: int | None = None
    fingerprint: str | None = None
    validation: str | None = None
    budget: Number = None
    seconds: Number = None
    stages: dict[str, float] | None = None
    work_seconds: Number = None
    cores: int | None = None
    seed: int | None = None
    options: _Options | None = None
    created: str | None = None
    pruned: dict[str, Any] | None = None
    report: _Report | None = None


@dataclass
class _Manifest:
    format: str
    format_version: int
    created: str
    versions: dict[str, str]
    task: _Task
    schema: _Schema
    metric: str
    members: list[_Member]
    leaderboard: list[_LeaderboardRow]
    facts: Facts
    classes: list[str | float | bool] | None = None
    calibrator: _Rule | None = None
    decision: _Rule | None = None
    fallback: Number = None


def check_manifest(manifest: Mapping[str, Any], path: str) -> None:
    """Raise `ModelFileError` that names the first invalid field of a manifest.

    Parameters
    ----------
    manifest : mapping
        The manifest, as JSON values.
    path : str
        The file, for the message.
    """
    problem = type_problem(manifest, _Manifest) or _contradiction(manifest)
    if problem:
        raise ModelFileError(
            f"The manifest of {path!r} is damaged: {problem}.",
            hint="Copy the file again from its source.",
        )


def _contradiction(manifest: Mapping[str, Any]) -> str:
    """Return which fields contradict one another, empty if none."""
    task, facts = manifest["task"], manifest["facts"]
    classes, counts = task.get("classes"), task.get("class_counts")
    n_classes = len(classes or ())
    is_valid = {"binary": n_classes == 2, "multiclass": n_classes > 1, "regression": not n_classes}
    if not is_valid[task["kind"]]:
        return f"a {task['kind']} task has {n_classes} classes"
    if counts is not None and len(counts) != n_classes:
        return f"there are {len(counts)} class counts for {n_classes} classes"
    rule = manifest.get("decision") or {}
    if (manifest.get("calibrator") or {}).get("kind") in ("platt", "beta") and n_classes != 2:
        return f"the calibrator is not one for {n_classes} classes"
    lengths = {"threshold": 2, "multipliers": len(rule.get("values", ()))}
    if lengths.get(rule.get("kind", ""), n_classes) != n_classes:
        return f"the decision rule is not one for {n_classes} classes"
    names = [[column["name"] for column in manifest[key]["columns"]] for key in ("task", "schema")]
    if names[0] != names[1]:
        return "task and schema have other columns"
    if not manifest["members"]:
        return "it names no member"
    if facts.get("holdout_score") is not None and facts.get("holdout_rows") is None:
        return "facts.holdout_rows is missing"
    return ""


def type_problem(value: Any, kind: Any) -> str:
    """Return which part of a JSON value has another type than a dataclass, empty if none."""
    return _problem(value, kind, "")


def _problem(value: Any, kind: Any, where: str) -> str:
    """Return what is wrong with a value, empty if it has the type."""
    if kind is Any:
        return ""
    if is_dataclass(kind):
        return _problem_of_fields(value, kind, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        problems = [_problem(value, option, where) for option in arguments]
        # Null is the last option of each; the one before says more.
        is_optional = arguments[-1] is type(None)
        return "" if "" in problems else problems[-2 if is_optional else -1]
    if origin is Literal:
        return "" if value in arguments else _wrong(where, value, " or ".join(map(repr, arguments)))
    if origin is list:
        if not isinstance(value, list):
            return _wrong(where, value, "a list")
        parts = ((item, arguments[0], f"{where}[{place}]") for place, item in enumerate(value))
        return next(filter(None, (_problem(*part) for part in parts)), "")
    if origin is dict:
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
    hints = typing.get_type_hints(kind)
    return {field.name: (hints[field.name], field.default is MISSING) for field in fields(kind)}


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
