"""Reading of tables from files, addresses and objects in memory."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components import Reader
from metaauto.data.cells import typed_table
from metaauto.errors import MetaautoError, ReadError

__all__ = ["as_table", "lasting_address", "read_table", "table_parts"]

logger = logging.getLogger(__name__)

_DATABASE = "sqlite:"


def read_table(
    source: Any, readers: Iterable[Reader] = (), *, columns: Iterable[str] = ()
) -> pd.DataFrame:
    """Read a table as a pandas DataFrame.

    Parameters
    ----------
    source : str, Path, DataFrame, Series, array of shape (rows, columns), or dict of columns
        Paths and addresses such as ``"data.csv"`` or ``"sklearn:iris"`` are read by the first
        reader that matches; ``~`` is the home folder.
    readers : iterable of Reader, default=()
        The readers, in order of precedence.
    columns : iterable of str, default=()
        Names of columns that the table is expected to have; they help to detect a header.

    Returns
    -------
    pandas.DataFrame
        One row per example; ``attrs["target"]`` is the name of the target if the source defines
        one, and ``attrs["positional"]`` is set for arrays, whose columns are named ``x0``, ``x1``,
        ...

    Raises
    ------
    ReadError
        No reader matches, or the source cannot be read; the message gives the reason and the
        remedy.

    Examples
    --------
    >>> read_table({"size": [1, 2], "kind": ["a", "b"]}).shape
    (2, 2)
    """
    if not isinstance(source, (str, os.PathLike)):
        return as_table(source)
    reader, address = _found_reader(source, readers)
    with _errors_of(reader, address):
        frame = reader.read(address, **_expected(reader, columns))
    return typed_table(_checked(frame, reader, address))


def table_parts(
    source: str | Path, readers: Iterable[Reader], columns: Iterable[str], rows: int
) -> Iterator[pd.DataFrame]:
    """Yield a table as its reader gives it, in parts if the reader can read parts.

    Parameters
    ----------
    source, readers, columns
        As of `read_table`; a source in a file or at an address.
    rows : int
        Rows of a part, about.
    """
    reader, address = _found_reader(source, readers)
    expected = _expected(reader, columns)
    with _errors_of(reader, address):
        if reader.read_chunks is None:
            yield _checked(reader.read(address, **expected), reader, address)
            return
        for number, frame in enumerate(reader.read_chunks(address, rows, **expected)):
            if number == 0 or len(frame):
                yield _checked(frame, reader, address)


def _found_reader(source: str | os.PathLike[str], readers: Iterable[Reader]) -> tuple[Reader, str]:
    """Return the reader of a source, whose requirements are installed, and the address."""
    address = _with_home(os.fsdecode(source))
    reader = _reader_for(address, tuple(readers))
    missing = [module for module in reader.requires if not _is_installed(module)]
    if missing:
        raise ReadError(
            f"{address!r} requires {' and '.join(missing)}, which is not installed.",
            hint=f"Run: pip install {' '.join(missing)}",
            source=address,
        )
    return reader, address


def _expected(reader: Reader, columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of the expected columns, if the reader uses them."""
    return {"columns": tuple(columns)} if reader.accepts_columns else {}


def _checked(frame: Any, reader: Reader, address: str) -> pd.DataFrame:
    """Return a table with rows and columns."""
    if not isinstance(frame, pd.DataFrame):
        raise ReadError(
            f"Reader {reader.name!r} returned a {type(frame).__name__} for {address!r}.",
            hint="A reader must return a pandas.DataFrame.",
        )
    if frame.shape[1] == 0:
        raise ReadError(f"{address!r} contains a table without columns.", hint="Check the file.")
    if len(frame) == 0:
        raise ReadError(
            f"{address!r} contains only a header: {_listed(frame.columns)}.",
            hint="Add at least one row of values.",
        )
    return frame


def lasting_address(source: Any, readers: Iterable[Reader] = ()) -> str | None:
    """Return an address of a table that is valid in any working directory.

    Parameters
    ----------
    source : str, Path or any other argument of `read_table`
        Source of the table.
    readers : iterable of Reader, default=()
        The readers that read it, in order of precedence.

    Returns
    -------
    str or None
        The absolute path for files, also after ``sqlite:``; other addresses, such as
        ``"sklearn:iris"``, are unchanged. None for tables in memory.

    Examples
    --------
    >>> lasting_address("openml:31"), lasting_address({"size": [1, 2]})
    ('openml:31', None)
    """
    if not isinstance(source, (str, os.PathLike)):
        return None
    address = _with_home(os.fsdecode(source))
    absolute = _absolute(address)
    if absolute == address:
        return address
    readers = tuple(readers)
    # A file may be named like an address: keep the address if another reader would read the path.
    try:
        same = _reader_for(absolute, readers) is _reader_for(address, readers)
    except ReadError:
        same = False
    return absolute if same else address


def _with_home(address: str) -> str:
    """Replace ``~`` at the start of a path, also after ``sqlite:``."""
    prefix = _DATABASE if address.startswith(_DATABASE) else ""
    return prefix + os.path.expanduser(address.removeprefix(prefix))


def _absolute(address: str) -> str:
    """Make the path in an address absolute if the file exists."""
    if os.path.exists(address):
        return _from_root(address)
    prefix = _DATABASE if address.startswith(_DATABASE) else ""
    path, mark, options = address.removeprefix(prefix).partition("?")
    absolute = _from_root(path)
    if not os.path.isfile(path) or "?" in absolute:
        return address
    return f"{prefix}{absolute}{mark}{options}"


def _from_root(path: str) -> str:
    """Resolve the folders of a path; a link keeps its name, because readers match by suffix."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder or os.curdir), name)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package of a dotted name is missing
        return False


def _reader_for(address: str, readers: tuple[Reader, ...]) -> Reader:
    for reader in readers:
        try:
            if reader.matches(address):
                return reader
        except Exception as error:
            logger.warning("Reader %r is skipped: its matches() failed for %r: %r",
                           reader.name, address, error)  # fmt: skip
    path = Path(address)
    if path.is_dir():
        raise ReadError(f"{address!r} is a directory.", hint="Choose one file in it.")
    known = "; ".join(f"{r.name}: {r.description}" if r.description else r.name for r in readers)
    if "://" in address:
        raise ReadError(
            f"{address!r} is a URL; expected a path, or an address that a reader matches.",
            hint="Download the file and pass its path.",
            source=address,
        )
    if not path.exists() and ":" not in address:
        raise ReadError(f"File not found: {address!r}.", hint=_near_file(path))
    raise ReadError(
        f"No reader matches {address!r}.",
        hint=f"Available readers: {known}." if known else "No reader is installed.",
        source=address,
    )


@contextmanager
def _errors_of(reader: Reader, address: str) -> Iterator[None]:
    """Convert the errors of a reader to `ReadError`."""
    try:
        yield
    except MetaautoError:
        raise
    except FileNotFoundError:
        raise ReadError(
            f"File not found: {address!r}.", hint=_near_file(Path(address)), source=address
        ) from None
    except IsADirectoryError:
        raise ReadError(f"{address!r} is a directory.", hint="Choose one file in it.") from None
    except PermissionError as error:
        if Path(address).is_dir():  # Windows raises PermissionError for a directory
            raise ReadError(f"{address!r} is a directory.", hint="Choose one file in it.") from None
        raise ReadError(
            f"{address!r} cannot be read: permission denied.",
            hint="Change its permissions or copy it to a readable folder.",
        ) from error
    except Exception as error:
        raise ReadError(
            f"{address!r} cannot be read as {reader.name}: {str(error) or type(error).__name__}.",
            hint="Check that the file is complete and matches its suffix.",
            source=address,
        ) from error


def _near_file(path: Path) -> str:
    import difflib

    folder = path.parent
    try:
        names = [entry.name for entry in folder.iterdir()][:1000]
    except OSError:
        return f"The folder {str(folder)!r} does not exist either."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"Did you mean {str(folder / near[0])!r}?" if near else "Check the path."


def _listed(names: Iterable[Any]) -> str:
    names = [repr(str(name)) for name in names]
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def as_table(source: Any) -> pd.DataFrame:
    """Convert a table in memory to a DataFrame; see `read_table`."""
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, pd.Series):
        return source.to_frame(name=source.name if source.name is not None else "x0")
    if isinstance(source, Mapping):
        try:
            return pd.DataFrame(dict(source))
        except ValueError as error:
            raise ReadError(
                f"The columns do not form a table: {error}.",
                hint="Pass the same number of values for every column.",
            ) from error
    if hasattr(source, "to_pandas"):
        return as_table(source.to_pandas())
    if hasattr(source, "toarray"):
        source = source.toarray()
    if isinstance(source, (list, tuple)) and source and isinstance(source[0], Mapping):
        return pd.DataFrame(list(source))
    return _from_array(source)


def _from_array(source: Any) -> pd.DataFrame:
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise ReadError(
            f"The rows have different lengths: {error}.",
            hint="Pass the same number of values for every row.",
        ) from error
    if array.dtype.names:
        return pd.DataFrame(array)
    if array.ndim != 2:
        got = f"a {type(source).__name__}" if array.ndim == 0 else f"{array.ndim}-dimensional data"
        raise ReadError(
            f"Expected a table, got {got}.",
            hint="Pass a DataFrame, a path, or an array of shape (rows, columns).",
        )
    if array.shape[1] == 0:
        raise ReadError("The array has no columns.", hint="Pass at least one feature.")
    frame = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
    if array.dtype == object:
        frame = frame.infer_objects()
    frame.attrs["positional"] = True
    return frame
