"""The manifest of a model file: a JSON description, read before anything is loaded."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import logging
import math
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from metaauto.errors import MissingPlugin, ModelFileError
from metaauto.plugins.manager import SESSION
from metaauto.text import metric_label

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "as_json",
    "check_format",
    "check_modules",
    "compare_versions",
    "installed_versions",
    "metric_label_of",
    "packages_of",
]

FORMAT = "metaauto-model"
FORMAT_VERSION = 1
logger = logging.getLogger(__name__)

# With another minor version of these, a fitted model may predict differently or fail.
_BY_MINOR = ("scikit-learn",)
_BY_MAJOR = ("numpy", "pandas")
# Before scikit-learn 1.7, its compiled losses have the module name "_loss".
_PLAIN_MODULES = {"numpy", "scipy", "sklearn", "_loss", "pandas", "metaauto", "builtins"}


def as_json(value: Any, where: str = "manifest") -> Any:
    """Convert a value to JSON types: arrays become lists, NaN and infinity become None."""
    if isinstance(value, (str, bool, type(None))):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): as_json(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item, where) for item in value]
    if hasattr(value, "tolist"):
        return as_json(value.tolist(), where)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if hasattr(value, "to_json"):
        return as_json(value.to_json(), where)
    raise ModelFileError(
        f"{where} has the type {type(value).__name__}, which a model file cannot hold.",
        hint="Use numbers, texts, lists and dicts.",
    )


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that predictions depend on."""
    versions = {"python": platform.python_version()}
    for name in ("metaauto", "scikit-learn", "numpy", "pandas", "scipy", "skops"):
        versions[name] = _version(name)
    return versions


def packages_of(modules: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return distribution and version of third-party modules that metaauto does not require."""
    foreign = [m for m in modules if m not in _PLAIN_MODULES | set(sys.stdlib_module_names)]
    packages = {}
    for module in sorted(set(foreign)):
        distribution = _distribution_of(module)
        version = _version(distribution) if distribution else ""
        packages[module] = {"distribution": distribution, "version": version}
    return packages


def metric_label_of(record: Mapping[str, Any]) -> str:
    """Return the metric of a manifest, with the positive class if it scores one."""
    return metric_label(str(record["metric"]), scored_class_of(record))


def scored_class_of(record: Mapping[str, Any]) -> Any:
    """Return the positive class of a manifest if its metric scores one, else None."""
    task = record["task"]
    return task.get("positive") if task.get("metric_has_positive") else None


@cache
def _distribution_of(module: str) -> str:
    """Return the name of the distribution that installed a module; empty if there is none.

    `importlib.metadata.packages_distributions` parses the file lists of all distributions, which
    takes seconds in a large environment.
    """
    listed = re.compile(rf"^{re.escape(module)}[/.]", re.MULTILINE)
    for distribution in importlib.metadata.distributions():
        top = distribution.read_text("top_level.txt")
        is_own = (
            listed.search(distribution.read_text("RECORD") or "")
            if top is None
            else (module in top.split())
        )
        if is_own:
            return str(distribution.metadata["Name"])
    return ""


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def check_format(record: Mapping[str, Any], path: str) -> None:
    """Raise `ModelFileError` unless this release can read the manifest."""
    if record.get("format") != FORMAT:
        raise ModelFileError(
            f"{path!r} is not a metaauto model.", hint="Give a file written by FinalModel.save."
        )
    version = record.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelFileError(
            f"{path!r} has the invalid format version {version!r}: expected an integer >= 1.",
            hint="Copy the file again: it is damaged.",
        )
    if version > FORMAT_VERSION:
        versions = record.get("versions")
        wrote = versions.get("metaauto") if isinstance(versions, dict) else "a newer release"
        raise ModelFileError(
            f"{path!r} was saved by metaauto {wrote} in format {version}; "
            f"this release reads up to format {FORMAT_VERSION}.",
            hint="Run: pip install --upgrade metaauto",
        )


def compare_versions(record: Mapping[str, Any], path: str) -> list[str]:
    """Log a warning for each version with a relevant difference, and return the differences.

    Parameters
    ----------
    record : mapping
        The manifest.
    path : str
        The file, for the message.
    """
    saved, here = dict(record.get("versions", {})), installed_versions()
    differences = []
    for name in (*_BY_MINOR, *_BY_MAJOR):
        depth = 2 if name in _BY_MINOR else 1
        differences += _difference(name, saved.get(name, ""), here[name], depth)
    for member in record.get("members", ()):
        for package in member.get("packages", {}).values():
            name = package["distribution"]
            if name:
                differences += _difference(name, package["version"], _version(name), 2)
    differences = sorted(set(differences))
    for difference in differences:
        logger.warning("%s was saved with %s; predictions may differ.", path, difference)
    return differences


def _difference(name: str, saved: str, here: str, depth: int) -> list[str]:
    if not saved or not here or saved.split(".")[:depth] == here.split(".")[:depth]:
        return []
    return [f"{name} {saved}, installed is {here}"]


def check_modules(record: Mapping[str, Any]) -> None:
    """Raise `MissingPlugin` if a module that a member needs is not installed."""
    for member in record["members"]:
        for module, package in member.get("packages", {}).items():
            if not _is_importable(module):
                raise missing_plugin(member, package.get("distribution", ""))


def missing_plugin(member: Mapping[str, Any], distribution: str = "") -> MissingPlugin:
    """Return the error for a member whose plugin, or a library it needs, is missing."""
    plugin = f"{member['plugin']} {member['version']}".strip()
    what = f"plugin {plugin}"
    wanted = member["distribution"]
    if member["plugin"] in ("builtin", SESSION):
        what = wanted = distribution or "another package"
    elif wanted:
        what = f"plugin {wanted} {member['version']}".strip()
    hint = f"Run: pip install {wanted}" if _is_name(wanted) else "Load it with --plugins FOLDER."
    return MissingPlugin(
        f"The model file requires {what} (model {member['model']!r}).",
        hint=hint,
        member=dict(member),
    )


def _is_name(distribution: str) -> bool:
    """Return whether it is a plain name, and not pip options from a forged file."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", distribution) is not None


def _is_importable(module: str) -> bool:
    if module in sys.modules:
        return True
    if not re.fullmatch(r"[A-Za-z_]\w*", module):
        return False
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
