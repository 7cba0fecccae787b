"""Export a store to a folder of reviewable text files, and import it.

Numbers are rounded when they are stored (`metaauto.knowledge.validation`), so the text is lossless:
an export and an import give an equal store, and equal stores give the same text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaauto.errors import KnowledgeError
from metaauto.files import replacing
from metaauto.knowledge.canonical import evaluations_of, files
from metaauto.knowledge.connection import store_errors
from metaauto.knowledge.queries import StoredFacts
from metaauto.knowledge.records import ConfigurationFact, DatasetFact, ProvenanceFact
from metaauto.knowledge.store import KnowledgeStore
from metaauto.task import TASK_KINDS

__all__ = ["MARKER", "ExportReport", "export_text", "import_text"]

MARKER = "knowledge.json"
FORMAT = 1
_OWN = re.compile(r"[0-9a-f]{64}\.jsonl")


@dataclass(frozen=True)
class ExportReport:
    """Counts of an export: all files, written files, deleted files; bytes of text."""

    files: int
    written: int
    deleted: int
    size: int


def export_text(store: StoredFacts, folder: str | Path) -> ExportReport:
    """Write a store as text; unchanged files are not rewritten.

    Parameters
    ----------
    store : KnowledgeStore
        Store to export.
    folder : str or Path
        A new or empty folder, or that of an earlier export; files of datasets that are not in the
        store are deleted.

    Raises
    ------
    KnowledgeError
        The folder contains other files, or cannot be written.
    """
    folder = Path(folder).expanduser().absolute()
    with store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            _check_marker(folder)
    names, written, size = set(), 0, 0
    marker = json.dumps({"format": FORMAT}) + "\n"
    written += _write(folder / MARKER, marker)
    for name, lines in files(store):
        text = "".join(line + "\n" for line in lines)
        written += _write(folder / name, text)
        names.add(folder / name)
        size += len(text)
    with store_errors(folder):
        stale = [path for path in _dataset_files(folder) if path not in names]
        for path in stale:
            path.unlink()
    return ExportReport(len(names) + 1, written, len(stale), size)


def import_text(folder: str | Path, store: KnowledgeStore) -> int:
    """Add all facts of an export to a store; return the number of new or changed evaluations.

    Raises
    ------
    KnowledgeError
        The folder is not an export, or contains an invalid line; then nothing is added.
    """
    folder = Path(folder).expanduser().absolute()
    with store_errors(folder):
        _check_marker(folder)
    added = 0
    with store.transaction():
        for record in _records(folder / "provenance.jsonl"):
            store.add_provenance(_keyed(ProvenanceFact, record))
        for record in _records(folder / "configurations.jsonl"):
            store.add_configuration(_keyed(ConfigurationFact, record))
        for path in _dataset_files(folder):
            records = _records(path)
            dataset = DatasetFact.from_json(next(records, {}))
            store.add_dataset(dataset)
            added += store.add_evaluations(
                fact for record in records for fact in evaluations_of(dataset, record)
            )
    return added


def _keyed(fact_type: Any, record: dict[str, Any]) -> Any:
    key = record.pop("key", None)
    fact = fact_type.from_json(record)
    if key != fact.key:
        raise KnowledgeError(
            f"A {fact_type.__name__} has the key {key!r}; expected {fact.key!r}.",
            hint="It was edited by hand; restore it, or remove it and all references to its key.",
        )
    return fact


def _check_marker(folder: Path) -> None:
    try:
        record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        number = int(record["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnowledgeError(
            f"The folder {str(folder)!r} is not an export of a knowledge store.",
            hint=f"Choose a folder with the file {MARKER}, or a new folder to export to.",
            path=folder,
        ) from error
    if number > FORMAT:
        raise KnowledgeError(
            f"The export in {str(folder)!r} was written by a newer metaauto.",
            hint="Upgrade metaauto to import it.",
            path=folder,
        )


def _dataset_files(folder: Path) -> list[Path]:
    found = [path for kind in TASK_KINDS for path in (folder / "datasets" / kind).glob("*.jsonl")]
    return sorted(path for path in found if _OWN.fullmatch(path.name))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with store_errors(path):
        lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise KnowledgeError(
                f"Line {number} of {str(path)!r} is not a JSON object.",
                hint="Restore the file from an export.",
                path=path,
            )
        yield record


def _write(path: Path, text: str) -> bool:
    with store_errors(path):
        data = text.encode()
        if path.is_file() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(data)
    return True
