"""The socket of a server."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("fastapi", reason="needs fastapi")

from metaauto_serve.address import listen


def test_answers_on_a_kept_connection_are_sent_at_once() -> None:
    listening, url = listen("127.0.0.1", 0, "use the models")
    with listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert url.startswith("http://127.0.0.1:")
