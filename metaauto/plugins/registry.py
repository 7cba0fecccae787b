"""The catalogue of installed components, sorted and frozen for one fit."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaauto.components import SLOTS, MetafeatureExtractor, Model, Preprocessor, Reader
from metaauto.components.explainer import Explainer
from metaauto.components.hyperparameters import Range
from metaauto.components.strategy import Strategy
from metaauto.errors import ComponentError, NameClash, UnknownName
from metaauto.metrics import Metric

__all__ = [
    "COMMAND_GROUPS",
    "COMPONENT_TYPES",
    "OWN_SOURCE",
    "Plugin",
    "Register",
    "Registered",
    "Registry",
]

OWN_SOURCE = "metaauto itself"
"""Where metaauto's own components are found; no other plugin is found there."""

COMPONENT_TYPES: dict[str, Any] = {
    "model": Model,
    "preprocessor": Preprocessor,
    "metafeature": MetafeatureExtractor,
    "metric": Metric,
    "reader": Reader,
    "explainer": Explainer,
    "strategy": Strategy,
}
"""Kinds of components by name; a plugin may register any number of each."""

COMMAND_GROUPS = ("knowledge",)
"""Groups of the command line to which a plugin may add a command."""


@dataclass
class Plugin:
    """A plugin as it was found, with what it registered and what went wrong.

    Parameters
    ----------
    name : str
        Name of its entry point, file or object.
    version : str
        Version of its distribution, empty if it has none.
    distribution : str
        Name to give to pip, empty if it has none.
    source : str
        Where it was found.
    hooks : list of str
        Hooks it implements.
    components : list of str
        What it registered, as ``kind:name``.
    errors : list of str
        What went wrong, one line each.
    disabled : bool
        Whether it was left out on request.
    """

    name: str
    version: str = ""
    distribution: str = ""
    source: str = ""
    hooks: list[str] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    disabled: bool = False

    @property
    def is_own(self) -> bool:
        """Whether these are metaauto's own components."""
        return self.source == OWN_SOURCE

    @property
    def label(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class Registered:
    """One component and the plugin it came from."""

    kind: str
    name: str
    component: Any
    plugin: Plugin


class Register:
    """What a ``register_*`` hook receives; it records which plugin registered what.

    A component that breaks its contract is noted on the plugin and left out; the plugin's other
    components stay.
    """

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.entries: list[Registered] = []

    def model(self, model: Model) -> None:
        """Register a learning algorithm."""
        self._add("model", model)

    def preprocessor(self, preprocessor: Preprocessor) -> None:
        """Register a way to fill a preprocessing slot."""
        self._add("preprocessor", preprocessor)

    def metafeature(self, metafeature: MetafeatureExtractor) -> None:
        """Register a source of metafeatures."""
        self._add("metafeature", metafeature)

    def metric(self, metric: Metric) -> None:
        """Register a metric."""
        self._add("metric", metric)

    def reader(self, reader: Reader) -> None:
        """Register a source of tables."""
        self._add("reader", reader)

    def explainer(self, explainer: Explainer) -> None:
        """Register a way to explain predictions."""
        self._add("explainer", explainer)

    def strategy(self, strategy: Strategy) -> None:
        """Register a way to choose what a fit tries first."""
        self._add("strategy", strategy)

    def component(self, component: Any) -> None:
        """Register a component of any kind, by its type."""
        for kind, wanted in COMPONENT_TYPES.items():
            if isinstance(component, wanted):
                self._add(kind, component)
                return
        raise ComponentError(
            f"It registers a {type(component).__name__}.",
            hint=f"Pass a {', '.join(t.__name__ for t in COMPONENT_TYPES.values())}.",
        )

    def knowledge(self, path: str | Path) -> None:
        """Register a knowledge pack by the path of its store."""
        self.entries.append(Registered("knowledge", str(path), Path(path), self.plugin))

    def command(self, command: Any, group: str = "") -> None:
        """Register a command (a ``click.Command``) of the shell.

        Parameters
        ----------
        command : click.Command
            The command.
        group : {'', 'knowledge'}
            The group that it belongs to, as in ``metaauto knowledge NAME``; by default none.
        """
        name = getattr(command, "name", None)
        if not name or not callable(getattr(command, "main", None)):
            raise ComponentError(
                f"Plugin {self.plugin.name!r} registers {command!r} as a command.",
                hint="Pass a click.Command.",
            )
        if group and group not in COMMAND_GROUPS:
            raise ComponentError(
                f"Plugin {self.plugin.name!r} registers the command {name!r} in the group "
                f"{group!r}, which does not exist.",
                hint=f"Groups: {', '.join(COMMAND_GROUPS)}. Omit `group` for a top-level command.",
            )
        path = f"{group} {name}".lstrip()
        self.entries.append(Registered("command", path, command, self.plugin))

    def _add(self, kind: str, component: Any) -> None:
        wanted = COMPONENT_TYPES[kind]
        if not isinstance(component, wanted):
            raise ComponentError(
                f"It registers a {type(component).__name__} as a {kind}.",
                hint=f"Pass a {wanted.__name__}.",
            )
        name = str(component.name)
        if isinstance(component, Preprocessor):
            name = f"{component.slot}.{name}"
        try:
            _check_usable(component)
        except ComponentError as error:
            self.plugin.errors.append(f"{kind} {name}: {error}")
            return
        self.entries.append(Registered(kind, name, component, self.plugin))


def _check_usable(component: Any) -> None:
    """Raise if a component cannot be used in this environment."""
    for module in getattr(component, "requires", ()):
        try:
            found = importlib.util.find_spec(module) is not None
        except (ImportError, ValueError):
            found = False
        if not found:
            raise ComponentError(f"It needs the module {module!r}.", hint=f"Install {module}.")
    if isinstance(component, Model):
        spaces = []
        for kind in component.tasks:
            try:
                spaces.append(component.space_for(kind))
            except ComponentError:
                raise
            except Exception as error:
                raise ComponentError(
                    f"space({kind!r}) raised {type(error).__name__}: {error}",
                    hint="Return a dict of Float, Int or Choice.",
                ) from error
        _check_portfolio(component, spaces)


def _check_portfolio(model: Model, spaces: Iterable[Mapping[str, Range]]) -> None:
    known: dict[str, list[Range]] = {}
    for space in spaces:
        for key, bounds in space.items():
            known.setdefault(key, []).append(bounds)
    for entry in model.portfolio:
        if not isinstance(entry, Mapping):
            raise ComponentError(
                f"A portfolio entry of {model.name!r} is a {type(entry).__name__}.",
                hint="List dicts of hyperparameter values.",
            )
        for key, value in entry.items():
            if key.split(".")[0] in SLOTS:
                continue
            if key not in known:
                raise ComponentError(
                    f"A portfolio entry of {model.name!r} sets {key!r}, which is not in its space.",
                    hint="Name hyperparameters of its space, or slots.",
                )
            if not any(bounds.contains(value) for bounds in known[key]):
                raise ComponentError(
                    f"A portfolio entry of {model.name!r} sets {key!r} to {value!r}, which its "
                    "space does not hold.",
                    hint="Widen the range, or choose a value inside.",
                )


class Registry:
    """Components by kind and name, in an order that no installation changes.

    Parameters
    ----------
    entries : iterable of Registered
        What the plugins registered.

    Notes
    -----
    When two plugins register one name, metaauto's own component stays; of two third-party ones
    neither is used. Both are named in ``clashes`` and on the plugins.
    """

    def __init__(self, entries: Iterable[Registered] = ()) -> None:
        self.clashes: list[NameClash] = []
        self._entries: dict[str, dict[str, Registered]] = {}
        grouped: dict[tuple[str, str], list[Registered]] = {}
        for entry in entries:
            grouped.setdefault((entry.kind, entry.name), []).append(entry)
        for (kind, name), same in sorted(grouped.items()):
            winner = same[0] if len(same) == 1 else self._resolve(kind, name, same)
            if winner is not None:
                self._entries.setdefault(kind, {})[name] = winner

    def _resolve(self, kind: str, name: str, same: list[Registered]) -> Registered | None:
        sides = " and ".join(sorted(f"{e.plugin.label} ({e.plugin.source})" for e in same))
        own = [e for e in same if e.plugin.is_own]
        kept = "metaauto's own is used" if own else "neither is used"
        clash = NameClash(
            f"The {kind} name {name!r} is registered by {sides}; {kept}.",
            hint="Uninstall one, or name it in METAAUTO_DISABLE_PLUGINS.",
            entries=same,
        )
        self.clashes.append(clash)
        for entry in same:
            if entry not in own:
                entry.plugin.errors.append(str(clash))
        return own[0] if own else None

    def names(self, kind: str) -> list[str]:
        """Sorted names of one kind of component."""
        return sorted(self._entries.get(kind, {}))

    def entry(self, kind: str, name: str) -> Registered:
        """One component with the plugin it came from; raises `UnknownName`."""
        found = self._entries.get(kind, {}).get(name)
        if found is None:
            raise UnknownName.among(kind, name, self.names(kind))
        return found

    def entries(self, kind: str) -> list[Registered]:
        """All components of one kind, sorted by name."""
        return [self._entries[kind][name] for name in self.names(kind)]

    def model(self, name: str) -> Model:
        """The model of that name."""
        component: Model = self.entry("model", name).component
        return component

    def models(self) -> list[Model]:
        """All models, sorted by name."""
        return [e.component for e in self.entries("model")]

    def preprocessor(self, slot: str, name: str) -> Preprocessor:
        """The preprocessor of that slot and name."""
        component: Preprocessor = self.entry("preprocessor", f"{slot}.{name}").component
        return component

    def preprocessors(self, slot: str) -> list[Preprocessor]:
        """All preprocessors of a slot: the default first, then by name."""
        found = [e.component for e in self.entries("preprocessor") if e.component.slot == slot]
        return sorted(found, key=lambda p: (not p.default, p.name))

    def metafeatures(self) -> list[MetafeatureExtractor]:
        """All metafeature extractors, sorted by name."""
        return [e.component for e in self.entries("metafeature")]

    def metrics(self) -> list[Metric]:
        """All metrics that plugins registered."""
        return [e.component for e in self.entries("metric")]

    def readers(self) -> list[Reader]:
        """All readers: those of plugins first, then metaauto's own, each by name."""
        found = self.entries("reader")
        return [e.component for e in sorted(found, key=lambda e: (e.plugin.is_own, e.name))]

    def explainers(self) -> list[Explainer]:
        """All explainers, sorted by name."""
        return [e.component for e in self.entries("explainer")]

    def knowledge(self) -> list[Path]:
        """Paths of the knowledge packs, sorted."""
        return [e.component for e in self.entries("knowledge")]

    def select(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Registry:
        """A registry with some models left out, by model or plugin name.

        Parameters
        ----------
        include : iterable of str
            Keep only these models (or the models of these plugins); empty keeps all.
        exclude : iterable of str
            Leave these out: models, plugins, or preprocessors as ``slot.name``.

        Raises
        ------
        UnknownName
            If a name is neither.
        """
        include, exclude = list(include), list(exclude)
        everything = [e for found in self._entries.values() for e in found.values()]
        plugins = {e.plugin.name for e in everything} | {e.plugin.distribution for e in everything}
        steps = set(self.names("preprocessor"))
        known = set(self.names("model")) | (plugins - {""})
        for name in include:
            if name not in known:
                raise UnknownName.among("model or plugin", name, known)
        for name in exclude:
            if name not in known | steps:
                raise UnknownName.among("model, plugin or preprocessor", name, known | steps)

        def stays(entry: Registered) -> bool:
            names = {entry.name, entry.plugin.name, entry.plugin.distribution}
            if names & set(exclude):
                return False
            return entry.kind != "model" or not include or bool(names & set(include))

        return Registry(e for e in everything if stays(e))
