"""Overhead of the jobs of a fit on a Dask cluster, and how many workers one fit can use.

It runs trivial jobs on one and two workers of this machine, and measures CPU seconds and bytes of
each job in the fit, the scheduler and the workers. A simulation with these figures then shows the
share of their time in which up to 1,000 workers run jobs, and what limits it::

    python -m benchmarks.dask_fits --jobs 300
"""

from __future__ import annotations

import argparse
import heapq
import json
import pickle
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from metaauto.data import prepare
from metaauto.plugins.manager import PluginSettings
from metaauto.search import DaskExecutor, Inputs, Setup, write_inputs
from metaauto.search.executors import dask_worker
from metaauto.search.trial import CallJob

ROWS, COLUMNS = 10_000, 20
# Bytes of the models and predictions of a job, as gradient boosting on such a table has them.
RESULT_BYTES = 1_000_000
BYTES_PER_SECOND = 125e6
WORKERS = (1, 10, 100, 300, 1000)
JOB_SECONDS = (1.0, 10.0, 60.0)


@dataclass(frozen=True)
class Overhead:
    """Costs of one trivial job: CPU seconds of each process, wall seconds, and bytes sent."""

    workers: int
    jobs_per_second: float
    fit_seconds: float
    scheduler_seconds: float
    worker_seconds: float
    bytes_sent: int
    bytes_of_table: int


def measure(workers: int, jobs: int) -> Overhead:
    """Run jobs that do nothing on workers of this machine."""
    with tempfile.TemporaryDirectory() as name:
        setup = _write_table(Path(name))
        scheduler = _start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        address = _address(scheduler)
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        started = [_start("worker", address, *options) for _ in range(workers)]
        try:
            with DaskExecutor(address) as executor:
                executor.set_up(setup)
                while executor.free() < workers:
                    executor.wait(0.1)
                # The first job of each worker starts its process.
                _run(executor, 4 * workers)
                processes = [psutil.Process(), psutil.Process(scheduler.pid)]
                processes += [psutil.Process(each.pid) for each in started]
                before, began = [_cpu_seconds(each) for each in processes], time.perf_counter()
                _run(executor, jobs)
                seconds = time.perf_counter() - began
                used = [_cpu_seconds(p) - b for p, b in zip(processes, before, strict=True)]
        finally:
            for each in [*started, scheduler]:
                each.kill()
                each.wait()
        packed = dask_worker.pack_folder(Path(name) / "data")
    job = len(pickle.dumps(CallJob(0, bool)))
    return Overhead(
        workers,
        jobs / seconds,
        used[0] / jobs,
        used[1] / jobs,
        sum(used[2:]) / jobs,
        job,
        len(packed),
    )


def simulate(workers: int, job_seconds: float, cost: Overhead) -> dict[str, object]:
    """Simulate jobs that pass the fit and the scheduler one by one, and run on workers."""
    jobs = 20 * workers
    transfer = RESULT_BYTES / BYTES_PER_SECOND
    at_scheduler = cost.scheduler_seconds + transfer
    idle = [0.0] * workers
    fit_is_free = scheduler_is_free = end = 0.0
    for _ in range(jobs):
        fit_is_free = max(heapq.heappop(idle), fit_is_free) + cost.fit_seconds
        scheduler_is_free = max(fit_is_free, scheduler_is_free) + at_scheduler
        end = scheduler_is_free + cost.worker_seconds + job_seconds
        heapq.heappush(idle, end)
    busy = {
        "fit": jobs * cost.fit_seconds / end,
        "CPU of the scheduler": jobs * cost.scheduler_seconds / end,
        "network of the scheduler": jobs * transfer / end,
        "workers": jobs * job_seconds / (workers * end),
    }
    return {
        "workers": workers,
        "job_seconds": job_seconds,
        "jobs_per_second": round(jobs / end, 1),
        "used": round(busy["workers"], 3),
        "bottleneck": max(busy, key=lambda name: busy[name]),
    }


def _run(executor: DaskExecutor, jobs: int) -> None:
    sent = done = 0
    while done < jobs:
        while sent < jobs and executor.free():
            executor.submit(CallJob(sent, bool))
            sent += 1
        done += len(executor.wait(1.0))


def _write_table(folder: Path) -> Setup:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(ROWS, COLUMNS))).add_prefix("x")
    frame["y"] = np.where(frame["x0"] > 0, "yes", "no")
    data = prepare(frame, "y", metric_name="log_loss")
    rows = np.arange(ROWS)
    folds = [(rows[rows % 5 != fold], rows[rows % 5 == fold]) for fold in range(5)]
    write_inputs(folder / "data", Inputs(data.task, data.X, data.y, None, folds))
    return Setup(str(folder), PluginSettings(only=()))


def _start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dask", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _address(scheduler: subprocess.Popen[str]) -> str:
    """Return the address that the scheduler prints."""
    for line in scheduler.stderr or ():
        if found := re.search(r"Scheduler at:\s+(tcp://\S+)", line):
            return found[1]
    raise RuntimeError("The scheduler did not start.")


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and its children so far."""
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        times = member.cpu_times()
        total += times.user + times.system
    return total


def main() -> None:
    """Print one JSON line for each measurement and each simulation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    jobs = parser.parse_args().jobs
    measured = [measure(workers, jobs) for workers in (1, 2)]
    for each in measured:
        print(json.dumps(asdict(each)))
    for job_seconds in JOB_SECONDS:
        for workers in WORKERS:
            print(json.dumps(simulate(workers, job_seconds, measured[-1])))


if __name__ == "__main__":
    main()
