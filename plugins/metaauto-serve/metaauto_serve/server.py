"""Run the server: the socket, its signals, and connections that make no progress."""

from __future__ import annotations

import asyncio
import signal
import socket
import weakref
from collections.abc import Callable, Collection
from typing import Any

import uvicorn

from metaauto_serve.address import MAX_CONNECTIONS

__all__ = ["run_app"]

_CHECK_SECONDS = 0.5


def run_app(
    app: Any,
    listening: socket.socket,
    *,
    idle: float,
    seconds: float,
    access_log: bool = False,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve an application until SIGINT or SIGTERM, and finish running requests.

    Parameters
    ----------
    app : ASGI application
        The application.
    listening : socket
        From `metaauto_serve.address.listen`.
    idle : float
        Seconds after which a connection without a complete request is closed.
    seconds : float
        Seconds that a request may take; also the limit for a client to fetch its answer.
    access_log : bool
        Print a line per request.
    started : callable
        Called before the first request.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_level="info" if access_log else "warning",
        access_log=access_log,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, int(idle)),
        timeout_graceful_shutdown=max(1, int(seconds) + 1),
    )
    server = uvicorn.Server(config)
    # At its end uvicorn sends the signal again, to the handlers of before.
    before = {number: signal.signal(number, _ignore) for number in uvicorn.server.HANDLED_SIGNALS}
    try:
        started()
        asyncio.run(_serve(server, listening, idle, seconds))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(*_: object) -> None:
    pass


async def _serve(
    server: uvicorn.Server, listening: socket.socket, idle: float, seconds: float
) -> None:
    watching = asyncio.create_task(_close_stuck(server, idle, seconds))
    try:
        await server.serve([listening])
    finally:
        watching.cancel()


async def _close_stuck(server: uvicorn.Server, idle: float, seconds: float) -> None:
    """Close connections that send no complete header or do not fetch their answer, and excess ones.

    uvicorn limits the time between requests only. The body of a request has a deadline of its own.
    """
    # The configuration chooses h11 of the protocols of uvicorn.
    connections: Collection[Any] = server.server_state.connections
    since: weakref.WeakKeyDictionary[Any, tuple[Any, float]] = weakref.WeakKeyDictionary()
    while True:
        now = asyncio.get_running_loop().time()
        for place, connection in enumerate(list(connections)):
            cycle = connection.cycle
            if cycle is not None and not cycle.response_complete:
                since.pop(connection, None)
                continue
            last, start = since.get(connection, (None, now))
            if connection not in since or last is not cycle:
                since[connection] = (cycle, start := now)
            is_fetching = connection.transport.get_write_buffer_size() > 0
            if now - start > (seconds if is_fetching else idle) or place >= MAX_CONNECTIONS:
                connection.transport.abort()
        await asyncio.sleep(_CHECK_SECONDS)
