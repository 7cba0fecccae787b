"""Sources of tables: the files that an address names, and the reader of each."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from metaauto.components import Reader
from metaauto.data.download import (
    check_address,
    downloaded,
    file_name,
    is_remote_pattern,
    matched_addresses,
)
from metaauto.data.file_sets import (
    PARQUET,
    files_in_folder,
    is_pattern,
    matched_files,
    partition_of,
)
from metaauto.data.local_files import is_pipe, with_suffix
from metaauto.errors import MetaautoError, ReadError, UnknownName
from metaauto.text import argument, shown_address, with_shown_addresses

__all__ = ["TableFile", "lasting_address", "source_files"]

logger = logging.getLogger(__name__)

_DATABASES = ("duckdb:", "sqlite:")
"""Prefixes of the paths of databases."""
_SUFFIXES = ("csv", "tsv", "parquet", "xlsx", "jsonl", "json", "feather", "arff")
"""Suffixes to name in messages."""
_EXTRAS = {"duckdb": "duckdb", "openpyxl": "excel", "sqlalchemy": "sql"}
"""Extras of metaauto that install a module."""

_PICKLE = re.compile(r"\.(pkl|pickle|p|joblib)(\.(gz|zip|bz2|xz))?$", re.IGNORECASE)


@dataclass(frozen=True)
class TableFile:
    """One file of a table, or an address that its reader opens.

    Parameters
    ----------
    address : str
        The source as the user named it, for messages.
    path : str
        What the reader gets.
    reader : Reader
        Its reader.
    partition : mapping of str to str
        Columns that the names of its folders give.
    """

    address: str
    path: str
    reader: Reader
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert the errors of the reader to `ReadError`, with the address of the user."""
        try:
            yield
        except MetaautoError as error:
            if self.path != self.address:
                error.message = self._shown(error.message)
                error.hint = self._shown(error.hint)
                error.args = (error.message,)
            raise
        except FileNotFoundError:
            raise ReadError(
                f"File not found: {self.address!r}.",
                hint=_near_file(Path(self.address)),
                source=self.address,
            ) from None
        except IsADirectoryError:
            raise _directory(self.address) from None
        except PermissionError as error:
            if Path(self.address).is_dir():  # Windows raises PermissionError for a directory
                raise _directory(self.address) from None
            raise ReadError(
                f"{self.address!r} cannot be read: permission denied.",
                hint="Change its permissions or copy it to a readable folder.",
            ) from error
        except MemoryError as error:
            raise ReadError(
                f"{self.address!r} cannot be read as {self.reader.name}: there is not enough "
                "memory.",
                hint="Raise the limit of memory, pass fewer rows, or check that the file is not "
                "damaged.",
                source=self.address,
            ) from error
        except Exception as error:
            text = self._shown(str(error)) or type(error).__name__
            raise ReadError(
                f"{self.address!r} cannot be read as {self.reader.name}: {text}.",
                hint="Check that the file is complete and matches its suffix.",
                source=self.address,
            ) from (None if self.path != self.address else error)

    def _shown(self, text: str) -> str:
        """Replace the path of a temporary file, and credentials in addresses."""
        text = text.replace(repr(self.path)[1:-1], self.address).replace(self.path, self.address)
        if self.path != self.address and "://" in self.path:
            text = with_shown_addresses(text)
        return text


@contextmanager
def source_files(
    source: str | os.PathLike[str], readers: Iterable[Reader], format: str | None = None
) -> Iterator[list[TableFile]]:
    """Yield the files of a table; temporary ones are removed at the end.

    Parameters
    ----------
    source : str or Path
        A path, a folder of Parquet files, an address, or a pattern of paths or of object storage.
    readers : iterable of Reader
        The readers, in order of precedence.
    format : str, optional
        Suffix that the file is read by, such as ``"csv"``, instead of its own.

    Raises
    ------
    ReadError
        No reader matches, a module that it requires is not installed, or there is no file, or too
        many.
    UnknownName
        No reader reads the format.
    """
    address, readers = _with_home(os.fsdecode(source)), tuple(readers)
    suffix = "" if format is None else _known_suffix(format, readers)
    with ExitStack() as temporary:

        def table_file(name: str, folder: str | None = None) -> TableFile:
            path = temporary.enter_context(with_suffix(name, suffix)) if suffix else name
            partition = {} if folder is None else partition_of(name, folder)
            reader = _usable_reader(shown_address(name), path, readers)
            return TableFile(shown_address(name), path, reader, partition)

        if "://" in address and _matching(address, readers) is None:
            yield temporary.enter_context(_remote_files(address, suffix, readers))
        elif is_pattern(address):
            yield [table_file(name) for name in matched_files(address)]
        elif not suffix and _is_parquet_folder(address, readers):
            yield [table_file(name, address) for name in files_in_folder(address)]
        else:
            yield [table_file(address)]


@contextmanager
def _remote_files(
    address: str, suffix: str, readers: tuple[Reader, ...]
) -> Iterator[list[TableFile]]:
    """Download a file or those that match a pattern, if there are readers for them."""
    check_address(address)
    addresses = matched_addresses(address) if is_remote_pattern(address) else [address]
    names = [f"{file_name(one)}.{suffix}" if suffix else file_name(one) for one in addresses]
    shown = [shown_address(one) for one in addresses]
    used = [_usable_reader(*one, readers) for one in zip(shown, names, strict=True)]
    with downloaded(list(zip(addresses, names, strict=True)), address) as paths:
        yield [TableFile(*one) for one in zip(shown, paths, used, strict=True)]


def _is_parquet_folder(address: str, readers: tuple[Reader, ...]) -> bool:
    """Return whether it is a folder that no reader reads as such."""
    if not os.path.isdir(address):
        return False
    return address.lower().endswith(PARQUET) or _matching(address, readers) is None


def _known_suffix(format: str, readers: tuple[Reader, ...]) -> str:
    """Return the suffix of a format, for which there is a reader."""
    suffix = format.strip().lower().removeprefix(".")
    is_plain = re.fullmatch(r"\w+(\.\w+)*", suffix) is not None
    if is_plain and _matching(f"table.{suffix}", readers) is not None:
        return suffix
    raise UnknownName.among("format", format, _suffixes(readers))


def _suffixes(readers: tuple[Reader, ...]) -> list[str]:
    return [suffix for suffix in _SUFFIXES if _matching(f"table.{suffix}", readers) is not None]


def _usable_reader(address: str, path: str, readers: tuple[Reader, ...]) -> Reader:
    """Return the reader of a path; its requirements are installed."""
    reader = _reader_for(address, path, readers)
    missing = [module for module in reader.requires if not _is_installed(module)]
    if missing:
        extras = [f"'metaauto[{_EXTRAS[name]}]'" if name in _EXTRAS else name for name in missing]
        raise ReadError(
            f"{address!r} requires {' and '.join(missing)}, which is not installed.",
            hint=f"Run: pip install {' '.join(extras)}",
            source=address,
        )
    return reader


def _matching(path: str, readers: tuple[Reader, ...]) -> Reader | None:
    """Return the first reader that matches."""
    for reader in readers:
        try:
            if reader.matches(path):
                return reader
        except Exception as error:
            logger.warning("Reader %r is skipped: its matches() failed for %r: %r",
                           reader.name, shown_address(path), error)  # fmt: skip
    return None


def _reader_for(address: str, path: str, readers: tuple[Reader, ...]) -> Reader:
    reader = _matching(path, readers)
    if reader is not None:
        return reader
    if not Path(path).exists() and ":" not in address:
        raise ReadError(f"File not found: {address!r}.", hint=_near_file(Path(address)))
    if _PICKLE.search(path):
        raise ReadError(
            f"{address!r} is a pickle; pickles are not read, because they can run code.",
            hint="If you trust it, save it as parquet in Python: "
            "pandas.read_pickle(path).to_parquet(...), or pass the DataFrame to metaauto.fit.",
            source=address,
        )
    known = _suffixes(readers)
    raise ReadError(
        f"No reader matches {address!r}.",
        hint=f"Usual suffixes are {', '.join(f'.{name}' for name in known[:5])}; name the format "
        f"of a file with another suffix, such as {argument('format', known[0])}."
        if known
        else "No reader of files is installed.",
        source=address,
    )


def _directory(address: str) -> ReadError:
    return ReadError(f"{address!r} is a directory.", hint="Choose one file in it.")


def _near_file(path: Path) -> str:
    import difflib

    folder = path.parent
    try:
        names = [entry.name for entry in folder.iterdir()][:1000]
    except OSError:
        return f"The folder {str(folder)!r} does not exist either."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"Did you mean {str(folder / near[0])!r}?" if near else "Check the path."


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package of a dotted name is missing
        return False


def lasting_address(
    source: object, readers: Iterable[Reader] = (), format: str | None = None
) -> str | None:
    """Return an address of a table that is valid in any working directory.

    Parameters
    ----------
    source : str, Path or any other argument of `read_table`
        Source of the table.
    readers : iterable of Reader, default=()
        The readers that read it, in order of precedence.
    format : str, optional
        As of `read_table`.

    Returns
    -------
    str or None
        The absolute path for files, folders and patterns, also after ``sqlite:`` and ``duckdb:``;
        other addresses, such as ``"sklearn:iris"``, are unchanged. None for tables in memory, for
        pipes, and for addresses that may hold credentials.

    Examples
    --------
    >>> lasting_address("openml:31"), lasting_address({"size": [1, 2]})
    ('openml:31', None)
    """
    if not isinstance(source, (str, os.PathLike)):
        return None
    address = _with_home(os.fsdecode(source))
    if is_pipe(address) or shown_address(address) != address:
        return None
    absolute = os.path.abspath(address) if is_pattern(address) else _absolute(address)
    if absolute == address or format is not None or os.path.isdir(address) or is_pattern(address):
        return absolute
    # A file may be named like an address: keep the address if another reader would read the path.
    readers = tuple(readers)
    reader = _matching(absolute, readers)
    is_same = reader is not None and reader is _matching(address, readers)
    return absolute if is_same else address


def _with_home(address: str) -> str:
    """Replace ``~`` at the start of a path, also after ``sqlite:`` or ``sqlite:///``."""
    prefix = _prefix(address)
    address = address.replace(f"{prefix}///", prefix, 1) if prefix else address
    return prefix + os.path.expanduser(address.removeprefix(prefix))


def _prefix(address: str) -> str:
    return next((prefix for prefix in _DATABASES if address.startswith(prefix)), "")


def _absolute(address: str) -> str:
    """Make the path in an address absolute if the file exists."""
    if os.path.exists(address):
        return _from_root(address)
    prefix = _prefix(address)
    path, mark, options = address.removeprefix(prefix).partition("?")
    absolute = _from_root(path)
    if not os.path.isfile(path) or "?" in absolute:
        return address
    return f"{prefix}{absolute}{mark}{options}"


def _from_root(path: str) -> str:
    """Resolve the folders of a path; a link keeps its name, because readers match by suffix."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder or os.curdir), name)
