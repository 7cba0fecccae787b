"""Task kind, shape and classes of OpenML datasets, from catalog files.

A catalog is a table in the format of ``openml.datasets.list_datasets(output_format="dataframe")``,
with a row for each dataset. Three files are searched: ``openml_datasets.csv`` beside the imported
files, and those that the AutoML benchmark and TabArena publish, in sibling folders.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metaauto.api import DatasetFact, MetafeatureFact
from metaauto_importers.files import error_context, rows
from metaauto_importers.provenance import openml_fingerprint
from metaauto_importers.translation import Settings

__all__ = ["FILES", "CatalogEntry", "datasets_by_id", "read_catalogs"]

FILES = (
    "openml_datasets.csv",
    "../amlb_metadata/amlb104_metadata.csv",
    "../tabrepo_configs/task_metadata_tabarena51.csv",
)

_NEEDED = ("did", "name", "NumberOfClasses", "NumberOfFeatures", "NumberOfInstances")


@dataclass(frozen=True)
class CatalogEntry:
    """One dataset of a catalog.

    Parameters
    ----------
    name : str
        Its name at OpenML.
    n_rows, n_features, n_classes : int
        Shape without the target; 0 classes for a numeric target.
    majority, minority : float
        Rows of the largest and the smallest class; NaN if unknown.
    missing : float
        Missing values; NaN if unknown.
    """

    name: str
    n_rows: int
    n_features: int
    n_classes: int
    majority: float
    minority: float
    missing: float

    @property
    def metafeatures(self) -> tuple[MetafeatureFact, ...]:
        """Metafeatures of version 1 of the extractor ``simple``, as far as the catalog has them."""
        shape = self.n_rows, max(self.n_features, 1)
        values = {
            "log_rows": math.log(shape[0]),
            "log_features": math.log(shape[1]),
            "log_rows_per_feature": math.log(shape[0] / shape[1]),
            "classes": float(self.n_classes),
            "missing_share": self.missing / (shape[0] * shape[1]),
        }
        if self.minority > 0:
            values["majority_share"] = self.majority / self.n_rows
            values["log_imbalance"] = math.log(self.majority / self.minority)
        known = {name: value for name, value in values.items() if not math.isnan(value)}
        return tuple(MetafeatureFact("simple", 1, name, value) for name, value in known.items())


def read_catalogs(folder: Path) -> dict[int, CatalogEntry]:
    """Return the datasets of all catalogs by OpenML id; the first catalog takes precedence.

    Raises
    ------
    KnowledgeError
        If a catalog does not have OpenML's format.
    """
    found: dict[int, CatalogEntry] = {}
    for path in (folder / name for name in FILES):
        if path.is_file():
            for row in rows(path, _NEEDED):
                with error_context(path, f"line {row.line}"):
                    openml_id, entry = _entry(Settings(row.cells))
                if entry is not None:
                    found.setdefault(openml_id, entry)
    return found


def _entry(cells: Settings) -> tuple[int, CatalogEntry | None]:
    openml_id = cells.integer("did", -1)
    if cells.number("NumberOfInstances", 0) < 1 or cells.number("NumberOfFeatures", 0) < 2:
        return openml_id, None
    sizes = ("MajorityClassSize", "MinorityClassSize", "NumberOfMissingValues")
    known = {name: cells.number(name, 0.0) if name in cells else math.nan for name in sizes}
    return openml_id, CatalogEntry(
        name=cells.text("name", ""),
        n_rows=cells.integer("NumberOfInstances", 0),
        n_features=cells.integer("NumberOfFeatures", 0) - 1,
        n_classes=cells.integer("NumberOfClasses", 0),
        majority=known["MajorityClassSize"],
        minority=known["MinorityClassSize"],
        missing=known["NumberOfMissingValues"],
    )


def datasets_by_id(datasets: Iterable[DatasetFact]) -> dict[int, DatasetFact]:
    """Return the measured (not imported) datasets by OpenML id, if they have one task kind."""
    found: dict[int, list[DatasetFact]] = {}
    for fact in datasets:
        openml_id = fact.openml_id
        if openml_id is not None and fact.fingerprint != openml_fingerprint(openml_id):
            found.setdefault(openml_id, []).append(fact)
    return {
        openml_id: min(facts, key=lambda fact: fact.fingerprint)
        for openml_id, facts in found.items()
        if len({fact.kind for fact in facts}) == 1
    }
