"""Fit many times in one process, and check that nothing grows.

python -m tests.acceptance.repeated --n 200 --out repeated.jsonl
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.acceptance.common import KINDS, append, random_table

WARM_UP = 30
FAST = {
    "binary": ["logistic", "lda"],
    "multiclass": ["logistic", "lda"],
    "regression": ["ridge", "knn"],
}
#: Each of these must not grow; the resident memory grows by less than so many MiB per 100 fits.
COUNTS = ("threads", "descriptors", "children", "child_descriptors", "files")
MEMORY = {"rss": 10.0, "child_rss": 10.0}


def measure(folder: Path) -> dict[str, float]:
    """Return the resources of this process and of those that it keeps."""
    gc.collect()
    own = psutil.Process()
    children = own.children(recursive=True)
    return {
        "rss": own.memory_info().rss / 2**20,
        "threads": own.num_threads(),
        "descriptors": own.num_fds(),
        "children": len(children),
        "child_rss": sum(child.memory_info().rss for child in children) / 2**20,
        "child_descriptors": sum(child.num_fds() for child in children),
        "files": sum(1 for _ in folder.rglob("*")),
    }


def fit(number: int) -> None:
    """Fit one tiny table, every tenth time with the default models."""
    import metaauto

    kind = KINDS[number % len(KINDS)]
    table = random_table(number, kind, 60 + number % 40)
    every_model = number % 10 == 9
    metaauto.fit(
        table,
        "y",
        trials=6 if every_model else 2,
        include=() if every_model else FAST[kind],
        cores=1,
        memory=2,
        seed=number,
    )


def growths(records: list[dict[str, Any]]) -> list[str]:
    """Print how each resource changes after the warm-up; return those that grow."""
    found = []
    after = records[WARM_UP:]
    numbers = np.array([record["number"] for record in after])
    for name in (*MEMORY, *COUNTS):
        values = np.array([record[name] for record in after])
        slope = 100 * np.polyfit(numbers, values, 1)[0]
        first, last = np.median(values[:20]), np.median(values[-20:])
        grows = slope > MEMORY[name] if name in MEMORY else last > first
        found += [name] if grows else []
        print(f"{name}: {first:.1f} -> {last:.1f}, {slope:+.2f} per 100 fits")
    return found


def main() -> None:
    """Fit, record the resources after each fit, and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("repeated.jsonl"))
    given = parser.parse_args()
    records = []
    with tempfile.TemporaryDirectory(prefix="repeated-") as name:
        folder = Path(name)
        os.environ["METAAUTO_KNOWLEDGE"] = str(folder / "own.db")
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "temporary")
        (folder / "temporary").mkdir()
        for number in range(given.n):
            began = time.monotonic()
            fit(number)
            seconds = round(time.monotonic() - began, 2)
            record = {"number": number, "seconds": seconds, **measure(folder / "temporary")}
            records.append(record)
            append(given.out, record)
    grown = growths(records)
    print(f"{len(records)} fits, growing: {', '.join(grown) or 'nothing'}")
    raise SystemExit(bool(grown))


if __name__ == "__main__":
    main()
