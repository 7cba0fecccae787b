"""Open the knowledge stores of commands: those in use, for reading, for writing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import complete_files
from metaauto.errors import KnowledgeError

if TYPE_CHECKING:
    from metaauto.knowledge import KnowledgeStore
    from metaauto.plugins.registry import Registry

__all__ = ["in_use", "named_or_own", "read_store", "store_option"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def store_option(what: str) -> Decorator:
    """Return the option ``--store FILE``."""
    return click.option(
        "--store",
        metavar="FILE",
        shell_complete=complete_files,
        help=f"{what}  [default: your own]",
    )


def named_or_own(store: str | None) -> Path:
    """Return the path of the named store, by default of the user's own."""
    from metaauto.knowledge import own_store

    return own_store() if store is None else Path(store).expanduser().absolute()


def in_use(registry: Registry) -> list[tuple[str, Path]]:
    """Return the stores that a fit uses, each with its origin: shipped, pack or own."""
    from metaauto.knowledge import own_store, shipped_store

    shipped = shipped_store()
    found = [] if shipped is None else [("shipped", shipped)]
    return [*found, *(("pack", path) for path in registry.knowledge()), ("own", own_store())]


def read_store(path: Path) -> KnowledgeStore:
    """Open a store for reading; close it, or use it as a context manager."""
    from metaauto.knowledge import KnowledgeStore

    if not path.exists():
        raise KnowledgeError(
            f"Knowledge store not found: {str(path)!r}.",
            hint="Check the path, or create a store with `metaauto knowledge build` or `import`.",
        )
    return KnowledgeStore.open(path)
