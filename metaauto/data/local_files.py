"""Local files for readers: files with a missing suffix, and copies of pipes and downloads."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from metaauto.errors import ReadError
from metaauto.files import PREFIX

__all__ = ["STANDARD_INPUT", "copy_limited", "is_pipe", "temporary_path", "with_suffix"]

STANDARD_INPUT = "-"
_BLOCK = 2**20


@contextmanager
def with_suffix(address: str, suffix: str) -> Iterator[str]:
    """Yield a path with this suffix to the content of a file, a pipe or the standard input.

    Readers recognise files by their suffix. Files are linked; other content is copied, because
    some readers read it twice or from the end.

    Raises
    ------
    ReadError
        A pipe has more content than fits into the free disk or memory.
    """
    with temporary_path(f"{os.path.basename(address)}.{suffix}") as path:
        if address == STANDARD_INPUT:
            copy_limited(sys.stdin.buffer.read, path, address)
        elif is_pipe(address):
            with open(address, "rb") as pipe:
                copy_limited(pipe.read, path, address)
        else:
            _link(os.path.abspath(address), path)
        yield path


@contextmanager
def temporary_path(name: str) -> Iterator[str]:
    """Yield the path of a new file of this name in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        yield os.path.join(folder, name)


def copy_limited(read: Callable[[int], bytes], path: str, address: str, before: int = 0) -> None:
    """Copy all bytes to a new file.

    Parameters
    ----------
    read : callable
        Returns at most a number of bytes, none at the end.
    path : str
        The file.
    address : str
        The source of the bytes, for messages.
    before : int, default=0
        Bytes of other files of the same table, which count as well.

    Raises
    ------
    ReadError
        They are more than the free memory, or half of the free disk.
    """
    disk = (shutil.disk_usage(os.path.dirname(path)).free + before) // 2
    limit, size = min(disk, psutil.virtual_memory().available), before
    with open(path, "wb") as file:
        while block := read(_BLOCK):
            size += len(block)
            if size > limit:
                raise ReadError(
                    f"{address!r} is too large: expected at most {limit / 1e6:,.0f} MB, the free "
                    "memory or half of the free disk for temporary files.",
                    hint="Pass a part of its rows.",
                )
            file.write(block)


def is_pipe(address: str) -> bool:
    """Return whether a path leads to something else than a file or a folder."""
    return os.path.exists(address) and not os.path.isfile(address) and not os.path.isdir(address)


def _link(target: str, path: str) -> None:
    with suppress(OSError):  # on Windows links need a privilege
        os.symlink(target, path)
        return
    shutil.copyfile(target, path)
