"""Parser of ARFF, the format of Weka and OpenML: numbers, nominal values, strings and dates.

See https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/.
"""

from __future__ import annotations

import math
import re
from typing import Any

from metaauto.api import ReadError

__all__ = ["parse_arff"]

_NAME = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,{}]+)"""
_ATTRIBUTE = re.compile(rf"@attribute\s+{_NAME}\s+(.+)$", re.IGNORECASE)
_FIELD = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"\t]*[^,\t]*?)\s*(?:[,\t]|$)""")
_ESCAPE = re.compile(r"\\(.)")
_NUMBERS = ("numeric", "real", "integer")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def parse_arff(text: str, source: str) -> Any:
    """Parse ARFF text into a DataFrame: nominal columns as ``category``, ``?`` as missing."""
    import pandas as pd

    names, types, lines, first = _header(text, source)
    columns: list[list[str | None]] = [[] for _ in names]
    for number, line in enumerate(lines, first):
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        row = _sparse(line, types) if line.startswith("{") else _fields(line)
        if len(row) == len(names) + 1 and row[-1] and row[-1].startswith("{"):
            row.pop()  # an instance weight
        if len(row) != len(names):
            raise _invalid_line(source, number, f"expected {len(names)} values, got {len(row)}")
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    table = {
        name: _typed(values, kind, name, source)
        for name, kind, values in zip(names, types, columns, strict=True)
    }
    return pd.DataFrame(table)


def _header(text: str, source: str) -> tuple[list[str], list[Any], list[str], int]:
    names: list[str] = []
    types: list[Any] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        line = line.strip()
        keyword = line.split(None, 1)[0].lower() if line else ""
        if keyword == "@data":
            if len(set(names)) < len(names):
                raise _invalid_line(source, number, "duplicate attribute names before @data")
            return names, types, lines[number:], number + 1
        if keyword == "@attribute":
            match = _ATTRIBUTE.match(line)
            if not match:
                raise _invalid_line(source, number, "expected @attribute NAME TYPE")
            names.append(_unquoted(match[1]))
            types.append(_type(match[2].strip(), source, number))
    raise ReadError(f"{source!r} has no @data line.", hint="Check that the file is complete.")


def _type(words: str, source: str, number: int) -> Any:
    if words.startswith("{"):
        return _fields(words[1 : words.rindex("}")]) if "}" in words else _type("", source, number)
    kind = words.split()[0].lower() if words else ""
    if kind in _NUMBERS:
        return "number"
    if kind in ("string", "date"):
        return kind
    raise _invalid_line(source, number, f"unknown attribute type {words!r}")


def _invalid_line(source: str, number: int, problem: str) -> ReadError:
    return ReadError(
        f"{source!r}, line {number}: {problem}.", hint="Correct the line; see the ARFF format."
    )


def _unquoted(field: str) -> str:
    if len(field) >= 2 and field[0] == field[-1] and field[0] in "'\"":
        return _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), field[1:-1])
    return field


def _fields(line: str) -> list[str | None]:
    if "'" not in line and '"' not in line:
        fields = [field.strip() for field in line.replace("\t", ",").split(",")]
        return [None if field == "?" else field for field in fields]
    row: list[str | None] = []
    position = 0
    while position <= len(line):
        match = _FIELD.match(line, position)
        if match is None:
            break
        row.append(None if match[1] == "?" else _unquoted(match[1]))
        if match.end() == len(line) and not line[match.start() : match.end()].endswith((",", "\t")):
            break
        position = match.end()
    return row


def _sparse(line: str, types: list[Any]) -> list[str | None]:
    """Expand a line such as ``{1 3.5, 4 yes}``; absent numbers are 0, absent nominals the first."""
    row: list[str | None] = ["0" if kind == "number" else "" for kind in types]
    for position, kind in enumerate(types):
        if isinstance(kind, list):
            row[position] = kind[0]
    for field in re.findall(r"""(\d+)\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,}]+)""", line[1:]):
        value = field[1].strip()
        row[int(field[0])] = None if value == "?" else _unquoted(value)
    return row


def _typed(values: list[str | None], kind: Any, name: str, source: str) -> Any:
    import pandas as pd

    if kind == "number":
        try:
            return pd.Series([math.nan if v is None else float(v) for v in values], dtype=float)
        except ValueError as error:
            raise ReadError(
                f"{source!r}: the numeric attribute {name!r} has an invalid value: {error}.",
                hint="Correct the value or the type of the attribute.",
            ) from error
    if kind == "date":
        return pd.to_datetime(pd.Series(values, dtype=object))
    if kind == "string":
        return pd.Series(values, dtype=object)
    known = dict.fromkeys(kind)
    odd = next((v for v in values if v is not None and v not in known), None)
    if odd is not None:
        raise ReadError(
            f"{source!r}: attribute {name!r} has the undeclared value {odd!r}.",
            hint="Add the value to the declaration of the attribute.",
        )
    return pd.Series(pd.Categorical(values, categories=list(known)))
