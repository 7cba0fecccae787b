"""What ``metaauto fit`` leaves its user with: a saved model, a summary, what to type next."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from metaauto.cli.options import check_writable, same_file
from metaauto.cli.streams import STANDARD_STREAM, refuse_terminal, to_standard_output
from metaauto.cli.terminal import print_json, say, say_wrapped
from metaauto.errors import MetaautoError, SettingError

if TYPE_CHECKING:
    from metaauto.model import FinalModel

__all__ = ["DEFAULT_OUT", "hand_over", "place_for"]

_PLOTS = ("report", "holdout")

DEFAULT_OUT = "model.metaauto"


def place_for(out: str | None, data: str | None) -> str:
    """Where the model goes, known to be writable before any time is spent."""
    if out == STANDARD_STREAM:
        refuse_terminal("a model")
        return out
    path = Path(out if out is not None else DEFAULT_OUT).expanduser()
    if out is None and path.exists():
        raise SettingError(
            f"{DEFAULT_OUT!r} exists already.", hint="Say where to save the model with --out."
        )
    if data is not None and same_file(path, data):
        raise SettingError(
            f"--out {str(path)!r} would replace the table.", hint="Name another file."
        )
    check_writable(path, "the model")
    return str(path)


def hand_over(
    model: FinalModel,
    place: str,
    *,
    data: str | None,
    plugin_folders: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Say what the fit came to, save the model, and say how to go on.

    Parameters
    ----------
    model : FinalModel
        What was fitted.
    place : str
        A file, or ``-`` for the standard output.
    data : str, optional
        Where the table was read, for the commands that are shown.
    plugin_folders : tuple of str
        Folders of plugins that the commands need.
    quiet, as_json : bool
        Whether to say nothing, and to print the facts.

    Raises
    ------
    MetaautoError
        The model could not be saved there; the message says where it is instead.
    """
    if not quiet:
        _sum_up(model)
    with _saved(model, place) as (path, problem):
        file = "MODEL" if place == STANDARD_STREAM else str(path)
        if not quiet:
            where = "the standard output" if place == STANDARD_STREAM else file
            say(f"Saved        {where} ({path.stat().st_size / 1e6:.1f} MB)")
            for line in _commands(file, data, plugin_folders):
                say(f"  {line}")
    if as_json:
        print_json(
            {
                "model": file,
                "task": model.task.kind,
                "target": model.task.target,
                "metric": model.metric_name,
                "members": {member.name: member.weight for member in model.members},
                **{name: fact for name, fact in model.facts.items() if name not in _PLOTS},
            }
        )
    if problem is not None:
        raise problem


@contextlib.contextmanager
def _saved(model: FinalModel, place: str) -> Iterator[tuple[Path, MetaautoError | None]]:
    """Save the model; if its place cannot be written any more, save it elsewhere, and say so."""
    if place == STANDARD_STREAM:
        with tempfile.TemporaryDirectory(prefix="metaauto-") as folder:
            path = model.save(Path(folder) / DEFAULT_OUT)
            to_standard_output(path)
            yield path, None
        return
    path = Path(place)
    try:
        saved = model.save(path)
    except MetaautoError as error:
        refuge = Path(tempfile.mkdtemp(prefix="metaauto-")) / path.name
        try:
            model.save(refuge)
        except MetaautoError:
            refuge.parent.rmdir()
            raise error from None
        error.hint = f"The model was saved to {str(refuge)!r} instead."
        yield refuge, error
    else:
        yield saved, None


def _sum_up(model: FinalModel) -> None:
    from metaauto.progress.summary import SUMMARY_INDENT, summary_lines

    for line in summary_lines(model):
        say_wrapped(line, SUMMARY_INDENT)


def _commands(file: str, data: str | None, folders: tuple[str, ...]) -> Iterator[str]:
    """What to type next, of the commands there are."""
    from metaauto.cli import COMMANDS

    file, table = shlex.quote(file), "DATA" if data is None else shlex.quote(data)
    more = "".join(f" --plugins {shlex.quote(folder)}" for folder in folders)
    yield f"metaauto predict {file} NEW.csv -o predictions.csv{more}"
    yield f"metaauto evaluate {file} TEST.csv{more}"
    if "explain" in COMMANDS:
        yield f"metaauto explain {file} {table}{more}"
    if "report" in COMMANDS:
        yield f"metaauto report {file} -o report.html"
    yield f"metaauto leaderboard {file}"
