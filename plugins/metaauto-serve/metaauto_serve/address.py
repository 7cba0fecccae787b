"""The address of a server: its options, and the socket that listens there."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import click

from metaauto.api import SettingError

__all__ = ["MAX_CONNECTIONS", "address_options", "listen"]

MAX_CONNECTIONS = 250


def address_options(port: int) -> Callable[[Any], Any]:
    """Return a decorator that adds --host, --port and --allowed-host."""
    options = (
        click.option(
            "--host",
            default="127.0.0.1",
            show_default=True,
            metavar="ADDRESS",
            help="Address to listen at; the default answers this machine alone.",
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            default=port,
            show_default=True,
            help="Port; 0 is any free one, which is printed.",
        ),
        click.option(
            "--allowed-host",
            "hosts",
            multiple=True,
            metavar="NAME",
            help="Name in addresses of this server, besides localhost. Repeatable.",
        ),
    )

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def listen(host: str, port: int, use: str) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL; warn if other machines can reach it.

    Parameters
    ----------
    host : str
        Name or IP address of this machine.
    port : int
        Port; 0 is any free one.
    use : str
        What others could do, such as ``"use the models"``.
    """
    listening = _bind(host, port)
    address, chosen = listening.getsockname()[:2]
    if not ipaddress.ip_address(address).is_loopback:
        click.echo(
            f"Warning: everyone who can reach {address} can {use}: there are no passwords "
            "and no encryption.",
            err=True,
        )
    return listening, f"http://{f'[{address}]' if ':' in address else address}:{chosen}/"


def _bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 is any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
    except OSError as error:
        raise SettingError(
            f"Cannot listen at {host}:{port}: {error.strerror or error}.",
            hint="Choose another --port, or 0 for any free one, and a --host of this machine.",
        ) from error
    # Connections inherit it. Otherwise each answer on a kept connection waits 40 ms: its body is
    # sent when the client has acknowledged the header.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
