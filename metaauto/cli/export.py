"""``metaauto export``: write a saved model as a Python script."""

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
)
from metaauto.cli.streams import STANDARD_STREAM, model_file
from metaauto.cli.terminal import say

__all__ = ["command"]

_SUFFIXES = {"python": ".py"}


@click.command("export", short_help="Write a saved model as a Python script.")
@click.argument("model", shell_complete=complete_files)
@click.option(
    "--to",
    type=click.Choice(list(_SUFFIXES)),
    required=True,
    help="python: a script that trains the ensemble again.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete_files,
    help="Where to write; - is the standard output.  [default: the model's name with .py, or - if "
    "it comes from the standard input]",
)
@plugins_option()
def command(model: str, to: str, output: str | None, plugin_folders: tuple[str, ...]) -> None:
    """Write the saved MODEL in another format; - is the standard input.

    \b
    metaauto export price.metaauto --to python -o train_price.py
    python train_price.py train.csv new.csv predictions.csv

    The script has the scikit-learn pipeline of each member with its preprocessing and
    hyperparameters, the weights, the calibration and the decision rule. It fits the members on a
    csv file; its first lines say how it differs from the model.
    """
    place = _place(model, to, output)
    settings = plugin_settings(plugin_folders)
    from metaauto.model.export import exported
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins(settings).registry
    with model_file(model) as path:
        loaded = load_final_model(path, registry)
    if place is None:
        sys.stdout.buffer.write(exported(loaded, to))
        sys.stdout.buffer.flush()
        return
    loaded.export(place, to)
    say(f"Saved {place} ({place.stat().st_size / 1e3:.0f} kB)")


def _place(model: str, to: str, output: str | None) -> Path | None:
    """Return the writable output path; None for the standard output."""
    if output is None and model == STANDARD_STREAM:
        output = STANDARD_STREAM
    if output == STANDARD_STREAM:
        return None
    path = Path(output or Path(model).with_suffix(_SUFFIXES[to])).expanduser()
    refuse_replacing(path, model, None)
    check_writable(path, "the export")
    return path
