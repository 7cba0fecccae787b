"""The end of ``metaauto fit``: save the model, print a summary and the next commands."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from metaauto.cli.options import check_writable, same_file
from metaauto.cli.streams import STANDARD_STREAM, refuse_terminal, to_standard_output
from metaauto.cli.terminal import print_json, say, say_wrapped
from metaauto.errors import MetaautoError, SettingError
from metaauto.text import shown_address

if TYPE_CHECKING:
    from metaauto.model import FinalModel

__all__ = ["DEFAULT_OUT", "check_out", "save_and_summarize"]

_PLOTS = ("report", "holdout")

DEFAULT_OUT = "model.metaauto"


def check_out(out: str | None, data: str | None) -> str:
    """Return the output path of the model; raise `SettingError` if it is not writable."""
    if out == STANDARD_STREAM:
        refuse_terminal("a binary model")
        return out
    path = Path(out if out is not None else DEFAULT_OUT).expanduser()
    if out is None and path.exists():
        raise SettingError(
            f"{DEFAULT_OUT!r} exists already.", hint="Choose another file with --out."
        )
    if data is not None and same_file(path, data):
        raise SettingError(
            f"--out {str(path)!r} would replace the table.", hint="Choose another file."
        )
    check_writable(path, "the model")
    return str(path)


def save_and_summarize(
    model: FinalModel,
    place: str,
    *,
    data: str | None,
    format: str | None = None,
    plugin_folders: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    on_saved: Callable[[FinalModel, Path], None] | None = None,
) -> None:
    """Print the summary of the fit, save the model and print the next commands.

    Parameters
    ----------
    model : FinalModel
        The fitted model.
    place : str
        A file, or ``-`` for the standard output.
    data : str, optional
        Source of the table, for the printed commands.
    format : str, optional
        Format by which it was read.
    plugin_folders : tuple of str
        Plugin folders that these commands need.
    quiet, as_json : bool
        Whether to print no summary, and to print the record as JSON.
    on_saved : callable, optional
        Called with the model and its file, which is temporary for the standard output.

    Raises
    ------
    MetaautoError
        The model could not be saved there; the hint names the fallback path.
    """
    if not quiet:
        _sum_up(model)
    is_replaced = place != STANDARD_STREAM and Path(place).exists()
    with _saved(model, place) as (path, problem):
        file = "MODEL" if place == STANDARD_STREAM else str(path)
        if not quiet:
            where = "the standard output" if place == STANDARD_STREAM else file
            replaced = ", replaced" if is_replaced and problem is None else ""
            say(f"Saved        {where} ({path.stat().st_size / 1e6:.1f} MB{replaced})")
            for line in _commands(file, data, format, plugin_folders):
                say(f"  {line}")
        if on_saved is not None:
            on_saved(model, path)
    if as_json:
        print_json(
            {
                "model": file,
                "task": model.task.kind,
                "target": model.task.target,
                "metric": model.metric_name,
                "positive": model.task.positive,
                "members": {member.name: member.weight for member in model.members},
                **{n: value for n, value in model.record.to_json().items() if n not in _PLOTS},
                "refit_note": model.record.refit_note,
            }
        )
    if problem is not None:
        raise problem


@contextlib.contextmanager
def _saved(model: FinalModel, place: str) -> Iterator[tuple[Path, MetaautoError | None]]:
    """Save the model, in a temporary directory if its path is not writable any more."""
    from metaauto.model.serialization import import_skops_alone

    import_skops_alone()
    if place == STANDARD_STREAM:
        with tempfile.TemporaryDirectory(prefix="metaauto-") as folder:
            path = model.save(Path(folder) / DEFAULT_OUT, on_unsavable="baseline")
            to_standard_output(path)
            yield path, None
        return
    path = Path(place)
    try:
        saved = model.save(path, on_unsavable="baseline")
    except MetaautoError as error:
        fallback = Path(tempfile.mkdtemp(prefix="metaauto-")) / path.name
        try:
            model.save(fallback, on_unsavable="baseline")
        except MetaautoError:
            fallback.parent.rmdir()
            raise error from None
        error.hint = f"The model was saved to {str(fallback)!r} instead."
        yield fallback, error
    else:
        yield saved, None


def _sum_up(model: FinalModel) -> None:
    from metaauto.progress.summary import SUMMARY_INDENT, summary_lines

    for line in summary_lines(model):
        say_wrapped(line, SUMMARY_INDENT)


def _commands(
    file: str, data: str | None, format: str | None, folders: tuple[str, ...]
) -> Iterator[str]:
    """Yield the next commands to run."""
    from metaauto.cli import COMMANDS

    file, table = shlex.quote(file), "DATA" if data is None else shlex.quote(shown_address(data))
    if format is not None:
        table += f" --format {shlex.quote(format)}"
    more = "".join(f" --plugins {shlex.quote(folder)}" for folder in folders)
    yield f"metaauto predict {file} NEW.csv -o predictions.csv{more}"
    yield f"metaauto evaluate {file} TEST.csv{more}"
    if "explain" in COMMANDS:
        yield f"metaauto explain {file} {table}{more}"
    if "report" in COMMANDS:
        yield f"metaauto report {file} -o report.html"
    yield f"metaauto leaderboard {file}"
