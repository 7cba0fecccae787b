"""Download tables at addresses such as https:// and s3:// to temporary files."""

from __future__ import annotations

import importlib.util
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import unquote, urljoin

from metaauto.data.local_files import copy_limited, temporary_path
from metaauto.errors import ReadError
from metaauto.text import shown_address

__all__ = ["check_address", "downloaded", "file_name"]

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
"""A download may take a minute, and a second more for each of these bytes."""
_REDIRECTS = 10
_BLOCK = 2**16
_PAGE = (b"<!doctype html", b"<html")

Read = Callable[[int], bytes]
Opener = Callable[[], AbstractContextManager[Read]]


class _Stopped(Exception):
    """The download is given up."""


def check_address(address: str) -> None:
    """Raise `ReadError` if files at such an address cannot be downloaded."""
    scheme, shown = _scheme(address), shown_address(address)
    if scheme in _WEB:
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
    if "*" in address:
        raise ReadError(
            f"{shown!r}: patterns of remote files are not supported.", hint="Name one file."
        )


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
def downloaded(address: str, name: str) -> Iterator[str]:
    """Yield the path of a temporary file with the content at an address.

    Parameters
    ----------
    address : str
        An address that `check_address` accepts.
    name : str
        Name of the temporary file.

    Raises
    ------
    ReadError
        The content cannot be read, is too large or comes too slowly. The message does not show
        the credentials of the address.
    """
    opener = _web_file if _scheme(address) in _WEB else _cloud_file
    shown = shown_address(address)
    with temporary_path(name) as path:
        _copy_in_time(lambda: opener(address), path, shown)
        with open(path, "rb") as file:
            if file.read(200).lstrip().lower().startswith(_PAGE):
                raise ReadError(
                    f"{shown!r} is a web page, not a table.",
                    hint="Use the address of the file itself, such as that of its raw content.",
                )
        yield path


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


def _copy_in_time(
    opener: Callable[[], AbstractContextManager[Read]], path: str, shown: str
) -> None:
    """Copy a remote file in a thread, since libraries limit neither time nor speed."""
    errors: list[BaseException] = []
    stopped, size = threading.Event(), 0

    def copy() -> None:
        try:
            with opener() as read:

                def block(_: int) -> bytes:
                    nonlocal size
                    if stopped.is_set():
                        raise _Stopped
                    data = read(_BLOCK)
                    size += len(data)
                    return data

                copy_limited(block, path, shown)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=copy, name="metaauto-download", daemon=True)
    start = time.monotonic()
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.2)
            if time.monotonic() - start > _START_SECONDS + size / _SLOWEST and thread.is_alive():
                raise ReadError(
                    f"{shown!r} is downloaded too slowly: {size / 1e6:,.1f} MB in "
                    f"{time.monotonic() - start:,.0f} s.",
                    hint="Download the file and pass its path.",
                )
    finally:
        stopped.set()
    if not errors:
        return
    if isinstance(errors[0], ReadError) or not isinstance(errors[0], Exception):
        raise errors[0]
    # The messages of libraries show the address with its credentials.
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
    import fsspec

    # Not `fsspec.open`, which would also open chains of addresses such as s3://x::file://y.
    kind = fsspec.get_filesystem_class(_scheme(address))
    system = kind(**kind._get_kwargs_from_urls(address))
    with system.open(kind._strip_protocol(address), "rb") as file:
        yield file.read


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
