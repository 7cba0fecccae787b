"""``metaauto fit``: from a table to a saved model."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import complete_files, complete_folders, complete_metrics
from metaauto.cli.defaults import from_file, options_from_file
from metaauto.cli.options import (
    exclude_option,
    include_option,
    json_option,
    plugin_settings,
    plugins_option,
    seed_option,
    strategy_option,
    target_option,
    task_option,
)
from metaauto.cli.progress import listening, stopping_gently
from metaauto.cli.save_model import DEFAULT_OUT, hand_over, place_for
from metaauto.cli.streams import STANDARD_STREAM
from metaauto.cli.terminal import say
from metaauto.errors import SettingError
from metaauto.interrupts import leaving_at_once

if TYPE_CHECKING:
    from metaauto.engine.options import FitOptions

__all__ = ["command"]


@click.command("fit", short_help="Search the best model for a table, and save it.")
@click.argument("data", required=False, shell_complete=complete_files)
@target_option()
@task_option()
@click.option(
    "--metric",
    metavar="M",
    shell_complete=complete_metrics,
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
@seed_option()
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
    shell_complete=complete_files,
    help="Start from what this store knows of other tables.  [default: the shipped store, "
    "installed packs and your own]",
)
@click.option(
    "--no-knowledge", is_flag=True, help="Start cold: the defaults of all models come first."
)
@strategy_option(
    "What is tried first: what is known to be good on similar tables (knowledge), what the authors "
    "of models recommend (portfolio), or what a plugin says."
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
    shell_complete=complete_folders,
    help="Keep the run in this new directory, so that it can be resumed.",
)
@click.option(
    "--resume",
    metavar="DIR",
    shell_complete=complete_folders,
    help="Go on with the interrupted run in this directory.",
)
@click.option(
    "--out",
    metavar="FILE",
    shell_complete=complete_files,
    help=f"Where to save the model; - is the standard output.  "
    f"[default: {DEFAULT_OUT}, if there is none yet]",
)
@plugins_option()
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be done and tried first, and why, without fitting anything.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress, only warnings and errors.")
@json_option("what the fit came to")
@click.pass_context
def command(
    ctx: click.Context,
    data: str | None,
    target: str | None,
    resume: str | None,
    out: str | None,
    dry_run: bool,
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
    metaauto fit train.csv --target price --budget 1h --dry-run

    Before the search it tells what it takes each column for and how it validates; then each better
    answer. Ctrl-C ends the search and saves the best model so far; a run with --run-dir that was
    killed goes on with

    \b
    metaauto fit --resume run --out model.metaauto

    which keeps its data, options and the time it has used; a --budget or --trials that is given
    replaces the one before, and counts from the start of the run.

    The search starts warm, from what knowledge stores tell of other tables (`metaauto knowledge`),
    and afterwards your own store remembers what was tried here, never the rows.

    What goes on is shown on the standard error: as one view on a terminal, as lines elsewhere. The
    result of --json goes to the standard output. Options that are not given are taken from the
    table [fit] of metaauto.toml, or [tool.metaauto.fit] of pyproject.toml, in this folder.
    """
    _settle(ctx, data, resume, given)
    place = "" if dry_run else place_for(out, data)
    if place == STANDARD_STREAM and as_json:
        raise click.UsageError("--out - and --json both write to the standard output.")
    options = _options(given)
    if dry_run:
        from metaauto.cli.dry_run import print_plan
        from metaauto.engine.dry_run import plan_fit

        print_plan(plan_fit(data, target, options), as_json)
        return
    file, named = options_from_file(ctx)
    if named and not quiet:
        say(f"Defaults from {file}: {', '.join(named)}")
    with leaving_at_once():
        from metaauto.engine.fit_runner import FitRunner
        from metaauto.search.executors.forkserver_pool import fork_from_server

        # Whoever misspelt a file need not wait for what workers import.
        if data in (None, STANDARD_STREAM) or ":" in data or Path(data).exists():
            fork_from_server()
    with listening(quiet) as (listener, note):
        conductor = FitRunner(options, listener)
        with stopping_gently(conductor, note):
            model = conductor.run(data, target, resume)
    folders = given["plugin_folders"]
    hand_over(model, place, data=data, plugin_folders=folders, quiet=quiet, as_json=as_json)


def _settle(
    ctx: click.Context, data: str | None, resume: str | None, given: dict[str, Any]
) -> None:
    """Refuse what does not go together; what was typed goes before what a file says."""
    for one, other in (("knowledge", "no_knowledge"), ("no_knowledge", "knowledge")):
        if from_file(ctx, one) and given[other] and not from_file(ctx, other):
            given[one] = None
    if resume is not None and from_file(ctx, "run_dir"):
        given["run_dir"] = None
    if data is None and resume is None:
        raise click.UsageError("Name the table: metaauto fit DATA --target COL.")
    if resume is not None and given["run_dir"] is not None:
        raise click.UsageError("--resume and --run-dir are mutually exclusive.")
    if resume is not None and ctx.params["dry_run"]:
        raise click.UsageError("--resume and --dry-run are mutually exclusive.")
    if given["knowledge"] is not None and given["no_knowledge"]:
        raise click.UsageError("--knowledge and --no-knowledge are mutually exclusive.")


def _options(given: dict[str, Any]) -> FitOptions:
    """What the fit is asked for, checked before anything is started."""
    roles = _roles(given["roles"])
    cv = _cv(given["cv"])
    settings = plugin_settings(given["plugin_folders"])
    from metaauto.engine.options import FitOptions

    names = (
        *("task", "metric", "budget", "trials", "cores", "memory", "seed", "holdout", "groups"),
        *("time", "weights", "include", "exclude", "run_dir", "remember", "strategy"),
    )
    plain = {name: given[name] for name in names}
    knowledge: bool | str = not given["no_knowledge"]
    if given["knowledge"] is not None:
        # A run that is resumed elsewhere finds the store again.
        knowledge = str(Path(given["knowledge"]).expanduser().absolute())
    return FitOptions(**plain, cv=cv, roles=roles, knowledge=knowledge, plugins=settings)


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
