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
    source_options,
)
from metaauto.cli.output import STANDARD_OUTPUT, check_output, copies_text, table_writer
from metaauto.cli.streams import model_file, output_of_models_as_errors
from metaauto.errors import Refused, SettingError, UnknownName

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
    help="Where to write: .csv, .tsv, .parquet, .xlsx or .jsonl; - is csv on the standard output.",
)
@click.option("--proba", is_flag=True, help="Add the class probabilities, one column per class.")
@click.option(
    "--keep",
    metavar="COL",
    multiple=True,
    help="Copy this column of DATA to the output, such as an identifier. Repeatable.",
)
@click.option("--append", is_flag=True, help="Copy all columns of DATA to the output.")
@click.option(
    "--name",
    metavar="COL",
    help="Name of the column of the prediction.  [default: the name of the target, after "
    "predicted_ if a copied column has it]",
)
@source_options()
@plugins_option()
def command(
    model: str,
    data: str,
    output: str,
    proba: bool,
    keep: tuple[str, ...],
    append: bool,
    name: str | None,
    format: str | None,
    plugin_folders: tuple[str, ...],
) -> None:
    """Predict each row of the table DATA with the saved MODEL; - is the standard input.

    \b
    metaauto predict price.metaauto new.csv -o predictions.csv
    metaauto predict churn.metaauto new.parquet -o churn.parquet --keep id --proba
    metaauto predict churn.metaauto test.csv --append -o all.csv
    cat new.csv | metaauto predict price.metaauto - | head

    The output has one prediction per row, in the order of the rows, in a column with the name of
    the target (predicted_TARGET if the target is copied), after copied columns and before
    probabilities. DATA needs the columns of the
    training table, in any order; others are ignored. Unseen categories are treated as missing,
    with a warning. Large csv and parquet files are read in chunks of 100,000 rows.
    """
    if keep and append:
        raise click.UsageError("--keep and --append are mutually exclusive.")
    check_output(output)
    refuse_replacing(output, model, data)
    settings = plugin_settings(plugin_folders)
    from metaauto.data.chunks import read_chunks
    from metaauto.plugins.manager import load_plugins

    registry = load_plugins(settings).registry
    with model_file(model, data) as path:
        loaded = load_final_model(path, registry)
    if proba and not loaded.task.is_classification:
        raise Refused("A regression model has no class probabilities.", hint="Remove --proba.")
    chunks = read_chunks(data, registry.readers(), columns=loaded.feature_names, format=format)
    with table_writer(output) as write:
        for frame, typed in chunks:
            source = frame if copies_text(output) else typed
            copied = source if append else _kept(source, keep)
            column = name or _free_name(loaded.task.target, copied)
            with output_of_models_as_errors():
                predicted = _predictions(loaded, typed, column, proba)
            write(_joined(copied, predicted))


def _kept(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns of these names, each once."""
    known = {str(column): place for place, column in enumerate(frame.columns)}
    for name in names:
        if name not in known:
            raise UnknownName.among("column", name, known)
    return frame.iloc[:, [known[name] for name in dict.fromkeys(names)]]


def _free_name(target: str, copied: pd.DataFrame) -> str:
    """Return the name of the column of the prediction, beside a column with the true target."""
    return f"predicted_{target}" if target in map(str, copied.columns) else target


def _predictions(model: FinalModel, frame: pd.DataFrame, name: str, proba: bool) -> pd.DataFrame:
    import pandas as pd

    if not model.task.is_classification or not proba:
        return pd.DataFrame({name: model.predict(frame)})
    probabilities = model.predict_proba(frame)
    labels = pd.DataFrame({name: model.decided(probabilities)})
    columns = [str(label) for label in model.classes_]
    return pd.concat([labels, pd.DataFrame(probabilities, columns=columns)], axis=1)


def _joined(copied: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Return copied and predicted columns; raise an error if two of them have one name."""
    import pandas as pd

    table = pd.concat([copied.reset_index(drop=True), predicted], axis=1)
    names = [str(column) for column in table.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return table
    hint = "Copy other columns with --keep."
    if twice == str(predicted.columns[0]):
        hint = "Choose another name with --name, or copy other columns with --keep."
    raise SettingError(f"The output would have two columns {twice!r}.", hint=hint)
