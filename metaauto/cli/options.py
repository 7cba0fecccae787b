"""Options and checks shared by several commands."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from metaauto.cli.completers import (
    complete_excluded,
    complete_folders,
    complete_models,
    complete_strategies,
)
from metaauto.cli.streams import output_of_models_as_errors
from metaauto.errors import SettingError

if TYPE_CHECKING:
    from metaauto.model import FinalModel
    from metaauto.plugins.manager import PluginSettings
    from metaauto.plugins.registry import Registry

__all__ = [
    "TASKS",
    "check_writable",
    "exclude_option",
    "include_option",
    "json_option",
    "load_final_model",
    "analysis_budget_option",
    "plugin_settings",
    "plugins_option",
    "refuse_replacing",
    "require_data",
    "same_file",
    "seed_option",
    "source_options",
    "strategy_option",
    "target_option",
    "task_option",
    "truth_option",
]

TASKS = ("auto", "classification", "binary", "multiclass", "regression")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def plugins_option() -> Decorator:
    """Return the option ``--plugins DIR``."""
    return click.option(
        "--plugins",
        "plugin_folders",
        metavar="DIR",
        shell_complete=complete_folders,
        multiple=True,
        help="Folder of plugin files (*.py), in addition to the installed plugins. Repeatable.",
    )


def strategy_option(help: str) -> Decorator:
    """Return the option ``--strategy NAME``."""
    return click.option(
        "--strategy",
        metavar="NAME",
        default="knowledge",
        show_default=True,
        shell_complete=complete_strategies,
        help=help,
    )


def json_option(what: str) -> Decorator:
    """Return the flag ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def target_option() -> Decorator:
    """Return the option ``--target COL``."""
    return click.option(
        "--target", metavar="COL", help="Column to predict; optional if the source names it."
    )


def source_options(beside: str = "") -> Decorator:
    """Return the options ``--format``, ``--table`` and ``--query``; `beside` as in `truth_option`.

    The last two are added to the argument `data`, the address of a database.
    """
    options = (
        click.option(
            "--format",
            metavar="NAME",
            help=_beside(
                beside,
                "format of a file with an unusual name, or of a pipe: csv, parquet, jsonl, ...",
            ),
        ),
        click.option(
            "--table", metavar="NAME", help=_beside(beside, "table of a database to read.")
        ),
        click.option(
            "--query",
            metavar="SQL",
            help=_beside(beside, "SELECT statement whose rows are read from a database."),
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def call(*args: Any, table: str | None, query: str | None, **given: Any) -> Any:
            given["data"] = _with_query(given["data"], table, query)
            return command(*args, **given)

        for option in reversed(options):
            option(call)
        return call

    return decorate


def _with_query(data: str | None, table: str | None, query: str | None) -> str | None:
    """Return the address of a table in a database."""
    if table is None and query is None:
        return data
    name, value = ("--table", table) if query is None else ("--query", query)
    if table is not None and query is not None:
        raise click.UsageError("--table and --query are mutually exclusive.")
    if data is None or not (_is_database(data) or "://" in data):
        raise click.UsageError(
            f"{name} requires a database, such as sqlite:shop.db or postgresql://host/shop."
        )
    return f"{data}{'&' if '?' in data else '?'}{name[2:]}={quote(str(value), safe='')}"


def _is_database(path: str) -> bool:
    suffixes = (".db", ".ddb", ".duckdb", ".sqlite", ".sqlite3")
    return path.startswith(("duckdb:", "sqlite:")) or path.lower().endswith(suffixes)


def truth_option(beside: str = "") -> Decorator:
    """Return the option ``--target COL`` of rows that a model is evaluated on.

    Parameters
    ----------
    beside : str, default=""
        The option that it requires.
    """
    return click.option(
        "--target",
        metavar="COL",
        help=_beside(beside, "target column.  [default: as in the training table]"),
    )


def require_data(data: str | None, **given: str | None) -> None:
    """Raise a usage error for a given option that requires ``--data``."""
    for name, value in given.items():
        if value is not None and data is None:
            raise click.UsageError(f"--{name} requires --data.")


def analysis_budget_option(what: str, beside: str = "") -> Decorator:
    """Return the option ``--budget TIME`` of an analysis; `beside` as in `truth_option`."""
    return click.option(
        "--budget",
        metavar="TIME",
        default="60s",
        show_default=True,
        help=_beside(beside, f"wall time for {what}: 30s, 5m."),
    )


def _beside(option: str, text: str) -> str:
    return f"With {option}: {text}" if option else text[0].upper() + text[1:]


def seed_option() -> Decorator:
    """Return the option ``--seed S``."""
    return click.option(
        "--seed", metavar="S", type=int, default=0, show_default=True, help="Random seed."
    )


def task_option() -> Decorator:
    """Return the option ``--task``."""
    return click.option(
        "--task",
        type=click.Choice(TASKS),
        default="auto",
        show_default=True,
        help="Task type; auto infers it from the target.",
    )


def include_option() -> Decorator:
    """Return the option ``--include NAME``."""
    return click.option(
        "--include",
        metavar="NAME",
        shell_complete=complete_models,
        multiple=True,
        callback=_names,
        help="Use only this model or plugin. Repeatable, or comma-separated.",
    )


def exclude_option() -> Decorator:
    """Return the option ``--exclude NAME``."""
    return click.option(
        "--exclude",
        metavar="NAME",
        shell_complete=complete_excluded,
        multiple=True,
        callback=_names,
        help="Exclude this model, plugin or preprocessor (SLOT.NAME). Repeatable, or "
        "comma-separated.",
    )


def _names(
    context: click.Context, option: click.Parameter, given: Sequence[str]
) -> tuple[str, ...]:
    """Split comma-separated names of a repeatable option."""
    names = (name.strip() for text in given for name in text.split(","))
    return tuple(name for name in names if name)


def load_final_model(path: str | Path, registry: Registry) -> FinalModel:
    """Load the model that a command uses."""
    from metaauto.model import FinalModel
    from metaauto.model.serialization import import_skops_alone

    import_skops_alone()
    with output_of_models_as_errors():
        return FinalModel.load(path, registry=registry)


def plugin_settings(folders: tuple[str, ...]) -> PluginSettings:
    """Return the plugin settings of the environment, with further folders."""
    from metaauto.plugins.manager import PluginSettings

    settings = PluginSettings.from_environment()
    if not folders:
        return settings
    return PluginSettings.from_environment(folders=(*settings.folders, *folders))


def check_writable(path: Path, what: str) -> None:
    """Raise `SettingError` unless a file can be written there; create nothing."""
    if path.is_dir():
        raise SettingError(f"{str(path)!r} is a directory.", hint=f"Name a file for {what} in it.")
    try:
        # Permissions do not reveal a read-only or full disk.
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(b"x")
    except FileNotFoundError:
        raise SettingError(
            f"The directory {str(path.parent)!r} for {what} does not exist.",
            hint="Create it, or choose another directory.",
        ) from None
    except OSError as error:
        raise SettingError(
            f"{what[0].upper()}{what[1:]} cannot be written to {str(path)!r}: "
            f"{error.strerror or error}.",
            hint="Choose a writable path.",
        ) from error
    if path.exists() and not path.is_file():
        raise SettingError(f"{str(path)!r} is not a regular file.", hint="Choose another file.")


def refuse_replacing(output: str | Path, model: str, data: str | None) -> None:
    """Raise `SettingError` if the output would replace one of its inputs."""
    from metaauto.data.file_sets import is_pattern, matched_files

    sources = [(model, "model")]
    if data is not None and os.path.exists(output):
        files = matched_files(data) if is_pattern(data) else [data]
        sources += [(name, "table") for name in files]
    for source, what in sources:
        if same_file(output, source):
            raise SettingError(
                f"-o {str(output)!r} would replace the {what}.", hint="Choose another file."
            )


def same_file(one: str | Path, other: str) -> bool:
    """Return whether both paths name the same existing file."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
