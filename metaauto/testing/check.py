"""Run the contracts on all components of a plugin, each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaauto.errors import PluginLoadError, SettingError, UnknownName
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Plugin
from metaauto.testing.pytest_plugin import CONTRACTS, REQUEST, TEST_MODULE, request_for

__all__ = ["Failure", "Target", "Verdict", "check_component", "find_target", "plugins_of"]

TIMEOUT = 600.0
_REMARKS = {
    "reader": "Its contract needs a source: derive a test from metaauto.testing.ReaderContract.",
    "knowledge": "Knowledge packs are checked when they are opened.",
    "command": "Commands have no contract.",
}


@dataclass(frozen=True)
class Target:
    """A plugin to check.

    Parameters
    ----------
    settings : PluginSettings
        Settings that load it and nothing else.
    path : tuple of str
        Folders in which its modules are found, besides the installed ones.
    """

    settings: PluginSettings
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A check that failed, and how."""

    check: str
    message: str


@dataclass
class Verdict:
    """What the contract of one component came to.

    Parameters
    ----------
    component : str
        ``kind:name``.
    passed, skipped : int
        Checks that passed, and those of what it does not claim to do.
    failures : list of Failure
        Checks that failed.
    remark : str
        Why it was not checked, if it was not.
    """

    component: str
    passed: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)
    remark: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


def find_target(package: str) -> Target:
    """Find a plugin by what the user calls it.

    Parameters
    ----------
    package : str
        Name of an installed plugin or of its distribution; or the path of a plugin file, of a
        folder of such files, or of a project with a ``pyproject.toml``.

    Raises
    ------
    UnknownName
        Nothing of that name is installed.
    PluginLoadError
        The project declares no plugin.
    """
    path = Path(package).expanduser()
    if path.is_file() and path.suffix == ".py":
        others = tuple(p.stem for p in path.parent.glob("*.py") if p.stem != path.stem)
        return Target(PluginSettings(only=(), folders=(str(path.parent),), disabled=others))
    if path.is_dir() and (path / "pyproject.toml").is_file():
        modules = _declared_modules(path / "pyproject.toml")
        roots = tuple(str(p.resolve()) for p in (path / "src", path) if p.is_dir())
        return Target(PluginSettings(only=(), modules=modules), roots)
    if path.is_dir():
        return Target(PluginSettings(only=(), folders=(str(path),)))
    target = Target(PluginSettings(only=(package,)))
    if not plugins_of(target):
        found = load_plugins(PluginSettings(only=())).plugins
        names = {n for p in found if not p.is_own for n in (p.name, p.distribution) if n}
        raise UnknownName.among(
            "installed plugin", package, names, "Or name a plugin file, a folder or a project."
        )
    return target


def _declared_modules(file: Path) -> tuple[str, ...]:
    """Modules in the entry points of a project."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # comes with pytest there
    try:
        project = tomllib.loads(file.read_text("utf-8"))
        points = project["project"]["entry-points"]["metaauto"]
        return tuple(str(value).partition(":")[0] for value in points.values())
    except tomllib.TOMLDecodeError as error:
        raise PluginLoadError(f"{str(file)!r} is no TOML: {error}.", hint="Correct it.") from error
    except (KeyError, AttributeError, TypeError) as error:
        raise PluginLoadError(
            f"{str(file)!r} declares no plugin of metaauto.",
            hint='Add [project.entry-points.metaauto] with: name = "module".',
        ) from error


def plugins_of(target: Target) -> list[Plugin]:
    """The plugins that are to be checked, with what they register and what is wrong with them."""
    with _on_path(target.path):
        loaded = load_plugins(target.settings)
    return [p for p in loaded.plugins if not p.is_own and not p.disabled]


@contextmanager
def _on_path(folders: tuple[str, ...]) -> Iterator[None]:
    before = list(sys.path)
    sys.path[:0] = folders
    try:
        yield
    finally:
        sys.path[:] = before


def check_component(target: Target, component: str, timeout: float = TIMEOUT) -> Verdict:
    """Run the contract of one component in a process of its own.

    Parameters
    ----------
    target : Target
        From `find_target`.
    component : str
        ``kind:name``.
    timeout : float, default=600
        Seconds after which the process is ended.

    Raises
    ------
    SettingError
        pytest is not installed.
    """
    kind = component.partition(":")[0]
    if kind not in CONTRACTS:
        return Verdict(component, remark=_REMARKS.get(kind, f"There is no contract of a {kind}."))
    if importlib.util.find_spec("pytest") is None:
        raise SettingError(
            "Checking a plugin needs pytest, which is not installed.",
            hint="Run: pip install pytest",
        )
    with tempfile.TemporaryDirectory(prefix="metaauto-check-") as folder:
        results = Path(folder, "results.jsonl")
        Path(folder, "test_contract.py").write_text(TEST_MODULE, "utf-8")
        environment = {
            **os.environ,
            REQUEST: request_for(_absolute(target.settings), component, str(results)),
            "PYTHONPATH": os.pathsep.join([*target.path, *(p or os.getcwd() for p in sys.path)]),
            "PYTEST_ADDOPTS": "",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "metaauto.testing.pytest_plugin"]
        command += ["-p", "no:cacheprovider", "--rootdir", folder, "-c", os.devnull]
        command += ["test_contract.py"]
        ending, said = _run(command, folder, environment, timeout)
        lines = results.read_text("utf-8").splitlines() if results.exists() else []
    return _judge(component, [json.loads(line) for line in lines], ending, said)


def _absolute(settings: PluginSettings) -> PluginSettings:
    folders = tuple(str(Path(f).expanduser().resolve()) for f in settings.folders)
    return PluginSettings(settings.only, settings.disabled, folders, settings.modules)


def _run(
    command: list[str], folder: str, environment: dict[str, str], timeout: float
) -> tuple[str, str]:
    """How the process ended if it did not end by itself, and what it said."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            timeout=timeout,
            check=False,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {timeout:g} s", ""
    ending = "" if done.returncode in (0, 1) else f"the process ended with {done.returncode}"
    return ending, done.stdout


def _judge(component: str, records: list[dict[str, Any]], ending: str, said: str) -> Verdict:
    verdict = Verdict(component)
    running = None
    for record in records:
        outcome = record["outcome"]
        running = record["check"] if outcome == "started" else None
        if outcome == "passed":
            verdict.passed += 1
        elif outcome == "skipped":
            verdict.skipped += 1
        elif outcome == "failed":
            verdict.failures.append(Failure(record["check"], _short(record["message"])))
    if running is not None:
        verdict.failures.append(Failure(running, ending or "the process ended"))
    elif not verdict.failures and (ending or not verdict.passed):
        last = (said.strip().splitlines() or ["no check was run"])[-1]
        verdict.failures.append(Failure("loading", ending or _short(last)))
    return verdict


def _short(message: str) -> str:
    text = " ".join(message.split())
    text = text.removeprefix("AssertionError: ")
    return text if len(text) <= 300 else text[:297] + "..."
