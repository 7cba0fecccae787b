"""Files and folders: atomic writes, temporary folders, the working directory.

A temporary folder in use holds a file that the process has locked. The system releases the lock
when the process ends, however it ends; a later run then removes the folder. Without such locks
(Windows) nothing is removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

__all__ = [
    "LOCK",
    "PREFIX",
    "SQLITE_JOURNALS",
    "TemporaryFolder",
    "is_locked",
    "lock_folder",
    "partial_file",
    "remove_abandoned",
    "replacing",
    "unlock_folder",
    "working_directory",
    "write_whole",
]

PREFIX = "metaauto-"
LOCK = "in-use.lock"
SQLITE_JOURNALS = ("-wal", "-shm", "-journal")
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


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


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new file beside `path`, which is flushed to disk and replaces it on success."""
    with partial_file(path) as part:
        yield part
        _flush(part)
        os.replace(part, path)
    _flush(path.parent)


@contextlib.contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Yield a new file beside `path`, which is removed at the end if it still has its name.

    Such files that killed processes have left there are removed, with the journals of SQLite.
    """
    for left in path.parent.glob(f".{_escaped(path.name)}.*.part"):
        if _is_unlocked(left):
            _remove_with_journals(left)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    new = part.with_name(f"{part.name}.new")
    # os.open applies the umask; temporary files of the standard library do not.
    descriptor = os.open(new, _CREATE, 0o666)
    try:
        _lock(descriptor)
        # Others find the file under this name only when it is locked.
        os.replace(new, part)
        yield part
    finally:
        new.unlink(missing_ok=True)
        _remove_with_journals(part)
        os.close(descriptor)


def _remove_with_journals(file: Path) -> None:
    for suffix in ("", *SQLITE_JOURNALS):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _flush(path: Path) -> None:
    """Flush a file or folder to disk, so that it is durable, if the platform supports it."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


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
    new = folder / f"{LOCK}.new"
    descriptor = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
    if not _lock(descriptor):
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


def is_locked(folder: Path) -> bool:
    """Return whether a living process has locked a folder by `lock_folder`."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Shared, so that two readers do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    finally:
        os.close(descriptor)
    return False


def remove_abandoned(keep: Path | None = None) -> list[Path]:
    """Remove the user's temporary folders whose process has ended, but one; return them."""
    if sys.platform == "win32":
        return []
    try:
        found = [path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_own(path)]
    except OSError:
        return []
    removed = [path for path in found if path != keep and _is_unlocked(path / LOCK)]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return removed


def _is_own(path: Path) -> bool:
    try:
        found: Any = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _is_unlocked(file: Path) -> bool:
    """Return whether no process holds the lock of a file."""
    if sys.platform == "win32":
        return False
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return whether it was possible."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
