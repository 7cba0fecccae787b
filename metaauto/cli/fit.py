"""``metaauto fit``: from a table to a saved model."""

from __future__ import annotations

import contextlib
import shlex
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.options import (
    check_writable,
    exclude_option,
    include_option,
    json_option,
    plugin_settings,
    plugins_option,
    same_file,
    target_option,
    task_option,
)
from metaauto.cli.terminal import print_json, say
from metaauto.errors import MetaautoError, SettingError

if TYPE_CHECKING:
    from metaauto.fit import Conductor
    from metaauto.model import FinalModel

__all__ = ["command"]

_DEFAULT_OUT = "model.metaauto"


@click.command("fit", short_help="Search the best model for a table, and save it.")
@click.argument("data", required=False)
@target_option()
@task_option()
@click.option(
    "--metric",
    metavar="M",
    help="What to optimise, such as roc_auc, log_loss, f1, rmse, mae or quantile@0.9.  "
    "[default: roc_auc (two classes), log_loss (more), rmse]",
)
@click.option(
    "--budget", metavar="TIME", help="Wall time: 90s, 5m, 1h30m.  [default: 5m without --trials]"
)
@click.option(
    "--trials",
    metavar="N",
    type=int,
    help="Configurations to try; without --budget the result is reproducible. With both, what is "
    "spent first ends the search.",
)
@click.option("--cores", metavar="N", type=int, help="Worker processes.  [default: all cores]")
@click.option(
    "--memory",
    metavar="GB",
    type=float,
    help="Memory of all workers together.  [default: most of what is free]",
)
@click.option("--seed", metavar="S", type=int, default=0, show_default=True, help="Random seed.")
@click.option(
    "--cv",
    metavar="HOW",
    default="auto",
    show_default=True,
    help="auto, a number of folds, the share of one validation part (0.2), or holdout.",
)
@click.option(
    "--holdout",
    metavar="SHARE",
    type=float,
    default=0.0,
    help="Share of rows kept from the search for a last, honest score.",
)
@click.option("--groups", metavar="COL", help="Rows with the same value stay together in a fold.")
@click.option("--time", metavar="COL", help="Later rows are predicted from earlier ones.")
@click.option("--weights", metavar="COL", help="Weight of each row.")
@include_option()
@exclude_option()
@click.option(
    "--role",
    "roles",
    metavar="COL=ROLE",
    multiple=True,
    help="What a column is: numeric, categorical, boolean, datetime, text, or identifier to leave "
    "it out. Repeatable.",
)
@click.option(
    "--knowledge",
    metavar="STORE",
    help="Start from what this store knows of other tables.  [default: the shipped store, "
    "installed packs and your own]",
)
@click.option(
    "--no-knowledge", is_flag=True, help="Start cold: the defaults of all models come first."
)
@click.option(
    "--remember/--no-remember",
    default=True,
    envvar="METAAUTO_REMEMBER",
    help="Whether your own store learns from this fit: metafeatures, configurations, losses and "
    "seconds, nothing of the rows.  [default: it does, unless METAAUTO_REMEMBER=0]",
)
@click.option(
    "--run-dir",
    metavar="DIR",
    help="Keep the run in this new directory, so that it can be resumed.",
)
@click.option("--resume", metavar="DIR", help="Go on with the interrupted run in this directory.")
@click.option(
    "--out",
    metavar="FILE",
    help=f"Where to save the model.  [default: {_DEFAULT_OUT}, if there is none yet]",
)
@plugins_option()
@click.option("-q", "--quiet", is_flag=True, help="No progress, only warnings and errors.")
@json_option("what the fit came to")
def command(
    data: str | None,
    target: str | None,
    resume: str | None,
    out: str | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Search the best model for the table DATA within a budget, and save it.

    \b
    metaauto fit train.csv --target price --budget 5m --out price.metaauto
    metaauto fit sklearn:breast_cancer --trials 20 --seed 0
    metaauto fit shop.parquet --target churn --metric f1 --groups customer --holdout 0.2
    metaauto fit visits.csv --target visits --time day --role zip=categorical --run-dir run
    metaauto fit train.csv --target price --knowledge team.db --no-remember

    Before the search it tells what it takes each column for and how it validates; then each better
    answer. Ctrl-C ends the search and saves the best model so far; a run with --run-dir that was
    killed goes on with

    \b
    metaauto fit --resume run --out model.metaauto

    which keeps its data, options and the time it has used; a --budget or --trials that is given
    replaces the one before, and counts from the start of the run.

    The search starts warm, from what knowledge stores tell of other tables (`metaauto knowledge`),
    and afterwards your own store remembers what was tried here, never the rows.

    The lines of progress go to the standard error, the result of --json to the standard output.
    """
    if data is None and resume is None:
        raise click.UsageError("Name the table: metaauto fit DATA --target COL.")
    if resume is not None and given["run_dir"] is not None:
        raise click.UsageError("--resume and --run-dir exclude each other.")
    if given["knowledge"] is not None and given["no_knowledge"]:
        raise click.UsageError("--knowledge and --no-knowledge exclude each other.")
    path = _output(out, data)
    conductor = _conductor(given, quiet)
    with _stopping_gently(conductor):
        model = conductor.run(data, target, resume)
    saved, problem = _save(model, path)
    _tell(model, saved, given["plugin_folders"], quiet, as_json)
    if problem is not None:
        raise problem


def _output(out: str | None, data: str | None) -> Path:
    """Where the model goes, known to be writable before any time is spent."""
    path = Path(out if out is not None else _DEFAULT_OUT).expanduser()
    if out is None and path.exists():
        raise SettingError(
            f"{_DEFAULT_OUT!r} exists already.", hint="Say where to save the model with --out."
        )
    if data is not None and same_file(path, data):
        raise SettingError(
            f"--out {str(path)!r} would replace the table.", hint="Name another file."
        )
    check_writable(path, "the model")
    return path


def _conductor(given: dict[str, Any], quiet: bool) -> Conductor:
    """The conductor of this fit; options are checked before anything is started."""
    roles = _roles(given["roles"])
    cv = _cv(given["cv"])
    settings = plugin_settings(given["plugin_folders"])
    from metaauto.fit import Conductor
    from metaauto.options import FitOptions
    from metaauto.report import Progress

    names = (
        *("task", "metric", "budget", "trials", "cores", "memory", "seed", "holdout", "groups"),
        *("time", "weights", "include", "exclude", "run_dir", "remember"),
    )
    plain = {name: given[name] for name in names}
    knowledge: bool | str = not given["no_knowledge"]
    if given["knowledge"] is not None:
        # A run that is resumed elsewhere finds the store again.
        knowledge = str(Path(given["knowledge"]).expanduser().absolute())
    options = FitOptions(**plain, cv=cv, roles=roles, knowledge=knowledge, plugins=settings)
    return Conductor(options, None if quiet else Progress(say))


def _roles(pairs: tuple[str, ...]) -> dict[str, str]:
    roles = {}
    for pair in pairs:
        column, is_pair, role = pair.rpartition("=")
        if not is_pair or not column or not role:
            raise SettingError(
                f"--role {pair!r} is no pair.", hint="Write --role COLUMN=ROLE, such as zip=text."
            )
        roles[column] = role.strip().lower()
    return roles


def _cv(text: str) -> str | int | float:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text.strip().lower()


@contextlib.contextmanager
def _stopping_gently(conductor: Conductor) -> Iterator[None]:
    """Let a first Ctrl-C (or SIGTERM) end the search, and a second one everything."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        if asked or conductor.search is None:
            raise KeyboardInterrupt
        asked = True
        conductor.stop()
        say("Stopping: the best model so far will be saved. Ctrl-C again gives up.")

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _save(model: FinalModel, path: Path) -> tuple[Path, MetaautoError | None]:
    """Save the model; if its place cannot be written any more, save it elsewhere, and say so."""
    try:
        return model.save(path), None
    except MetaautoError as error:
        refuge = Path(tempfile.mkdtemp(prefix="metaauto-")) / path.name
        try:
            model.save(refuge)
        except MetaautoError:
            refuge.parent.rmdir()
            raise error from None
        error.hint = f"The model was saved to {str(refuge)!r} instead."
        return refuge, error


def _tell(
    model: FinalModel, path: Path, folders: tuple[str, ...], quiet: bool, as_json: bool
) -> None:
    """Say what the fit came to, and how to go on."""
    if not quiet:
        from metaauto.report import summary_lines

        members = [(member.name, member.weight) for member in model.members]
        for line in summary_lines(model.metric_name, model.facts, members, model.leaderboard):
            say(line)
        file = shlex.quote(str(path))
        more = "".join(f" --plugins {shlex.quote(folder)}" for folder in folders)
        say(f"Saved        {path} ({path.stat().st_size / 1e6:.1f} MB)")
        say(f"  metaauto predict {file} DATA -o predictions.csv{more}")
        say(f"  metaauto evaluate {file} DATA{more}")
        say(f"  metaauto leaderboard {file}")
    if as_json:
        print_json(
            {
                "model": str(path),
                "task": model.task.kind,
                "target": model.task.target,
                "metric": model.metric_name,
                "members": {member.name: member.weight for member in model.members},
                **model.facts,
            }
        )
