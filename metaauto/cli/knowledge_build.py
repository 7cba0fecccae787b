"""``metaauto knowledge build``: configurations measured on many tables, resumable."""

from __future__ import annotations

import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.budget import available_cores, parse_seconds
from metaauto.cli.completers import complete_folders
from metaauto.cli.exit_status import ExitStatus
from metaauto.cli.options import exclude_option, include_option, plugin_settings, plugins_option
from metaauto.cli.stores import named_or_own, store_option, written_store
from metaauto.cli.terminal import say
from metaauto.errors import KnowledgeError, SettingError
from metaauto.text import counted

if TYPE_CHECKING:
    from metaauto.collect import BuildPlan, Progress, Source
    from metaauto.search import Executor

__all__ = ["command"]

_SILENCE = 5.0
_HARD = 2.5
_LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost")


@click.command("build", short_help="Measure configurations on many tables; resumable.")
@click.option(
    "--suite",
    metavar="NAME_OR_ID",
    help="The tasks of a suite at OpenML, or of a recipe that comes with metaauto, such as "
    "openml-cc18.",
)
@click.option("--tasks", metavar="IDS", help="Tasks at OpenML by their numbers: 3,31.")
@click.option(
    "--folder",
    metavar="DIR",
    shell_complete=complete_folders,
    help="The tables of a folder: parquet, csv, arff, feather.",
)
@click.option(
    "--target",
    metavar="COL",
    help="The target column of all tables of the folder.  [default: target]",
)
@store_option("The store that is filled.")
@click.option(
    "--configurations",
    metavar="N",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Random configurations of each model, besides its default and what its author recommends.",
)
@click.option(
    "--published",
    metavar="N",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Configurations of each model that were imported into the store, to be measured as well.",
)
@click.option(
    "--waves",
    metavar="N",
    type=click.IntRange(min=1),
    help="Measure only the first N waves; the defaults of all models are the first.",
)
@click.option(
    "--seconds-per-fit",
    metavar="S",
    type=float,
    default=8.0,
    show_default=True,
    help=f"When a fit is to stop by itself, if it can; it is killed after {_HARD:g} times that.",
)
@click.option(
    "--expected-seconds",
    metavar="S",
    type=float,
    help="Leave out further configurations of models whose fits on a table took longer on average.",
)
@click.option("--budget", metavar="TIME", help="Stop after this time: 90s, 5m, 8h.")
@click.option(
    "--budget-per-dataset",
    metavar="TIME",
    help="Start no further fit on a table once its fits, those of earlier builds included, took so "
    "long together.",
)
@click.option(
    "--rows",
    metavar="N",
    type=click.IntRange(min=50),
    default=4000,
    show_default=True,
    help="Larger tables are cut to so many rows, drawn at random.",
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
    help="Fit on the workers of a Dask cluster, whose scheduler is at ADDRESS, such as "
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
    plugin_folders: tuple[str, ...],
    **given: Any,
) -> None:
    """Measure configurations of every model on many tables, and keep the results in a store.

    \b
    metaauto knowledge build --folder tables --target y --budget 1h
    metaauto knowledge build --suite openml-cc18 --store cc18.db --cores 16
    metaauto knowledge build --tasks 3,31,3021 --configurations 10 --seconds-per-fit 30
    metaauto knowledge build --suite openml-ctr23 --dask tcp://scheduler:8786

    Every result is stored when it is there. A build that was ended, by Ctrl-C, --budget or a power
    cut, goes on where it was when the same command is called again, and more tables, waves or
    plugins add to what is there. Small tables come first, the defaults of all models before the
    rest, so that the store is of use at any time.

    A folder may hold a catalog.csv with the columns name, task, group, openml_id, rows, features;
    tables that share rows belong to one group. Tasks of OpenML are measured on their official
    folds.
    """
    if sum(source is not None for source in (suite, tasks, folder)) != 1:
        raise click.UsageError("Name the tables by one of --suite, --tasks and --folder.")
    if target is not None and folder is None:
        raise click.UsageError("--target requires --folder; OpenML tasks name their own target.")
    if dask is not None and (given["cores"] is not None or given["memory"] is not None):
        raise click.UsageError("--cores and --memory are of this machine; --dask fits elsewhere.")
    plan = _plan(given)
    settings = plugin_settings(plugin_folders)
    path = named_or_own(store)
    from metaauto.collect import build_knowledge
    from metaauto.knowledge import here
    from metaauto.plugins.manager import load_plugins

    plugins = load_plugins(settings)
    chosen = plugins.registry.select(given["include"], given["exclude"])
    plugins = replace(plugins, registry=chosen)
    began = time.monotonic()
    try:
        with _ending_on_sigterm():
            sources = _sources(suite, tasks, folder, target)
            tables = counted(len(sources), "table")
            say(f"{tables} for {path}. Ctrl-C ends it; the same command goes on.")
            lines = _Lines()
            with written_store(path) as opened:
                executor, speed = _executor(dask, plan)
                said = here("build", libraries=_LIBRARIES, cores=1, speed=speed)
                fresh = build_knowledge(
                    sources, opened, plugins, plan, said, lines.progress, lines.left_out, executor
                )
                info = opened.info()
    except KeyboardInterrupt:
        say(f"Interrupted. What was measured is in {path}; the same command goes on from there.")
        ctx.exit(ExitStatus.INTERRUPTED)
    if len(lines.unusable) == len(sources):
        raise KnowledgeError(
            "None of the tables can be measured.", hint="See above, and look at --target."
        )
    is_spent = time.monotonic() - began > plan.seconds
    ending = "The budget is spent; the same command goes on. " if is_spent else "Done. "
    say(
        f"{ending}{counted(fresh, 'new evaluation')}; {path} holds "
        f"{sum(info.evaluations.values()):,} on {counted(sum(info.datasets.values()), 'table')}."
    )


def _executor(dask: str | None, plan: BuildPlan) -> tuple[Executor | None, float]:
    """Where fits run, None for this machine, and how fast it is."""
    from metaauto.knowledge.provenance import calibrate

    if dask is None:
        return None, calibrate()
    from metaauto.search import DaskExecutor

    executor = DaskExecutor(dask, memory=plan.memory)
    try:
        return executor, statistics.median(executor.ask(calibrate))
    except BaseException:
        executor.close()
        raise


def _plan(given: dict[str, Any]) -> BuildPlan:
    """How to measure; options are checked before anything is started."""
    seconds, memory = given["seconds_per_fit"], given["memory"]
    expected = given["expected_seconds"]
    for name, value in (
        ("--seconds-per-fit", seconds),
        ("--expected-seconds", expected),
        ("--memory", memory),
    ):
        if value is not None and not 0 < value < float("inf"):
            raise SettingError(f"{name} {value:g} is nothing.", hint="Give a number above zero.")
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
            raise SettingError(f"There is no folder {folder!r}.", hint="Check the path.")
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
            f"--tasks {text!r} holds {wrong!r}, which is no number of a task."
            if wrong is not None
            else "--tasks names no task.",
            hint="Write numbers with commas between: 3,31,3021.",
        )
    return [int(part) for part in parts]


class _Lines:
    """Progress as lines, at most one every few seconds; the tables that are left out at once."""

    def __init__(self) -> None:
        self.unusable: list[str] = []
        self._last = float("-inf")

    def described(self, done: int, total: int) -> None:
        """Tell how many tasks OpenML has described."""
        if self._is_time():
            say(f"{done} of {total} tasks of OpenML described")

    def progress(self, now: Progress) -> None:
        """Tell how far the build is, and when it may end."""
        if not self._is_time():
            return
        share = min(now.done / now.total, 1.0) if now.total else 1.0
        left = now.seconds_left
        end = f", about {_duration(left)} left" if left == left and left > 0 else ""
        say(f"{_duration(now.seconds):>8}  {share:4.0%}  {now.fresh:,} new, {now.label}{end}")

    def left_out(self, message: str) -> None:
        """Tell that a table cannot be used."""
        self.unusable.append(message)
        say(f"Warning: {' '.join(message.split())}")

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._last < _SILENCE:
            return False
        self._last = now
        return True


def _duration(seconds: float) -> str:
    """Such as ``40s``, ``12m`` or ``3h05m``."""
    if seconds < 99.5:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    return f"{minutes}m" if minutes < 100 else f"{minutes // 60}h{minutes % 60:02d}m"


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the build as Ctrl-C does, workers and all."""
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
