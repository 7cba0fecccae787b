"""Serve models over HTTP, and use metaauto in a browser.

Adds the commands ``metaauto serve`` and ``metaauto ui``.
"""

from __future__ import annotations

from importlib import import_module

from metaauto.api import Register, hookimpl

__all__ = ["register_commands"]

__version__ = "0.1.0"

_COMMANDS = ("metaauto_serve.command", "metaauto_serve.ui")


@hookimpl
def register_commands(register: Register) -> None:
    """Register ``metaauto serve`` and ``metaauto ui``."""
    # Each module defines a click command and imports the libraries of the web when it is called.
    for module in _COMMANDS:
        register.command(import_module(module).command)
