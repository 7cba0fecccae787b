"""``metaauto refit``: train the ensemble of a saved model again, on all rows or on new ones."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import (
    json_option,
    plugin_settings,
    plugins_option,
    refuse_replacing,
    source_options,
)
from metaauto.cli.progress import progress_listener
from metaauto.cli.save_model import check_out, save_and_summarize
from metaauto.cli.streams import STANDARD_STREAM, model_file
from metaauto.interrupts import exit_on_interrupt

__all__ = ["command"]


@click.command("refit", short_help="Train the ensemble of a saved model again, on all rows.")
@click.argument("model", shell_complete=complete_files)
@click.argument("data", required=False, shell_complete=complete_files)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete_files,
    help="Where to save the model; - is the standard output.  [default: the name of MODEL with "
    "-refit, if it does not exist yet]",
)
@click.option(
    "--target", metavar="COL", help="Target column of DATA.  [default: as in the training table]"
)
@click.option(
    "--weights", metavar="COL", help="Column of sample weights of DATA.  [default: that of the fit]"
)
@source_options("DATA")
@click.option("--budget", metavar="TIME", help="Wall time: 90s, 5m, 1h30m.  [default: no limit]")
@click.option("--cores", metavar="N", type=int, help="Worker processes.  [default: all cores]")
@click.option(
    "--memory",
    metavar="GB",
    type=float,
    help="Memory of all workers together.  [default: most of the free memory]",
)
@plugins_option()
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only, no progress.")
@json_option("the record of the model")
def command(
    model: str,
    data: str | None,
    output: str | None,
    target: str | None,
    weights: str | None,
    format: str | None,
    budget: str | None,
    cores: int | None,
    memory: float | None,
    plugin_folders: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Train each member of MODEL again on all rows: one model instead of the fold models.

    \b
    metaauto refit price.metaauto train.csv -o small.metaauto
    metaauto refit run -o small.metaauto
    metaauto refit price.metaauto this_year.csv --budget 5m -o new.metaauto

    MODEL is a model file, - (the standard input), or the directory of a finished run (--run-dir).
    A model file holds no rows: DATA is its training table, or other rows with the same columns and
    target, on which alone the models are then trained. A run directory holds the training rows;
    they are used without DATA.

    Configurations, weights, calibration, decision rule, column roles and classes are kept. Models
    with early stopping train as many rounds as the fold models on average, or stop early on a
    validation part of a tenth of the rows. Members that are not fitted within the budget are
    dropped.

    The scores of the result are those of the fold models. `metaauto evaluate` scores it on other
    rows.
    """
    for name, value in (("--target", target), ("--weights", weights), ("--format", format)):
        if value is not None and data is None:
            raise click.UsageError(f"{name} requires DATA.")
    place = _place(model, data, output)
    if place == STANDARD_STREAM and as_json:
        raise click.UsageError("-o - and --json both write to the standard output.")
    settings = plugin_settings(plugin_folders)
    with exit_on_interrupt():
        from metaauto.engine.refit import refit_options, refit_stored
    options = refit_options(budget, cores, memory, settings)
    with progress_listener(quiet) as (listener, _):
        is_run = Path(model).expanduser().is_dir()
        with nullcontext(model) if is_run else model_file(model, data) as place_of_model:
            found = refit_stored(
                place_of_model,
                data,
                options,
                target=target,
                weights=weights,
                format=format,
                on_event=listener,
            )
    save_and_summarize(
        found, place, data=data, plugin_folders=plugin_folders, quiet=quiet, as_json=as_json
    )


def _place(model: str, data: str | None, output: str | None) -> str:
    """Return the writable output path; ``-`` for the standard output."""
    if output is None and model == STANDARD_STREAM:
        output = STANDARD_STREAM
    if output is None:
        named = Path(model).expanduser()
        name = named.resolve().name if named.is_dir() else named.stem
        output = str(named.with_name(f"{name}-refit.metaauto"))
        if Path(output).exists():
            raise click.UsageError(f"{output!r} exists already; choose another file with -o.")
    if output != STANDARD_STREAM:
        refuse_replacing(output, model, data)
    return check_out(output, None)
