"""Read a model from the standard input, write one to the standard output."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zipfile import is_zipfile

import click

from metaauto.errors import SettingError

__all__ = [
    "STANDARD_STREAM",
    "model_file",
    "output_of_models_as_errors",
    "refuse_terminal",
    "to_standard_output",
]

STANDARD_STREAM = "-"
"""Names the standard input where files are read, the standard output where they are written."""


@contextlib.contextmanager
def model_file(model: str, data: str | None = None, background: str | None = None) -> Iterator[str]:
    """Yield the path of a model file; the standard input is copied to a temporary file.

    Parameters
    ----------
    model : str
        A path, or ``-``.
    data, background : str, optional
        Other inputs of the command; only one of all can be the standard input.

    Raises
    ------
    click.UsageError
        More than one input is the standard input.
    SettingError
        The model is a directory, or the model and the table seem to be swapped.
    """
    sources = {"model": model, "table": data, "background": background}
    piped = [name for name, source in sources.items() if source == STANDARD_STREAM]
    if len(piped) > 1:
        raise click.UsageError(
            f"The {piped[0]} and the {piped[1]} cannot both come from the standard input."
        )
    if model != STANDARD_STREAM:
        if Path(model).is_dir():
            raise SettingError(
                f"{model!r} is a directory, not a model file.",
                hint="`metaauto fit --resume DIR --out FILE` makes a model of a run directory; "
                "`leaderboard`, `report` and `compare` show it.",
            )
        if (
            data is not None
            and is_zipfile(data)
            and not is_zipfile(model)
            and Path(model).is_file()
        ):
            raise SettingError(
                f"{model!r} is not a model file, but {data!r} may be one.",
                hint="Give the model first, then the table.",
            )
        yield model
        return
    with tempfile.TemporaryDirectory(prefix="metaauto-") as folder:
        path = Path(folder) / "standard-input"
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield str(path)


@contextlib.contextmanager
def output_of_models_as_errors() -> Iterator[None]:
    """Send what models and their libraries print to the standard error, beside the output."""
    sys.stdout.flush()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # a closed stream
            saved = os.dup(1)
            stack.callback(os.close, saved)
            os.dup2(2, 1)
            stack.callback(os.dup2, saved, 1)
        yield


def to_standard_output(path: Path) -> None:
    """Write the bytes of a file to the standard output."""
    with open(path, "rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def refuse_terminal(what: str) -> None:
    """Raise `SettingError` if the standard output is a terminal."""
    if sys.stdout.isatty():
        raise SettingError(
            f"Refusing to write {what} to the terminal.",
            hint="Redirect the output to a file or another program.",
        )
