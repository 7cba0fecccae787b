"""Import published results and portfolios of other AutoML systems into a knowledge store.

Adds the command ``metaauto knowledge import``. `import_published` does the same from Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaauto.api import Register, hookimpl

if TYPE_CHECKING:
    from metaauto_importers.sources import SOURCES, import_published

__all__ = ["SOURCES", "import_published", "register_commands"]

_LAZY = ("SOURCES", "import_published")


@hookimpl
def register_commands(register: Register) -> None:
    """Register ``metaauto knowledge import``."""
    from metaauto_importers.command import command

    register.command(command, group="knowledge")


def __getattr__(name: str) -> Any:
    # Every worker process imports this module; only the command needs the importers.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from metaauto_importers import sources

    return getattr(sources, name)
