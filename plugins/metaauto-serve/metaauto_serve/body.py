"""Read the body of a request into a file, within limits of bytes and time."""

from __future__ import annotations

import asyncio
import zlib
from typing import IO, TYPE_CHECKING

from metaauto_serve.formats import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["receive"]

_GZIP = 31  # window bits of zlib for the gzip format


async def receive(request: Request, file: IO[bytes], limit: int, deadline: float) -> None:
    """Write the body of a request to a file.

    Parameters
    ----------
    request : Request
        The request; its ``Content-Encoding`` may be gzip.
    file : binary file
        Receives the decompressed body.
    limit : int
        Most bytes, as sent and decompressed.
    deadline : float
        Time of the event loop at which the client is cut off.

    Raises
    ------
    RequestError
        The body is too large (413), late (408), damaged (400) or of another encoding (415).
    """
    too_large = RequestError(413, f"The body is too large: expected at most {limit:,} bytes.")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise RequestError(
            415, f"Invalid Content-Encoding {encoding[:50]!r}: expected gzip or none."
        )
    if int(request.headers.get("content-length", 0)) > limit:
        raise too_large
    unpack = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    received = written = 0
    try:
        async with asyncio.timeout_at(deadline):
            async for chunk in request.stream():
                received += len(chunk)
                if received > limit:
                    raise too_large
                if unpack is not None:
                    if unpack.eof and chunk:
                        raise RequestError(400, "The body is not one gzip member: more follows.")
                    chunk = unpack.decompress(chunk, limit - written + 1)
                written += len(chunk)
                if written > limit:
                    raise too_large
                file.write(chunk)
    except TimeoutError as error:
        raise RequestError(408, "The body did not arrive in time.") from error
    except zlib.error as error:
        raise RequestError(400, f"The body is not valid gzip: {error}.") from error
    if unpack is not None and (not unpack.eof or unpack.unused_data):
        raise RequestError(400, "The body is not one gzip member: it ends early, or more follows.")
    if not written:
        raise RequestError(400, "The body is empty: expected rows.")
    file.flush()
