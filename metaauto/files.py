"""Files and folders: atomic writes, temporary folders, the working directory.

A temporary folder in use holds a file that the process has locked. The system releases the lock
when the process ends, however it ends; a later run then removes the folder. Without such locks
(Windows) nothing is removed.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

__all__ = [
    "LOCK",
    "PREFIX",
    "TemporaryFolder",
    "lock_folder",
    "remove_abandoned",
    "unlock_folder",
    "working_directory",
    "write_whole",
]

PREFIX = "metaauto-"
LOCK = "in-use.lock"


def working_directory() -> str:
    """Return the working directory; empty if it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file with `write` and rename it when it is complete; create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".partial-{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            write(file)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class TemporaryFolder(tempfile.TemporaryDirectory):
    """A `tempfile.TemporaryDirectory` that is removed later if this process is killed.

    Parameters
    ----------
    prefix : str
        Start of its name; it has to begin with `PREFIX`.
    """

    def __init__(self, prefix: str = PREFIX) -> None:
        super().__init__(prefix=prefix, ignore_cleanup_errors=True)
        self._lock = lock_folder(Path(self.name))

    def cleanup(self) -> None:
        """Remove the folder."""
        super().cleanup()
        unlock_folder(self._lock)
        self._lock = None


def lock_folder(folder: Path) -> int | None:
    """Mark a new folder as in use until `unlock_folder`, or the end of this process."""
    if sys.platform == "win32":
        return None
    import fcntl

    new = folder / f"{LOCK}.new"
    descriptor = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Not every file system has locks; without one the folder is never removed by others.
        os.close(descriptor)
        new.unlink()
        return None
    # Others find the file under this name only when it is locked.
    os.replace(new, folder / LOCK)
    return descriptor


def unlock_folder(descriptor: int | None) -> None:
    """Release the lock of a folder."""
    if descriptor is not None:
        os.close(descriptor)


def remove_abandoned(keep: Path | None = None) -> list[Path]:
    """Remove the user's temporary folders whose process has ended, but one; return them."""
    if sys.platform == "win32":
        return []
    try:
        found = [path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_own(path)]
    except OSError:
        return []
    removed = [path for path in found if path != keep and _is_abandoned(path)]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return removed


def _is_own(path: Path) -> bool:
    try:
        found: Any = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _is_abandoned(folder: Path) -> bool:
    """Return whether a folder has a lock that no process holds."""
    import fcntl

    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
