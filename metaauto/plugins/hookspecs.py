"""The hooks that a plugin can implement: when they are called and how errors are handled.

A plugin is a module (or any object) named in the entry-point group ``metaauto``. It marks its hooks
with ``@hookimpl`` and imports only from `metaauto.api`. A hook that raises is reported with the
name of the plugin and skipped; other plugins are not affected (``METAAUTO_STRICT_PLUGINS=1`` raises
instead). A hook may omit arguments that it does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from metaauto.components.tracking import FitFailure, FitResult, FitStart, TrialResult
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
def register_search_engines(register: Register) -> None:
    """Register search engines: ``register.search_engine(SearchEngine(...))``.

    Called like `register_models`. An engine proposes configurations after the warm start, in place
    of SMAC, if it is selected by name (``--search``). If it raises or recommends an invalid
    configuration, this is reported, and the search continues with neighbours of good
    configurations.

    Examples
    --------
    >>> from metaauto.api import SearchEngine, hookimpl
    >>> @hookimpl
    ... def register_search_engines(register):
    ...     register.search_engine(SearchEngine("mine", lambda given: given.from_smac()))
    """


@hookspec
def register_splitters(register: Register) -> None:
    """Register ways to split rows: ``register.splitter(Splitter(...))``.

    Called like `register_models`. A splitter is used if it is selected by name (``--cv``); invalid
    folds end the fit with an error that names it.

    Examples
    --------
    >>> from metaauto.api import Splitter, hookimpl
    >>> @hookimpl
    ... def register_splitters(register):
    ...     def odd_and_even(given):
    ...         yield given.X.index % 2 == 0, given.X.index % 2 == 1
    ...
    ...     register.splitter(Splitter("odd_and_even", odd_and_even))
    """


@hookspec
def register_report_sections(register: Register) -> None:
    """Register sections of the report: ``register.report_section(ReportSection(...))``.

    Called like `register_models`. A section has texts, tables and figures, which are escaped and
    drawn by metaauto: the report stays one file that loads nothing and runs its own script only.

    Examples
    --------
    >>> from metaauto.api import ReportContent, ReportSection, hookimpl
    >>> @hookimpl
    ... def register_report_sections(register):
    ...     def contact(given):
    ...         return ReportContent(["Ask the team of " + given.task["target"]])
    ...
    ...     register.report_section(ReportSection("contact", "Contact", contact, after="card"))
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
def fit_started(start: FitStart) -> None:
    """Observe a fit whose table is read and split, before its first trial.

    Called once in the thread of the fit, also when a fit is resumed. The hooks that follow a fit
    cannot change it. The fit waits for each call: the seconds count against the budget, are the
    stage ``hooks`` of the record, and a plugin that takes more than 5 % of the time is named in a
    warning. A hook that raises is reported once with the name of its plugin, and not called again
    in this fit.

    Examples
    --------
    >>> from metaauto.api import FitStart, hookimpl
    >>> @hookimpl
    ... def fit_started(start: FitStart):
    ...     print(start.task.kind, start.metric, start.folds)
    """


@hookspec
def trial_finished(trial: TrialResult) -> None:
    """Observe a finished trial.

    Called in the thread of the fit after a trial has succeeded, failed or been pruned; not for the
    baseline, nor for the trials of a resumed run that were finished before.

    Examples
    --------
    >>> from metaauto.api import TrialResult, hookimpl
    >>> @hookimpl
    ... def trial_finished(trial: TrialResult):
    ...     print(trial.name, trial.score)
    """


@hookspec
def fit_finished(result: FitResult) -> None:
    """Observe the final model of a fit.

    Called once in the thread of the fit. The budget is over then. ``metaauto fit`` calls it after
    it has written the model file, ``result.path``; in Python it comes before ``fit`` returns.

    Examples
    --------
    >>> from metaauto.api import FitResult, hookimpl
    >>> @hookimpl
    ... def fit_finished(result: FitResult):
    ...     print(result.score, list(result.members))
    """


@hookspec
def fit_failed(failure: FitFailure) -> None:
    """Observe that a fit has ended without a model, by an error or by Ctrl-C.

    Called once in the thread of the fit, in place of `fit_finished`, if `fit_started` was called.

    Examples
    --------
    >>> from metaauto.api import FitFailure, hookimpl
    >>> @hookimpl
    ... def fit_failed(failure: FitFailure):
    ...     print(failure.error)
    """
