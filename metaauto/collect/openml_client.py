"""Asking OpenML through its client: every failure becomes one line, and no broken copy stays."""

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

__all__ = ["Damaged", "Unreachable", "ask", "forget", "forget_broken_descriptions", "intact"]

T = TypeVar("T")


class Unreachable(ReadError):
    """OpenML cannot be asked at all, or broke off."""


class Damaged(ReadError):
    """What came, or a copy that was kept earlier, cannot be read."""


def ask(what: str, question: Callable[[], T], timeout: float) -> T:
    """Ask OpenML's client for something.

    Parameters
    ----------
    what : str
        What is asked for, as ``"task 3"``.
    question : callable
        Calls the client.
    timeout : float
        Seconds after which a silent server is given up; the client would wait for ever. Infinite
        for what needs no server.

    Raises
    ------
    ReadError
        OpenML does not have it, cannot be reached (`Unreachable`), or sent what cannot be read
        (`Damaged`); the message says which, and what to do.
    """
    answers: list[T] = []
    failures: list[Exception] = []

    def work() -> None:
        try:
            # The client leaves closing the splits' file to the garbage collector.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                answers.append(question())
        except Exception as error:
            failures.append(error)

    if math.isinf(timeout):
        work()
    else:
        thread = threading.Thread(target=work, daemon=True, name=f"openml {what}")
        thread.start()
        thread.join(timeout)
    if failures:
        raise _plainly(what, failures[0]) from failures[0]
    if not answers:
        raise Unreachable(
            f"OpenML did not answer for {what} within {timeout:g} s.",
            hint="Try again later, or with a longer timeout.",
        )
    return answers[0]


def intact(fetch: Callable[[], T], forget_copies: Callable[[], None]) -> T:
    """What is fetched; if it cannot be read, its copies are removed and it is fetched once more.

    A process that was killed while it wrote leaves half a file behind, which the client takes for
    a whole one ever after.
    """
    try:
        return fetch()
    except Damaged:
        forget_copies()
    try:
        return fetch()
    except Damaged:
        forget_copies()
        raise


def forget(kind: str, number: int) -> None:
    """Remove the client's copies of a dataset or a task.

    Parameters
    ----------
    kind : {'datasets', 'tasks'}
        What it is.
    number : int
        Its id.
    """
    from openml import config

    shutil.rmtree(Path(config.get_cache_directory()) / kind / str(number), ignore_errors=True)


def forget_broken_descriptions() -> None:
    """Remove the client's copies of descriptions of datasets that are no whole XML."""
    from openml import config

    for file in Path(config.get_cache_directory(), "datasets").glob("*/*.xml"):
        try:
            xml.etree.ElementTree.parse(file)
        except xml.etree.ElementTree.ParseError:
            file.unlink(missing_ok=True)
            file.with_name(file.name + ".pkl").unlink(missing_ok=True)


def _plainly(what: str, error: Exception) -> ReadError:
    """An error of the client in one line."""
    import requests
    from openml import config, exceptions

    if isinstance(error, ReadError):
        return error
    if isinstance(error, exceptions.OpenMLServerException):
        return ReadError(
            f"OpenML does not give {what}: {error.message} (error {error.code}).",
            hint="Look it up at https://www.openml.org.",
        )
    if isinstance(error, exceptions.OpenMLHashException):
        return ReadError(
            f"The file of {what} does not have the checksum that OpenML says.",
            hint="Try again later; nothing of it was kept.",
        )
    if isinstance(error, exceptions.OpenMLServerError):
        status = re.search(r"Status code: (\d+)", str(error))
        said = f"HTTP status {status[1]}" if status else _first_line(error)
        return ReadError(f"OpenML fails on {what}: {said}.", hint="Try again later.")
    if isinstance(error, exceptions.OpenMLPrivateDatasetError):
        return ReadError(f"OpenML keeps {what} private.", hint="Leave it out.")
    if isinstance(error, (requests.RequestException, ConnectionError)):
        how = "broke off" if _has_begun(error) else "cannot be made"
        return Unreachable(
            f"The connection to OpenML for {what} {how}: {_innermost(error)}.",
            hint="Check the network and try again; what was loaded before is kept.",
        )
    if isinstance(error, MemoryError):
        return ReadError(f"There is not enough memory for {what}.", hint="Leave it out.")
    if isinstance(error, OSError):
        return Damaged(
            f"No copy of {what} can be kept in {str(config.get_cache_directory())!r}: "
            f"{_first_line(error)}.",
            hint="Make room there, or name another folder in OPENML_CACHE_DIR.",
        )
    return Damaged(
        f"What is there of {what} cannot be read: {type(error).__name__}: {_first_line(error)}.",
        hint="Try again later; its copies were removed.",
    )


def _has_begun(error: BaseException) -> bool:
    import requests

    is_refused = "establish a new connection" in str(error) or "resolve" in str(error)
    return isinstance(error, requests.exceptions.ChunkedEncodingError) or not is_refused


def _innermost(error: BaseException) -> str:
    """The reason that libraries have wrapped: ``IncompleteRead``, ``Connection refused``."""
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
