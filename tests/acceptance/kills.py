"""Kill processes of fits at random moments, and check what is left and that the fit goes on.

    python -m tests.acceptance.kills --n 300 --seed 0 --out kills.jsonl --folder kept

A call with the same file continues where the last one ended.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tests.acceptance.common import (
    KINDS,
    append,
    check_model,
    processes_of,
    random_table,
    read,
    start,
    wait_until,
)

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
TARGETS = ("main", "group", "server", "worker", "smac", "all")
#: Of these, only the processes of the fit itself end it.
ENDING = ("main", "group", "all")
FAST = {"binary": "logistic,lda", "multiclass": "logistic,lda", "regression": "ridge,knn"}
LIMIT = 20.0
RESUME_SECONDS = 3.0


class Case:
    """One fit that is killed, checked, resumed and checked again."""

    def __init__(self, number: int, seed: int, folder: Path) -> None:
        self.random = random = Random(f"{seed}/{number}")
        self.folder = folder
        self.kind = random.choice(KINDS)
        self.table = random_table(number, self.kind, random.randint(60, 600))
        self.table.to_csv(folder / "t.csv", index=False)
        # SMAC starts early if the fast models have no further recommendations.
        self.with_smac = random.random() < 0.3
        self.budget = 30.0 if self.with_smac else 5.0
        self.moment = random.uniform(0.0, 10.0 if self.with_smac else 6.5)
        # Most of the moments count from the start of the search: imports take seconds.
        self.in_search = random.random() < 0.75
        self.signal = random.choice(SIGNALS)
        self.wanted = random.choice(TARGETS)
        self.resume_is_killed = random.random() < 0.3
        self.is_kept = random.random() < 0.8
        self.problems: list[str] = []
        self.record: dict[str, Any] = {
            "number": number,
            "seed": seed,
            "kind": self.kind,
            "signal": self.signal,
            "moment": round(self.moment, 3),
            "in_search": self.in_search,
            "kept": self.is_kept,
        }

    def run(self) -> dict[str, Any]:
        """Run the case and return its record."""
        began = time.monotonic()
        try:
            self.kill_fit()
            self.check_leftovers("killed fit")
            self.resume()
        finally:
            for process in processes_of(self.folder):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        self.record["seconds"] = round(time.monotonic() - began, 1)
        self.record["problems"] = self.problems
        return self.record

    def kill_fit(self) -> None:
        """Start the fit, send the signal, and wait for the end."""
        models = ("--include", FAST[self.kind], "--no-knowledge") if self.with_smac else ()
        fit = ("fit", "t.csv", "--target", "y", "--budget", f"{self.budget:g}s", "--cores", "1")
        log = self.folder / "fit.log"
        more: tuple[str, ...] = ("--memory", "2", "--out", "m.metaauto")
        more += ("--run-dir", "run") if self.is_kept else ()
        main = start(self.folder, log, *fit, *more, *models)
        if self.in_search:
            wait_until(lambda: main.poll() is not None or b"Searching" in log.read_bytes(), LIMIT)
        wait_until(lambda: main.poll() is not None, self.moment)
        has_model = _successes(self.run_folder()) > 0
        role, hit = self.hit(main.pid) if main.poll() is None else ("none", ())
        self.record |= {"target": role, "hit": len(hit), "had_model": has_model}
        sent = time.monotonic()
        limit = LIMIT
        if role not in ENDING:
            limit += self.budget if not self.with_smac else 0.0
            if self.with_smac and role != "none":
                # The fit goes on without the process; its end need not be awaited.
                time.sleep(2.0)
                has_model = _successes(self.run_folder()) > 0
                with contextlib.suppress(ProcessLookupError):
                    os.kill(main.pid, signal.SIGINT)
        if not wait_until(lambda: main.poll() is not None, limit):
            self.problems.append(f"did not end within {limit:g} s")
            self.record["stacks"] = [p.cmdline()[:3] for p in processes_of(self.folder)]
            main.kill()
        code = main.wait()
        self.record |= {"code": code, "end_seconds": round(time.monotonic() - sent, 2)}
        self.record["output"] = _tail(log)
        self.check_end(role, code, has_model)

    def run_folder(self) -> Path:
        """Return the run directory, which is a temporary one for some cases."""
        found = [] if self.is_kept else [*(self.folder / "temporary").glob("*/run.db")]
        return found[0].parent if found else self.folder / "run"

    def hit(self, main: int) -> tuple[str, tuple[psutil.Process, ...]]:
        """Send the signal to the wanted process, or to the main one if there is none."""
        kind = getattr(signal, self.signal)
        if self.wanted == "group":
            os.killpg(main, kind)
            return "group", ()
        by_role = _roles(processes_of(self.folder), main)
        everything = tuple(process for role in by_role.values() for process in role)
        wanted = everything if self.wanted == "all" else tuple(by_role.get(self.wanted, ()))
        role = self.wanted if wanted else "main"
        if role != "all":
            wanted = (self.random.choice(wanted or by_role.get("main", [psutil.Process(main)])),)
        for process in wanted:
            with contextlib.suppress(psutil.Error):
                process.send_signal(kind)
        return role, wanted

    def check_end(self, role: str, code: int, has_model: bool) -> None:
        """Check the exit status and the model of the fit."""
        path = self.folder / "m.metaauto"
        kind = int(getattr(signal, self.signal))
        stops = role in ENDING
        allowed = {0}
        if stops and (self.signal == "SIGKILL" or not has_model):
            allowed |= {-kind} if self.signal == "SIGKILL" else {-kind, 130}
        if not stops and self.with_smac and not has_model:
            allowed |= {130, -int(signal.SIGINT)}
        # A signal may also come when the model is saved and Python exits.
        allowed |= {-kind, 130} if stops and path.exists() else set()
        if code not in allowed:
            self.problems.append(f"exit status {code}, expected {sorted(allowed)}")
        if code == 0 and not path.exists():
            self.problems.append("no model was saved")
        if "Traceback" in self.record["output"]:
            self.problems.append("a traceback")
        if path.exists():
            self.add(check_model(path, self.table.head(5)))

    def check_leftovers(self, after: str) -> None:
        """Check that no process is left, and no part of a file beside the model."""
        if not wait_until(lambda: not processes_of(self.folder), 10.0):
            left = [" ".join(p.cmdline())[:120] for p in processes_of(self.folder)]
            self.problems.append(f"processes left by the {after}: {left}")
        parts = [path.name for path in self.folder.glob(".*.part")]
        if parts:
            self.record.setdefault("parts", parts)

    def resume(self) -> None:
        """Resume the run, once killed again for some cases, and check its model."""
        run, resumed = self.folder / "run", self.folder / "r.metaauto"
        if not (run / "metaauto-run.json").exists():
            self.record["resume"] = "no run"
            if run.exists() and any(run.iterdir()):
                self.problems.append(f"neither a run nor empty: {sorted(os.listdir(run))}")
            self.start_again()
            return
        self.record["resume"] = "once"
        arguments = ("fit", "--resume", "run", "--cores", "1", "--out", "r.metaauto")
        if self.resume_is_killed:
            self.record["resume"] = "killed and again"
            main = start(self.folder, self.folder / "killed.log", *arguments, "--budget", "20s")
            time.sleep(self.random.uniform(0.8, 4.0))
            main.kill()
            main.wait()
            self.check_leftovers("killed resume")
        budget = _seconds(run) + RESUME_SECONDS
        log = self.folder / "resume.log"
        main = start(self.folder, log, *arguments, "--budget", f"{budget:.2f}s")
        self.end(main, log, "resume", resumed)

    def start_again(self) -> None:
        """Fit again after a run that had not begun, which must remove its temporary folders."""
        log = self.folder / "again.log"
        arguments = ("--target", "y", "--trials", "1", "--cores", "1", "--include", "knn")
        main = start(self.folder, log, "fit", "t.csv", *arguments, "--out", "r.metaauto")
        self.end(main, log, "next fit", self.folder / "r.metaauto")

    def end(self, main: Any, log: Path, name: str, model: Path) -> None:
        """Check the end of the last fit of this case."""
        if not wait_until(lambda: main.poll() is not None, 3 * LIMIT):
            self.problems.append(f"the {name} did not end")
            main.kill()
        if main.wait():
            self.problems.append(f"the {name} failed with {main.returncode}: {_tail(log)}")
            return
        self.add(check_model(model, self.table.head(5)))
        self.check_leftovers(name)
        left = sorted(path.name for path in (self.folder / "temporary").iterdir())
        if left:
            self.problems.append(f"temporary files left: {left}")
        self.add(_check_store(Path(f"{self.folder}-knowledge/own.db")))

    def add(self, problem: str) -> None:
        """Add a problem if there is one."""
        if problem:
            self.problems.append(problem)


def _roles(processes: list[psutil.Process], main: int) -> dict[str, list[psutil.Process]]:
    """Return the processes of a fit by what they do."""
    parents: dict[int, int] = {}
    found: dict[str, list[psutil.Process]] = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            parents[process.pid] = process.ppid()
    for process in processes:
        parent = parents.get(process.pid)
        if process.pid == main:
            role = "main"
        elif parent == main:
            has_workers = process.pid in parents.values()
            is_fork = "-c" not in process.cmdline()[:3]
            role = "server" if is_fork or has_workers else "smac"
        else:
            role = "worker"
        found.setdefault(role, []).append(process)
    return found


def _successes(run: Path) -> int:
    """Return the number of successful trials of a run, the baseline left out."""
    return int(_query(run, "SELECT count(*) FROM trials WHERE status = 'success' AND number > 0"))


def _seconds(run: Path) -> float:
    return float(_query(run, "SELECT value FROM state WHERE key = 'seconds'"))


def _query(run: Path, query: str) -> Any:
    if not (run / "run.db").exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{run / 'run.db'}?mode=ro", uri=True)) as db:
        try:
            return (db.execute(query).fetchone() or (0,))[0]
        except sqlite3.OperationalError:
            return 0


def _check_store(path: Path) -> str:
    from metaauto.knowledge import KnowledgeStore, check

    if not path.exists():
        return ""
    left = [other.name for other in path.parent.iterdir() if other != path]
    with KnowledgeStore.open(path) as store:
        problems = check(store)
    return f"own store: {problems} {left}" if problems or left else ""


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-1500:]


def main() -> None:
    """Run the cases that are not recorded yet, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("kills.jsonl"))
    parser.add_argument("--folder", type=Path, help="where the folders of failures are kept")
    given = parser.parse_args()
    done = {record["number"] for record in read(given.out) if record["seed"] == given.seed}
    place = given.folder or Path(tempfile.mkdtemp(prefix="kills-"))
    place.mkdir(parents=True, exist_ok=True)
    for number in range(given.first, given.n):
        if number in done:
            continue
        folder = place.resolve() / f"{given.seed}-{number}"
        for path in (folder, Path(f"{folder}-knowledge")):
            shutil.rmtree(path, ignore_errors=True)
        folder.mkdir()
        record = Case(number, given.seed, folder).run()
        append(given.out, record)
        if not record["problems"]:
            shutil.rmtree(folder)
            shutil.rmtree(f"{folder}-knowledge", ignore_errors=True)
    records = [r for r in read(given.out) if r["seed"] == given.seed]
    for names in (("signal",), ("target",), ("signal", "target"), ("resume",)):
        counts = Counter("/".join(str(r.get(name)) for name in names) for r in records)
        print(*names, dict(sorted(counts.items())))
    failed = [record for record in records if record["problems"]]
    for record in failed:
        print(record["number"], record["signal"], record["target"], record["problems"])
    print(f"{len(records)} kills, {len(failed)} with problems")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
