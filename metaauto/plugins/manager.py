"""Discover plugins, load each in isolation, and call their hooks."""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pluggy

from metaauto.errors import ComponentError, PluginLoadError, Refused
from metaauto.plugins import hookspecs
from metaauto.plugins.registry import OWN_SOURCE, Plugin, Register, Registered, Registry
from metaauto.text import argument

__all__ = [
    "SESSION",
    "Bundle",
    "LoadedPlugins",
    "PluginSettings",
    "load_plugins",
    "pack_objects",
]

GROUP = "metaauto"
BUILTIN = "metaauto.builtin"
SESSION = "session"
"""Name of the plugin that holds components passed as objects."""
_log = logging.getLogger("metaauto.plugins")


def _split(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class PluginSettings:
    """Settings that select the plugins to load, also used in worker processes.

    Parameters
    ----------
    only : tuple of str, optional
        Load only these plugins besides metaauto's own; None loads all, ``()`` none.
    disabled : tuple of str
        Do not load these, by plugin or distribution name.
    folders : tuple of str
        Folders of plugin files (``*.py``).
    modules : tuple of str
        Importable modules to load as plugins.
    strict : bool
        Raise the first plugin error instead of reporting it.
    """

    only: tuple[str, ...] | None = None
    disabled: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    strict: bool = False

    @classmethod
    def from_environment(cls, **overrides: Any) -> PluginSettings:
        """Read the variables ``METAAUTO_PLUGINS``, ``..._DISABLE_PLUGINS``, ``..._PLUGINS_DIR``."""
        get = os.environ.get
        folders = get("METAAUTO_PLUGINS_DIR", "")
        values: dict[str, Any] = {
            "only": _split(get("METAAUTO_PLUGINS")),
            "disabled": _split(get("METAAUTO_DISABLE_PLUGINS")) or (),
            "folders": tuple(part for part in folders.split(os.pathsep) if part),
            "strict": get("METAAUTO_STRICT_PLUGINS", "") not in ("", "0"),
        }
        return cls(**{**values, **overrides})

    def selects(self, *names: str) -> bool:
        """Return whether an installed plugin with one of these names is loaded."""
        is_named = self.only is None or not {*names}.isdisjoint(self.only)
        return is_named and {*names}.isdisjoint(self.disabled)


class Bundle:
    """A plugin that consists of component objects, such as models defined in a notebook.

    Parameters
    ----------
    components : iterable
        Components of any type that a plugin can register (`Model`, `Preprocessor`, ...).
    """

    __name__ = SESSION

    def __init__(self, components: Iterable[Any]) -> None:
        self.components = list(components)

    @hookspecs.hookimpl
    def register_models(self, register: Register) -> None:
        """Register all components, of any kind."""
        for component in self.components:
            register.component(component)


def pack_objects(objects: Sequence[Any]) -> bytes:
    """Pickle plugin objects with their definitions for worker processes.

    Raises
    ------
    Refused
        If an object cannot be pickled.
    """
    if not objects:
        return b""
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(list(objects)))
    except Exception as error:
        raise Refused(
            f"A component defined in this session cannot be sent to worker processes: {error}",
            hint="Define it in an importable module or as a plugin.",
        ) from error


@dataclass
class LoadedPlugins:
    """The plugins of this process with their components and implementations.

    ``hook_seconds`` has the wall seconds of the hooks by which each follows a fit.
    """

    registry: Registry
    plugins: list[Plugin]
    settings: PluginSettings
    objects: dict[str, Any] = field(default_factory=dict)
    hook_seconds: dict[str, float] = field(default_factory=dict)

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an observer hook of each plugin in isolation.

        A hook that raises is reported and not called again: a server that does not answer would
        cost its timeout each time.
        """
        for plugin in self.plugins:
            implementation = self.objects.get(plugin.name)
            if implementation is None or hook not in plugin.hooks:
                continue
            began = time.monotonic()
            try:
                manager = _new_manager()
                _add_hook(manager, implementation, hook)
                getattr(manager.hook, hook)(**arguments)
            except (Exception, SystemExit) as error:
                plugin.hooks.remove(hook)
                problem = f"{hook} raised {type(error).__name__}: {error}"
                _fail(plugin, problem, self.settings, error)
            finally:
                before = self.hook_seconds.get(plugin.label, 0.0)
                self.hook_seconds[plugin.label] = before + time.monotonic() - began

    def plugin(self, name: str) -> Plugin | None:
        """Return the plugin of this name, or None."""
        return next((p for p in self.plugins if name in (p.name, p.distribution)), None)


def load_plugins(
    settings: PluginSettings | None = None, objects: Sequence[Any] = ()
) -> LoadedPlugins:
    """Load metaauto's own components and the selected plugins, each in isolation.

    Parameters
    ----------
    settings : PluginSettings, optional
        Plugins to load; by default from the environment variables.
    objects : sequence
        Additional plugin objects (modules or instances with hook methods), for embedding and tests.

    Returns
    -------
    LoadedPlugins
        The registry and the plugins; a broken plugin is in ``plugins`` with its errors.

    Raises
    ------
    PluginLoadError
        In strict mode, for the first broken plugin.

    Examples
    --------
    >>> from metaauto.plugins.manager import PluginSettings, load_plugins
    >>> loaded = load_plugins(PluginSettings(only=()))
    >>> "random_forest" in loaded.registry.names("model")
    True
    """
    settings = settings or PluginSettings.from_environment()
    found: list[Plugin] = []
    implementations: dict[str, Any] = {}
    entries: list[Registered] = []
    for plugin, load in _discover(settings, objects):
        if {plugin.name, plugin.distribution} & set(settings.disabled) and not plugin.is_own:
            plugin.disabled = True
        _make_name_unique(plugin, found)
        found.append(plugin)
        if plugin.disabled:
            continue
        try:
            implementation = load()
        except (Exception, SystemExit) as error:
            _fail(plugin, f"cannot be imported: {type(error).__name__}: {error}", settings, error)
            continue
        entries += _collect(plugin, implementation, settings)
        implementations[plugin.name] = implementation
    registry = Registry(entries)
    for clash in registry.clashes:
        _log.warning("%s", clash)
        if settings.strict:
            raise clash
    for entry in (e for kind in _KINDS for e in registry.entries(kind)):
        entry.plugin.components.append(f"{entry.kind}:{entry.name}")
    return LoadedPlugins(registry, found, settings, implementations)


_KINDS = (
    "command",
    "explainer",
    "metafeature",
    "knowledge",
    "metric",
    "model",
    "preprocessor",
    "reader",
    "report_section",
    "search_engine",
    "splitter",
    "strategy",
)


def _discover(settings: PluginSettings, objects: Sequence[Any]) -> Iterable[tuple[Plugin, Any]]:
    """Yield plugins with a function that imports them, in an order independent of installation."""
    yield _own(), lambda: importlib.import_module(BUILTIN)
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda p: (p.name, p.value)):
        if point.value == BUILTIN:
            continue
        distribution, version = _origin(point)
        plugin = Plugin(point.name, version, distribution, f"entry point {point.value}")
        plugin.disabled = not settings.selects(plugin.name, distribution)
        yield plugin, point.load
    for module in settings.modules:
        yield Plugin(module, source="module"), lambda m=module: importlib.import_module(m)
    for module, file in _plugin_files(settings.folders).items():
        yield Plugin(file.stem, source=str(file)), lambda m=module, f=file: _import_file(m, f)
    for number, item in enumerate(objects):
        name = getattr(item, "__name__", "") or f"{type(item).__name__}-{number}"
        yield Plugin(name, source="object"), lambda o=item: o


def _make_name_unique(plugin: Plugin, found: Sequence[Plugin]) -> None:
    """Append a number to a name that another plugin or metaauto itself already has."""
    taken = {other.name for other in found}
    name, number = plugin.name, 1
    while plugin.name in taken:
        number += 1
        plugin.name = f"{name}-{number}"


def _own() -> Plugin:
    try:
        version = importlib.metadata.version("metaauto")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    return Plugin("builtin", version, "metaauto", OWN_SOURCE)


def _origin(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """Return name and version of the distribution of an entry point, empty if unknown."""
    if point.dist is None:
        return "", ""
    try:
        metadata: Any = point.dist.metadata
        return metadata.get("Name") or "", metadata.get("Version") or ""
    except Exception:  # an interrupted uninstallation leaves entry points without metadata
        return "", ""


def _plugin_files(folders: Iterable[str]) -> dict[str, Path]:
    """Return plugin files by module name.

    Module names do not depend on the folder, so that a model file with a class of a plugin file can
    be loaded after the plugin file was moved.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise PluginLoadError(
                f"The plugin folder {str(path)!r} does not exist.",
                hint=f"Set {argument('plugins')} or METAAUTO_PLUGINS_DIR to an existing folder.",
            )
        for file in sorted(f for f in path.glob("*.py") if not f.name.startswith("_")):
            stem = re.sub(r"\W", "_", file.stem)
            name, number = f"metaauto_plugin_{stem}", 1
            while name in files:
                number += 1
                name = f"metaauto_plugin_{stem}_{number}"
            files[name] = file
    return files


def _import_file(name: str, file: Path) -> ModuleType:
    """Import a plugin file under a module name that is the same in workers."""
    file = file.resolve()
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(file):
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginLoadError(
            f"{str(file)!r} is not a Python file.", hint="Rename it to end in .py."
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _new_manager() -> pluggy.PluginManager:
    """Return a manager for one plugin, so that its errors do not affect other plugins."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def _add_hook(manager: pluggy.PluginManager, implementation: Any, hook: str) -> None:
    """Add one hook of a plugin; a hook that is refused does not affect its others."""
    manager.register(SimpleNamespace(**{hook: getattr(implementation, hook)}), hook)


def _collect(plugin: Plugin, implementation: Any, settings: PluginSettings) -> list[Registered]:
    """Call the register hooks of one plugin; a hook that fails loses its own registrations."""
    known = sorted(n for n in vars(hookspecs) if n.startswith(("register_", "trial_", "fit_")))
    entries: list[Registered] = []
    manager = _new_manager()
    for hook in hookspecs.hooks_of(implementation):
        if hook not in known:
            near = difflib.get_close_matches(hook, known, n=1)
            suggestion = f" Did you mean {near[0]}?" if near else ""
            _fail(plugin, f"implements an unknown hook {hook!r}.{suggestion}", settings)
            continue
        try:
            _add_hook(manager, implementation, hook)
        except (pluggy.PluginValidationError, ValueError, TypeError) as error:
            # pluggy's message begins with a name and has several lines.
            lines = str(error).removeprefix(f"Plugin {hook!r} for ").splitlines()
            _fail(plugin, f"hook signature mismatch: {'; '.join(lines)}", settings, error)
            continue
        plugin.hooks.append(hook)
        if hook.startswith("register_"):
            entries += _registered(plugin, manager, hook, settings)
    if not plugin.hooks and not plugin.errors:
        _fail(plugin, "implements no hook; mark its functions with @hookimpl.", settings)
    return entries


def _registered(
    plugin: Plugin, manager: pluggy.PluginManager, hook: str, settings: PluginSettings
) -> list[Registered]:
    """Return what a hook registers; nothing if it fails."""
    register, n_errors = Register(plugin), len(plugin.errors)
    try:
        getattr(manager.hook, hook)(register=register)
    except ComponentError as error:
        _fail(plugin, str(error), settings, error)
        return []
    except (Exception, SystemExit) as error:
        _fail(plugin, f"{hook} raised {type(error).__name__}: {error}", settings, error)
        return []
    for problem in plugin.errors[n_errors:]:
        _report(plugin, problem, settings)
    return register.entries


def _fail(
    plugin: Plugin, problem: str, settings: PluginSettings, cause: BaseException | None = None
) -> None:
    plugin.errors.append(problem)
    _report(plugin, problem, settings, cause)


def _report(
    plugin: Plugin, problem: str, settings: PluginSettings, cause: BaseException | None = None
) -> None:
    message = f"Plugin {plugin.label!r}: {problem}"
    if settings.strict:
        raise PluginLoadError(message) from cause
    _log.warning("%s", message)
