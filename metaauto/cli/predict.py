"""``metaauto predict``: predict the rows of a table with a saved model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import (
    load_final_model,
    plugin_settings,
    plugins_option,
    refuse_replacing,
)
from metaauto.cli.output import STANDARD_OUTPUT, check_output, write_table
from metaauto.cli.streams import model_file
from metaauto.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

    from metaauto.model import FinalModel

__all__ = ["command"]


@click.command("predict", short_help="Predict the rows of a table with a saved model.")
@click.argument("model", shell_complete=complete_files)
@click.argument("data", shell_complete=complete_files)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default=STANDARD_OUTPUT,
    shell_complete=complete_files,
    show_default=True,
    help="Where to write: .csv, .tsv, .parquet or .jsonl; - is csv on the standard output.",
)
@click.option("--proba", is_flag=True, help="Write class probabilities, one column per class.")
@plugins_option()
def command(
    model: str, data: str, output: str, proba: bool, plugin_folders: tuple[str, ...]
) -> None:
    """Predict each row of the table DATA with the saved MODEL; - is the standard input.

    \b
    metaauto predict price.metaauto new.csv -o predictions.csv
    metaauto predict churn.metaauto new.parquet -o churn.parquet --proba
    cat new.csv | metaauto predict price.metaauto - | head

    The output has one prediction per row, in the order of the rows, in a column with the name of
    the target. DATA needs the columns of the training table, in any order; others are ignored.
    Unseen categories are treated as missing, with a warning.
    """
    check_output(output)
    refuse_replacing(output, model, data)
    settings = plugin_settings(plugin_folders)
    from metaauto.data import read_table
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins(settings).registry
    with model_file(model, data) as path:
        loaded = load_final_model(path, registry)
    if proba and not loaded.task.is_classification:
        raise Refused("A regression model has no class probabilities.", hint="Remove --proba.")
    frame = read_table(data, registry.readers(), columns=loaded.feature_names)
    write_table(_predictions(loaded, frame, proba), output)


def _predictions(model: FinalModel, frame: pd.DataFrame, proba: bool) -> pd.DataFrame:
    import pandas as pd

    if proba:
        names = [str(label) for label in model.classes_]
        return pd.DataFrame(model.predict_proba(frame), columns=names)
    return pd.DataFrame({model.task.target: model.predict(frame)})
