"""Write fold models so that only those of the same user are unpickled.

Unpickling runs the code that the file asks for. A run directory can come from somebody else, so
each model file begins with a keyed hash (HMAC) of its pickle; the key belongs to the user.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import pickle
import secrets
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any

from metaauto.errors import RunError

__all__ = [
    "check_sealed",
    "dump_sealed",
    "is_sealed",
    "load_sealed",
    "read_sealed",
    "use_key",
    "user_key",
]

logger = logging.getLogger(__name__)

_MAGIC = b"metaauto-model-1"
_SEAL_BYTES = hashlib.sha256().digest_size
_KEY_BYTES = 32
_given_keys: list[bytes] = []


def use_key(key: bytes) -> None:
    """Use this key instead of the user's one: a worker on another machine gets it from the fit."""
    _given_keys[:] = [key]


@cache
def user_key() -> bytes:
    """Return the secret key of this user; create it in the platform's data directory.

    Where that is not writable, it is a file in the folder for temporary files.
    """
    from platformdirs import user_data_path

    name = f"metaauto-run-key-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    places = (
        user_data_path("metaauto", appauthor=False) / "run-key",
        Path(tempfile.gettempdir()) / name,
    )
    for path in places:
        try:
            return _read_or_create(path)
        except OSError as error:
            logger.debug("No key at %s: %s", path, error)
    # Without a place for the key, runs of this process cannot be resumed later.
    return secrets.token_bytes(_KEY_BYTES)


def _read_or_create(path: Path) -> bytes:
    """Return the key in a file that only this user can read; create the file if there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            # Another process may have created it since; a link never replaces a file.
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
        finally:
            part.unlink()
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        _check_owner(os.fstat(descriptor), path)
        key = file.read(_KEY_BYTES + 1)
    if len(key) != _KEY_BYTES:
        raise OSError(f"{str(path)!r} is not a key of {_KEY_BYTES} bytes")
    return key


def _check_owner(status: os.stat_result, path: Path) -> None:
    if os.name != "posix":
        return
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise OSError(f"{str(path)!r} is accessible by other users")


class _Sealing:
    """A file that computes the seal of what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._seal = _new_seal()

    def write(self, data: Any) -> int:
        self._seal.update(data)
        return self._file.write(data)

    def digest(self) -> bytes:
        return self._seal.digest()


def _new_seal() -> hmac.HMAC:
    return hmac.new(_given_keys[0] if _given_keys else user_key(), _MAGIC, "sha256")


def dump_sealed(file: IO[bytes], dump: Callable[[Any], object]) -> None:
    """Write a seal, and the pickle that `dump` writes to the file that it is given."""
    file.write(_MAGIC + bytes(_SEAL_BYTES))
    sealing = _Sealing(file)
    dump(sealing)
    file.seek(len(_MAGIC))
    file.write(sealing.digest())


def load_sealed(path: Path) -> Any:
    """Unpickle a file of `dump_sealed`; see `read_sealed`."""
    return pickle.loads(read_sealed(path))


def read_sealed(path: Path) -> bytes:
    """Return the pickle in a file of `dump_sealed`.

    Raises
    ------
    RunError
        It was not written with this user's key, or is damaged.
    """
    data = _verified(path)
    if data is None:
        raise _foreign(path)
    return data


def check_sealed(path: Path) -> None:
    """Raise `RunError` if a file exists that was not written with this user's key."""
    if path.is_file() and not is_sealed(path):
        raise _foreign(path)


def _foreign(path: Path) -> RunError:
    return RunError(
        f"The fold model {str(path)!r} was not written by metaauto for this user, or is damaged.",
        hint="Resume only run directories of your own; delete this file to go on without it.",
    )


def is_sealed(path: Path) -> bool:
    """Return whether a file exists and was written by `dump_sealed` with this user's key."""
    return path.is_file() and _verified(path) is not None


def _verified(path: Path) -> bytes | None:
    """Return the pickle in a file, or None if its seal is invalid."""
    # Read at once: a file could change between the check and the unpickling.
    with path.open("rb") as file:
        magic, given, data = file.read(len(_MAGIC)), file.read(_SEAL_BYTES), file.read()
    seal = _new_seal()
    seal.update(data)
    is_valid = magic == _MAGIC and hmac.compare_digest(given, seal.digest())
    return data if is_valid else None
