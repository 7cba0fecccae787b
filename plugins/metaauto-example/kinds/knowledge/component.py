"""A knowledge pack for metaauto: results on your datasets, from which fits of similar ones start.

The store `knowledge.db` beside this file is empty at first; fill it by:
metaauto knowledge build --folder TABLES --target price --store metaauto_example/knowledge.db
"""

from __future__ import annotations

from pathlib import Path

from metaauto.api import Register, hookimpl

STORE = Path(__file__).with_name("knowledge.db")


@hookimpl
def register_knowledge(register: Register) -> None:
    """Offer the store to the warm start."""
    register.knowledge(STORE)
