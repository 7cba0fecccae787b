"""``metaauto export``: write a saved model as a Python script or as ONNX."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import (
    check_writable,
    load_final_model,
    plugin_settings,
    plugins_option,
    refuse_replacing,
    require_data,
    source_options,
)
from metaauto.cli.streams import STANDARD_STREAM, model_file, refuse_terminal
from metaauto.cli.terminal import say

__all__ = ["command"]

_SUFFIXES = {"python": ".py", "onnx": ".onnx"}


@click.command("export", short_help="Write a saved model as a Python script or as ONNX.")
@click.argument("model", shell_complete=complete_files)
@click.option(
    "--to",
    type=click.Choice(list(_SUFFIXES)),
    required=True,
    help="python: a script that trains the ensemble again; onnx: a model that predicts without "
    "metaauto.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete_files,
    help="Where to write; - is the standard output.  [default: the model's name with .py or "
    ".onnx, or - if it comes from the standard input]",
)
@click.option(
    "--data",
    metavar="TABLE",
    shell_complete=complete_files,
    help="With --to onnx: rows on which the file is compared with the model, at most 10,000.  "
    "[default: rows made from the columns]",
)
@source_options("--data")
@plugins_option()
def command(
    model: str,
    to: str,
    output: str | None,
    data: str | None,
    format: str | None,
    plugin_folders: tuple[str, ...],
) -> None:
    """Write the saved MODEL in another format; - is the standard input.

    \b
    metaauto export price.metaauto --to python -o train_price.py
    python train_price.py train.csv new.csv predictions.csv
    metaauto export price.metaauto --to onnx --data test.csv

    The script has the scikit-learn pipeline of each member with its preprocessing and
    hyperparameters, the weights, the calibration and the decision rule. It fits the members on a
    csv file; its first lines say how it differs from the model.

    ONNX is a file that predicts without Python, for tables without text columns. It
    requires `pip install "metaauto[onnx]"`. Its predictions are compared with those of the model
    before it is written. Use metaauto refit first for a file of a fifth of the size.
    """
    require_data(data, format=format)
    if data is not None and to != "onnx":
        raise click.UsageError("--data requires --to onnx.")
    place = _place(model, to, output, data)
    settings = plugin_settings(plugin_folders)
    from metaauto.model.export import exported
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins(settings).registry
    with model_file(model, data) as path:
        loaded = load_final_model(path, registry)
    rows = None
    if data is not None:
        from metaauto.analysis.input_table import input_table

        rows, _ = input_table(loaded, data, None, registry, format)
    if place is None:
        sys.stdout.buffer.write(exported(loaded, to, rows))
        sys.stdout.buffer.flush()
        return
    loaded.export(place, to, rows)
    say(f"Saved {place} ({place.stat().st_size / 1e3:.0f} kB)")


def _place(model: str, to: str, output: str | None, data: str | None) -> Path | None:
    """Return the writable output path; None for the standard output."""
    if output is None and model == STANDARD_STREAM:
        output = STANDARD_STREAM
    if output == STANDARD_STREAM:
        if to == "onnx":
            refuse_terminal("a binary model")
        return None
    path = Path(output or Path(model).with_suffix(_SUFFIXES[to])).expanduser()
    refuse_replacing(path, model, data)
    check_writable(path, "the export")
    return path
