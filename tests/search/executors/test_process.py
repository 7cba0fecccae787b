"""Children connect to the listener of their parent, whatever other processes do meanwhile."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from multiprocessing.connection import Client

import pytest

from metaauto.search.executors.process import ConnectionListener, connect_to_parent

HANG = 20.0


@pytest.fixture
def listener():
    with closing(ConnectionListener()) as made:
        yield made


def accepted(listener: ConnectionListener, token: str):
    ends = time.monotonic() + HANG
    while time.monotonic() < ends:
        if listener.wake.poll(0.1):
            listener.clear_wake()
        if (found := listener.accepted(token)) is not None:
            return found
    return None


def address(listener: ConnectionListener):
    return listener.connect_info("")["address"]


def test_a_child_that_stops_while_it_connects_does_not_block_the_next_one(listener):
    # Neither answers the challenge: one is silent, the other has only read it.
    silent = Client(address(listener))
    half_way = Client(address(listener))
    half_way.recv_bytes()
    child = connect_to_parent(listener.connect_info("token"))
    found = accepted(listener, "token")
    assert found is not None
    child.send("hello")
    assert found[0].recv() == "hello"
    for connection in (silent, half_way, child):
        connection.close()


def test_a_process_that_does_not_know_the_key_is_not_accepted(listener):
    forged = {**listener.connect_info("token"), "authkey": "00" * 32}
    refused = []

    def connect():
        try:
            connect_to_parent(forged)
        except Exception as error:
            refused.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    thread.join(HANG)
    assert refused
    assert listener.accepted("token") is None


def test_a_process_that_sends_something_else_is_not_accepted(listener):
    with Client(address(listener)) as other:
        other.send_bytes(b"#CHALLENGE#" + bytes(20))
        # The listener may have closed the connection after the first message.
        with suppress(OSError):
            other.send_bytes(b"nonsense")
    child = connect_to_parent(listener.connect_info("token"))
    assert accepted(listener, "token") is not None
    child.close()


def test_closing_ends_while_a_connection_is_not_answered():
    made = ConnectionListener()
    waiting = Client(address(made))
    made.close()
    assert not made._accepting.is_alive()
    waiting.close()
