"""The container of a model file: a zip with the manifest as first entry, written atomically."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaauto.errors import ModelFileError
from metaauto.files import replacing

__all__ = ["Entry", "ModelArchive", "write_archive"]

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 256 * 2**20
# Fold models are compressed 5 to 10 times; a larger ratio indicates a zip bomb.
MAX_RATIO = 500
FREE_RATIO_BYTES = 16 * 2**20
_ENTRY_NAME = re.compile(r"members/\d{1,6}/(fold-\d{1,6}|all-rows)\.skops")


@dataclass(frozen=True)
class Entry:
    """One fold model inside the file."""

    path: str
    sha256: str
    size: int

    @classmethod
    def of(cls, path: str, data: bytes) -> Entry:
        """Return the entry for the bytes at `path`."""
        return cls(path, hashlib.sha256(data).hexdigest(), len(data))


def write_archive(
    path: str | Path, manifest: Mapping[str, Any], blobs: Mapping[str, bytes]
) -> Path:
    """Write a model file under a temporary name, flush it to disk, then rename it.

    Parameters
    ----------
    path : str or Path
        Path of the file; an existing model is replaced when the new one is complete.
    manifest : mapping
        JSON-ready manifest.
    blobs : mapping of str to bytes
        Entries by their path inside the file, already compressed.

    Raises
    ------
    ModelFileError
        It cannot be written; no temporary file remains.
    """
    path = Path(path).expanduser()
    try:
        text = _one_line_each(manifest)
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with replacing(target) as part, zipfile.ZipFile(part, "w") as archive:
            archive.writestr(MANIFEST, text.encode("utf-8", "surrogatepass"), zipfile.ZIP_DEFLATED)
            for name, data in blobs.items():
                archive.writestr(name, data, zipfile.ZIP_STORED)
    except OSError as error:
        raise ModelFileError(
            f"The model cannot be written to {str(path)!r}: {error.strerror or error}.",
            hint=_write_hint(error, path),
        ) from error
    except (TypeError, ValueError) as error:
        raise ModelFileError(
            f"The manifest of the model cannot be written as JSON: {error}.",
            hint="Use only numbers, texts, lists and dicts in facts and leaderboard.",
        ) from error
    return path


def _one_line_each(manifest: Mapping[str, Any]) -> str:
    """Return JSON with one line per entry; indented JSON is ten times slower."""
    parts = [
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in manifest.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _write_hint(error: OSError, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"Create the folder {str(path.parent)!r} first."
    if isinstance(error, IsADirectoryError):
        return f"Give a file name, such as {str(path / 'model.metaauto')!r}."
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "Free some space, or choose another disk."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Choose a writable folder."
    return "Choose another path."


class ModelArchive:
    """A model file opened for reading; every error in the file is a `ModelFileError`.

    Parameters
    ----------
    path : str or Path
        The file.

    Examples
    --------
    >>> with ModelArchive("house.metaauto") as archive:  # doctest: +SKIP
    ...     print(archive.manifest["metaauto"])
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        with self.guard():
            self._file = self.path.open("rb")
        try:
            with self.guard():
                self._size = os.fstat(self._file.fileno()).st_size
                if self._size == 0:
                    raise self.damaged("the file is empty")
                self._zip = zipfile.ZipFile(self._file)
                self._check_names()
                self.manifest = self._read_manifest()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ModelArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of an entry after checking their size and hash."""
        with self.guard():
            data = self._bounded(entry.path, entry.size)
            if Entry.of(entry.path, data) != entry:
                raise self.damaged(f"{entry.path!r} does not match its checksum")
        return data

    def damaged(self, why: str) -> ModelFileError:
        """Return the error for an invalid file."""
        return ModelFileError(
            f"{str(self.path)!r} is damaged or not a metaauto model: {why}.",
            hint="Copy it again from its source.",
            path=str(self.path),
        )

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Convert any error from parsing a damaged file to a `ModelFileError`."""
        try:
            yield
        except ModelFileError:
            raise
        except FileNotFoundError as error:
            raise ModelFileError(
                f"Model file not found: {str(self.path)!r}.", hint="Check the path."
            ) from error
        except IsADirectoryError as error:
            raise ModelFileError(
                f"{str(self.path)!r} is a directory, not a model file.",
                hint="`metaauto fit --resume DIR --out FILE` saves the model of a run directory.",
            ) from error
        except PermissionError as error:
            raise ModelFileError(
                f"{str(self.path)!r} cannot be read: {error.strerror}.",
                hint="Choose a readable model file.",
            ) from error
        except Exception as error:
            # zipfile and json raise many types of errors for damaged bytes.
            why = " ".join(str(error).split())[:200] or "it cannot be read"
            raise self.damaged(f"{type(error).__name__}: {why}") from error

    def _check_names(self) -> None:
        names = [info.filename for info in self._zip.infolist()]
        if not names or names[0] != MANIFEST:
            raise self.damaged(f"its first entry is not {MANIFEST}")
        if len(set(names)) != len(names):
            raise self.damaged("two entries have the same name")
        for name in names[1:]:
            if not _ENTRY_NAME.fullmatch(name):
                raise self.damaged(f"it holds the unexpected entry {name!r:.80}")

    def _read_manifest(self) -> dict[str, Any]:
        size = self._zip.getinfo(MANIFEST).file_size
        if size > MAX_MANIFEST_BYTES:
            raise self.damaged(f"its manifest claims {size:,} bytes")
        record = json.loads(self._bounded(MANIFEST, size).decode("utf-8", "surrogatepass"))
        if not isinstance(record, dict):
            raise self.damaged("its manifest is not an object")
        return record

    def _bounded(self, name: str, size: int) -> bytes:
        """Read an entry of exactly this size, and no more bytes."""
        info = self._zip.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.damaged(f"{name!r} has an unsupported compression")
        if info.file_size != size:
            raise self.damaged(f"{name!r} has {info.file_size:,} bytes instead of {size:,}")
        if size > FREE_RATIO_BYTES and size > MAX_RATIO * max(self._size, 1):
            raise self.damaged(f"{name!r} claims to unpack to {size:,} bytes")
        with self._zip.open(info) as stream:
            data = stream.read(size + 1)
        if len(data) != size:
            raise self.damaged(f"{name!r} has another size than stated")
        return data
