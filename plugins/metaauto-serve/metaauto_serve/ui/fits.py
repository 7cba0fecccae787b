"""The fits of the folders: read when their files change, in the background where there are many."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from metaauto_serve.ui.folders import Identity, Place, find_places, identity
from metaauto_serve.ui.reader import FitReader

__all__ = ["Fits"]

_FRESH_SECONDS = 2.0
_FIRST_WAIT_SECONDS = 2.5
_MAX_KEPT = 32
_NO_FILE = "It is not a regular file: symbolic links are not followed."


class Fits:
    """The model files and run directories of folders.

    Parameters
    ----------
    folders : sequence of Path
        Existing folders.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = [folder.resolve() for folder in folders]
        self._summaries, self._reports = FitReader(), FitReader()
        self._scan_lock = threading.Lock()
        self._places: dict[str, Place] = {}
        self._scanned = float("-inf")
        self._known: dict[str, tuple[Identity | None, dict[str, Any], float]] = {}
        self._kept: dict[tuple[str, str], tuple[Identity | None, dict[str, Any]]] = {}
        self._filling: threading.Thread | None = None

    def places(self) -> dict[str, Place]:
        """Return what is in the folders, as seen in the last two seconds."""
        with self._scan_lock:
            if time.monotonic() - self._scanned > _FRESH_SECONDS:
                self._places = find_places(self.folders)
                self._scanned = time.monotonic()
            return self._places

    def summaries(self) -> list[dict[str, Any]]:
        """Return a row for each fit, the newest first; fits not read yet are ``pending``."""
        places = self.places()
        now = time.monotonic()
        old = [place for place in places.values() if not self._is_known(place, now)]
        if old:
            self._fill(old)
        rows = []
        for place in places.values():
            at, found, _ = self._known.get(place.key, (None, {"pending": True}, 0.0))
            rows.append(_described(place, found, at))
        return sorted(rows, key=lambda row: (-row["when"], row["name"]))

    def read(self, request: str, place: Place) -> dict[str, Any]:
        """Return the details or the report of a fit."""
        at, key = identity(place), (request, place.key)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == at:
            return _described(place, kept[1], at)
        reader = self._reports if request == "report" else self._summaries
        found = {"problem": _NO_FILE}
        if at is not None:
            found = reader.read(request, [place.path], [place.name])
        if found.get("state") != "running":
            self._kept.pop(key, None)
            self._kept[key] = (at, found)
            for old in list(self._kept)[:-_MAX_KEPT]:
                self._kept.pop(old, None)
        return _described(place, found, at)

    def compare(self, places: Sequence[Place]) -> dict[str, Any]:
        """Return fits side by side with the options that differ."""
        if any(identity(place) is None for place in places):
            return {"problem": _NO_FILE}
        found = self._summaries.read(
            "compare", [place.path for place in places], [place.name for place in places]
        )
        for place, fit in zip(places, found.get("fits", ()), strict=False):
            fit.update(_described(place, fit, identity(place)))
        return found

    def close(self) -> None:
        """End the processes that read."""
        self._summaries.close()
        self._reports.close()

    def _is_known(self, place: Place, now: float) -> bool:
        known = self._known.get(place.key)
        if known is None or known[0] != identity(place):
            return False
        # A killed fit changes no file.
        return known[1].get("state") != "running" or now - known[2] < _FRESH_SECONDS

    def _fill(self, places: Sequence[Place]) -> None:
        """Read places in a thread, and wait for it as long as a reader of the page would."""
        if self._filling is None or not self._filling.is_alive():
            self._filling = threading.Thread(target=self._read_all, args=(places,), daemon=True)
            self._filling.start()
            self._filling.join(_FIRST_WAIT_SECONDS)

    def _read_all(self, places: Sequence[Place]) -> None:
        for place in places:
            at, found = identity(place), {"problem": _NO_FILE}
            if at is not None:
                found = self._summaries.read("summary", [place.path], [place.name])
            self._known[place.key] = (at, found, time.monotonic())


def _described(place: Place, found: dict[str, Any], at: Identity | None) -> dict[str, Any]:
    """Return what was read of a fit, with its key, name and time."""
    when = at[0][2] / 1e9 if at else 0.0
    # An unfinished run has no time, a forged record any: then the time of the file is used.
    with contextlib.suppress(ValueError, OverflowError, OSError):
        when = datetime.fromisoformat(found.get("created") or "").timestamp()
    return {"kind": place.kind, **found, "key": place.key, "name": place.name, "when": when}
