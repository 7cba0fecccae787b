"""Counts of what an import read, imported and skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["ImportReport", "Tally"]


@dataclass(frozen=True)
class Tally:
    """Counts of one kind of fact; every entry read was either imported or skipped.

    Parameters
    ----------
    read : int
        Entries of the source.
    imported : int
        Entries that the store holds now, whether it did before or not.
    skipped : mapping of str to int
        Skipped entries by reason, the most frequent first.
    """

    read: int = 0
    imported: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "skipped", dict(Counter(self.skipped).most_common()))

    def __add__(self, other: Tally) -> Tally:
        skipped = Counter(self.skipped) + Counter(other.skipped)
        return Tally(self.read + other.read, self.imported + other.imported, skipped)


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    Parameters
    ----------
    source : str
        Name of the source, as `import_published` takes it.
    datasets, configurations, evaluations : Tally
        Entries read, imported and skipped.
    changed : int
        Facts that were new to the store or changed in it; 0 for a repeated import.
    """

    source: str
    datasets: Tally = Tally()
    configurations: Tally = Tally()
    evaluations: Tally = Tally()
    changed: int = 0

    def __add__(self, other: ImportReport) -> ImportReport:
        return ImportReport(
            self.source,
            self.datasets + other.datasets,
            self.configurations + other.configurations,
            self.evaluations + other.evaluations,
            self.changed + other.changed,
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)
