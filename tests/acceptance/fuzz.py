"""Damage files at random, and check that each is read or refused in one clear line.

    python -m tests.acceptance.fuzz --seconds 600 --kinds readers,models,stores,runs --out found

Every case runs in a fork of this process, with limits of time and memory. A failing case is saved
in the folder --out with its traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import psutil

from metaauto.model.serialization import trusted_types
from metaauto.search.executors.environment import thread_environment
from tests.acceptance.common import KINDS
from tests.acceptance.inputs import (
    INPUTS,
    VALID,
    Kind,
    check_message,
    dataset,
    registry,
)
from tests.acceptance.mutations import CANARY

SECONDS = 20
#: Wall time may be longer than that of the processor, on a busy machine.
LIMIT = 6.0 * SECONDS
MEMORY = 3 * 2**30
MOST_TRACE = 20_000
IMPORTED = (
    "pyarrow.parquet",
    "pyarrow.pandas_compat",
    "skops.io",
    "sqlite_utils",
    "metaauto.engine.fit_runner",
    "metaauto.engine.setup",
    "metaauto.model.save",
    "metaauto.knowledge",
    "metaauto.warmstart.suggest",
)


def outcome_of(run: Callable[[Path], None], case: Path) -> dict[str, str]:
    """Run a case in this process, and return its outcome."""
    from metaauto.errors import MetaautoError

    try:
        run(case)
    except MetaautoError as error:
        try:
            check_message(error)
        except AssertionError as problem:
            return {"outcome": "unclear", "cause": str(problem), "trace": traceback.format_exc()}
        causes, cause = [], error.__cause__
        while cause is not None:
            causes.append(type(cause).__name__)
            cause = cause.__cause__
        beyond = "MemoryError" in causes or "ArrowMemoryError" in causes
        return {
            "outcome": "memory" if beyond else "refused",
            "cause": str(error)[:300],
            "trace": traceback.format_exc() if beyond else "",
        }
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"[:300]
        return {"outcome": "error", "cause": text, "trace": traceback.format_exc()}
    return {"outcome": "read", "cause": ""}


def run_case(kind: Kind, case: Path, work: Path) -> dict[str, str]:
    """Run a case in a fork of this process, and return its outcome."""
    result, log = work / "result.json", work / "log"
    pid = os.fork()
    if pid == 0:
        try:
            _limit(log, work)
            result.write_text(json.dumps(outcome_of(kind.run, case)))
        finally:
            os._exit(0)
    end = time.monotonic() + LIMIT
    pause, ended, status = 0.001, 0, 0
    while not ended and time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        time.sleep(0 if ended else pause)
        pause = min(2 * pause, 0.05)
    if not ended:
        os.kill(pid, signal.SIGABRT)
        time.sleep(0.5)
        _kill_tree(pid)
        os.waitpid(pid, 0)
    if not ended or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in _OUT_OF_TIME):
        return {"outcome": "timeout", "cause": "", "trace": log.read_text("utf-8", "replace")}
    if (work / CANARY).exists():
        return {"outcome": "unpickled", "cause": "", "trace": log.read_text("utf-8", "replace")}
    if not result.exists():
        trace = log.read_text("utf-8", "replace")
        return {"outcome": "crash", "cause": f"wait status {status}", "trace": trace}
    found: dict[str, str] = json.loads(result.read_text())
    return found


_OUT_OF_TIME = (signal.SIGXCPU, signal.SIGKILL)


def _limit(log: Path, work: Path) -> None:
    """Limit this process, and write its messages to a file."""
    os.setsid()
    os.chdir(work)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    for number in (1, 2):
        os.dup2(descriptor, number)
    faulthandler.enable()
    faulthandler.register(signal.SIGXCPU, chain=True)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    warnings.simplefilter("ignore")
    os.environ["TMPDIR"] = tempfile.tempdir = str(work)
    size = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _kill_tree(pid: int) -> None:
    family = psutil.Process(pid)
    for process in [*family.children(recursive=True), family]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def fuzz(name: str, seconds: float, seed: int, valid: Path, out: Path, first: int) -> Counter[str]:
    """Run cases of a kind for some seconds; save those that fail."""
    kind = INPUTS[name]
    counts: Counter[str] = Counter()
    end = time.monotonic() + seconds
    number = first
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as place:
            work, case = Path(place), Path(place) / "case"
            case.mkdir()
            what = kind.mutate(Random(f"{seed}/{name}/{number}"), valid / name, case)
            shutil.copytree(case, work / "kept")
            found = run_case(kind, case, work)
            counts[found["outcome"]] += 1
            if found["outcome"] not in ("read", "refused"):
                where = out / f"{name}-{seed}-{number}-{found['outcome']}"
                shutil.rmtree(where, ignore_errors=True)
                shutil.copytree(work / "kept", where)
                text = f"{what}\n{found['cause']}\n{found.get('trace', '')}"
                (where / "trace.txt").write_text(text[:MOST_TRACE], "utf-8", "replace")
        number += 1
    print(f"{name}: {number - first} cases, {dict(sorted(counts.items()))}", flush=True)
    return counts


def main() -> None:
    """Make valid inputs in a child process, and damage them."""
    wanted = {**thread_environment(1), "METAAUTO_KNOWLEDGE": "own.db"}
    if any(os.environ.get(key) != value for key, value in wanted.items()):
        # Fits fork their workers only from a process with this environment.
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **wanted})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all kinds together")
    parser.add_argument("--kinds", default=",".join(INPUTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--out", type=Path, default=Path("found"))
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--valid", type=Path, help="valid inputs of an earlier call")
    given = parser.parse_args()
    names = given.kinds.split(",")
    valid = (given.valid or Path(tempfile.mkdtemp(prefix="fuzz-valid-"))).resolve()
    if given.make:
        (valid / given.make).mkdir(parents=True)
        INPUTS[given.make].make(valid / given.make)
        return
    for name in names:
        if not (valid / name).exists():
            call = [sys.executable, "-m", "tests.acceptance.fuzz", "--make", name]
            subprocess.run([*call, "--valid", str(valid)], check=True)
    if "stores" in names:
        os.environ[VALID] = str(valid)
        for kind in KINDS:
            dataset(kind)
    from metaauto.search.executors.worker import import_for_forks

    import_for_forks()
    # Forks do not import again.
    for module in IMPORTED:
        importlib.import_module(module)
    trusted_types(registry())
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in names:
        counts = fuzz(name, given.seconds / len(names), given.seed, valid, out, given.first)
        failed += sum(count for key, count in counts.items() if key not in ("read", "refused"))
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
