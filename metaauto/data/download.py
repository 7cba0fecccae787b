"""Download tables at addresses such as https:// and s3:// to temporary files."""

from __future__ import annotations

import importlib.util
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote, urljoin

from metaauto.data.file_sets import limited
from metaauto.data.local_files import copy_limited, temporary_path
from metaauto.errors import ReadError
from metaauto.text import shown_address

__all__ = ["check_address", "downloaded", "file_name", "is_remote_pattern", "matched_addresses"]

_WEB = ("http", "https")
_CLOUDS = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
"""Packages that read the schemes of object storage through fsspec."""
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 30.0
_START_SECONDS, _SLOWEST = 60.0, 10_000
"""A download may take a minute, and a second more for each file and for so many bytes."""
_REDIRECTS = 10
_BLOCK = 2**16
_PAGE = (b"<!doctype html", b"<html")

Read = Callable[[int], bytes]
T = TypeVar("T")


class _Stopped(Exception):
    """The download is given up."""


class _Transfer:
    """A download or listing in a thread: its state, and the address of the current file."""

    def __init__(self, address: str) -> None:
        self.current = address
        self.files = self.size = 0
        self.is_stopped = False

    def seconds(self) -> float:
        """Return how long it may take."""
        return _START_SECONDS + self.files + self.size / _SLOWEST


def check_address(address: str) -> None:
    """Raise `ReadError` if files at such an address cannot be downloaded."""
    scheme, shown = _scheme(address), shown_address(address)
    if scheme in _WEB:
        if "*" in address.partition("?")[0]:
            raise ReadError(
                f"{shown!r} is a pattern, but web servers do not list their files.",
                hint="Pass the address of one file; a * in its name is written as %2A.",
            )
        return
    if scheme == "file":
        raise ReadError(f"{shown!r} is a URL of a file.", hint="Pass the path of the file.")
    if scheme not in _CLOUDS:
        listed = ", ".join(f"{name}://" for name in (*_WEB, *_CLOUDS))
        raise ReadError(
            f"{shown!r} has an unsupported scheme: expected one of {listed}.",
            hint="Download the file and pass its path.",
        )
    package = _CLOUDS[scheme]
    if importlib.util.find_spec(package) is None:
        raise ReadError(
            f"{shown!r} requires {package}, which is not installed.",
            hint=f"Run: pip install {package} (or 'metaauto[remote]')",
        )
    if shown != address:
        raise ReadError(
            f"{shown!r}: expected a bucket and a path alone.",
            hint="Set credentials in the environment, as the tools of the storage service expect.",
        )
    if "*" in _bucket(address):
        raise ReadError(f"{shown!r} is a pattern of buckets.", hint="Name one bucket.")


def is_remote_pattern(address: str) -> bool:
    """Return whether an address that `check_address` accepts is a pattern of files."""
    return "*" in address and _scheme(address) not in _WEB


def matched_addresses(pattern: str) -> list[str]:
    """Return the addresses of the files that match a pattern, in the order of their names.

    Raises
    ------
    ReadError
        The files cannot be listed in time, there is none, or there are too many.
    """
    transfer = _Transfer(pattern)

    def listed() -> list[str]:
        system, path = _file_system(pattern)
        found = system.glob(path, detail=True)
        return [name for name, entry in found.items() if entry["type"] == "file"]

    names = sorted(_in_time(listed, transfer, pattern))
    # The names begin with the bucket or container, but have no account.
    addresses = [f"{_bucket(pattern)}/{name.lstrip('/').partition('/')[2]}" for name in names]
    shown = shown_address(pattern)
    addresses = limited(iter(addresses), shown, f"No file matches {shown!r}.", "Check the pattern.")
    for address in addresses:
        check_address(address)
    return addresses


def file_name(address: str) -> str:
    """Return a name for the file at an address, with its suffix.

    Examples
    --------
    >>> file_name("https://example.org/a%20b/Sales%202024.csv.gz?key=1")
    'Sales_2024.csv.gz'
    """
    path = re.sub(r"^[^:]*://[^/?#]*", "", address)
    if _scheme(address) in _WEB:
        path = re.split("[?#]", path)[0]
    name = re.sub(r"[^\w.-]", "_", unquote(path).rpartition("/")[2])
    return name[-100:].lstrip(".") or "table"


@contextmanager
def downloaded(files: Sequence[tuple[str, str]], table: str) -> Iterator[list[str]]:
    """Yield the paths of temporary files with the content at addresses.

    Parameters
    ----------
    files : sequence of (str, str)
        Addresses that `check_address` accepts, and names of the temporary files.
    table : str
        What the user named, for messages.

    Raises
    ------
    ReadError
        The content cannot be read, is too large or comes too slowly. The message does not show
        the credentials of the address.
    """
    transfer = _Transfer(table)
    with ExitStack() as temporary:
        paths = [temporary.enter_context(temporary_path(name)) for _, name in files]

        def copy_all() -> None:
            for (address, _), path in zip(files, paths, strict=True):
                transfer.current = address
                _copy(address, path, transfer, shown_address(table))
                transfer.files += 1

        _in_time(copy_all, transfer, table)
        for (address, _), path in zip(files, paths, strict=True):
            _check_content(path, shown_address(address))
        yield paths


def _copy(address: str, path: str, transfer: _Transfer, shown: str) -> None:
    opener = _web_file if _scheme(address) in _WEB else _cloud_file
    before = transfer.size
    with opener(address) as read:

        def block(_: int) -> bytes:
            if transfer.is_stopped:
                raise _Stopped
            data = read(_BLOCK)
            transfer.size += len(data)
            return data

        copy_limited(block, path, shown, before)


def _check_content(path: str, shown: str) -> None:
    with open(path, "rb") as file:
        if file.read(200).lstrip().lower().startswith(_PAGE):
            raise ReadError(
                f"{shown!r} is a web page, not a table.",
                hint="Use the address of the file itself, such as that of its raw content.",
            )


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


def _bucket(address: str) -> str:
    """Return the part of an address before the path."""
    scheme, mark, rest = address.partition("://")
    return f"{scheme}{mark}{rest.partition('/')[0]}"


def _in_time(work: Callable[[], T], transfer: _Transfer, table: str) -> T:
    """Call a function in a thread, since libraries limit neither time nor speed."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="metaauto-download", daemon=True)
    start = time.monotonic()
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.2)
            if time.monotonic() - start > transfer.seconds() and thread.is_alive():
                raise ReadError(
                    f"{shown_address(table)!r} is downloaded too slowly: "
                    f"{transfer.size / 1e6:,.1f} MB in {time.monotonic() - start:,.0f} s.",
                    hint="Download the file and pass its path.",
                )
    finally:
        transfer.is_stopped = True
    if not errors:
        return results[0]
    if isinstance(errors[0], ReadError) or not isinstance(errors[0], Exception):
        raise errors[0]
    # The messages of libraries show the address with its credentials.
    shown = shown_address(transfer.current)
    raise ReadError(f"{shown!r} cannot be downloaded: {_problem(errors[0])}.", hint=_HINT) from None


_HINT = "Check the address and the network, or download the file and pass its path."


@contextmanager
def _web_file(address: str) -> Iterator[Read]:
    """Open a file at a web address; redirections stay on the web."""
    import requests

    shown = shown_address(address)
    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        for _ in range(_REDIRECTS):
            # `Session.get` would read the whole content of a redirection.
            request = session.prepare_request(requests.Request("GET", address))
            url = str(request.url)
            settings = session.merge_environment_settings(url, {}, True, None, None)
            response = session.get_adapter(url).send(
                request, timeout=(_CONNECT_SECONDS, _READ_SECONDS), **settings
            )
            target = session.get_redirect_target(response)
            if target is None:
                break
            response.close()
            expected = ("https",) if _scheme(address) == "https" else _WEB
            address = urljoin(address, target)
            if _scheme(address) not in expected:
                raise ReadError(
                    f"{shown!r} redirects to another address than {' or '.join(expected)}://.",
                    hint="Download the file and pass its path.",
                )
        else:
            raise ReadError(f"{shown!r} redirects more than {_REDIRECTS} times.", hint=_HINT)
        with response:
            if response.status_code != 200:
                raise ReadError(
                    f"{shown!r} cannot be downloaded: the server answered {response.status_code} "
                    f"({response.reason}).",
                    hint="Check the credentials."
                    if response.status_code in (401, 403)
                    else "Check the address.",
                )
            if "," in response.headers.get("Content-Encoding", ""):
                raise ReadError(
                    f"{shown!r} is compressed several times.", hint="Download and extract the file."
                )
            blocks = response.iter_content(_BLOCK)
            yield lambda _: next(blocks, b"")


@contextmanager
def _cloud_file(address: str) -> Iterator[Read]:
    """Open a file of an object storage, with the credentials of the environment."""
    system, path = _file_system(address)
    with system.open(path, "rb") as file:
        yield file.read


def _file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and its path there."""
    import fsspec

    # Not `fsspec.open`, which would also open chains of addresses such as s3://x::file://y.
    kind = fsspec.get_filesystem_class(_scheme(address))
    return kind(**kind._get_kwargs_from_urls(address)), kind._strip_protocol(address)


def _problem(error: Exception) -> str:
    """Return what went wrong, without addresses."""
    import requests

    names = [base.__name__ for base in type(error).__mro__]
    causes = repr(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError) or "NoCredentialsError" in names:
        return "access is denied; check the credentials in the environment"
    if isinstance(error, (requests.exceptions.Timeout, TimeoutError)):
        return f"the server did not answer within {_READ_SECONDS:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate of the server cannot be verified"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, requests.exceptions.ConnectionError):
        is_unknown = "NameResolution" in causes or "getaddrinfo" in causes
        return "the host is unknown" if is_unknown else "the server cannot be reached"
    if isinstance(error, requests.exceptions.RequestException):
        is_broken = isinstance(error, requests.exceptions.ChunkedEncodingError)
        return "the connection ended early" if is_broken else "the address or the answer is invalid"
    return f"{type(error).__name__}"
