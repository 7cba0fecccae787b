"""Contract of readers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from metaauto.components import Reader
from metaauto.errors import ReadError
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state

__all__ = ["ReaderContract"]


class ReaderContract:
    """Contract tests of a reader.

    Subclass it in a test module, under a name that starts with ``Test``, set `reader`, and
    implement `source` (and `broken_source`, if a source can be malformed).

    Attributes
    ----------
    reader : Reader
        The component under test.
    foreign : tuple of str
        Sources that the reader must not match.

    Examples
    --------
    >>> import pandas as pd
    >>> from metaauto.api import Reader
    >>> class TestMine(ReaderContract):
    ...     reader = Reader("json", lambda source: source.endswith(".json"), pd.read_json)
    ...
    ...     def source(self, folder):
    ...         pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_json(folder / "table.json")
    ...         return str(folder / "table.json")
    """

    reader: Reader
    foreign: tuple[str, ...] = ("", "no-such-thing", "table.unheard-of", "nobody:nothing")

    def source(self, folder: Path) -> str:
        """Make a source with at least two rows and one column, and return its name."""
        raise NotImplementedError("Implement source(self, folder) in the subclass.")

    def broken_source(self, folder: Path) -> str | None:
        """Make a malformed source that the reader matches; None if there is none."""
        return None

    def missing_source(self, folder: Path) -> str | None:
        """Return a source that the reader matches but that does not exist."""
        source = Path(self.source(folder))
        if not source.is_file():
            return None
        return str(source.with_name(f"absent-{source.name}"))

    def test_matches(self, tmp_path: Path) -> None:
        """The reader matches its own sources and no others."""
        assert self.reader.matches(self.source(tmp_path)) is True
        for other in self.foreign:
            assert self.reader.matches(other) is False, f"it matches {other!r}"

    def test_reads_a_table(self, tmp_path: Path) -> None:
        """The result is a table with text column names."""
        frame = self.reader.read(self.source(tmp_path))
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) >= 2
        assert frame.shape[1] >= 1
        assert all(isinstance(name, str) for name in frame.columns), "column names must be text"
        assert frame.columns.is_unique, "column names must be unique"
        target = frame.attrs.get("target")
        assert target is None or target in frame.columns, f"there is no target column {target!r}"

    def test_same_source_same_table(self, tmp_path: Path) -> None:
        """Reading the same source twice gives the same table."""
        source = self.source(tmp_path)
        pd.testing.assert_frame_equal(self.reader.read(source), self.reader.read(source))

    def test_chunks_are_the_table(self, tmp_path: Path) -> None:
        """The parts of the table are together the table, however often they are read."""
        source = self.source(tmp_path)
        if self.reader.read_chunks is None:
            pytest.skip("it reads whole tables only")
        for rows in (1, 1, 10**6):
            parts = list(self.reader.read_chunks(source, rows))
            assert parts, "it gives no part"
            pd.testing.assert_frame_equal(
                pd.concat(parts, ignore_index=True),
                self.reader.read(source).reset_index(drop=True),
                check_dtype=False,
            )

    def test_counts_the_rows(self, tmp_path: Path) -> None:
        """The number of rows is that of the table."""
        if self.reader.count_rows is None:
            pytest.skip("it does not count rows")
        source = self.source(tmp_path)
        assert self.reader.count_rows(source) == len(self.reader.read(source))

    def test_missing_source(self, tmp_path: Path) -> None:
        """A source that does not exist raises ReadError or FileNotFoundError."""
        source = self.missing_source(tmp_path)
        if source is None:
            pytest.skip("its sources are not files")
        with pytest.raises((ReadError, FileNotFoundError)) as caught:
            self.reader.read(source)
        assert str(caught.value).strip(), "the error has no message"

    def test_broken_source(self, tmp_path: Path) -> None:
        """A malformed source raises ReadError."""
        source = self.broken_source(tmp_path)
        if source is None:
            pytest.skip("broken_source returns None")
        with pytest.raises(ReadError) as caught:
            self.reader.read(source)
        assert str(caught.value).strip(), "the error has no message"

    def test_keeps_global_state(self, tmp_path: Path) -> None:
        """Global state is not changed."""
        source = self.source(tmp_path)
        self.reader.read(source)
        with unchanged_global_state():
            self.reader.read(source)

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``read``, not when the plugin is loaded."""
        heavy = heavy_imports_of(self.reader.read.__module__, self.reader.requires)
        assert not heavy, f"Import {', '.join(heavy)} inside read."
