"""Readers of files, databases, scikit-learn datasets and OpenML."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from metaauto.api import Reader, ReadError
from metaauto.builtin.readers.arff import parse_arff
from metaauto.builtin.readers.database_files import (
    is_duckdb,
    is_sqlite,
    read_duckdb,
    read_sqlite,
)
from metaauto.builtin.readers.delimited import read_delimited
from metaauto.builtin.readers.delimited_chunks import read_delimited_chunks
from metaauto.builtin.readers.excel import read_excel
from metaauto.builtin.readers.sql import is_sql, read_sql
from metaauto.builtin.readers.text import COMPRESSED, check_file, first_line, read_text

__all__ = ["READERS"]

PREFIXES = ("duckdb:", "openml:", "sklearn:", "sqlite:")
SKLEARN = {
    "breast_cancer": "load_breast_cancer",
    "california_housing": "fetch_california_housing",
    "covtype": "fetch_covtype",
    "diabetes": "load_diabetes",
    "digits": "load_digits",
    "iris": "load_iris",
    "wine": "load_wine",
}


def _has_suffix(*suffixes: str, compressed: bool = False) -> Callable[[str], bool]:
    """Return a function that matches paths with these suffixes, optionally compressed."""
    accepted = suffixes
    if compressed:
        accepted += tuple(suffix + other for suffix in suffixes for other in COMPRESSED)
    return lambda source: (
        source.lower().endswith(accepted)
        and not source.startswith(PREFIXES)
        and "://" not in source
    )


def read_parquet(source: str) -> Any:
    """Read a parquet file."""
    import pandas as pd
    import pyarrow

    check_file(source)
    try:
        frame = _with_index(pd.read_parquet(source))
        _check_texts(frame)
        return frame
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise _no_parquet(source, error) from error


def read_parquet_chunks(source: str, rows: int) -> Iterator[Any]:
    """Read a parquet file in parts."""
    import pyarrow
    import pyarrow.parquet

    check_file(source)
    try:
        with pyarrow.parquet.ParquetFile(source) as file:
            if file.metadata.num_rows > rows:
                for batch in file.iter_batches(rows):
                    frame = _with_index(pyarrow.Table.from_batches([batch]).to_pandas())
                    _check_texts(frame)
                    yield frame.reset_index(drop=True)
                return
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise _no_parquet(source, error) from error
    yield read_parquet(source)


def count_parquet_rows(source: str) -> int:
    """Return the number of rows that the footer of a parquet file gives."""
    import pyarrow
    import pyarrow.parquet

    check_file(source)
    try:
        return int(pyarrow.parquet.read_metadata(source).num_rows)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise _no_parquet(source, error) from error


def _no_parquet(source: str, error: Exception) -> ReadError:
    return ReadError(
        f"{source!r} is not a valid parquet file: {first_line(error)}.",
        hint="Write or copy the file again.",
    )


def read_feather(source: str) -> Any:
    """Read a feather file."""
    import pandas as pd
    import pyarrow.feather

    check_file(source)
    try:
        # Arrow reads values at the offsets in the file, which may be damaged, without a check.
        pyarrow.feather.read_table(source, memory_map=True).validate(full=True)
        return _with_index(pd.read_feather(source))
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ReadError(
            f"{source!r} is not a valid feather file: {first_line(error)}.",
            hint="Write or copy the file again.",
        ) from error


def _check_texts(frame: Any) -> None:
    """Raise `pyarrow.ArrowInvalid` for text that is not UTF-8, which pandas decodes later."""
    import pandas as pd
    import pyarrow

    for place, kind in enumerate(frame.dtypes):
        if isinstance(kind, pd.StringDtype):
            pyarrow.array(frame.iloc[:, place].array).validate(full=True)


def _with_index(frame: Any) -> Any:
    """Return a table with the named levels of its index as its first columns."""
    names = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(names) if names else frame


def read_json_lines(source: str) -> Any:
    """Read JSON Lines, one object per line."""
    import pandas as pd

    records = []
    for number, line in enumerate(read_text(source).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ReadError(
                f"{source!r}: line {number} is not valid JSON: {error.msg}.",
                hint="Correct the line.",
            ) from error
        if not isinstance(record, dict):
            raise ReadError(
                f"{source!r}: expected a JSON object in line {number}.",
                hint='Write each row as {"column": value, ...}.',
            )
        records.append(record)
    return pd.DataFrame(records)


def read_json(source: str) -> Any:
    """Read a JSON list of objects, an object of columns, or pandas' "split" form."""
    import pandas as pd

    try:
        content = json.loads(read_text(source))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return read_json_lines(source)
        raise ReadError(
            f"{source!r} is not valid JSON: {error.msg} in line {error.lineno}.",
            hint="Check the file.",
        ) from error
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        columns = content.get("columns")
        content = content["data"] if columns is None else [
            dict(zip(columns, row, strict=True)) for row in content["data"]
        ]  # fmt: skip
    if isinstance(content, list) and all(isinstance(record, dict) for record in content):
        return pd.DataFrame(content)
    lists = isinstance(content, dict) and content and all(
        isinstance(column, (list, dict)) for column in content.values()
    )  # fmt: skip
    if lists:
        try:
            frame = pd.DataFrame(content)
            # Of numbers and names, the numbers are the rows: pandas' "index" form.
            if _are_numbers(frame.columns) and not _are_numbers(frame.index):
                frame = pd.DataFrame.from_dict(content, orient="index")
            return frame.reset_index(drop=True)
        except ValueError as error:
            raise ReadError(
                f"{source!r}: the columns do not form a table: {error}.",
                hint="Write the same number of values for every column.",
            ) from error
    raise ReadError(
        f"{source!r} does not contain a table.",
        hint="Write a list of objects, or an object of columns.",
    )


def _are_numbers(labels: Any) -> bool:
    return all(str(label).isdigit() for label in labels)


def read_arff(source: str) -> Any:
    """Read an ARFF file; the last attribute is the target, as in Weka."""
    frame = parse_arff(read_text(source), source)
    if frame.shape[1]:
        frame.attrs["target"] = str(frame.columns[-1])
    return frame


def _is_delimited(source: str) -> bool:
    suffixes = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
    is_text = _has_suffix(*suffixes, compressed=True)(source)
    # The content of a compressed file is taken as text if no other suffix is given.
    inner = os.path.splitext(os.path.splitext(source)[0])[1]
    return source == "-" or is_text or (not inner and _has_suffix(*COMPRESSED)(source))


def _is_excel(source: str) -> bool:
    return _has_suffix(".xlsx", ".xlsm")(source.partition("?")[0])


def read_sklearn(source: str) -> Any:
    """Read a scikit-learn dataset; the target is the column ``target``."""
    import sklearn.datasets

    name = source.removeprefix("sklearn:").strip()
    if name not in SKLEARN:
        raise ReadError(
            f"Unknown scikit-learn dataset {name!r}.",
            hint=f"Available datasets: {', '.join(SKLEARN)}.",
        )
    try:
        bunch = getattr(sklearn.datasets, SKLEARN[name])(as_frame=True)
    except OSError as error:
        raise ReadError(
            f"{source!r} cannot be downloaded: {error}.", hint="Check the network, or use a file."
        ) from error
    frame = bunch.frame.rename(columns={bunch.target.name: "target"})
    labels = [str(label) for label in bunch.get("target_names", [])]
    classes = frame["target"].nunique() == len(labels) > 1
    if classes and not all(label.isdigit() for label in labels):
        frame["target"] = [labels[code] for code in frame["target"]]
    frame.attrs["target"] = "target"
    return frame


def read_openml(source: str) -> Any:
    """Read an OpenML dataset by id or name; its default target becomes the last column."""
    import openml

    key = source.removeprefix("openml:").strip()
    if not key:
        raise ReadError(
            "openml: requires a dataset id or name.", hint="Use an address such as openml:31."
        )
    dataset: Any
    try:
        dataset = openml.datasets.get_dataset(int(key) if key.isdigit() else key)
        frame: Any = dataset.get_data(dataset_format="dataframe")[0]
    except openml.exceptions.OpenMLServerException as error:
        raise ReadError(
            f"OpenML refused dataset {key!r}: {first_line(error)}.",
            hint="Check the id or name at https://www.openml.org/search?type=data.",
        ) from error
    except (openml.exceptions.PyOpenMLError, OSError) as error:
        raise ReadError(
            f"OpenML dataset {key!r} cannot be downloaded: {first_line(error)}.",
            hint="Check the network, or download the table and pass the file.",
        ) from error
    target = dataset.default_target_attribute
    if target and target in frame.columns:  # several targets are one text with commas
        frame = frame[[*(name for name in frame.columns if name != target), target]]
        frame.attrs["target"] = str(target)
    frame.attrs["openml_id"] = int(dataset.dataset_id)
    return frame


READERS = (
    Reader("sklearn", lambda s: s.startswith("sklearn:"), read_sklearn,
           "a scikit-learn dataset, such as sklearn:iris", ("sklearn",)),
    Reader("openml", lambda s: s.startswith("openml:"), read_openml,
           "an OpenML dataset by id or name, such as openml:31", ("openml",)),
    Reader("sqlite", is_sqlite, read_sqlite,
           "a table of an SQLite database, such as sqlite:shop.db?table=orders"),
    Reader("duckdb", is_duckdb, read_duckdb,
           "a table of a DuckDB database, such as duckdb:shop.duckdb?table=orders", ("duckdb",)),
    Reader("sql", is_sql, read_sql,
           "a table of a database, such as postgresql://host/shop?table=orders", ("sqlalchemy",)),
    Reader("parquet", _has_suffix(".parquet", ".pq"), read_parquet,
           "a parquet file, such as data.parquet", ("pyarrow",),
           read_chunks=read_parquet_chunks, count_rows=count_parquet_rows),
    Reader("feather", _has_suffix(".feather", ".arrow"), read_feather,
           "a feather file, such as data.feather", ("pyarrow",)),
    Reader("excel", _is_excel, read_excel,
           "a sheet of an Excel workbook, such as data.xlsx or data.xlsx?sheet=Orders",
           ("openpyxl",), accepts_columns=True),
    Reader("json-lines", _has_suffix(".jsonl", ".ndjson", compressed=True), read_json_lines,
           "one JSON object per line, such as data.jsonl"),
    Reader("json", _has_suffix(".json", compressed=True), read_json,
           "a JSON list of objects or object of columns, such as data.json"),
    Reader("arff", _has_suffix(".arff", compressed=True), read_arff,
           "an ARFF file, such as data.arff"),
    Reader("delimited", _is_delimited, read_delimited,
           "delimited text, such as data.csv, data.tsv.gz, or - for the standard input",
           accepts_columns=True, read_chunks=read_delimited_chunks),
)  # fmt: skip
"""The readers, in order of precedence."""
