"""The types of the values in the manifest of a model file, and a check of a manifest against them.

A field without a default is required. Unknown fields are allowed: a later release may add some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from metaauto.errors import ModelFileError
from metaauto.model.fit_record import FitRecord, RoleName
from metaauto.model.json_types import type_problem

__all__ = ["check_manifest"]

Number = float | None
Texts = list[str] | None


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
    rounds: int | None = None
    all_rows: list[_Entry] = field(default_factory=list)


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
    fit_seconds: Number = None
    predict_seconds: Number = None
    memory: Number = None
    source: str | None = None
    status: str | None = None
    error: str | None = None


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
    facts: FitRecord
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
