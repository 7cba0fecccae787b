"""Limit the number of nodes in the schema of a skops file before skops reads it.

A schema can refer to an object several times by its ID. skops follows every reference, so a small
file can take hours: each of a few lists refers ten times to the list before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from metaauto.errors import ModelFileError

__all__ = ["check_schema"]

MAX_SCHEMA_BYTES = 2**28
# skops follows about 50,000 nodes per second. Fitted models share few objects, all small.
MAX_REPEATED = 3
FREE_NODES = 100_000


def check_schema(schema: Any) -> None:
    """Raise `ModelFileError` if references multiply the nodes of a schema, or form a cycle.

    Parameters
    ----------
    schema : dict
        The parsed ``schema.json`` of a skops file.
    """
    written = 0
    definitions: dict[Any, list[Any]] = defaultdict(list)
    pending = [schema]
    while pending:
        item = pending.pop()
        written += 1
        if _identity(item) is not None:
            definitions[_identity(item)].append(item)
        pending.extend(_children(item))
    limit = FREE_NODES + MAX_REPEATED * written
    if _followed(schema, definitions, limit) > limit:
        raise _invalid(f"its references multiply its {written:,} nodes to more than {limit:,}.")


def _followed(schema: Any, definitions: dict[Any, list[Any]], limit: int) -> int:
    """Return the number of nodes when every reference is followed, at most a little over `limit`.

    Each definition is counted once. skops uses one of the definitions of an ID, which one depends
    on its order of reading; the largest counts here.
    """
    totals: dict[Any, int] = {}
    # Iterative, because a deep schema would exceed Python's limit of recursion. A frame holds the
    # ID (None for a plain value), the children still to count, and the count so far.
    identity = _identity(schema)
    frames = [_Frame(identity, [schema] if identity is None else definitions[identity])]
    in_progress = {identity} - {None}
    while True:
        frame = frames[-1]
        item = next(frame.items, None)
        if item is None:
            frames.pop()
            if frame.identity is not None:
                in_progress.discard(frame.identity)
                totals[frame.identity] = min(frame.largest(), limit + 1)
            if not frames:
                return frame.largest()
            frames[-1].add(min(frame.largest(), limit + 1))
            continue
        identity = _identity(item)
        if identity is None:
            frame.add(1)
            frame.push(item)
        elif identity in totals:
            frame.add(totals[identity])
        elif identity in in_progress:
            raise _invalid("it refers to itself.")
        else:
            in_progress.add(identity)
            frames.append(_Frame(identity, definitions[identity]))
