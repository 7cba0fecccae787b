"""``metaauto knowledge build``: evaluate configurations on many datasets, resumable."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.budget import available_cores, parse_seconds
from metaauto.cli.completers import complete_folders
from metaauto.cli.exit_status import ExitStatus
from metaauto.cli.options import exclude_option, include_option, plugin_settings, plugins_option
from metaauto.cli.stores import named_or_own, store_option
from metaauto.cli.terminal import say
from metaauto.errors import KnowledgeError, SettingError
from metaauto.text import counted

if TYPE_CHECKING:
    from metaauto.collect import BuildPlan, Progress, Source
    from metaauto.plugins.manager import PluginSettings
    from metaauto.search import Executor

__all__ = ["command"]

_LINE_SECONDS = 5.0
_HARD = 2.5
_HOLDOUT = 0.2
_LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost")


@click.command("build", short_help="Evaluate configurations on many datasets; resumable.")
@click.option(
    "--suite",
    metavar="NAME_OR_ID",
    help="The tasks of an OpenML suite, or of a recipe shipped with metaauto, such as openml-cc18.",
)
@click.option("--tasks", metavar="IDS", help="OpenML tasks by their ids: 3,31.")
@click.option(
    "--folder",
    metavar="DIR",
    shell_complete=complete_folders,
    help="A folder of tables: parquet, csv, arff, feather.",
)
@click.option(
    "--target",
    metavar="COL",
    help="Target column of all tables of the folder.  [default: target]",
)
@store_option("Store to add the evaluations to.")
@click.option(
    "--configurations",
    metavar="N",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Random configurations of each model, in addition to its default and its portfolio.",
)
@click.option(
    "--published",
    metavar="N",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Imported configurations of each model in the store that are evaluated as well.",
)
@click.option(
    "--waves",
    metavar="N",
    type=click.IntRange(min=1),
    help="Evaluate only the first N waves; the first wave holds the defaults of all models.",
)
@click.option(
    "--first-folds",
    "only_first",
    is_flag=True,
    help="Evaluate large tables on their first fold only.",
)
@click.option(
    "--metafeatures-only",
    is_flag=True,
    help="Fit nothing: add the metafeatures that the store lacks, such as those of a new plugin.",
)
@click.option(
    "--predictions",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Keep the predictions of all fits in this SQLite file, also those of a fifth of the rows "
    "that is then in no fold.",
)
@click.option(
    "--seconds-per-fit",
    metavar="S",
    type=float,
    default=8.0,
    show_default=True,
    help=f"Soft time limit of a fit, for models that support one; a fit is killed after {_HARD:g} "
    "times that.",
)
@click.option(
    "--expected-seconds",
    metavar="S",
    type=float,
    help="Skip further configurations of a model whose fits on a dataset took longer on average.",
)
@click.option("--budget", metavar="TIME", help="Stop after this time: 90s, 5m, 8h.")
@click.option(
    "--budget-per-dataset",
    metavar="TIME",
    help="Total time of the fits on one dataset, earlier builds included; no further fit starts "
    "after it.",
)
@click.option(
    "--rows",
    metavar="N",
    type=click.IntRange(min=50),
    default=4000,
    show_default=True,
    help="Larger tables are subsampled to this number of rows, at random.",
)
@click.option(
    "--cores",
    metavar="N",
    type=click.IntRange(min=1),
    help="Worker processes.  [default: all cores]",
)
@click.option(
    "--memory", metavar="GB", type=float, help="Memory of all workers together.  [default: 4 each]"
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Address of the scheduler of a Dask cluster whose workers run the fits, such as "
    "tcp://host:8786, in place of the cores of this machine.",
)
@include_option()
@exclude_option()
@plugins_option()
@click.pass_context
def command(
    ctx: click.Context,
    suite: str | None,
    tasks: str | None,
    folder: str | None,
    target: str | None,
    store: str | None,
    dask: str | None,
    predictions: str | None,
    plugin_folders: tuple[str, ...],
    **given: Any,
) -> None:
    """Evaluate configurations of every model on many datasets, and store the results.

    \b
    metaauto knowledge build --folder tables --target y --budget 1h
    metaauto knowledge build --suite openml-cc18 --store cc18.db --cores 16
    metaauto knowledge build --tasks 3,31,3021 --configurations 10 --seconds-per-fit 30
    metaauto knowledge build --suite openml-ctr23 --dask tcp://scheduler:8786

    Every result is stored at once. A build that was ended, by Ctrl-C, --budget or a power cut, is
    resumed by the same command; more tables, waves or plugins add to the stored results. Small
    tables come first, the defaults of all models before the rest, so that a partial store is
    usable.

    A folder may hold a catalog.csv with the columns name, task, group, openml_id, rows, features;
    tables that share rows belong to one group. OpenML tasks are evaluated on their official folds.
    """
    if sum(source is not None for source in (suite, tasks, folder)) != 1:
        raise click.UsageError("Exactly one of --suite, --tasks and --folder is required.")
    if target is not None and folder is None:
        raise click.UsageError("--target requires --folder; OpenML tasks name their own target.")
    if dask is not None and (given["cores"] is not None or given["memory"] is not None):
        raise click.UsageError("--dask is mutually exclusive with --cores and --memory.")
    if dask is not None and given["metafeatures_only"]:
        raise click.UsageError("--metafeatures-only runs on this machine; leave out --dask.")
    plan = replace(_plan(given), holdout=_HOLDOUT if predictions else 0.0)
    settings = plugin_settings(plugin_folders)
    path = named_or_own(store)
    from metaauto.collect import PredictionFile, build_knowledge
    from metaauto.knowledge import here, writable_store
    from metaauto.plugins.manager import load_plugins

    plugins = load_plugins(settings)
    chosen = plugins.registry.select(given["include"], given["exclude"])
    plugins = replace(plugins, registry=chosen)
    began = time.monotonic()
    try:
        with _interrupt_on_sigterm():
            sources = _sources(suite, tasks, folder, target)
            datasets = counted(len(sources), "dataset")
            say(f"{datasets} for {path}. Ctrl-C stops the build; the same command resumes it.")
            lines = _Lines()
            with ExitStack() as stack:
                opened = stack.enter_context(writable_store(path))
                kept = stack.enter_context(PredictionFile(predictions)) if predictions else None
                executor, speed = _executor(dask, plan, plugins.settings, lines.warn)
                said = here("build", libraries=_LIBRARIES, cores=1, speed=speed)
                tell = (lines.progress, lines.left_out)
                fresh = build_knowledge(sources, opened, plugins, plan, said, *tell, executor, kept)
                info = opened.info()
    except KeyboardInterrupt:
        say(f"Interrupted. The results so far are in {path}; the same command resumes the build.")
        ctx.exit(ExitStatus.INTERRUPTED)
    if len(lines.unusable) == len(sources):
        raise KnowledgeError(
            "None of the datasets can be used.", hint="See the warnings above; check --target."
        )
    is_spent = time.monotonic() - began > plan.seconds
    ending = "Budget exhausted; the same command resumes the build. " if is_spent else "Done. "
    added = counted(fresh, "new evaluation")
    if plan.metafeatures_only:
        added = f"Metafeatures of {counted(fresh, 'dataset')} added"
    say(
        f"{ending}{added}; {path} holds "
        f"{sum(info.evaluations.values()):,} on {counted(sum(info.datasets.values()), 'dataset')}."
    )


def _executor(
    dask: str | None, plan: BuildPlan, plugins: PluginSettings, warn: Callable[[str], None]
) -> tuple[Executor | None, float | None]:
    """Return the executor (None for this machine) and the speed of its machines."""
    if dask is None:
        from metaauto.knowledge.provenance import calibrate

        return None, calibrate()
    from metaauto.search import DaskExecutor

    executor = DaskExecutor(dask, memory=plan.memory, plugins=plugins, warn=warn)
    try:
        executor.wait_for_workers()
    except BaseException:
        executor.close()
        raise
    return executor, executor.speed


def _plan(given: dict[str, Any]) -> BuildPlan:
    """Return the plan of the build from validated options."""
    seconds, memory = given["seconds_per_fit"], given["memory"]
    expected = given["expected_seconds"]
    for name, value in (
        ("--seconds-per-fit", seconds),
        ("--expected-seconds", expected),
        ("--memory", memory),
    ):
        if value is not None and not 0 < value < float("inf"):
            raise SettingError(
                f"{name} must be > 0 (got {value:g}).", hint="Give a positive, finite number."
            )
    budget, of_table = (
        float("inf") if given[name] is None else parse_seconds(given[name])
        for name in ("budget", "budget_per_dataset")
    )
    cores = given["cores"] or available_cores()
    from metaauto.collect import BuildPlan

    plan = BuildPlan(
        rows=given["rows"],
        soft_seconds=seconds,
        hard_seconds=_HARD * seconds,
        expected_seconds=float("inf") if expected is None else expected,
        draws=given["configurations"],
        published=given["published"],
        waves=given["waves"],
        only_first=given["only_first"],
        metafeatures_only=given["metafeatures_only"],
        seconds=budget,
        table_seconds=of_table,
        cores=cores,
    )
    return plan if memory is None else replace(plan, memory=memory * 1024 / cores)


def _sources(
    suite: str | None, tasks: str | None, folder: str | None, target: str | None
) -> list[Source]:
    from metaauto.collect import (
        folder_sources,
        recipe_names,
        recipe_sources,
        suite_sources,
        task_sources,
    )

    if folder is not None:
        if not Path(folder).expanduser().is_dir():
            raise SettingError(f"Folder not found: {folder!r}.", hint="Check the path.")
        return folder_sources(folder, **({} if target is None else {"target": target}))
    lines = _Lines()
    if tasks is not None:
        return task_sources(_numbers(tasks), on_progress=lines.described)
    if suite in recipe_names():
        return recipe_sources(str(suite), on_progress=lines.described)
    name = str(suite).strip()
    return suite_sources(int(name) if name.isdecimal() else name, on_progress=lines.described)


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = next((part for part in parts if not part.isdecimal()), None)
    if wrong is not None or not parts:
        raise SettingError(
            f"Invalid --tasks {text!r}: expected task ids, got {wrong!r}."
            if wrong is not None
            else "--tasks must name at least one task (got none).",
            hint="Write comma-separated ids: 3,31,3021.",
        )
    return [int(part) for part in parts]


class _Lines:
    """Write progress as lines, at most one every few seconds; warnings at once."""

    def __init__(self) -> None:
        self.unusable: list[str] = []
        self._last = float("-inf")

    def described(self, done: int, total: int) -> None:
        """Write how many task descriptions were fetched from OpenML."""
        if self._is_time():
            say(f"Fetched the descriptions of {done} of {total} OpenML tasks")

    def progress(self, now: Progress) -> None:
        """Write the progress of the build and the estimated remaining time."""
        if not self._is_time():
            return
        share = min(now.done / now.total, 1.0) if now.total else 1.0
        left = now.seconds_left
        end = f", about {_duration(left)} left" if left == left and left > 0 else ""
        say(f"{_duration(now.seconds):>8}  {share:4.0%}  {now.fresh:,} new, {now.label}{end}")

    def left_out(self, message: str) -> None:
        """Write that a dataset cannot be used."""
        self.unusable.append(message)
        self.warn(message)

    def warn(self, message: str) -> None:
        """Write a warning as one line."""
        say(f"Warning: {' '.join(message.split())}")

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._last < _LINE_SECONDS:
            return False
        self._last = now
        return True


def _duration(seconds: float) -> str:
    """Return a duration such as ``40s``, ``12m`` or ``3h05m``."""
    if seconds < 99.5:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    return f"{minutes}m" if minutes < 100 else f"{minutes // 60}h{minutes % 60:02d}m"


@contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the build and its workers like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
