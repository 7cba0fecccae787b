"""``metaauto fit``: from a table to a saved model."""

from __future__ import annotations

import contextlib
import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import (
    complete_files,
    complete_folders,
    complete_metrics,
    complete_search_engines,
)
from metaauto.cli.defaults import from_file, options_from_file
from metaauto.cli.group import GroupedCommand
from metaauto.cli.options import (
    exclude_option,
    include_option,
    json_option,
    plugin_settings,
    plugins_option,
    seed_option,
    source_options,
    strategy_option,
    target_option,
    task_option,
)
from metaauto.cli.progress import progress_listener, stop_on_signal
from metaauto.cli.save_model import DEFAULT_OUT, check_out, save_and_summarize
from metaauto.cli.streams import STANDARD_STREAM
from metaauto.cli.terminal import say
from metaauto.errors import SettingError
from metaauto.interrupts import exit_on_interrupt

if TYPE_CHECKING:
    from metaauto.engine.options import FitOptions

__all__ = ["command"]


_GROUPS = {
    "Data": (
        "target",
        "format",
        "table",
        "query",
        "task",
        "positive",
        "roles",
        "missing",
        "weights",
    ),
    "Budget": ("budget", "trials", "cores", "memory", "dask"),
    "Evaluation": ("metric", "cv", "holdout", "groups", "time"),
    "Search": ("include", "exclude", "search", "seed", "plugin_folders"),
    "Warm start": ("start_from", "knowledge", "no_knowledge", "strategy", "remember"),
    "Output": ("out", "run_dir", "resume", "dry_run", "quiet", "as_json"),
}


@click.command(
    "fit",
    cls=GroupedCommand,
    groups=_GROUPS,
    short_help="Search for the best model for a table and save it.",
)
@click.argument("data", required=False, shell_complete=complete_files)
@target_option()
@source_options()
@task_option()
@click.option(
    "--metric",
    metavar="M",
    shell_complete=complete_metrics,
    help="Metric to optimise, such as roc_auc, log_loss, f1, rmse, mae or quantile@0.9.  "
    "[default: roc_auc (two classes), log_loss (more), rmse]",
)
@click.option(
    "--positive",
    metavar="LABEL",
    help="Positive class of two, which f1, precision, recall, average_precision, curves and "
    "explanations are about.  [default: yes, true, 1, positive or the like, else the rarer class]",
)
@click.option(
    "--budget", metavar="TIME", help="Wall time: 90s, 5m, 1h30m.  [default: 5m without --trials]"
)
@click.option(
    "--trials",
    metavar="N",
    type=int,
    help="Number of configurations to try; without --budget the result is reproducible. With "
    "both, the search ends at the limit that is reached first.",
)
@click.option("--cores", metavar="N", type=int, help="Worker processes.  [default: all cores]")
@click.option(
    "--memory",
    metavar="GB",
    type=float,
    help="Memory of all workers together.  [default: most of the free memory]",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Run the trials on the workers of a Dask cluster: the address of its scheduler, such as "
    "tcp://host:8786. --cores then limits the trials' jobs at the same time.  [default: this "
    "machine]",
)
@seed_option()
@click.option(
    "--cv",
    metavar="HOW",
    default="auto",
    show_default=True,
    help="auto, the number of folds, the share of one validation part (0.2), holdout, or a "
    "splitter: sliding (with --time) or that of a plugin.",
)
@click.option(
    "--holdout",
    metavar="SHARE",
    type=float,
    default=0.0,
    help="Share of rows held out of the search for an unbiased final score.",
)
@click.option(
    "--groups", metavar="COL", help="Group column: rows with the same value stay in one fold."
)
@click.option("--time", metavar="COL", help="Time column: validate on later rows.")
@click.option("--weights", metavar="COL", help="Column of sample weights.")
@click.option(
    "--search",
    metavar="NAME",
    default="smac",
    show_default=True,
    shell_complete=complete_search_engines,
    help="Search engine after the first configurations: smac, random, or that of a plugin.",
)
@include_option()
@exclude_option()
@click.option(
    "--role",
    "roles",
    metavar="COLUMN=ROLE",
    multiple=True,
    help="Role of a column: numeric, categorical, boolean, datetime, text, or identifier to "
    "exclude it. Repeatable.",
)
@click.option(
    "--missing",
    metavar="WORD",
    multiple=True,
    help="Word for missing values, besides empty cells. Repeatable.",
)
@click.option(
    "--from",
    "start_from",
    metavar="MODEL",
    shell_complete=complete_files,
    help="Start from an earlier model: try the configurations of this model file or run directory "
    "first, by weight.",
)
@click.option(
    "--knowledge",
    metavar="STORE",
    shell_complete=complete_files,
    help="Warm start from this knowledge store only.  [default: the shipped store, "
    "installed packs and your own]",
)
@click.option(
    "--no-knowledge", is_flag=True, help="No warm start: the defaults of all models come first."
)
@strategy_option(
    "Order of the first configurations: those that did well on similar datasets (knowledge), those "
    "recommended by the authors of models (portfolio), or a plugin's strategy."
)
@click.option(
    "--remember/--no-remember",
    default=True,
    envvar="METAAUTO_REMEMBER",
    help="Whether to add this fit to your own store: metafeatures, configurations, losses and "
    "seconds, no rows.  [default: --remember, unless METAAUTO_REMEMBER=0]",
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
    help="Resume the interrupted run in this directory.",
)
@click.option(
    "--out",
    metavar="FILE",
    shell_complete=complete_files,
    help=f"Where to save the model; - is the standard output.  "
    f"[default: {DEFAULT_OUT}, if it does not exist yet]",
)
@plugins_option()
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show column roles, validation scheme and first configurations with reasons; fit nothing.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only, no progress.")
@json_option("the results of the fit")
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
    """Search for the best model for the table DATA within a budget, and save it.

    \b
    metaauto fit train.csv --target price --budget 5m --out price.metaauto
    metaauto fit sklearn:breast_cancer --trials 20 --seed 0
    metaauto fit shop.parquet --target churn --metric f1 --groups customer
    metaauto fit visits.csv --target visits --time day --run-dir run
    metaauto fit train.csv --target price --knowledge team.db --no-remember
    metaauto fit this_year.csv --target price --from price.metaauto
    metaauto fit train.csv --target price --dask tcp://scheduler:8786 --budget 1h
    metaauto fit train.csv --target price --budget 1h --dry-run

    Prints column roles and the validation scheme, then every improvement. Ctrl-C ends the search
    and saves the best model so far. A killed run with --run-dir is resumed by

    \b
    metaauto fit --resume run --out model.metaauto

    which keeps its data, options and elapsed time; a given --budget or --trials replaces the
    previous one and counts from the start of the run.

    The search starts warm from knowledge stores (`metaauto knowledge`). Afterwards the tried
    configurations and their losses are added to your own store, never the rows.

    Progress goes to the standard error: as a live view on a terminal, as lines elsewhere. The
    result of --json goes to the standard output. Defaults of options are read from the table
    [fit] of metaauto.toml, or [tool.metaauto.fit] of pyproject.toml, in the working directory.
    """
    _resolve_conflicts(ctx, data, resume, given)
    place = "" if dry_run else check_out(out, data)
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
    with exit_on_interrupt():
        from metaauto.engine.fit_runner import FitRunner
        from metaauto.search.executors.forkserver_pool import fork_from_server

        # A misspelt file name must not wait for the imports of the workers.
        is_many = data is not None and glob.has_magic(data)
        if data in (None, STANDARD_STREAM) or is_many or ":" in data or Path(data).exists():
            fork_from_server()
    folders = given["plugin_folders"]
    with contextlib.ExitStack() as signals:
        with progress_listener(quiet) as (listener, note):
            runner = FitRunner(options, listener)
            # The first signal must not lose the model while it is saved either.
            signals.enter_context(stop_on_signal(runner, note))
            model = runner.run(data, target, resume, is_saved_later=True)
        assert runner.tracking is not None
        with runner.tracking.failures():
            save_and_summarize(
                model,
                place,
                data=data,
                format=given["format"],
                plugin_folders=folders,
                quiet=quiet,
                as_json=as_json,
                on_saved=runner.tracking.finished,
            )


def _resolve_conflicts(
    ctx: click.Context, data: str | None, resume: str | None, given: dict[str, Any]
) -> None:
    """Refuse conflicting options; the command line takes precedence over a file of defaults."""
    for one, other in (("knowledge", "no_knowledge"), ("no_knowledge", "knowledge")):
        if from_file(ctx, one) and given[other] and not from_file(ctx, other):
            given[one] = None
    if given["dask"] is not None and from_file(ctx, "memory"):
        given["memory"] = None
    if resume is not None and from_file(ctx, "run_dir"):
        given["run_dir"] = None
    if data is None and resume is None:
        raise click.UsageError("Missing table. Usage: metaauto fit DATA --target COL.")
    if resume is not None and given["run_dir"] is not None:
        raise click.UsageError("--resume and --run-dir are mutually exclusive.")
    if resume is not None and ctx.params["dry_run"]:
        raise click.UsageError("--resume and --dry-run are mutually exclusive.")
    if given["dask"] is not None and ctx.params["dry_run"]:
        raise click.UsageError("--dry-run runs on this machine; leave out --dask.")
    if given["knowledge"] is not None and given["no_knowledge"]:
        raise click.UsageError("--knowledge and --no-knowledge are mutually exclusive.")


def _options(given: dict[str, Any]) -> FitOptions:
    """Return the validated options of the fit."""
    roles = _roles(given["roles"])
    cv = _cv(given["cv"])
    settings = plugin_settings(given["plugin_folders"])
    from metaauto.engine.options import FitOptions

    names = (
        *(
            "task",
            "metric",
            "positive",
            "budget",
            "trials",
            "cores",
            "memory",
            "dask",
            "seed",
            "holdout",
            "groups",
        ),
        *("time", "weights", "include", "exclude", "run_dir", "remember", "strategy", "search"),
        "missing",
        "format",
    )
    plain = {name: given[name] for name in names}
    knowledge: bool | str = not given["no_knowledge"]
    if given["knowledge"] is not None:
        # An absolute path is valid when the run is resumed from another directory.
        knowledge = str(Path(given["knowledge"]).expanduser().absolute())
    earlier = given["start_from"]
    if earlier is not None:
        earlier = str(Path(earlier).expanduser().absolute())
    return FitOptions(
        **plain, cv=cv, roles=roles, knowledge=knowledge, plugins=settings, start_from=earlier
    )


def _roles(pairs: tuple[str, ...]) -> dict[str, str]:
    roles = {}
    for pair in pairs:
        column, is_pair, role = pair.rpartition("=")
        if not is_pair or not column or not role:
            raise SettingError(
                f"Invalid --role {pair!r}: expected COLUMN=ROLE.",
                hint="Write, for example, --role zip=text.",
            )
        roles[column] = role.strip().lower()
    return roles


def _cv(text: str) -> str | int | float:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    name = text.strip()
    return name.lower() if name.lower() in ("auto", "holdout") else name
