"""What a shell is offered for the values of options and arguments."""

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
    "complete_left_out",
    "complete_metrics",
    "complete_models",
    "complete_plugins",
    "complete_strategies",
]

COMPLETE_VARIABLE = "_METAAUTO_COMPLETE"
"""The environment variable by which a shell asks."""

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]


def complete_folders(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete the name of a folder."""
    return [CompletionItem(incomplete, type="dir")]


def _offering(find: Callable[[click.Context], Iterable[str]]) -> Completer:
    """Complete names that are found; what goes wrong meanwhile must not upset a typed line."""

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
    """Nothing is printed, logged, warned of or raised."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    nowhere = io.StringIO()
    try:
        with (
            contextlib.suppress(Exception, SystemExit),
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _loaded(context: click.Context) -> LoadedPlugins:
    """The plugins that the command would load, broken ones left out."""
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
    """Name the metrics, those of the task where one is given."""
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
    """Name the models, and the plugins that bring some."""
    return _chosen(context, ("model",))


@_offering
def complete_left_out(context: click.Context) -> Iterable[str]:
    """Name the models, the preprocessors, and the plugins that bring some."""
    return _chosen(context, ("model", "preprocessor"))


def _chosen(context: click.Context, kinds: Iterable[str]) -> Iterable[str]:
    registry = _loaded(context).registry
    entries = [entry for kind in kinds for entry in registry.entries(kind)]
    names = {name for kind in kinds for name in registry.names(kind)}
    return sorted(names | {entry.plugin.name for entry in entries if not entry.plugin.is_own})


@_offering
def complete_explainers(context: click.Context) -> Iterable[str]:
    """Name the explainers."""
    return _loaded(context).registry.names("explainer")


@_offering
def complete_strategies(context: click.Context) -> Iterable[str]:
    """Name the strategies."""
    return _loaded(context).registry.names("strategy")


@_offering
def complete_plugins(context: click.Context) -> Iterable[str]:
    """Name the plugins, those that are broken too."""
    return sorted(plugin.name for plugin in _loaded(context).plugins)
