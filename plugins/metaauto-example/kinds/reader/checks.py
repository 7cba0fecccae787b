"""The reader keeps the contract of a reader; its checks are inherited."""

from pathlib import Path

from metaauto_example import READER

from metaauto.testing import ReaderContract


class TestExample(ReaderContract):
    reader = READER

    def source(self, folder: Path) -> str:
        path = folder / "table.example"
        path.write_text("size|price\n12|100.5\n13|101.5\n", "utf-8")
        return str(path)

    def broken_source(self, folder: Path) -> str:
        path = folder / "broken.example"
        path.write_text("size|price\n12|100.5|1|2\n13\n14|1|2|3|4\n", "utf-8")
        return str(path)
