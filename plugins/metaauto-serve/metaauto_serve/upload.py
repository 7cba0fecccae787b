"""Read the table that the page of a model uploads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import PurePath
from typing import IO, TYPE_CHECKING

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from metaauto_serve.body import receive
from metaauto_serve.formats import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["receive_table"]

_FORM = "multipart/form-data"
_CHUNK_BYTES = 2**16
_MAX_FIELDS = 8
_FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".pq": "parquet"}
"""Formats by the suffix of the file."""


async def receive_table(request: Request, table: IO[bytes], limit: int, deadline: float) -> str:
    """Write the file of a form to `table`, and return its format by the suffix of its name.

    Parameters
    ----------
    request : Request
        A form with the file ``table``.
    table : binary file
        Receives the file.
    limit, deadline
        As of `metaauto_serve.body.receive`, for the whole form.

    Raises
    ------
    RequestError
        The body is not such a form, or has no file in one of these formats.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != _FORM:
        raise RequestError(415, f"Invalid Content-Type {kind[:50]!r}: expected {_FORM}.")
    # The parser has no limit of bytes and seconds.
    with tempfile.TemporaryFile() as body:
        await receive(request, body, limit, deadline)
        body.seek(0)
        parser = MultiPartParser(request.headers, _parts(body), max_files=1, max_fields=_MAX_FIELDS)
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise RequestError(400, f"The body is not a valid form: {error.message}") from error
    try:
        file = form.get("table")
        if not isinstance(file, UploadFile) or not file.filename:
            raise RequestError(400, "No file was chosen.")
        suffix = PurePath(file.filename).suffix.lower()
        if suffix not in _FORMATS:
            raise RequestError(
                415, f"Invalid file {file.filename[:100]!r}: expected {', '.join(_FORMATS)}."
            )
        shutil.copyfileobj(file.file, table)
        table.flush()
    finally:
        await form.close()
    return _FORMATS[suffix]


async def _parts(file: IO[bytes]) -> AsyncGenerator[bytes, None]:
    while part := file.read(_CHUNK_BYTES):
        yield part
