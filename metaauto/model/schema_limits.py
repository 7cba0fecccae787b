"""Limit the nodes of the schema in a skops file before skops reads it.

A schema can refer to an object several times by its ID. skops follows every reference, so that a
small file of nested lists, each with ten references to the list before, would take hours.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from metaauto.errors import ModelFileError

__all__ = ["check_schema"]

# skops follows about 50,000 nodes per second. Fitted models share only few and small objects.
FREE_NODES = 100_000
MAX_REPEATS = 3
_ROOT = object()


class _Nodes(NamedTuple):
    """Nodes of a part of a schema: its own, and the IDs of the objects that it refers to."""

    own: int
    parts: list[Any]


def check_schema(schema: str | bytes) -> None:
    """Raise `ModelFileError` if references multiply the nodes of a schema, or form a cycle.

    Parameters
    ----------
    schema : str or bytes
        The ``schema.json`` of a skops file.
    """
    definitions = _definitions(schema)
    nodes = sum(found.own for each in definitions.values() for found in each)
    limit = FREE_NODES + MAX_REPEATS * nodes
    # Most objects refer to no other; sorting only the rest takes half of the time.
    totals: dict[Any, int] = {
        key: max(d.own for d in found)
        for key, found in definitions.items()
        if not any(d.parts for d in found)
    }
    graph = {
        key: {p for d in found for p in d.parts if p not in totals}
        for key, found in definitions.items()
        if key not in totals
    }
    try:
        for key in TopologicalSorter(graph).static_order():
            # skops reads one definition of an ID, which one depends on its order of reading.
            total = max(d.own + sum(totals[p] for p in d.parts) for d in definitions[key])
            totals[key] = min(total, limit + 1)
    except CycleError:
        raise _invalid("it contains an object that refers to itself") from None
    if totals[_ROOT] > limit:
        raise _invalid(f"references repeat its {nodes:,} nodes to more than {limit:,}")


def _definitions(schema: str | bytes) -> dict[Any, list[_Nodes]]:
    """Return the definitions of the objects by their ID, and of the schema itself as `_ROOT`."""
    found: dict[Any, list[_Nodes]] = defaultdict(list)

    def counted(values: Iterable[Any]) -> _Nodes:
        own, parts, pending = 1, [], [values]
        while pending:
            for value in pending.pop():
                if isinstance(value, _Nodes):
                    own += value.own
                    parts += value.parts
                else:
                    own += 1
                    if isinstance(value, list):
                        pending.append(value)
        return _Nodes(own, parts)

    def reduced(item: dict[str, Any]) -> _Nodes:
        # The parser calls this for the innermost objects first.
        is_flat = not any(type(value) in (list, _Nodes) for value in item.values())
        nodes = _Nodes(1 + len(item), []) if is_flat else counted(item.values())
        identity = item.get("__id__")
        if identity is None:
            return nodes
        found[identity].append(nodes)
        return _Nodes(0, [identity])

    own, parts = counted([json.loads(schema, object_hook=reduced)])
    found[_ROOT].append(_Nodes(own - 1, parts))
    return found


def _invalid(why: str) -> ModelFileError:
    return ModelFileError(f"{why}.", hint="Do not load this file: it is forged or damaged.")
