"""Limit the nodes of the schema in a skops file before skops reads it.

A schema can refer to an object several times by its ID. skops follows every reference, so that a
small file of nested lists, each with ten references to the list before, would take hours.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from metaauto.errors import ModelFileError

__all__ = ["check_schema"]

# skops follows about 50,000 nodes per second. Fitted models share only few and small objects.
FREE_NODES = 100_000
MAX_REPEATS = 3


class _Definition(NamedTuple):
    """An object in the schema: the number of its own nodes, and the IDs of its parts."""

    nodes: int
    parts: list[Any]


def check_schema(schema: Any) -> None:
    """Raise `ModelFileError` if references multiply the nodes of a schema, or form a cycle.

    Parameters
    ----------
    schema : dict
        The parsed ``schema.json`` of a skops file.
    """
    root = object()
    definitions = _definitions(schema, root)
    nodes = sum(part.nodes for parts in definitions.values() for part in parts)
    limit = FREE_NODES + MAX_REPEATS * nodes
    graph = {key: {p for d in found for p in d.parts} for key, found in definitions.items()}
    totals: dict[Any, int] = {}
    try:
        for key in TopologicalSorter(graph).static_order():
            # skops reads one definition of an ID, which one depends on its order of reading.
            total = max(d.nodes + sum(totals[p] for p in d.parts) for d in definitions[key])
            totals[key] = min(total, limit + 1)
    except CycleError:
        raise _invalid("it contains an object that refers to itself") from None
    if totals[root] > limit:
        raise _invalid(f"references repeat its {nodes:,} nodes to more than {limit:,}")


def _definitions(schema: Any, root: Any) -> dict[Any, list[_Definition]]:
    """Return the definitions of the objects by their ID; the schema itself has the ID `root`."""
    found: dict[Any, list[_Definition]] = defaultdict(list)
    objects: list[tuple[Any, Any]] = [(root, [schema])]
    while objects:
        key, item = objects.pop()
        nodes, parts, pending = 0, [], [*_children(item)]
        while pending:
            child = pending.pop()
            identity = child.get("__id__") if isinstance(child, dict) else None
            if identity is None:
                nodes += 1
                pending.extend(_children(child))
            else:
                parts.append(identity)
                objects.append((identity, child))
        found[key].append(_Definition(nodes + 1, parts))
    return found


def _children(item: Any) -> Any:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _invalid(why: str) -> ModelFileError:
    return ModelFileError(f"{why}.", hint="Do not load this file: it is forged or damaged.")
