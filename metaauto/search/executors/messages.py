"""Read the messages of worker processes without ever waiting for one."""

from __future__ import annotations

import os
import pickle
import struct
import sys
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["DEFAULT_LIMIT", "MessageReader", "WrongMessage"]

DEFAULT_LIMIT = 64 * 2**20
_READ_BYTES = 2**20
_READS_AT_ONCE = 16


class WrongMessage(Exception):
    """A worker sent bytes that are no message, or a message that is not expected."""


class MessageReader:
    """Reads pickled messages from a connection in parts, so that half a message blocks nothing.

    Models run in the process that owns the other end and may write anything to it.

    Parameters
    ----------
    connection : Connection
        The connection; it is also used to send.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def receive(self, limit: int = DEFAULT_LIMIT) -> tuple[Any, ...]:
        """Return the next message as a tuple of one; empty if it has not arrived completely.

        Parameters
        ----------
        limit : int
            Largest number of bytes of the message.

        Raises
        ------
        EOFError, OSError
            The other end is closed.
        WrongMessage
            It is too large or cannot be unpickled.
        """
        data = self._next_bytes(limit)
        if data is None:
            return ()
        try:
            return (pickle.loads(data),)
        except Exception as error:
            # Arbitrary bytes make pickle raise nearly anything.
            raise WrongMessage(f"{type(error).__name__}: {error}") from error

    def _next_bytes(self, limit: int) -> bytes | None:
        if sys.platform == "win32":
            # Pipes of Windows deliver whole messages.
            return self._connection.recv_bytes(limit) if self._connection.poll() else None
        for _ in range(_READS_AT_ONCE):
            found = self._complete(limit)
            if found is not None or not self._connection.poll():
                return found
            received = os.read(self._connection.fileno(), _READ_BYTES)
            if not received:
                raise EOFError
            self._buffer += received
        return self._complete(limit)

    def _complete(self, limit: int) -> bytes | None:
        """Take a complete message from the buffer, in the format of `Connection.send_bytes`."""
        if len(self._buffer) < 4:
            return None
        start = 4
        (size,) = struct.unpack_from("!i", self._buffer)
        if size == -1:
            if len(self._buffer) < 12:
                return None
            start = 12
            (size,) = struct.unpack_from("!Q", self._buffer, 4)
        if not 0 <= size <= limit:
            raise WrongMessage(f"a message of {size:,} bytes, expected at most {limit:,}")
        if len(self._buffer) < start + size:
            return None
        data = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        return data
