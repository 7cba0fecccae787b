"""Whatever a worker writes, reading it neither blocks nor raises anything unexpected."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
from multiprocessing.connection import Connection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.search.executors.messages import MessageReader, WrongMessage

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows delivers whole messages")

MESSAGES = st.lists(st.integers() | st.binary(max_size=40), min_size=1, max_size=4)


@contextlib.contextmanager
def connected():
    """Yield a reader and the connection of the other end."""
    ends = [Connection(end.detach()) for end in socket.socketpair()]
    try:
        yield MessageReader(ends[0]), ends[1]
    finally:
        for end in ends:
            end.close()


def frames(messages) -> bytes:
    """Return the bytes that a connection sends for some messages."""
    with connected() as (reader, other):
        for message in messages:
            other.send(message)
        return os.read(reader._connection.fileno(), 2**20)


@given(st.data(), MESSAGES)
def test_receive_messages_cut_anywhere(data, messages):
    sent = frames(messages)
    cut = data.draw(st.integers(0, len(sent)))
    found = []
    with connected() as (reader, other):
        for part in (sent[:cut], sent[cut:]):
            if part:
                os.write(other.fileno(), part)
            while message := reader.receive():
                found += message
        assert reader.receive() == ()
    assert found == messages


@given(st.binary(min_size=1, max_size=200))
def test_receive_arbitrary_bytes(sent):
    with connected() as (reader, other):
        os.write(other.fileno(), sent)
        with contextlib.suppress(WrongMessage):
            while reader.receive(limit=100):
                pass


def test_receive_reports_a_message_above_the_limit():
    with connected() as (reader, other):
        other.send(b"x" * 1000)
        with pytest.raises(WrongMessage, match="at most 100"):
            reader.receive(limit=100)


@pytest.mark.parametrize("sent", [b"", b"\x00\x00\x10\x00abc"])
def test_receive_reports_a_closed_connection(sent):
    with connected() as (reader, other):
        if sent:
            os.write(other.fileno(), sent)
        other.close()
        with pytest.raises(EOFError):
            reader.receive()


def test_receive_a_long_message_in_parts():
    message = os.urandom(3 * 2**20)
    data = pickle.dumps(message)
    header = len(data).to_bytes(4, "big")
    with connected() as (reader, other):
        sent, found = header + data, ()
        os.set_blocking(other.fileno(), False)
        while not found:
            with contextlib.suppress(BlockingIOError):
                sent = sent[os.write(other.fileno(), sent) :] if sent else sent
            found = reader.receive()
    assert found == (message,)
