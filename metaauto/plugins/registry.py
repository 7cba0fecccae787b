"""The registry of installed components, in a fixed order."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaauto.components import SLOTS, MetafeatureExtractor, Model, Preprocessor, Reader
from metaauto.components.explainer import Explainer
from metaauto.components.hyperparameters import Range
from metaauto.components.report_section import ReportSection
from metaauto.components.search_engine import SearchEngine
from metaauto.components.splitter import Splitter
from metaauto.components.strategy import Strategy
from metaauto.errors import ComponentError, NameClash, UnknownName
from metaauto.metrics import Metric
from metaauto.text import argument

__all__ = [
    "COMMAND_GROUPS",
    "COMPONENT_TYPES",
    "OWN_SOURCE",
    "SAVED_MODEL",
    "Plugin",
    "Register",
    "Registered",
    "Registry",
]

OWN_SOURCE = "metaauto itself"
"""Source of metaauto's own components, different from that of any plugin."""

COMPONENT_TYPES: dict[str, Any] = {
    "model": Model,
    "preprocessor": Preprocessor,
    "metafeature": MetafeatureExtractor,
    "metric": Metric,
    "reader": Reader,
    "explainer": Explainer,
    "strategy": Strategy,
    "search_engine": SearchEngine,
    "splitter": Splitter,
    "report_section": ReportSection,
}
"""Component types by kind; a plugin may register any number of each."""

SAVED_MODEL = "saved-model"
"""Kind of a model that can be loaded and not fitted here, see `Model.fit_requires`."""

_KIND_LABELS = {
    "preprocessor": "preprocessor",
    "metafeature": "metafeature extractor",
    "metric": "metric",
    "reader": "reader",
    "explainer": "explainer",
    "strategy": "strategy",
    "search_engine": "search engine",
    "splitter": "splitter",
    "report_section": "report section",
}

COMMAND_GROUPS = ("knowledge",)
"""Groups of the command line to which a plugin may add a command."""


@dataclass
class Plugin:
    """A discovered plugin with its components and errors.

    Parameters
    ----------
    name : str
        Name of its entry point, file or object.
    version : str
        Version of its distribution, empty if it has none.
    distribution : str
        Name of its distribution (for pip), empty if it has none.
    source : str
        Location: entry point, file, module or object.
    hooks : list of str
        Implemented hooks.
    components : list of str
        Registered components as ``kind:name``.
    errors : list of str
        Errors, one line each.
    disabled : bool
        Whether the settings exclude it.
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
        """Return whether this is the plugin of metaauto's own components."""
        return self.source == OWN_SOURCE

    @property
    def label(self) -> str:
        """Return name and version for display."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class Registered:
    """A component and the plugin that registered it."""

    kind: str
    name: str
    component: Any
    plugin: Plugin


class Register:
    """The argument of ``register_*`` hooks; records the components of a plugin.

    An invalid component is recorded as an error of the plugin and not registered; other components
    of the plugin are registered.
    """

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.entries: list[Registered] = []

    def model(self, model: Model) -> None:
        """Register a learning algorithm."""
        self._add("model", model)

    def preprocessor(self, preprocessor: Preprocessor) -> None:
        """Register a preprocessor of a slot."""
        self._add("preprocessor", preprocessor)

    def metafeature(self, metafeature: MetafeatureExtractor) -> None:
        """Register a metafeature extractor."""
        self._add("metafeature", metafeature)

    def metric(self, metric: Metric) -> None:
        """Register a metric."""
        self._add("metric", metric)

    def reader(self, reader: Reader) -> None:
        """Register a reader of tables."""
        self._add("reader", reader)

    def explainer(self, explainer: Explainer) -> None:
        """Register an explainer of predictions."""
        self._add("explainer", explainer)

    def strategy(self, strategy: Strategy) -> None:
        """Register a warm-start strategy."""
        self._add("strategy", strategy)

    def search_engine(self, search_engine: SearchEngine) -> None:
        """Register a search engine."""
        self._add("search_engine", search_engine)

    def splitter(self, splitter: Splitter) -> None:
        """Register a way to split rows."""
        self._add("splitter", splitter)

    def report_section(self, report_section: ReportSection) -> None:
        """Register a section of the report."""
        self._add("report_section", report_section)

    def component(self, component: Any) -> None:
        """Register a component of any kind, by its type."""
        for kind, expected in COMPONENT_TYPES.items():
            if isinstance(component, expected):
                self._add(kind, component)
                return
        raise ComponentError(
            f"It registers a {type(component).__name__}, which is not a component.",
            hint=f"Pass one of {', '.join(t.__name__ for t in COMPONENT_TYPES.values())}.",
        )

    def knowledge(self, path: str | Path) -> None:
        """Register a knowledge pack by the path of its store."""
        self.entries.append(Registered("knowledge", str(path), Path(path), self.plugin))

    def command(self, command: Any, group: str = "") -> None:
        """Register a command (a ``click.Command``) of the command line.

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
        expected = COMPONENT_TYPES[kind]
        if not isinstance(component, expected):
            raise ComponentError(
                f"It registers a {type(component).__name__} as a {kind}.",
                hint=f"Pass a {expected.__name__}.",
            )
        name = str(component.name)
        if isinstance(component, Preprocessor):
            name = f"{component.slot}.{name}"
        try:
            _check_usable(component)
        except ComponentError as error:
            self.plugin.errors.append(f"{kind} {name}: {error}")
            return
        if isinstance(component, Model) and not all(map(_is_installed, component.fit_requires)):
            kind = SAVED_MODEL
        self.entries.append(Registered(kind, name, component, self.plugin))


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _check_usable(component: Any) -> None:
    """Raise if a component cannot be used in this environment."""
    if isinstance(component, Reader):
        # Its modules are looked up when it reads a table: most tables need none of them.
        return
    for module in getattr(component, "requires", ()):
        if not _is_installed(module):
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
                f"A portfolio entry of {model.name!r} is a {type(entry).__name__}, not a dict.",
                hint="Pass dicts of hyperparameter values.",
            )
        for key, value in entry.items():
            if key.split(".")[0] in SLOTS:
                continue
            if key not in known:
                raise ComponentError(
                    f"A portfolio entry of {model.name!r} sets {key!r}, which is not in its space.",
                    hint="Use hyperparameters of its space, or slots.",
                )
            if not any(bounds.contains(value) for bounds in known[key]):
                raise ComponentError(
                    f"A portfolio entry of {model.name!r} sets {key!r} to {value!r}, which is "
                    "outside its range.",
                    hint="Extend the range, or choose a value in it.",
                )


class Registry:
    """Components by kind and name, in an order independent of the installation.

    Parameters
    ----------
    entries : iterable of Registered
        Components of all plugins.
    excluded : mapping of (str, str) to str
        Plugins of the excluded components by kind and name, for messages.

    Notes
    -----
    If two plugins register the same name, metaauto's own component is used; of two third-party
    components neither is used. Both are named in ``clashes`` and in the errors of the plugins.
    """

    def __init__(
        self,
        entries: Iterable[Registered] = (),
        excluded: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._excluded = dict(excluded or {})
        self.clashes: list[NameClash] = []
        self._entries: dict[str, dict[str, Registered]] = {}
        grouped: dict[tuple[str, str], list[Registered]] = {}
        for entry in entries:
            grouped.setdefault((entry.kind, entry.name), []).append(entry)
        for (kind, name), same in sorted(grouped.items()):
            used = same[0] if len(same) == 1 else self._resolve(kind, name, same)
            if used is not None:
                self._entries.setdefault(kind, {})[name] = used

    def _resolve(self, kind: str, name: str, same: list[Registered]) -> Registered | None:
        plugins = " and ".join(sorted(f"{e.plugin.label} ({e.plugin.source})" for e in same))
        own = [e for e in same if e.plugin.is_own]
        kept = "metaauto's own is used" if own else "neither is used"
        clash = NameClash(
            f"The {kind} name {name!r} is registered by {plugins}; {kept}.",
            hint="Uninstall one of them, or add it to METAAUTO_DISABLE_PLUGINS.",
            entries=same,
        )
        self.clashes.append(clash)
        for entry in same:
            if entry not in own:
                entry.plugin.errors.append(str(clash))
        return own[0] if own else None

    def names(self, kind: str) -> list[str]:
        """Return the sorted names of one kind of component."""
        return sorted(self._entries.get(kind, {}))

    def entry(self, kind: str, name: str) -> Registered:
        """Return a component with its plugin; raise `UnknownName` if there is none."""
        found = self._entries.get(kind, {}).get(name)
        if found is None and (kind, name) in self._excluded:
            raise UnknownName(
                f"The {kind} {name!r} of the plugin {self._excluded[kind, name]!r} is excluded.",
                hint=f"Remove it from {argument('exclude')}.",
                name=name,
            )
        if found is None:
            raise UnknownName.among(_KIND_LABELS.get(kind, kind), name, self.names(kind))
        return found

    def entries(self, kind: str) -> list[Registered]:
        """Return all components of one kind, sorted by name."""
        return [self._entries[kind][name] for name in self.names(kind)]

    def model(self, name: str) -> Model:
        """Return the model of this name."""
        component: Model = self.entry("model", name).component
        return component

    def models(self) -> list[Model]:
        """Return all models, sorted by name."""
        return [e.component for e in self.entries("model")]

    def preprocessor(self, slot: str, name: str) -> Preprocessor:
        """Return the preprocessor of this slot and name."""
        component: Preprocessor = self.entry("preprocessor", f"{slot}.{name}").component
        return component

    def preprocessors(self, slot: str) -> list[Preprocessor]:
        """Return all preprocessors of a slot: the default first, then by name."""
        found = [e.component for e in self.entries("preprocessor") if e.component.slot == slot]
        return sorted(found, key=lambda p: (not p.default, p.name))

    def metafeatures(self) -> list[MetafeatureExtractor]:
        """Return all metafeature extractors, sorted by name."""
        return [e.component for e in self.entries("metafeature")]

    def metrics(self) -> list[Metric]:
        """Return all metrics of plugins; those of metaauto are `metaauto.metrics.METRICS`."""
        return [e.component for e in self.entries("metric") if not e.plugin.is_own]

    def readers(self) -> list[Reader]:
        """Return all readers: those of plugins first, then metaauto's own, each by name."""
        found = self.entries("reader")
        return [e.component for e in sorted(found, key=lambda e: (e.plugin.is_own, e.name))]

    def explainers(self) -> list[Explainer]:
        """Return all explainers, sorted by name."""
        return [e.component for e in self.entries("explainer")]

    def knowledge(self) -> list[Path]:
        """Return the sorted paths of the knowledge packs."""
        return [e.component for e in self.entries("knowledge")]

    def select(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Registry:
        """Return a registry restricted by names of models and plugins.

        Parameters
        ----------
        include : iterable of str
            Keep only these models (or the models of these plugins); empty keeps all.
        exclude : iterable of str
            Remove these models, preprocessors (as ``slot.name``), or all components of these
            plugins; of metaauto itself its models and preprocessors.

        Raises
        ------
        UnknownName
            If a name is unknown.
        """
        include, exclude = list(include), list(exclude)
        everything = [e for found in self._entries.values() for e in found.values()]
        plugins = {e.plugin.name for e in everything} | {e.plugin.distribution for e in everything}
        steps = set(self.names("preprocessor"))
        known = set(self.names("model")) | (plugins - {""})
        for name in include:
            if name not in known:
                raise self._unknown("model or plugin", name, known)
        for name in exclude:
            if name not in known | steps:
                raise self._unknown("model, plugin or preprocessor", name, known | steps)

        def is_kept(entry: Registered) -> bool:
            can_be_named = entry.kind in ("model", "preprocessor")
            names = {
                entry.plugin.name,
                entry.plugin.distribution,
                entry.name if can_be_named else "",
            }
            if names & set(exclude):
                # Without metaauto's own readers no table could be read.
                return entry.plugin.is_own and not can_be_named
            return entry.kind != "model" or not include or bool(names & set(include))

        return Registry(
            (e for e in everything if is_kept(e)),
            # A model may also be left out because of `include`.
            {
                (e.kind, e.name): e.plugin.name
                for e in everything
                if e.kind != "model" and not is_kept(e)
            },
        )

    def _unknown(self, what: str, name: str, known: Iterable[str]) -> UnknownName:
        """Return the error for an unknown name; it tells if another kind of component has it."""
        for kind, label in _KIND_LABELS.items():
            for full in self.names(kind):
                if name not in (full, full.partition(".")[2]):
                    continue
                hint = f"Expected a {what}."
                if kind == "preprocessor":
                    hint += f" To exclude it: {argument('exclude', full)}."
                return UnknownName(f"{name!r} is a {label}.", hint=hint, name=name)
        return UnknownName.among(what, name, known)
