"""Shell completion of the values of options and arguments."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from metaauto.plugins.manager import LoadedPlugins

__all__ = [
    "COMPLETE_VARIABLE",
    "complete_explainers",
    "complete_files",
    "complete_folders",
    "complete_excluded",
    "complete_metrics",
    "complete_models",
    "complete_plugins",
    "complete_search_engines",
    "complete_strategies",
]

COMPLETE_VARIABLE = "_METAAUTO_COMPLETE"
"""Environment variable that a shell sets to request completions."""

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return an item that lets the shell complete a file name."""
    return [CompletionItem(incomplete, type="file")]


def complete_folders(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return an item that lets the shell complete a folder name."""
    return [CompletionItem(incomplete, type="dir")]


def _offering(find: Callable[[click.Context], Iterable[str]]) -> Completer:
    """Return a completer of the names that `find` returns; errors and output are suppressed."""

    @functools.wraps(find)
    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        before = ""
        if parameter.name in ("include", "exclude"):
            head, comma, incomplete = incomplete.rpartition(",")
            before = head + comma
        with _silence():
            names = [name for name in find(context) if name.startswith(incomplete)]
            return [CompletionItem(before + name) for name in names]
        return []

    return complete


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress output, logging, warnings and exceptions."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    discarded = io.StringIO()
    try:
        with (
            contextlib.suppress(Exception, SystemExit),
            contextlib.redirect_stdout(discarded),
            contextlib.redirect_stderr(discarded),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _loaded(context: click.Context) -> LoadedPlugins:
    """Return the plugins that the command would load, without broken ones."""
    from metaauto.plugins.manager import PluginSettings, load_plugins

    folders: list[Any] = []
    place: click.Context | None = context
    while place is not None:
        folders = [*(place.params.get("plugin_folders") or ()), *folders]
        place = place.parent
    settings = PluginSettings.from_environment(strict=False)
    folders = [*settings.folders, *folders]
    return load_plugins(PluginSettings.from_environment(strict=False, folders=tuple(folders)))


@_offering
def complete_metrics(context: click.Context) -> Iterable[str]:
    """Return the names of the metrics, of one task if it is given."""
    from metaauto.metrics import names_for
    from metaauto.task import TASK_KINDS

    task = context.params.get("task")
    kinds: tuple[str, ...] = TASK_KINDS
    if task in TASK_KINDS:
        kinds = (task,)
    elif task == "classification":
        kinds = tuple(kind for kind in TASK_KINDS if kind != "regression")
    extra = _loaded(context).registry.metrics()
    return dict.fromkeys(name for kind in kinds for name in names_for(kind, extra))


@_offering
def complete_models(context: click.Context) -> Iterable[str]:
    """Return the names of the models and of the plugins that provide some."""
    return _chosen(context, ("model",))


@_offering
def complete_excluded(context: click.Context) -> Iterable[str]:
    """Return the names of models, preprocessors and of the plugins that provide some."""
    return _chosen(context, ("model", "preprocessor"))


def _chosen(context: click.Context, kinds: Iterable[str]) -> Iterable[str]:
    registry = _loaded(context).registry
    entries = [entry for kind in kinds for entry in registry.entries(kind)]
    names = {name for kind in kinds for name in registry.names(kind)}
    return sorted(names | {entry.plugin.name for entry in entries if not entry.plugin.is_own})


@_offering
def complete_explainers(context: click.Context) -> Iterable[str]:
    """Return the names of the explainers."""
    return _loaded(context).registry.names("explainer")


@_offering
def complete_strategies(context: click.Context) -> Iterable[str]:
    """Return the names of the strategies."""
    return _loaded(context).registry.names("strategy")


@_offering
def complete_search_engines(context: click.Context) -> Iterable[str]:
    """Return the names of the search engines."""
    return _loaded(context).registry.names("search_engine")


@_offering
def complete_plugins(context: click.Context) -> Iterable[str]:
    """Return the names of all plugins, including broken ones."""
    return sorted(plugin.name for plugin in _loaded(context).plugins)
