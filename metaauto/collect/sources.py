"""Sources of the datasets that a build evaluates configurations on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from metaauto.data import read_table
from metaauto.errors import ReadError, SettingError

__all__ = ["Source", "folder_sources"]

Fold = tuple[Any, Any]

_SUFFIXES = (".parquet", ".csv", ".arff", ".feather")


@dataclass(frozen=True)
class Source:
    """One public dataset.

    Parameters
    ----------
    label : str
        Name of the dataset.
    load : callable
        Returns the table as a DataFrame.
    target : str
        Name of the target column.
    kind : str
        Kind of task, or ``"auto"``.
    group : str
        Group of the dataset; datasets that share rows have the same group.
    openml_id : int, optional
        Number of the dataset at OpenML.
    cells : float
        Approximate number of values; small datasets are evaluated first.
    splits : callable, optional
        Returns official folds to use instead of metaauto's own: pairs of training and test rows,
        positions in the table that ``load`` returns. Called after ``load``.
    scheme : str
        Name of these folds in a store, such as ``"openml-task-3/10-fold"``. Evaluations on
        different folds are different facts.
    """

    label: str
    load: Callable[[], Any]
    target: str = "target"
    kind: str = "auto"
    group: str = ""
    openml_id: int | None = None
    cells: float = 0.0
    splits: Callable[[], Sequence[Fold]] | None = None
    scheme: str = ""

    def __post_init__(self) -> None:
        if (self.splits is None) == bool(self.scheme):
            raise SettingError(
                f"Dataset {self.label!r} has splits without a scheme, or a scheme without splits.",
                hint="Give both: evaluations on different folds must not be mixed.",
            )

    def protocol(self, own: str, rows: int) -> str:
        """Return the name of the evaluation protocol of this dataset in a store.

        Parameters
        ----------
        own : str
            Name of the protocol with metaauto's own folds.
        rows : int
            Maximum number of rows.
        """
        return f"{self.scheme}/rows<={rows}" if self.scheme else own


def folder_sources(folder: str | Path, target: str = "target") -> list[Source]:
    """Return the datasets of a folder; a ``catalog.csv`` there may hold their metadata.

    Parameters
    ----------
    folder : str or Path
        Folder with parquet, csv, arff or feather files.
    target : str
        Name of the target column in all of them.

    Raises
    ------
    ReadError
        The folder contains no table.
    """
    path = Path(folder).expanduser()
    files = sorted(f for f in path.glob("*") if f.suffix in _SUFFIXES and f.name != "catalog.csv")
    if not files:
        raise ReadError(
            f"There is no table in {str(path)!r}.", hint=f"Put {', '.join(_SUFFIXES)} files there."
        )
    catalog = _catalog(path / "catalog.csv")
    readers = cache(_readers)
    sources = [_source(file, target, catalog.get(file.stem, {}), readers) for file in files]
    return sorted(sources, key=lambda source: (source.cells, source.label))


def _catalog(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    import pandas as pd

    frame = pd.read_csv(path)
    return {str(row["name"]): row for row in frame.to_dict(orient="records")}


def _source(
    file: Path, target: str, metadata: dict[str, Any], readers: Callable[[], list[Any]]
) -> Source:
    number = metadata.get("openml_id")
    rows, features = metadata.get("rows"), metadata.get("features")
    size = float(rows) * float(features) if rows and features else float(file.stat().st_size)
    return Source(
        label=file.stem,
        load=lambda: read_table(file, readers(), columns=(target,)),
        target=target,
        kind=str(metadata.get("task") or "auto"),
        group=str(metadata.get("group") or file.stem),
        openml_id=int(number) if number is not None and number == number else None,
        cells=size,
    )


def _readers() -> list[Any]:
    from metaauto.plugins.manager import load_plugins

    return load_plugins().registry.readers()
