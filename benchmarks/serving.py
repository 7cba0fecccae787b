"""Latency, throughput and memory of ``metaauto serve``, on one core.

python -m benchmarks.serving MODEL TABLE

Sends 1,000 requests of one row of TABLE as JSON, one after another on one connection, then 20
requests of 100,000 rows as CSV, and prints one JSON line for each kind.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import pandas as pd
import psutil


def requests(
    connection: http.client.HTTPConnection, bodies: Sequence[bytes], kind: str
) -> list[float]:
    """Send the bodies one after another; return the seconds of each."""
    seconds = []
    for body in bodies:
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": kind})
        response = connection.getresponse()
        answer = response.read()
        seconds.append(time.perf_counter() - start)
        if response.status != 200:
            raise SystemExit(answer.decode())
    return seconds


def summary(name: str, rows: int, seconds: list[float], cpu: float) -> str:
    """Return the results of requests as JSON."""
    found = {
        "requests": name,
        "n": len(seconds),
        "median_ms": round(1000 * statistics.median(seconds), 2),
        "p95_ms": round(1000 * statistics.quantiles(seconds, n=20)[-1], 2),
        "rows_per_second": round(rows * len(seconds) / sum(seconds)),
        "cpu_ms_per_request": round(1000 * cpu / len(seconds), 2),
    }
    return json.dumps(found)


def main() -> None:
    """Run the server and the requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("table", help="csv, without the target or with it")
    parser.add_argument("--single", type=int, default=1000)
    parser.add_argument("--large", type=int, default=20)
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    frame = pd.read_csv(given.table)
    records = json.loads(frame.head(100).to_json(orient="records"))
    single = [json.dumps([records[i % len(records)]]).encode() for i in range(given.single)]
    many = frame.sample(given.rows, replace=True, random_state=0).to_csv(index=False).encode()
    command = [sys.executable, "-m", "metaauto", "serve", given.model, "--port", "0"]
    command += ["--workers", "1", "--timeout", "600", "--max-bytes", str(2**30)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        line = server.stdout.readline()
        if not line:
            raise SystemExit("The server ended before it printed its address.")
        address = line.split()[3]
        connection = http.client.HTTPConnection(address.split("/")[2], timeout=600)
        processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]

        def cpu() -> float:
            return sum(sum(process.cpu_times()[:2]) for process in processes)

        requests(connection, single[:20], "application/json")
        for name, rows, bodies, kind in (
            ("1 row, JSON", 1, single, "application/json"),
            (f"{given.rows:,} rows, CSV", given.rows, [many] * given.large, "text/csv"),
        ):
            before = cpu()
            seconds = requests(connection, bodies, kind)
            print(summary(name, rows, seconds, cpu() - before), flush=True)
            sizes = [round(process.memory_info().rss / 2**20) for process in processes]
            print(json.dumps({"memory_mib": dict(zip(("server", "worker"), sizes, strict=True))}))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
