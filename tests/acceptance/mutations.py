"""Random damage to bytes, text, JSON, zip archives, arrays and SQLite databases."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import sqlite3
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

__all__ = [
    "CANARY",
    "TOKENS",
    "VALUES",
    "foreign_pickle",
    "mutate_array",
    "mutate_bytes",
    "mutate_database",
    "mutate_json",
    "mutate_text",
    "mutate_zip",
]

#: File that is created in the working directory where `foreign_pickle` is unpickled.
CANARY = "unpickled"
TOKENS = (
    *("", " ", ",", ";", "\t", '"', "'", '""', "\n", "\r", "\r\n", "\0", "\\", "{", "}", "[", "]"),
    *("?", "%", "@data", "@attribute x numeric", "nan", "NA", "inf", "-inf", "1e999", "-1e308"),
    *("9" * 400, "0x1F", "1_000", "1,5", "1e-400", "-0", "2024-02-30", "99999-01-01", "24:61"),
    *("\u202e", "\ufeff", "\u0000", "\U0001f600", "e\u0301" * 50, "\ud800", "\u2028", "ß" * 5000),
    *("true", "null", "yes", "{}", "[]", "NaN", "../../x", "=1+1", "y", "a", "a" * 70000),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 2**31, 2**63, -(2**63), 10**400, 1e308, -1e308, 0.5, 1e-320),
    *(float("nan"), float("inf"), "", "x", "0", "-1", "nan", "\0", "\ud800", "\u202e", "é" * 3000),
    *([], {}, [0], [None], [[]], {"": 0}, [1, "a"], {"x": {}}, "[", "{}", "9" * 400, "a" * 70000),
    *("../../x", "os.system", "builtins", "numpy.ndarray", "sklearn.svm._classes.SVC", "openml:1"),
)


class _Foreign:
    def __reduce__(self) -> Any:
        return (open, (CANARY, "w"))


def foreign_pickle(as_array: bool = False) -> bytes:
    """Return a pickle that leaves a file where it is unpickled, or an array of such objects."""
    if not as_array:
        return pickle.dumps(_Foreign())
    buffer = io.BytesIO()
    np.save(buffer, np.array([_Foreign()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def mutate_bytes(random: Random, data: bytes) -> bytes:
    """Change bits, cut, delete, repeat, overwrite or move slices."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        size = len(changed)
        if not size:
            return random.randbytes(random.randint(0, 64))
        first = random.choice((random.randrange(size), random.randrange(min(size, 200))))
        if random.random() < 0.2:
            first = max(size - 1 - random.randrange(min(size, 200)), 0)
        last = min(first + random.choice((1, 2, 8, 64, 1024)), size)
        piece = bytes(changed[first:last])
        kind = random.randrange(8)
        if kind == 0:
            changed[first] ^= 1 << random.randrange(8)
        elif kind == 1:
            del changed[random.randrange(size) :]
        elif kind == 2:
            del changed[first:last]
        elif kind == 3:
            changed[first:first] = piece * random.choice((1, 2, 50))
        elif kind == 4:
            changed[first:last] = random.randbytes(last - first)
        elif kind == 5:
            changed[first:last] = bytes([random.choice((0, 0x7F, 0x80, 0xFF))]) * (last - first)
        elif kind == 6:
            place = random.randrange(size)
            changed[place : place + len(piece)] = piece
        else:
            number = random.choice((0, 1, 2**16, 2**31 - 1, 2**32 - 1, 2**63 - 1))
            changed[first : first + 8] = number.to_bytes(8, random.choice(("little", "big")))
    return bytes(changed)


def mutate_text(random: Random, data: bytes) -> bytes:
    """Change the lines, the fields or the encoding of a text."""
    text = data.decode("utf-8", "replace")
    for _ in range(random.choice((1, 1, 2, 5))):
        lines = text.split("\n")
        i, j = random.randrange(len(lines)), random.randrange(len(lines))
        token = random.choice(TOKENS)
        kind = random.randrange(8)
        if kind == 0:
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == 1:
            del lines[i : i + random.choice((1, 1, 30))]
        elif kind == 2:
            lines[i:i] = [lines[j]] * random.choice((1, 3, 500))
        elif kind == 3:
            place = random.randint(0, len(lines[i]))
            lines[i] = lines[i][:place] + token + lines[i][place:]
        elif kind == 4:
            fields = lines[i].split(",")
            fields[random.randrange(len(fields))] = token
            lines[i] = ",".join(fields)
        elif kind == 5:
            column = random.randrange(lines[0].count(",") + 1)
            for number, line in enumerate(lines):
                fields = line.split(",")
                if column < len(fields) and random.random() < 0.7:
                    fields[column] = random.choice((token, token, random.choice(TOKENS)))
                    lines[number] = ",".join(fields)
        elif kind == 6:
            lines[i] = lines[i] * random.choice((2, 2, 200))
        else:
            old = random.choice((",", '"', "\n", ".", "e", "a", " ", ":"))
            text = text.replace(old, token, random.choice((1, 5, -1)))
            continue
        text = "\n".join(lines)
        if len(text) > 2**22:
            break
    codec = random.choice(("utf-8",) * 8 + ("utf-16", "utf-32", "cp1252"))
    return (
        text.encode(codec, random.choice(("replace", "surrogatepass", "ignore")))
        if codec.startswith("utf")
        else text.encode(codec, "replace")
    )


def mutate_json(random: Random, data: bytes) -> bytes:
    """Replace, delete, copy or move values of a JSON text."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_text(random, data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = list(_places(document))
        if not places:
            break
        holder, key = random.choice(places)
        other, name = random.choice(places)
        kind = random.randrange(8)
        if kind <= 3:
            holder[key] = random.choice(VALUES)
        elif kind == 4:
            del holder[key]
        elif kind == 5:
            holder[key] = json.loads(json.dumps(other[name]))
        elif kind == 6 and isinstance(holder[key], (int, float)):
            holder[key] = holder[key] * random.choice((-1, 0, 2, 1000, 0.5))
        elif kind == 6:
            holder[key] = [holder[key]] if random.random() < 0.5 else {"x": holder[key]}
        elif isinstance(holder, list):
            holder.insert(key, holder[key])
        else:
            holder[str(random.choice(VALUES))[:100]] = holder[key]
    text = json.dumps(document)
    if random.random() < 0.02:
        depth = random.choice((50, 5000, 100_000))
        text = text.replace(":", ": " + "[" * depth + "]" * depth + ", ", 1)
    return text.encode()


def _places(document: Any) -> Any:
    """Yield every container with every key of it."""
    stack = [document]
    while stack:
        holder = stack.pop()
        if isinstance(holder, (dict, list)):
            for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
                yield holder, key
                stack.append(holder[key])


def mutate_array(random: Random, data: bytes) -> bytes:
    """Change the header or the numbers of an array in NumPy's format."""
    kind = random.randrange(6)
    if kind == 0:
        return mutate_bytes(random, data)
    if kind == 1:
        return foreign_pickle(as_array=random.random() < 0.7)
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return mutate_bytes(random, data)
    if kind == 2:
        shape = random.choice(((), (0,), (1,), (2**40,), (-1,), (3, 3), (len(data), 2), (2**62, 4)))
        header = {"descr": array.dtype.str, "fortran_order": random.random() < 0.5, "shape": shape}
        header["descr"] = random.choice((header["descr"], "|O", "<f2", "|S9", "<M8[ns]", "<i8"))
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue() + array.tobytes()
    array = np.array(array)
    if array.size and array.dtype.kind in "fiu":
        place = random.randrange(array.size)
        numbers = (0, -1, 1, 2**31 - 1, np.nan, np.inf, -np.inf, 1e300)
        with np.errstate(all="ignore"), contextlib.suppress(ValueError, OverflowError):
            if kind == 3:
                array.flat[place] = random.choice(numbers)
            elif kind == 4:
                array[...] = random.choice(numbers)
    if kind == 5:
        array = (
            random.choice((array[: len(array) // 2], array.T, array[..., None], array[:0]))
            if array.ndim
            else array[None]
        )
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def mutate_zip(random: Random, data: bytes, keep_names: bool = False) -> bytes:
    """Change one member of an archive in its own format, or the list of members."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, ValueError, OSError):
        return mutate_bytes(random, data)
    place = random.randrange(len(members))
    structured = [i for i, (name, _) in enumerate(members) if name.endswith((".json", ".skops"))]
    if structured and random.random() < 0.7:
        place = random.choice(structured)
    name, content = members[place]
    if keep_names or random.random() < 0.9:
        mutate = {".json": mutate_json, ".skops": mutate_zip, ".npy": mutate_array}.get(
            Path(name).suffix, mutate_bytes
        )
        members[place] = (name, mutate(random, content))
    else:
        members = random.choice(
            (
                members[:place] + members[place + 1 :],
                [*members, members[place]],
                [*members, ("../../x", content)],
                [*members, (f"{name}x", content)],
                members[::-1],
                [(name, members[place - 1][1]) if i == place else m for i, m in enumerate(members)],
            )
        )
    return zipped(members)


def zipped(members: list[tuple[str, bytes]]) -> bytes:
    """Return an archive of these members."""
    import warnings

    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def mutate_database(random: Random, path: Path) -> None:
    """Change pages, cells, rows or the schema of an SQLite database."""
    if random.random() < 0.4:
        path.write_bytes(_mutated_pages(random, path.read_bytes()))
        return
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        tables = [
            n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        for _ in range(random.choice((1, 1, 2, 4))):
            with contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
                _mutate_table(random, connection, random.choice(tables))


def _mutated_pages(random: Random, data: bytes) -> bytes:
    size = 4096
    pages = [data[i : i + size] for i in range(0, len(data), size)]
    i, j = random.randrange(len(pages)), random.randrange(len(pages))
    kind = random.randrange(6)
    if kind == 0:
        pages[i] = bytes(size)
    elif kind == 1:
        pages[i] = pages[j]
    elif kind == 2:
        pages[i], pages[j] = pages[j], pages[i]
    elif kind == 3:
        pages[i] = mutate_bytes(random, pages[i])
    elif kind == 4:
        head = bytearray(pages[0])
        head[random.randrange(100)] = random.randrange(256)
        pages[0] = bytes(head)
    else:
        pages = pages[: random.randint(0, len(pages))]
    return b"".join(pages)


def _mutate_table(random: Random, connection: sqlite3.Connection, table: str) -> None:
    columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
    if not columns:
        return  # the table was dropped before
    column = random.choice(columns)
    cells = [row[0] for row in connection.execute(f'SELECT "{column}" FROM "{table}"')]
    old = random.choice(cells) if cells else None
    values = [v for v in VALUES if v is None or isinstance(v, (bool, int, float, str))]
    value: Any = random.choice([*values, b"", b"\xff\xfe", old, *cells[:3]])
    if isinstance(old, str) and random.random() < 0.5:
        value = mutate_json(random, old.encode()).decode("utf-8", "replace")
    elif isinstance(old, bytes) and random.random() < 0.5:
        value = mutate_bytes(random, old)
    kind = random.randrange(8)
    if kind <= 4:
        connection.execute(
            f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" IS ?', (value, old)
        )
    elif kind == 5:
        connection.execute(f'DELETE FROM "{table}" WHERE "{column}" IS ?', (old,))
    elif kind == 6:
        connection.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,))
    else:
        changes = (
            f'DROP TABLE "{table}"',
            f'ALTER TABLE "{table}" DROP COLUMN "{column}"',
            f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "other"',
            f'ALTER TABLE "{table}" ADD COLUMN "more" TEXT DEFAULT 5',
            f'DELETE FROM "{table}"',
            "CREATE VIEW seen AS SELECT load_extension('x')",
            f"PRAGMA user_version = {random.choice((0, 1, 2, 9, -1))}",
        )
        connection.execute(random.choice(changes))
