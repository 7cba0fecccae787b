"""Run the contracts of the components of a plugin, each in a separate process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaauto.errors import KnowledgeError, PluginLoadError, SettingError, UnknownName
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Plugin
from metaauto.testing.pytest_plugin import CONTRACTS, REQUEST, TEST_MODULE, request_for

__all__ = ["CheckFailure", "CheckResult", "Target", "check_component", "find_target", "plugins_of"]

TIMEOUT = 600.0
_REMARKS = {
    "reader": "Readers require a source: subclass metaauto.testing.ReaderContract in a test file.",
    "command": "There is no contract for commands.",
}


@dataclass(frozen=True)
class Target:
    """A plugin to check.

    Parameters
    ----------
    settings : PluginSettings
        Settings that load this plugin only.
    path : tuple of str
        Additional folders of the module search path.
    labels : mapping of str to str
        Names and versions for display of plugins that are loaded by their module.
    """

    settings: PluginSettings
    path: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckFailure:
    """A failed check and its message."""

    check: str
    message: str


@dataclass
class CheckResult:
    """Result of the contract of one component.

    Parameters
    ----------
    component : str
        ``kind:name``.
    passed, skipped : int
        Numbers of checks that passed, and that do not apply to the component's tags.
    failures : list of CheckFailure
        Failed checks.
    remark : str
        Reason why the component was not checked, else empty.
    """

    component: str
    passed: int = 0
    skipped: int = 0
    failures: list[CheckFailure] = field(default_factory=list)
    remark: str = ""

    @property
    def is_good(self) -> bool:
        """Return whether no check failed."""
        return not self.failures


def find_target(package: str) -> Target:
    """Find a plugin by name, distribution or path.

    Parameters
    ----------
    package : str
        Name of an installed plugin or of its distribution; or the path of a plugin file, of a
        folder of plugin files, or of a project with a ``pyproject.toml``.

    Raises
    ------
    UnknownName
        No plugin of this name is installed.
    PluginLoadError
        The project does not declare a plugin.
    """
    path = Path(package).expanduser()
    if path.is_file() and path.suffix == ".py":
        others = tuple(p.stem for p in path.parent.glob("*.py") if p.stem != path.stem)
        return Target(PluginSettings(only=(), folders=(str(path.parent),), disabled=others))
    if path.is_dir() and (path / "pyproject.toml").is_file():
        labels = _declared_plugins(path / "pyproject.toml")
        roots = tuple(str(p.resolve()) for p in (path / "src", path) if p.is_dir())
        return Target(PluginSettings(only=(), modules=tuple(labels)), roots, labels)
    if path.is_dir():
        return Target(PluginSettings(only=(), folders=(str(path),)))
    target = Target(PluginSettings(only=(package,)))
    if not plugins_of(target):
        installed = load_plugins(PluginSettings(only=())).plugins
        names = {n for p in installed if not p.is_own for n in (p.name, p.distribution) if n}
        raise UnknownName.among(
            "installed plugin", package, names, "Or pass a plugin file, a folder or a project."
        )
    return target


def _declared_plugins(file: Path) -> dict[str, str]:
    """Return the modules in the entry points of a project, with name and version for display."""
    import tomllib

    try:
        project = tomllib.loads(file.read_text("utf-8"))
        points = project["project"]["entry-points"]["metaauto"]
        version = project["project"].get("version", "")
        return {
            str(value).partition(":")[0]: f"{name} {version}".strip()
            for name, value in points.items()
        }
    except tomllib.TOMLDecodeError as error:
        raise PluginLoadError(
            f"{str(file)!r} is not valid TOML: {error}.", hint="Correct the file."
        ) from error
    except (KeyError, AttributeError, TypeError) as error:
        raise PluginLoadError(
            f"{str(file)!r} does not declare a metaauto plugin.",
            hint='Add [project.entry-points.metaauto] with: name = "module".',
        ) from error


def plugins_of(target: Target) -> list[Plugin]:
    """Load the plugins of a target; each lists its components and errors."""
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


def check_component(target: Target, component: str, timeout: float = TIMEOUT) -> CheckResult:
    """Run the contract of one component in a separate process, or check a knowledge store.

    Parameters
    ----------
    target : Target
        From `find_target`.
    component : str
        ``kind:name``.
    timeout : float, default=600
        Seconds after which the process is terminated.

    Raises
    ------
    SettingError
        pytest is not installed.
    """
    kind, _, name = component.partition(":")
    if kind == "knowledge":
        return _checked_store(component, name)
    if kind not in CONTRACTS:
        remark = _REMARKS.get(kind, f"There is no contract for components of kind {kind}.")
        return CheckResult(component, remark=remark)
    if importlib.util.find_spec("pytest") is None:
        raise SettingError(
            "Checking a plugin requires pytest, which is not installed.",
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
        problem, output = _run(command, folder, environment, timeout)
        lines = results.read_text("utf-8").splitlines() if results.exists() else []
    return _result(component, [json.loads(line) for line in lines], problem, output)


def _checked_store(component: str, path: str) -> CheckResult:
    """Check the integrity of a store."""
    from metaauto.knowledge import KnowledgeStore, check

    try:
        with KnowledgeStore.open(path) as store:
            problems = check(store)
    except KnowledgeError as error:
        problems = [str(error)]
    failures = [CheckFailure("integrity", problem) for problem in problems]
    return CheckResult(component, passed=int(not problems), failures=failures)


def _absolute(settings: PluginSettings) -> PluginSettings:
    folders = tuple(str(Path(f).expanduser().resolve()) for f in settings.folders)
    return PluginSettings(settings.only, settings.disabled, folders, settings.modules)


def _run(
    command: list[str], folder: str, environment: dict[str, str], timeout: float
) -> tuple[str, str]:
    """Return the problem if the process did not end normally, and its output."""
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
        return f"not finished within {timeout:g} s", ""
    failed = done.returncode not in (0, 1)
    return f"the process exited with status {done.returncode}" if failed else "", done.stdout


def _result(
    component: str, records: list[dict[str, Any]], problem: str, output: str
) -> CheckResult:
    result = CheckResult(component)
    running = None
    for record in records:
        outcome = record["outcome"]
        running = record["check"] if outcome == "started" else None
        if outcome == "passed":
            result.passed += 1
        elif outcome == "skipped":
            result.skipped += 1
        elif outcome == "failed":
            result.failures.append(CheckFailure(record["check"], _short(record["message"])))
    if running is not None:
        result.failures.append(CheckFailure(running, problem or "the process exited"))
    elif not result.failures and (problem or not result.passed):
        last = (output.strip().splitlines() or ["no check was run"])[-1]
        result.failures.append(CheckFailure("loading", problem or _short(last)))
    return result


def _short(message: str) -> str:
    text = " ".join(message.split())
    text = text.removeprefix("AssertionError: ")
    return text if len(text) <= 300 else text[:297] + "..."
