"""Valid inputs, their damage, and what reads them: tables, models, stores, run directories."""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import sqlite3
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.acceptance.common import KINDS, random_table
from tests.acceptance.mutations import (
    TOKENS,
    VALUES,
    foreign_pickle,
    mutate_array,
    mutate_bytes,
    mutate_database,
    mutate_json,
    mutate_text,
    mutate_zip,
    zipped,
)

__all__ = ["INPUTS", "VALID", "Kind", "check_message", "dataset", "registry"]

#: Variable of the environment that names the folder of the valid inputs.
VALID = "METAAUTO_FUZZ_VALID"
MOST_CHARACTERS = 2001
TEXTS = (".csv", ".tsv", ".txt", ".arff", ".json", ".jsonl")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zip": lambda data: zipped([("t.csv", data)]),
}
MODELS = "logistic,extra_trees,mlp,knn,hist_gradient_boosting,lightgbm,ridge,svm"


@dataclass(frozen=True)
class Kind:
    """How valid inputs are made, how one of them is damaged, and what reads it."""

    make: Callable[[Path], None]
    mutate: Callable[[Random, Path, Path], str]
    run: Callable[[Path], None]


# Tables


def make_tables(folder: Path) -> None:
    """Write tables in every format that a reader of metaauto reads."""
    import pyarrow.feather
    import pyarrow.parquet

    from metaauto.testing.tables import AWKWARD_TABLES

    warnings.simplefilter("ignore")

    frames = {kind: random_table(1, kind, 40) for kind in KINDS}
    frames |= {name: make(n_rows=40, seed=0).frame for name, make in AWKWARD_TABLES.items()}
    for name, frame in frames.items():
        frame = frame.rename(columns=str)
        text = frame.to_csv(index=False).encode("utf-8", "replace")
        (folder / f"{name}.csv").write_bytes(text)
        # Not every format holds every awkward table.
        for suffix, write in (
            (".parquet", frame.to_parquet),
            (".feather", frame.to_feather),
            (".jsonl", lambda path, f=frame: f.to_json(path, orient="records", lines=True)),
            (".json", lambda path, f=frame: f.to_json(path, orient="split", index=False)),
        ):
            try:
                write(folder / f"{name}{suffix}")
            except (pyarrow.ArrowException, ValueError, TypeError, OverflowError):
                (folder / f"{name}{suffix}").unlink(missing_ok=True)
    frame = frames["binary"]
    frame.to_csv(folder / "t.tsv", sep="\t", index=False)
    frame.to_csv(folder / "t.txt", sep=";", index=False)
    frame.to_json(folder / "records.json", orient="records")
    frame.to_json(folder / "columns.json")
    text = (folder / "binary.csv").read_bytes()
    for suffix, pack in PACKERS.items():
        (folder / f"t.csv{suffix}").write_bytes(pack(text))
    header = "@relation t\n" + "".join(f"@attribute {name} numeric\n" for name in "abcd")
    header += "@attribute kind {red,green,blue}\n@attribute 'the date' date 'yyyy-MM-dd'\n"
    rows = frame.assign(day="2024-01-05").astype(object).fillna("?")[[*"abcd", "kind", "day", "y"]]
    values = rows.to_csv(index=False, header=False)
    (folder / "t.arff").write_text(f"{header}@attribute y {{yes,no}}\n@data\n{values}")
    for name, values in _odd_columns(len(frame)).items():
        table = pyarrow.table({"a": frame["a"], "odd": values, "y": frame["y"]})
        with contextlib.suppress(pyarrow.ArrowException):
            pyarrow.parquet.write_table(table, folder / f"odd-{name}.parquet")
        pyarrow.feather.write_feather(table, folder / f"odd-{name}.feather")
    with contextlib.closing(sqlite3.connect(folder / "t.db")) as connection:
        frame.to_sql("rows", connection, index=False)


def _odd_columns(rows: int) -> dict[str, Any]:
    """Return columns of types that Arrow has and that tables rarely hold."""
    import pyarrow as pa

    numbers = [None, *range(rows - 1)]
    types = (
        *("uint64", "float16", "bool", "date32", "date64", "binary", "large_string", "null"),
        *("time32[s]", "time64[ns]", "duration[ns]", "timestamp[s]", "timestamp[ns]"),
    )
    columns = {}
    for name in types:
        with contextlib.suppress(pa.ArrowException, TypeError):
            columns[name] = pa.array(numbers, pa.int64()).cast(name, safe=False)
    big = [(-1) ** i * 10**30 * i for i in range(rows)]
    columns["decimal"] = pa.array(big, pa.decimal256(60, 2))
    columns["zone"] = pa.array(numbers, pa.timestamp("s", "Europe/Berlin"))
    columns["early"] = pa.array([-(10**15)] * rows, pa.timestamp("s"))
    columns["list"] = pa.array([[i, None] for i in range(rows)])
    columns["struct"] = pa.array([{"a": i, "b": [i]} for i in range(rows)])
    columns["map"] = pa.array([[("a", i)] for i in range(rows)], pa.map_("string", "int64"))
    columns["codes"] = pa.array([f"{i % 3}" for i in range(rows)]).dictionary_encode()
    columns["dates"] = pa.array(numbers, pa.int64()).cast("timestamp[s]").dictionary_encode()
    columns["interval"] = pa.array([(i, i, i) for i in range(rows)], pa.month_day_nano_interval())
    columns["texts"] = pa.array([b"\xff\xfe"] * rows)
    return {name.replace("[", "-").rstrip("]"): values for name, values in columns.items()}


def _odd_cells(random: Random, valid: Path, case: Path) -> str:
    """Write a table with odd values and names in a valid file."""
    import pandas as pd
    import pyarrow

    source = random.choice(sorted(valid.glob("*.csv")))
    names, *rows = list(csv.reader(source.read_text("utf-8").splitlines()))
    rows = [row for row in rows if len(row) == len(names)]
    for _ in range(random.choice((1, 1, 2, 4))):
        column = random.randrange(len(names))
        odd = random.sample(TOKENS, 3)
        share = random.choice((0.03, 0.5, 0.9, 1.0))
        for row in rows:
            row[column] = random.choice(odd) if random.random() < share else row[column]
        names[column] = random.choice((names[column],) * 20 + TOKENS)
    rows = rows[: random.choice((1, 2, 3, 40, 40, 40, 40))]
    suffix = random.choice((".csv", ".csv", ".tsv", ".jsonl", ".json", ".parquet", ".feather"))
    path = case / f"t{suffix}"
    if suffix in (".csv", ".tsv"):
        text = io.StringIO()
        csv.writer(text, "excel-tab" if suffix == ".tsv" else "excel").writerows([names, *rows])
        path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
        return f"odd {source.name}"
    values = [[_as_value(random, cell) for cell in row] for row in rows]
    if suffix in (".json", ".jsonl"):
        records = [json.dumps(dict(zip(names, row))) for row in values]
        path.write_text("\n".join(records) if suffix == ".jsonl" else f"[{','.join(records)}]")
        return f"odd {source.name}"
    names = [name.encode("utf-8", "replace").decode() for name in names]
    frame = pd.DataFrame()
    for name, cells in dict(zip(names, zip(*values))).items():
        with contextlib.suppress(pyarrow.ArrowException, ValueError, TypeError, OverflowError):
            wanted = random.choice((None, "str", "float64", "category", "datetime64[us]", object))
            part = pd.DataFrame({name: pd.Series(list(cells), dtype=wanted)})
            part.to_feather(io.BytesIO())
            frame = pd.concat([frame, part], axis=1)
    (frame.to_parquet if suffix == ".parquet" else frame.to_feather)(path)
    return f"odd {source.name}"


def _as_value(random: Random, cell: str) -> Any:
    """Return a cell as the number that it is, or as text."""
    if random.random() < 0.005:
        return random.choice(VALUES)
    try:
        return int(cell) if cell.lstrip("-").isdecimal() else float(cell)
    except (ValueError, OverflowError):
        return cell or None


def mutate_table(random: Random, valid: Path, case: Path) -> str:
    """Damage one table, as text inside of its compression, as a database, or as bytes."""
    if random.random() < 0.4:
        return _odd_cells(random, valid, case)
    source = random.choice(sorted(valid.iterdir()))
    data = source.read_bytes()
    path = case / source.name
    if source.suffix == ".db":
        path.write_bytes(data)
        mutate_database(random, path)
    elif source.suffix in PACKERS:
        text = mutate_text(random, (valid / "binary.csv").read_bytes())
        data = PACKERS[source.suffix](text) if random.random() < 0.3 else data
        path.write_bytes(mutate_bytes(random, data) if random.random() < 0.7 else data)
    elif source.suffix == ".json" and random.random() < 0.5:
        path.write_bytes(mutate_json(random, data))
    elif source.suffix in TEXTS and random.random() < 0.8:
        path.write_bytes(mutate_text(random, data))
    else:
        path.write_bytes(mutate_bytes(random, data))
    return source.name


def read_tables(case: Path) -> None:
    """Read the table and prepare it as a fit does before its search."""
    from metaauto.data import plan_splits, read_table
    from metaauto.engine.options import FitOptions
    from metaauto.engine.setup import check_splits, prepare_task

    (path,) = case.iterdir()
    options = FitOptions()
    frame = read_table(str(path), registry().readers(), columns=["y"])
    names = [str(name) for name in frame.columns]
    target = next((name for name in ("y", "target") if name in names), names[-1])
    dataset, metric = prepare_task(frame, target, options, registry())
    check_splits(metric, dataset, plan_splits(dataset, cores=1))


# Model files


def make_models(folder: Path) -> None:
    """Save a small model of each kind of task, with members of several libraries."""
    import metaauto
    from metaauto.errors import MetaautoError

    for kind in KINDS:
        for number, models in enumerate(MODELS.split(",")):
            with contextlib.suppress(MetaautoError):
                options = {"trials": 1, "cores": 1, "memory": 2, "cv": 2, "include": [models]}
                model = metaauto.fit(random_table(1, kind, 60), "y", remember=False, **options)
                model.save(folder / f"{kind}-{number}.metaauto")


def mutate_model(random: Random, valid: Path, case: Path) -> str:
    """Damage a model file, or forge one: a changed member with its correct checksum."""
    source = random.choice(sorted(valid.glob("*.metaauto")))
    data = source.read_bytes()
    kind = random.choice(("bytes", "zip", "forged", "forged", "forged"))
    if kind == "bytes":
        data = mutate_bytes(random, data)
    else:
        for _ in range(random.choice((1, 1, 2))):
            data = mutate_zip(random, data)
        if kind == "forged":
            data = _with_checksums(data)
    (case / source.name).write_bytes(data)
    return f"{kind} {source.name}"


def _with_checksums(data: bytes) -> bytes:
    """Return a model file whose manifest names the sizes and checksums of its entries."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        manifest = json.loads(members["manifest.json"])
        for member in manifest["members"]:
            for entry in member["entries"]:
                content = members[entry["path"]]
                digest = hashlib.sha256(content).hexdigest()
                entry.update(sha256=digest, size=len(content))
        members["manifest.json"] = json.dumps(manifest).encode()
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, zipfile.BadZipFile):
        return data
    return zipped(list(members.items()))


def load_model(case: Path) -> None:
    """Load the model, predict, and read its manifest."""
    import metaauto
    from metaauto.model import read_manifest

    (path,) = case.iterdir()
    read_manifest(path)
    model = metaauto.load(path)
    rows = random_table(2, "binary", 20).drop(columns="y")
    model.predict(rows)
    if model.task.is_classification:
        model.predict_proba(rows)


# Knowledge stores


def make_stores(folder: Path) -> None:
    """Write stores of several sizes and kinds, and their exports as text."""
    from metaauto.knowledge import KnowledgeStore, export_text
    from tests.support.stores import make_store

    for kind in KINDS:
        make_store(folder / f"{kind}.db", kind=kind)
    make_store(folder / "every.db", kind="binary", tables=2)
    make_store(folder / "every.db", kind="regression", tables=3)
    for path in sorted(folder.glob("*.db")):
        with KnowledgeStore.open(path, readonly=False) as store:
            store.compact()
            export_text(store, folder / f"{path.stem}-text")


def mutate_store(random: Random, valid: Path, case: Path) -> str:
    """Damage a store, or one file of an export."""
    source = random.choice(sorted(valid.iterdir()))
    if source.suffix == ".db":
        shutil.copy(source, case / "s.db")
        mutate_database(random, case / "s.db")
        return source.name
    shutil.copytree(source, case / "text")
    path = random.choice(sorted(path for path in (case / "text").rglob("*") if path.is_file()))
    mutate = random.choice((mutate_text, mutate_bytes, _mutate_json_line))
    path.write_bytes(mutate(random, path.read_bytes()))
    return f"{source.name}/{path.name}"


def _mutate_json_line(random: Random, data: bytes) -> bytes:
    lines = data.splitlines() or [b""]
    place = random.randrange(len(lines))
    lines[place] = mutate_json(random, lines[place])
    return b"\n".join(lines) + b"\n"


def use_store(case: Path) -> None:
    """Check, read, merge and write the store; each refusal must be a clear error."""
    from metaauto.engine.dry_run import plan_fit
    from metaauto.engine.options import FitOptions
    from metaauto.knowledge import KnowledgeStore, check, export_text, import_text, merge
    from metaauto.knowledge.canonical import digest
    from metaauto.plugins.manager import PluginSettings

    path, new = case / "s.db", case / "new.db"

    def merged() -> None:
        with KnowledgeStore.create(new) as store, KnowledgeStore.open(path) as other:
            merge(store, other)
            assert not check(store)

    def checked() -> None:
        with KnowledgeStore.open(path) as store:
            store.info()
            check(store)
            digest(store)
            export_text(store, case / "exported")

    def suggested() -> None:
        for kind in KINDS:
            options = FitOptions(knowledge=path, plugins=PluginSettings(only=()))
            plan_fit(random_table(5, kind, 60), "y", options)

    def written() -> None:
        with KnowledgeStore.open(path, readonly=False) as store:
            with KnowledgeStore.open(valid_store()) as other:
                merge(store, other)
            store.compact()

    def imported() -> None:
        with KnowledgeStore.create(new) as store:
            import_text(case / "text", store)
            assert not check(store)

    steps = (merged, checked, suggested, written) if path.exists() else (imported,)
    refuse_or_do(*steps)


# Run directories


def make_runs(folder: Path) -> None:
    """Run fits that keep their directories."""
    import metaauto

    for kind in KINDS:
        table = folder / f"{kind}.csv"
        random_table(3, kind, 60).to_csv(table, index=False)
        models = ["ridge", "knn"] if kind == "regression" else ["logistic", "knn"]
        options = {"trials": 2, "cores": 1, "memory": 2, "cv": 2, "include": models}
        metaauto.fit(str(table), "y", run_dir=folder / kind, remember=False, **options)


def mutate_run(random: Random, valid: Path, case: Path) -> str:
    """Damage one or two files of a run directory, which may be unfinished."""
    source = random.choice(sorted(path for path in valid.iterdir() if path.is_dir()))
    run = case / "run"
    shutil.copytree(source, run)
    if random.random() < 0.5:
        with contextlib.closing(sqlite3.connect(run / "run.db")) as connection, connection:
            connection.execute("UPDATE state SET value = 'running' WHERE key = 'status'")
            connection.execute("UPDATE trials SET status = 'running', loss = NULL WHERE number = 2")
            connection.execute("DELETE FROM outcomes WHERE trial = 2 AND fold = 1")
    files = sorted(path for path in run.rglob("*") if path.is_file() and path.stat().st_size)
    weights = [6 if path.suffix in (".json", ".db") else 1 for path in files]
    changed = []
    for path in random.choices(files, weights, k=random.choice((1, 1, 1, 2))):
        changed.append(str(path.relative_to(run)))
        if path.exists():
            _mutate_file(random, path, random.choice(files))
    return f"{source.name}: {', '.join(changed)}"


def _mutate_file(random: Random, path: Path, other: Path) -> None:
    data = path.read_bytes()
    kind = random.randrange(14)
    if kind == 0:
        path.unlink()
    elif kind == 1 and other.is_file():
        path.write_bytes(other.read_bytes())
    elif kind == 2:
        path.write_bytes(foreign_pickle())
    elif path.suffix == ".db":
        mutate_database(random, path)
    elif path.suffix == ".json":
        path.write_bytes(mutate_json(random, data))
    elif path.suffix == ".npy":
        path.write_bytes(mutate_array(random, data))
    else:
        path.write_bytes(mutate_bytes(random, data))


def resume_run(case: Path) -> None:
    """Resume the run, predict with its model, and read its record."""
    import metaauto
    from metaauto.run import read_run
    from metaauto.search.executors.forkserver_pool import fork_from_server

    def resumed() -> None:
        fork_from_server()
        options = {"trials": 2, "cores": 1, "memory": 2, "budget": 12, "remember": False}
        model = metaauto.fit(None, None, resume=case / "run", **options)
        model.predict(random_table(2, "binary", 20))

    refuse_or_do(lambda: read_run(case / "run"), resumed)


def refuse_or_do(*steps: Callable[[], object]) -> None:
    """Run all steps; raise the refusal of the last one that refused."""
    from metaauto.errors import MetaautoError

    refusal = None
    for step in steps:
        try:
            step()
        except MetaautoError as error:
            check_message(error)
            refusal = error
    if refusal is not None:
        raise refusal


def check_message(error: Exception) -> None:
    """Raise an `AssertionError` if the message of an error is empty or too long."""
    text = " ".join(str(error).split())
    assert 0 < len(text) <= MOST_CHARACTERS, f"a message of {len(text)} characters: {text[:300]}"


@cache
def registry() -> Any:
    """Return the components of the installed plugins."""
    from metaauto.plugins.manager import PluginSettings, load_plugins

    return load_plugins(PluginSettings.from_environment()).registry


@cache
def dataset(kind: str) -> Any:
    """Return a prepared table of a kind of task."""
    from metaauto.engine.options import FitOptions
    from metaauto.engine.setup import prepare_task

    return prepare_task(random_table(5, kind, 60), "y", FitOptions(), registry())[0]


def valid_store() -> Path:
    """Return a sound store."""
    return Path(os.environ[VALID]) / "stores" / "every.db"


INPUTS = {
    "readers": Kind(make_tables, mutate_table, read_tables),
    "models": Kind(make_models, mutate_model, load_model),
    "stores": Kind(make_stores, mutate_store, use_store),
    "runs": Kind(make_runs, mutate_run, resume_run),
}
