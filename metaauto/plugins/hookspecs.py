"""Every hook a plugin can implement: when it is called, what to return, what happens when it fails.

A plugin is a module (or any object) named in the entry-point group ``metaauto``. It marks its hooks
with ``@hookimpl`` and imports from `metaauto.api` alone. A hook that raises is reported with the
plugin's name and skipped; the other plugins go on (``METAAUTO_STRICT_PLUGINS=1`` raises instead).
A hook may leave out arguments that it does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from metaauto.plugins.registry import Register

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "metaauto"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_models(register: Register) -> None:
    """Register learning algorithms: ``register.model(Model(...))``.

    Called once in every process that loads plugins, workers included, so it must be cheap: import
    heavy libraries inside ``build``. A second model of the same name is a name clash: neither
    plugin's order of installation decides, and the error names both.

    Examples
    --------
    >>> from metaauto.api import Model, hookimpl
    >>> @hookimpl
    ... def register_models(register):
    ...     register.model(Model(name="mine", build=lambda values, context: ...))
    """


@hookspec
def register_preprocessors(register: Register) -> None:
    """Register ways to fill a preprocessing slot: ``register.preprocessor(Preprocessor(...))``.

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

    Called like `register_models`. An extractor that raises, or that declares more ``seconds`` than
    are left, leaves NaN and a note; it never stops a fit.

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
    """Register metrics: ``register.metric(Metric(...))``; ``--metric NAME`` then finds them.

    Called once in the parent process. The metric is tried on constant predictions before a fit.

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
    """Register sources of tables: ``register.reader(Reader(...))``.

    Called once in the parent process. Readers of plugins are asked before metaauto's own, in the
    order of their names; the first whose ``matches`` says yes reads the source.

    Examples
    --------
    >>> from metaauto.api import Reader, hookimpl
    >>> @hookimpl
    ... def register_readers(register):
    ...     register.reader(Reader("sas", lambda source: source.endswith(".sas7bdat"), print))
    """


@hookspec
def register_knowledge(register: Register) -> None:
    """Register knowledge packs: ``register.knowledge(path)`` of a store that `metaauto` reads.

    Called once in the parent process before the first recommendation. A pack that is corrupt or
    newer than the engine is named in a warning and left out.

    Examples
    --------
    >>> from metaauto.api import hookimpl
    >>> @hookimpl
    ... def register_knowledge(register):
    ...     register.knowledge("/path/to/pack.db")
    """


@hookspec
def register_explainers(register: Register) -> None:
    """Register ways to explain predictions: ``register.explainer(Explainer(...))``.

    Called like `register_models`. An explainer is given rows, rows to compare with and a function
    that predicts; it returns what each cell adds to the prediction of its row.

    Examples
    --------
    >>> from metaauto.api import Explainer, hookimpl
    >>> @hookimpl
    ... def register_explainers(register):
    ...     register.explainer(Explainer("nothing", lambda table: table.X.notna() * 0.0))
    """


@hookspec
def register_strategies(register: Register) -> None:
    """Register ways to choose what a fit tries first: ``register.strategy(Strategy(...))``.

    Called like `register_models`. A strategy is used where it is asked for by name
    (``--strategy``). One that raises, or recommends what cannot be tried, is reported with the
    plugin's name; metaauto's own goes on in its place.

    Examples
    --------
    >>> from metaauto.api import Strategy, hookimpl
    >>> @hookimpl
    ... def register_strategies(register):
    ...     register.strategy(Strategy("authors", lambda given: given.from_authors()))
    """


@hookspec
def register_commands(register: Register) -> None:
    """Register commands of the shell: ``register.command(click_command)``.

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

    Called in the parent process after a trial has succeeded, failed or been dropped. ``trial`` has
    ``number``, ``configuration``, ``status``, ``loss``, ``seconds`` and ``error``. Be quick: the
    search waits.

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
