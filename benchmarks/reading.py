"""Measure the time and memory to read a csv file, against pandas and pyarrow.

python -m benchmarks.reading --megabytes 200

Each reader runs in a child process of its own. The table has 15 columns of numbers, 3 of words, one
of dates and one of whole numbers, with missing values; seconds are those of the processor.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click

READERS = {
    "pandas": "import pandas; table = pandas.read_csv(path)",
    "pandas, cells as text": "import pandas; table = pandas.read_csv(path, dtype=str)",
    "pandas, decoded text": "import io, pandas; text = open(path, 'rb').read().decode(); "
    "table = pandas.read_csv(io.StringIO(text), low_memory=False, skipinitialspace=True)",
    "pyarrow, converted to pandas": "from pyarrow import csv; "
    "table = csv.read_csv(path).to_pandas()",
    "metaauto, typed columns": "from metaauto.data import read_table; "
    "from metaauto.builtin.readers import READERS; table = read_table(path, READERS)",
    "metaauto, columns of features": "from metaauto.data import prepare, read_table; "
    "from metaauto.builtin.readers import READERS; "
    "table = prepare(read_table(path, READERS), 'y')",
}
"""Name of each reader and its code; what is imported before the reading is not counted."""

_CHILD = """
import resource, sys, time
import numpy, pandas, pyarrow.csv
import metaauto.builtin.readers, metaauto.data
path, code = sys.argv[1:]
usage = lambda: resource.getrusage(resource.RUSAGE_SELF)
before, started = usage().ru_maxrss, time.process_time()
exec(code)
print(time.process_time() - started, (usage().ru_maxrss - before) / 2**10)
"""
_BLOCK_ROWS = 50_000
_RATIO_OF = "pandas"


@click.command()
@click.option("--megabytes", default=200, show_default=True, help="Size of the file.")
@click.option("--repeats", default=1, show_default=True, help="Child processes per reader.")
def main(megabytes: int, repeats: int) -> None:
    """Print a row of a table in Markdown for each reader."""
    with tempfile.TemporaryDirectory(prefix="reading-") as folder:
        path = Path(folder, "table.csv")
        _write(path, megabytes * 10**6)
        found = {name: _measured(path, code, repeats) for name, code in READERS.items()}
        size = path.stat().st_size
    click.echo(f"{size / 1e6:.0f} MB\n")
    click.echo("| reader | seconds | of pandas | memory (MB) | of pandas |\n|---|---|---|---|---|")
    seconds, memory = found[_RATIO_OF]
    for name, (its_seconds, its_memory) in found.items():
        click.echo(
            f"| {name} | {its_seconds:.1f} | {its_seconds / seconds:.2f} "
            f"| {its_memory:.0f} | {its_memory / memory:.2f} |"
        )


def _write(path: Path, size: int) -> None:
    """Write a table of about so many bytes: blocks of the same rows, many times."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    columns: dict[str, object] = {f"n{i}": rng.normal(size=_BLOCK_ROWS).round(4) for i in range(15)}
    columns |= {f"w{i}": rng.choice(list("abcdefgh"), _BLOCK_ROWS) for i in range(3)}
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2000, _BLOCK_ROWS), "D")
    table = pd.DataFrame({**columns, "day": days.strftime("%Y-%m-%d")})
    table = table.mask(rng.random(table.shape) < 0.05)
    table["y"] = rng.integers(0, 1000, _BLOCK_ROWS)
    header, _, body = table.to_csv(index=False).partition("\n")
    with path.open("w", newline="") as file:
        file.write(header + "\n")
        while file.tell() < size:
            file.write(body)


def _measured(path: Path, code: str, repeats: int) -> tuple[float, float]:
    """Return the least seconds of the processor and MB above those after the imports."""
    call = [sys.executable, "-c", _CHILD, str(path), code]
    found = []
    for _ in range(repeats):
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        found.append([float(value) for value in done.stdout.split()])
    return min(one[0] for one in found), min(one[1] for one in found)


if __name__ == "__main__":
    main()
