"""Find model files and run directories in folders, without following symbolic links."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Place", "find_places", "identity"]

MODEL_SUFFIX = ".metaauto"
RUN_MARKER = "metaauto-run.json"
_RUN_FILES = (RUN_MARKER, "run.db", "run.db-wal")
_MAX_DEPTH = 8
_MAX_ENTRIES = 100_000

Identity = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Place:
    """A model file or run directory.

    Parameters
    ----------
    key : str
        Opaque identifier for links; the same in every session.
    name : str
        Path relative to its folder.
    path : Path
        Absolute path without symbolic links.
    kind : {'model', 'run'}
        What its name says that it is.
    """

    key: str
    name: str
    path: Path
    kind: Literal["model", "run"]


def find_places(folders: Sequence[Path]) -> dict[str, Place]:
    """Return model files (by their suffix) and run directories in resolved folders, by key.

    Folders are read to a depth of 8 and up to 100,000 entries; hidden ones are left out.
    """
    found = {}
    for folder in folders:
        for path, kind in _walk(folder):
            key = hashlib.blake2b(os.fsencode(path), digest_size=10).hexdigest()
            name = os.path.relpath(path, folder)
            found[key] = Place(key, folder.name if name == "." else name, path, kind)
    return found


def _walk(folder: Path) -> Iterator[tuple[Path, Literal["model", "run"]]]:
    left = _MAX_ENTRIES
    waiting = [(folder, 0)]
    while waiting:
        current, depth = waiting.pop()
        try:
            with os.scandir(current) as entries:
                listed = [entry for entry, _ in zip(entries, range(left), strict=False)]
        except OSError:
            continue  # removed or not readable
        left -= len(listed)
        if any(entry.name == RUN_MARKER for entry in listed):
            yield current, "run"
            continue
        for entry in listed:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth < _MAX_DEPTH:
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.name.endswith(MODEL_SUFFIX) and entry.is_file(follow_symlinks=False):
                yield Path(entry.path), "model"


def identity(place: Place) -> Identity | None:
    """Return inode, size and time of the files that are read; None if one is not a regular file."""
    files = [place.path] if place.kind == "model" else [place.path / name for name in _RUN_FILES]
    found = []
    for file in files:
        try:
            at = file.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(at.st_mode):
            return None
        found.append((at.st_ino, at.st_size, at.st_mtime_ns))
    return tuple(found)
