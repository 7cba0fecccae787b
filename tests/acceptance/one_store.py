"""Let several fits write to one store at once, and check that it holds all of them.

python -m tests.acceptance.one_store --fits 8 --rounds 3
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import tempfile
from pathlib import Path

from tests.acceptance.common import KINDS, random_table, start, wait_until

LIMIT = 300.0


def fit_at_once(folder: Path, fits: int, timed: bool) -> list[str]:
    """Run the fits and return what is wrong with them and with their store."""
    store = folder / "own.db"
    running = []
    for number in range(fits):
        kind = KINDS[number % len(KINDS)]
        random_table(number, kind, 80 + number).to_csv(folder / f"t{number}.csv", index=False)
        limit = ("--budget", "12s") if timed else ("--trials", "3")
        more = ("--include", "knn,extra_trees", "--cores", "1", "--memory", "1")
        call = ("fit", f"t{number}.csv", "--target", "y", *limit, *more, "--out", f"{number}.m")
        log = folder / f"{number}.log"
        running.append((start(folder, log, *call, METAAUTO_KNOWLEDGE=str(store)), log))
    problems, late = [], 0
    for number, (process, log) in enumerate(running):
        if not wait_until(lambda process=process: process.poll() is not None, LIMIT):
            problems.append(f"fit {number} did not end")
            process.kill()
        text = log.read_text("utf-8", "replace")
        unstored = [line for line in text.splitlines() if "not added to the knowledge" in line]
        if timed and unstored:
            # A fit that has used its time does not wait for the store.
            late += 1
            print(f"  fit {number}: {unstored[0]}")
        elif process.wait() or unstored or "Traceback" in text:
            problems.append(f"fit {number} ended with {process.returncode}: {text[-800:]}")
    return problems + check_store(store, fits - late)


def check_store(path: Path, fits: int) -> list[str]:
    """Return what is wrong with a store that so many fits wrote to."""
    from metaauto.knowledge import KnowledgeStore, check

    problems = []
    left = [other.name for other in path.parent.glob(f"*{path.name}*") if other != path]
    if left:
        problems.append(f"files left beside the store: {left}")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
    with KnowledgeStore.open(path) as store:
        info = store.info()
        problems += check(store)
    datasets, evaluations = sum(info.datasets.values()), sum(info.evaluations.values())
    print(f"  {datasets} datasets, {evaluations} evaluations, integrity {sound}")
    if sound != "ok" or datasets != fits:
        problems.append(f"integrity {sound}; {datasets} of {fits} fits are stored")
    return problems


def main() -> None:
    """Run the rounds, alternately with a limit of trials and of time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    failed = 0
    for number in range(given.rounds):
        with tempfile.TemporaryDirectory(prefix="one-store-") as folder:
            problems = fit_at_once(Path(folder), given.fits, timed=number % 2 == 1)
        failed += bool(problems)
        print(f"round {number}: {'; '.join(problems) or 'no problem'}")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
