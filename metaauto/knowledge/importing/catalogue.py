"""What is known of an OpenML dataset besides its number: kind of task, shape, classes.

A catalogue is a table as ``openml.datasets.list_datasets(output_format="dataframe")`` gives it,
with a row for each dataset. Three are looked for: ``openml_datasets.csv`` beside the files that are
imported, and those that come with the AutoML benchmark and with TabArena in the folders beside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metaauto.knowledge.importing.files import blamed, rows
from metaauto.knowledge.importing.origins import published_fingerprint
from metaauto.knowledge.importing.translation import Settings
from metaauto.knowledge.records import DatasetFact, MetafeatureFact

__all__ = ["FILES", "Listed", "by_number", "read_catalogues"]

FILES = (
    "openml_datasets.csv",
    "../amlb_metadata/amlb104_metadata.csv",
    "../tabrepo_configs/task_metadata_tabarena51.csv",
)

_NEEDED = ("did", "name", "NumberOfClasses", "NumberOfFeatures", "NumberOfInstances")


@dataclass(frozen=True)
class Listed:
    """One dataset of a catalogue.

    Parameters
    ----------
    name : str
        Its name at OpenML.
    n_rows, n_features, n_classes : int
        Shape, the target not counted; no classes where the target is a number.
    majority, minority : float
        Rows of the largest and the smallest class; NaN if not said.
    missing : float
        Missing values; NaN if not said.
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
        """Those of version 1 of the extractor ``simple`` that the catalogue has the numbers for."""
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


def read_catalogues(folder: Path) -> dict[int, Listed]:
    """Every dataset of the catalogues in and beside a folder, by number; the first one counts.

    Raises
    ------
    KnowledgeError
        If a catalogue is not of the form that OpenML gives.
    """
    found: dict[int, Listed] = {}
    for path in (folder / name for name in FILES):
        if path.is_file():
            for row in rows(path, _NEEDED):
                with blamed(path, f"line {row.line}"):
                    number, listed = _listed(Settings(row.cells))
                if listed is not None:
                    found.setdefault(number, listed)
    return found


def _listed(cells: Settings) -> tuple[int, Listed | None]:
    number = cells.whole("did", -1)
    if cells.number("NumberOfInstances", 0) < 1 or cells.number("NumberOfFeatures", 0) < 2:
        return number, None
    sizes = ("MajorityClassSize", "MinorityClassSize", "NumberOfMissingValues")
    known = {name: cells.number(name, 0.0) if name in cells else math.nan for name in sizes}
    return number, Listed(
        name=cells.text("name", ""),
        n_rows=cells.whole("NumberOfInstances", 0),
        n_features=cells.whole("NumberOfFeatures", 0) - 1,
        n_classes=cells.whole("NumberOfClasses", 0),
        majority=known["MajorityClassSize"],
        minority=known["MinorityClassSize"],
        missing=known["NumberOfMissingValues"],
    )


def by_number(datasets: Iterable[DatasetFact]) -> dict[int, DatasetFact]:
    """Datasets that were read from OpenML's own tables, by number, if of one kind of task alone."""
    found: dict[int, list[DatasetFact]] = {}
    for fact in datasets:
        number = fact.openml_id
        if number is not None and fact.fingerprint != published_fingerprint(number):
            found.setdefault(number, []).append(fact)
    return {
        number: min(facts, key=lambda fact: fact.fingerprint)
        for number, facts in found.items()
        if len({fact.kind for fact in facts}) == 1
    }
