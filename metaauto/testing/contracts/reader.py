"""The contract of a reader: what reading a table relies on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from metaauto.components import Reader
from metaauto.errors import ReadError
from metaauto.testing.global_state import heavy_imports_of, no_traces

__all__ = ["ReaderContract"]


class ReaderContract:
    """Everything that a reader promises.

    Subclass it in a test module, under a name that starts with ``Test``, set `reader`, and write
    `source` (and `broken_source`, if there is such a thing as a broken one).

    Attributes
    ----------
    reader : Reader
        The component under test.
    foreign : tuple of str
        Sources that it must leave to others.

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
        raise NotImplementedError("Write source(self, folder) in the subclass.")

    def broken_source(self, folder: Path) -> str | None:
        """Make a source that the reader feels called to read but cannot; None if impossible."""
        return None

    def missing_source(self, folder: Path) -> str | None:
        """Name a source that the reader feels called to read but is not there."""
        source = Path(self.source(folder))
        if not source.is_file():
            return None
        return str(source.with_name(f"absent-{source.name}"))

    def test_knows_its_sources(self, tmp_path: Path) -> None:
        """It takes its own sources and leaves the others."""
        assert self.reader.matches(self.source(tmp_path)) is True
        for other in self.foreign:
            assert self.reader.matches(other) is False, f"it would read {other!r}"

    def test_reads_a_table(self, tmp_path: Path) -> None:
        """What it reads is a table with named columns."""
        frame = self.reader.read(self.source(tmp_path))
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) >= 2
        assert frame.shape[1] >= 1
        assert all(isinstance(name, str) for name in frame.columns), "columns are named by text"
        assert frame.columns.is_unique, "two columns have one name"
        target = frame.attrs.get("target")
        assert target is None or target in frame.columns, f"no column {target!r} is there"

    def test_reads_it_again(self, tmp_path: Path) -> None:
        """The same source gives the same table."""
        source = self.source(tmp_path)
        pd.testing.assert_frame_equal(self.reader.read(source), self.reader.read(source))

    def test_missing_source(self, tmp_path: Path) -> None:
        """A source that is not there is one clear error."""
        source = self.missing_source(tmp_path)
        if source is None:
            pytest.skip("its sources are no files")
        with pytest.raises((ReadError, FileNotFoundError)) as caught:
            self.reader.read(source)
        assert str(caught.value).strip(), "the error says nothing"

    def test_broken_source(self, tmp_path: Path) -> None:
        """A source that cannot be read is one clear error."""
        source = self.broken_source(tmp_path)
        if source is None:
            pytest.skip("no source is broken")
        with pytest.raises(ReadError) as caught:
            self.reader.read(source)
        assert str(caught.value).strip(), "the error says nothing"

    def test_leaves_the_process_alone(self, tmp_path: Path) -> None:
        """No global state is changed."""
        source = self.source(tmp_path)
        self.reader.read(source)
        with no_traces():
            self.reader.read(source)

    def test_imports_nothing_heavy(self) -> None:
        """The plugin's module is imported in every process: libraries wait until read."""
        heavy = heavy_imports_of(self.reader.read.__module__, self.reader.requires)
        assert not heavy, f"Import {', '.join(heavy)} inside read."
