"""Request data from OpenML through its client, with one-line errors and intact cached files."""

from __future__ import annotations

import math
import re
import shutil
import threading
import warnings
import xml.etree.ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from metaauto.errors import ReadError

__all__ = [
    "Damaged",
    "Unreachable",
    "fetch_intact",
    "remove_cached",
    "remove_damaged_descriptions",
    "request",
]

T = TypeVar("T")


class Unreachable(ReadError):
    """OpenML cannot be reached, or the connection was lost."""


class Damaged(ReadError):
    """The received or the cached file cannot be read."""


def request(item: str, call: Callable[[], T], timeout: float) -> T:
    """Call OpenML's client, with a time-out.

    Parameters
    ----------
    item : str
        Name of the requested item for messages, as ``"task 3"``.
    call : callable
        Calls the client.
    timeout : float
        Seconds to wait for the server; the client itself has no time-out. Infinite for calls that
        need no server.

    Raises
    ------
    ReadError
        OpenML does not provide the item, cannot be reached (`Unreachable`), or sent an unreadable
        file (`Damaged`).
    """
    results: list[T] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            # The client does not close the file of the splits.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                results.append(call())
        except Exception as error:
            errors.append(error)

    if math.isinf(timeout):
        work()
    else:
        thread = threading.Thread(target=work, daemon=True, name=f"openml {item}")
        thread.start()
        thread.join(timeout)
    if errors:
        raise _read_error(item, errors[0]) from errors[0]
    if not results:
        raise Unreachable(
            f"OpenML did not answer for {item} within {timeout:g} s.",
            hint="Try again later, or with a longer timeout.",
        )
    return results[0]


def fetch_intact(fetch: Callable[[], T], remove_copies: Callable[[], None]) -> T:
    """Fetch an item; if it is damaged, remove its cached files and fetch it once more.

    A process that is killed while writing leaves a partial file, which the client would reuse.
    """
    try:
        return fetch()
    except Damaged:
        remove_copies()
    try:
        return fetch()
    except Damaged:
        remove_copies()
        raise


def remove_cached(kind: str, number: int) -> None:
    """Remove the client's cached files of a dataset or a task.

    Parameters
    ----------
    kind : {'datasets', 'tasks'}
        Kind of item.
    number : int
        Id of the item.
    """
    from openml import config

    shutil.rmtree(Path(config.get_cache_directory()) / kind / str(number), ignore_errors=True)


def remove_damaged_descriptions() -> None:
    """Remove the client's cached dataset descriptions that are not valid XML."""
    from openml import config

    for file in Path(config.get_cache_directory(), "datasets").glob("*/*.xml"):
        try:
            xml.etree.ElementTree.parse(file)
        except xml.etree.ElementTree.ParseError:
            file.unlink(missing_ok=True)
            file.with_name(file.name + ".pkl").unlink(missing_ok=True)


def _read_error(item: str, error: Exception) -> ReadError:
    """Return a one-line error for an exception of the client."""
    import requests
    from openml import config, exceptions

    if isinstance(error, ReadError):
        return error
    if isinstance(error, exceptions.OpenMLServerException):
        return ReadError(
            f"OpenML does not provide {item}: {error.message} (error {error.code}).",
            hint="Check the id at https://www.openml.org.",
        )
    if isinstance(error, exceptions.OpenMLHashException):
        return ReadError(
            f"The checksum of the file of {item} differs from the one at OpenML.",
            hint="Try again later; the file was removed.",
        )
    if isinstance(error, exceptions.OpenMLServerError):
        status = re.search(r"Status code: (\d+)", str(error))
        cause = f"HTTP status {status[1]}" if status else _first_line(error)
        return ReadError(f"OpenML fails on {item}: {cause}.", hint="Try again later.")
    if isinstance(error, exceptions.OpenMLPrivateDatasetError):
        return ReadError(f"OpenML keeps {item} private.", hint="Exclude it.")
    if isinstance(error, (requests.RequestException, ConnectionError)):
        how = "was lost" if _was_connected(error) else "failed"
        return Unreachable(
            f"The connection to OpenML for {item} {how}: {_root_cause(error)}.",
            hint="Check the network and try again; finished downloads are kept.",
        )
    if isinstance(error, MemoryError):
        return ReadError(f"Not enough memory for {item}.", hint="Exclude it.")
    if isinstance(error, OSError):
        return Damaged(
            f"Cannot cache {item} in {str(config.get_cache_directory())!r}: {_first_line(error)}.",
            hint="Free disk space, or set another folder in OPENML_CACHE_DIR.",
        )
    return Damaged(
        f"The data of {item} cannot be read: {type(error).__name__}: {_first_line(error)}.",
        hint="Try again later; the cached files were removed.",
    )


def _was_connected(error: BaseException) -> bool:
    import requests

    is_refused = "establish a new connection" in str(error) or "resolve" in str(error)
    return isinstance(error, requests.exceptions.ChunkedEncodingError) or not is_refused


def _root_cause(error: BaseException) -> str:
    """Return the innermost wrapped error, as ``IncompleteRead`` or ``Connection refused``."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or next(
            (part for part in reversed(reason.args) if isinstance(part, BaseException)), None
        )
        if not isinstance(inner, BaseException) or inner is reason:
            return _first_line(reason)
        reason = inner


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^<.*?>: ", "", lines[0])[:200].rstrip(".")
