"""The `Reader` component: reads tables from a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from metaauto.components.validation import check_callable, check_component

__all__ = ["Reader"]


@dataclass(frozen=True)
class Reader:
    """A reader of tables from files or other sources.

    Parameters
    ----------
    name : str
        Unique short name, such as ``"parquet"``.
    matches : callable
        ``matches(source: str) -> bool``: whether it reads this path, prefix or address.
    read : callable
        ``read(source: str) -> pandas.DataFrame``. It may set ``frame.attrs["target"]`` to the
        name of the target column if the source defines one. Raises `ReadError`.
    description : str
        Supported sources, one line, with an example.
    requires : tuple of str
        Modules that must be importable when it reads a table; the error names a missing one.
    accepts_columns : bool
        Whether ``read`` also accepts ``columns``, a tuple of names of columns that the caller
        expects. They help to tell a header from values.
    read_chunks : callable, optional
        ``read_chunks(source: str, rows: int) -> iterator of pandas.DataFrame``: the table of
        ``read`` in parts, for sources that are larger than the memory. A part has about `rows`
        rows; a part with all rows is allowed. It accepts ``columns`` if ``read`` does. It may be
        called several times for one source.
    count_rows : callable, optional
        ``count_rows(source: str) -> int``: the number of rows, without reading them.
    """

    name: str
    matches: Callable[[str], bool]
    read: Callable[..., Any]
    description: str = ""
    requires: tuple[str, ...] = ()
    accepts_columns: bool = False
    read_chunks: Callable[..., Iterator[Any]] | None = None
    count_rows: Callable[[str], int] | None = None

    def __post_init__(self) -> None:
        check_component(self, "read")
        check_callable(self, "matches")
        for name in ("read_chunks", "count_rows"):
            if getattr(self, name) is not None:
                check_callable(self, name)
