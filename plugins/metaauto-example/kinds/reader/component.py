"""A reader for metaauto: text files with the ending .example, whose cells are separated by "|".

`matches` says from the name alone whether the reader is for a source; `read` returns a DataFrame or
raises `ReadError`.
"""

from __future__ import annotations

from typing import Any

from metaauto.api import Reader, ReadError, Register, hookimpl


def matches(source: str) -> bool:
    """Return whether the name of the source has the ending."""
    return source.endswith(".example")


def read(source: str) -> Any:
    """Return the table; heavy imports belong in here."""
    import pandas as pd

    try:
        return pd.read_csv(source, sep="|")
    except (OSError, ValueError) as error:
        hint = "Check the path, and that all rows have as many cells as the header."
        raise ReadError(f"Cannot read {source!r}: {error}.", hint=hint) from error


READER = Reader("example", matches, read, "Cells separated by |: table.example")


@hookimpl
def register_readers(register: Register) -> None:
    """Offer the reader; readers of plugins precede metaauto's own."""
    register.reader(READER)
