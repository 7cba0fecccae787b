"""The hooks that a plugin can implement: when they are called and how errors are handled.

A plugin is a module (or any object) named in the entry-point group ``metaauto``. It marks its hooks
with ``@hookimpl`` and imports only from `metaauto.api`. A hook that raises is reported with the
name of the plugin and skipped; other plugins are not affected (``METAAUTO_STRICT_PLUGINS=1`` raises
instead). A hook may omit arguments that it does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from metaauto.plugins.registry import Register

__all__ = ["PROJECT", "hookimpl", "hooks_of", "hookspec"]

PROJECT = "metaauto"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


def hooks_of(plugin: object) -> list[str]:
    """Return the names of the functions of an object that are marked with ``@hookimpl``."""
    parse = pluggy.PluginManager(PROJECT).parse_hookimpl_opts
    return [name for name in dir(plugin) if parse(plugin, name) is not None]


@hookspec
def register_models(register: Register) -> None:
    """Register learning algorithms: ``register.model(Model(...))``.

    Called once in every process that loads plugins, workers included. It must be fast: import heavy
    libraries inside ``build``. If two plugins register the same name, neither is used, whatever the
    order of installation, and the error names both; metaauto's own components take precedence.

    Examples
    --------
    >>> from metaauto.api import Model, hookimpl
    >>> @hookimpl
    ... def register_models(register):
    ...     register.model(Model(name="mine", build=lambda values, context: ...))
    """


@hookspec
def register_preprocessors(register: Register) -> None:
    """Register preprocessors of a slot: ``register.preprocessor(Preprocessor(...))``.

    Called like `register_models`. Names are unique within a slot.

    Examples
    --------
    >>> from metaauto.api import Preprocessor, hookimpl
    >>> @hookimpl
    ... def register_preprocessors(register):
    ...     register.preprocessor(Preprocessor("log", "scale", lambda values, context: ...))
    """


@hookspec
def register_metafeatures(register: Register) -> None:
    """Register metafeature extractors: ``register.metafeature(MetafeatureExtractor(...))``.

    Called like `register_models`. If an extractor raises, or declares more ``seconds`` than are
    left, its metafeatures are NaN and a note is recorded; the fit continues.

    Examples
    --------
    >>> from metaauto.api import MetafeatureExtractor, hookimpl
    >>> def shape(table):
    ...     return {"rows": float(table.n_rows)}
    >>> @hookimpl
    ... def register_metafeatures(register):
    ...     register.metafeature(MetafeatureExtractor("shape", shape, keys=("rows",)))
    """


@hookspec
def register_metrics(register: Register) -> None:
    """Register metrics: ``register.metric(Metric(...))``, for use with ``--metric NAME``.

    Called once in the parent process. A metric is checked on synthetic predictions before a fit.

    Examples
    --------
    >>> from metaauto.api import Metric, hookimpl
    >>> @hookimpl
    ... def register_metrics(register):
    ...     register.metric(
    ...         Metric(
    ...             "hit_rate",
    ...             tasks=("binary", "multiclass"),
    ...             needs="labels",
    ...             function=lambda y, labels, sample_weight=None: float((y == labels).mean()),
    ...         )
    ...     )
    """


@hookspec
def register_readers(register: Register) -> None:
    """Register readers of tables: ``register.reader(Reader(...))``.

    Called once in the parent process. The first reader whose ``matches`` returns True reads the
    source. Readers of plugins come before metaauto's own, each sorted by name. Remote files that
    no reader matches by their address, pipes and files with another format are read from temporary
    files with the suffix of the format; the files of a pattern are read one by one.

    Examples
    --------
    >>> from metaauto.api import Reader, hookimpl
    >>> @hookimpl
    ... def register_readers(register):
    ...     register.reader(Reader("sas", lambda source: source.endswith(".sas7bdat"), print))
    """


@hookspec
def register_knowledge(register: Register) -> None:
    """Register knowledge packs: ``register.knowledge(path)``, the path of a knowledge store.

    Called once in the parent process before the first recommendation. A pack that is corrupt or of
    a newer format is reported in a warning and skipped.

    Examples
    --------
    >>> from metaauto.api import hookimpl
    >>> @hookimpl
    ... def register_knowledge(register):
    ...     register.knowledge("/path/to/pack.db")
    """


@hookspec
def register_explainers(register: Register) -> None:
    """Register explainers of predictions: ``register.explainer(Explainer(...))``.

    Called like `register_models`. An explainer receives rows, background rows and a prediction
    function; it returns the contribution of each value to the prediction of its row.

    Examples
    --------
    >>> from metaauto.api import Explainer, hookimpl
    >>> @hookimpl
    ... def register_explainers(register):
    ...     register.explainer(Explainer("nothing", lambda table: table.X.notna() * 0.0))
    """


@hookspec
def register_strategies(register: Register) -> None:
    """Register warm-start strategies: ``register.strategy(Strategy(...))``.

    Called like `register_models`. A strategy is used if it is selected by name (``--strategy``). If
    it raises or recommends an invalid configuration, this is reported with the name of the plugin,
    and the fit continues with metaauto's own strategy.

    Examples
    --------
    >>> from metaauto.api import Strategy, hookimpl
    >>> @hookimpl
    ... def register_strategies(register):
    ...     register.strategy(Strategy("authors", lambda given: given.from_authors()))
    """


@hookspec
def register_commands(register: Register) -> None:
    """Register commands of the command line: ``register.command(click_command)``.

    Called when the command line starts. metaauto's own commands cannot be replaced. With
    ``register.command(click_command, group="knowledge")`` it is a command of that group.

    Examples
    --------
    >>> from metaauto.api import hookimpl
    >>> @hookimpl
    ... def register_commands(register):
    ...     import click
    ...
    ...     @click.command()
    ...     def hello():
    ...         click.echo("hello")
    ...
    ...     register.command(hello)
    """


@hookspec
def trial_finished(trial: Any) -> None:
    """Observe a finished trial; its result cannot be changed.

    Called in the parent process after a trial has succeeded, failed or been pruned. ``trial`` has
    ``number``, ``configuration``, ``status``, ``loss``, ``seconds`` and ``error``. The search waits
    for the hook, so it must be fast.

    Examples
    --------
    >>> from metaauto.api import hookimpl
    >>> @hookimpl
    ... def trial_finished(trial):
    ...     print(trial.number, trial.loss)
    """


@hookspec
def fit_finished(model: Any) -> None:
    """Observe the final model of a fit, before it is saved.

    Called once in the parent process. ``model`` is a `metaauto.model.FinalModel`.

    Examples
    --------
    >>> from metaauto.api import hookimpl
    >>> @hookimpl
    ... def fit_finished(model):
    ...     print(len(model.members))
    """
