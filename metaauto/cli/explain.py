"""``metaauto explain``: global feature importance, and explanations of single rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import complete_explainers, complete_files
from metaauto.cli.options import (
    analysis_budget_option,
    json_option,
    load_final_model,
    plugin_settings,
    plugins_option,
    refuse_replacing,
    seed_option,
    source_options,
    truth_option,
)
from metaauto.cli.output import STANDARD_OUTPUT, check_output, write_table
from metaauto.cli.streams import model_file
from metaauto.cli.terminal import print_json, print_line, print_table, say
from metaauto.errors import SettingError
from metaauto.text import counted, metric_label

if TYPE_CHECKING:
    import pandas as pd

    from metaauto.analysis.importance import Importance
    from metaauto.model import FinalModel

__all__ = ["command", "say_first_importance"]

_FIRST = 5
_FAST_EXPLAINER = "permutation"
_SHOWN = 20
_SHOWN_CELLS = 10
_NAME_WIDTH = 48
_VALUE_WIDTH = 32


@click.command("explain", short_help="Show feature importance.")
@click.argument("model", shell_complete=complete_files)
@click.argument("data", shell_complete=complete_files)
@click.option(
    "--row",
    "chosen",
    metavar="N",
    type=click.IntRange(min=0),
    multiple=True,
    help="Explain this row of DATA, counted from 0. Repeatable.",
)
@click.option("--rows", "every_row", is_flag=True, help="Explain each row of DATA.")
@click.option(
    "--label",
    metavar="CLASS",
    help="With --row or --rows: class whose probability is explained.  "
    "[default: the positive of two classes, else the predicted class]",
)
@click.option(
    "--explainer",
    metavar="NAME",
    shell_complete=complete_explainers,
    help="With --row or --rows: explainer.  [default: shap if it is installed, else permutation]",
)
@click.option(
    "--background",
    metavar="TABLE",
    shell_complete=complete_files,
    help="With --row or --rows: background rows, such as the training table.  [default: DATA]",
)
@truth_option()
@source_options()
@analysis_budget_option("feature importance")
@seed_option()
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete_files,
    help="Write all rows of the result: .csv, .tsv, .parquet, .xlsx or .jsonl; - is csv on the "
    "standard output.",
)
@plugins_option()
@json_option("the complete result")
def command(
    model: str,
    data: str,
    output: str | None,
    budget: str,
    plugin_folders: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Show the feature importance of the saved MODEL on the table DATA.

    One of the two can be -, the standard input.

    \b
    metaauto explain price.metaauto test.csv
    metaauto explain price.metaauto new.csv --row 0
    metaauto explain churn.metaauto new.csv --rows -o why.csv

    Without --row: permutation importance, the decrease of the score when a column is permuted,
    with a 95 % interval. Use rows that the model was not trained on. If DATA has no target, the
    mean change of the predictions is shown instead.

    With --row: contribution of each column's value to the prediction of this row, relative to
    background rows.
    """
    if output is not None:
        _check_output(output, as_json, model, data)
    by_row = bool(given["chosen"]) or given["every_row"]
    _check_given(given, by_row)
    settings = plugin_settings(plugin_folders)
    from metaauto.analysis.input_table import input_table
    from metaauto.budget import parse_seconds
    from metaauto.data import RowLimit
    from metaauto.plugins.manager import load_plugins

    seconds = parse_seconds(budget)
    registry = load_plugins(settings).registry
    with model_file(model, data, given["background"]) as path:
        loaded = load_final_model(path, registry)
    # The numbers of rows are those of the whole table.
    limit = RowLimit() if by_row else None
    frame, _ = input_table(loaded, data, None, registry, given["format"], limit)
    if by_row:
        _rows(loaded, frame, registry, output, as_json, given)
    else:
        _columns(loaded, frame, registry, output, as_json, seconds, given)


def _check_output(output: str, as_json: bool, model: str, data: str) -> None:
    check_output(output)
    if as_json and output == STANDARD_OUTPUT:
        raise click.UsageError("--json and -o - both write to the standard output.")
    refuse_replacing(output, model, data)


def _check_given(given: Mapping[str, Any], by_row: bool) -> None:
    if given["chosen"] and given["every_row"]:
        raise click.UsageError("--row and --rows are mutually exclusive.")
    alone = [name for name in ("label", "explainer", "background") if given[name] is not None]
    if alone and not by_row:
        raise click.UsageError(f"--{alone[0]} requires --row or --rows.")


def _columns(
    model: FinalModel,
    frame: pd.DataFrame,
    registry: Any,
    output: str | None,
    as_json: bool,
    seconds: float,
    given: Mapping[str, Any],
) -> None:
    """Print or write the importance of the columns."""
    from metaauto.analysis.examine import importance_of, known_rows
    from metaauto.components import Deadline

    rows = known_rows(model, frame, given["target"])
    found = importance_of(
        model,
        rows,
        registry,
        seed=given["seed"],
        deadline=Deadline.after(seconds),
        on_first=say_first_importance,
    )
    records = [dict(vars(column)) for column in found.columns]
    if output is not None:
        import pandas as pd

        names = ["column", "importance", "low", "high"]
        write_table(pd.DataFrame(records, columns=names), output)
    if as_json:
        about = {"has_target": rows.y is not None, "dropped_rows": rows.dropped}
        print_json({"target": model.task.target, **about, **found.to_json()})
    elif output is None:
        for line in _about_columns(model, found):
            print_line(line)
        print_table([_column_row(record) for record in records[:_SHOWN]], left=("column",))
        for line in _more_columns(found):
            print_line(line)


def say_first_importance(found: Importance) -> None:
    """Say which columns seem most important, while the computation goes on."""
    top = [column for column in found.columns if column.importance is not None][:_FIRST]
    if top:
        names = ", ".join(f"{_short(c.column, _NAME_WIDTH)} {c.importance:.2g}" for c in top)
        say(f"First estimate, on {counted(found.rows, 'row')}: {names}. More precise ones follow.")


def _say_first_cells(row: Mapping[str, Any], explainer: str) -> None:
    """Say which columns contribute most to a row, while another explainer goes on."""
    names = ", ".join(
        f"{_short(cell['column'], _NAME_WIDTH)} {cell['contribution']:+.2g}"
        for cell in row["cells"][:_FIRST]
    )
    start = f"First estimate, row {row['row']} by {_FAST_EXPLAINER}"
    say(f"{start}: {names}. Computing by {explainer}.")


def _about_columns(model: FinalModel, found: Importance) -> Iterator[str]:
    times = counted(found.repeats, "time") if found.repeats else "up to 5 times"
    repeats = f"each column permuted {times}"
    if found.measure:
        metric = metric_label(found.measure, found.positive)
        yield f"Worsening of {metric} on {counted(found.rows, 'row')}, {repeats}"
    else:
        what = "probabilities (of 1)" if model.task.is_classification else "predictions"
        yield f"Mean change of the {what} on {counted(found.rows, 'row')}, {repeats}"
        yield (
            f"The table has no target {model.task.target!r}; add it to see the worsening of "
            f"{model.metric_name}."
        )


def _column_row(record: Mapping[str, Any]) -> dict[str, str]:
    low, high = record["low"], record["high"]
    between = "-" if low is None else f"{low:.3g} to {high:.3g}"
    size = record["importance"]
    return {
        "column": _short(record["column"], _NAME_WIDTH),
        "importance": "-" if size is None else f"{size:.4g}",
        "95 % interval": between,
    }


def _more_columns(found: Importance) -> Iterator[str]:
    if len(found.columns) > _SHOWN:
        more = counted(len(found.columns) - _SHOWN, "column")
        yield f"{more} of lower importance: --json shows all."
    if found.screened:
        weak = counted(len(found.screened), "column")
        yield f"Not evaluated: {weak} with the least effect on predictions in a screening."
    if found.missed:
        yield f"No time left for {counted(len(found.missed), 'column')}: raise --budget."
    yield ("The importance of correlated columns is underestimated. Associations are not causes.")


def _rows(
    model: FinalModel,
    frame: pd.DataFrame,
    registry: Any,
    output: str | None,
    as_json: bool,
    given: Mapping[str, Any],
) -> None:
    """Print or write the contributions to the predictions of rows."""
    from metaauto.analysis.input_table import input_table
    from metaauto.analysis.local_explanations import explain_rows
    from metaauto.model.explain import default_explainer

    chosen = list(range(len(frame))) if given["every_row"] else list(given["chosen"])
    for number in chosen:
        if number >= len(frame):
            raise SettingError(
                f"There is no row {number}: the table has {counted(len(frame), 'row')}.",
                hint="Rows are counted from 0.",
            )
    place = given["background"]
    background = frame
    if place is not None:
        background, _ = input_table(model, place, None, registry)
    name = given["explainer"] or default_explainer(registry)

    def explained(numbers: list[int], by: str) -> list[dict[str, Any]]:
        return explain_rows(
            model, frame, numbers, background, by, given["label"], given["seed"], registry
        )

    both = {name, _FAST_EXPLAINER}
    if given["chosen"] and len(both) == 2 and both <= set(registry.names("explainer")):
        _say_first_cells(explained(chosen[:1], _FAST_EXPLAINER)[0], name)
    found = explained(chosen, name)
    if output is not None:
        import pandas as pd

        cells = [
            {
                "row": row["row"],
                "prediction": row["prediction"],
                "explained": row["explained"],
                **cell,
            }
            for row in found
            for cell in row["cells"]
        ]
        names = ["row", "prediction", "explained", "column", "value", "contribution"]
        write_table(pd.DataFrame(cells, columns=names), output)
    if as_json:
        meaning = registry.entry("explainer", name).component.description
        about = {"explainer": name, "meaning": meaning, "positive": model.task.positive}
        print_json({**about, "rows": found})
    elif output is None:
        for row in found:
            _show(model, row)
        print_line(f"By {name}: {registry.entry('explainer', name).component.description}")


def _show(model: FinalModel, row: Mapping[str, Any]) -> None:
    about = (
        f"Row {row['row']}: {model.task.target} = {_short(str(row['prediction']), _VALUE_WIDTH)}"
    )
    if row["explained"]:
        label = _short(row["explained"], _VALUE_WIDTH)
        about += f"; probability of {label} {row['value']:.3f}, mean {row['usual']:.3f}"
    else:
        about += f", mean {row['usual']:.5g}"
    print_line(about)
    print_table(
        [
            {
                "column": _short(cell["column"], _NAME_WIDTH),
                "value": _short(cell["value"], _VALUE_WIDTH),
                "contribution": f"{cell['contribution']:+.4g}",
            }
            for cell in row["cells"][:_SHOWN_CELLS]
        ],
        left=("column", "value"),
    )


def _short(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."
