"""Apply thirty faults to a copy of the package, one at a time, and run the tests of each module.

A fault that no test notices is a missing test. The program never changes the working tree::

    python -m tests.mutants                      # all faults
    python -m tests.mutants 3 17-20 ensemble     # by number, range, or text in the path
    python -m tests.mutants --log mutants.log    # resumable: faults with a result are skipped
    python -m tests.mutants --list

The exit status is 0 if every fault is caught, 1 if one survives, and 2 if the list does not fit the
code or the tests fail without a fault.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
IGNORED = (".*", "__pycache__", "build", "dist", "*.egg-info")


class Mutant(NamedTuple):
    """A fault: a text of a file, what replaces it, and the test files that must notice."""

    path: str
    old: str
    new: str
    tests: str


MUTANTS = (
    # search
    Mutant(
        "search/racing.py",
        "return statistics.fmean(gaps) <= allowed",
        "return statistics.fmean(gaps) >= allowed",
        "search/test_racing.py",
    ),
    Mutant(
        "search/racing.py",
        "finished[min(_REFERENCE_RANK, len(finished)) - 1]",
        "finished[min(_REFERENCE_RANK, len(finished) - 1)]",
        "search/test_racing.py",
    ),
    Mutant(
        "search/racing.py",
        "_typical_spread(finished) / len(gaps) ** 0.5",
        "_typical_spread(finished)",
        "search/test_racing.py",
    ),
    Mutant(
        "search/timeouts.py",
        "rounds = -(-max(folds_left, 1) // max(workers, 1))",
        "rounds = max(max(folds_left, 1) // max(workers, 1), 1)",
        "search/test_timeouts.py",
    ),
    Mutant(
        "search/smac.py",
        "min(o.loss, worst)",
        "max(o.loss, worst)",
        "search/test_proposer.py",
    ),
    Mutant(
        "search/target_scaling.py",
        "(y - self.center) / self.scale",
        "y / self.scale - self.center",
        "search/test_target_scaling.py",
    ),
    # ensemble
    Mutant(
        "ensemble/selection.py",
        "np.lexsort((np.arange(len(alone)), alone))",
        "np.lexsort((alone, np.arange(len(alone))))",
        "ensemble/test_selection.py",
    ),
    Mutant(
        "ensemble/selection.py",
        "best + MAX_RELATIVE_GAP * abs(best)",
        "best + MAX_RELATIVE_GAP * best",
        "ensemble/test_selection.py",
    ),
    Mutant(
        "ensemble/blend.py",
        "mean = total / weight_sum",
        "mean = total / members",
        "ensemble/test_selection.py",
    ),
    Mutant(
        "ensemble/calibration.py",
        "np.sum(share**2 * (gain - mean) ** 2)",
        "np.sum(share * (gain - mean) ** 2)",
        "ensemble/test_calibration.py",
    ),
    Mutant(
        "ensemble/calibration.py",
        "values[0] * high - values[1] * low",
        "values[0] * high + values[1] * low",
        "ensemble/test_calibration.py",
    ),
    Mutant(
        "ensemble/thresholds.py",
        "(ranking >= self.values[0])",
        "(ranking > self.values[0])",
        "ensemble/test_thresholds.py",
    ),
    # knowledge
    Mutant(
        "knowledge/reconcile.py",
        "{row}.status, -length({row}.losses),",
        "{row}.status, length({row}.losses),",
        "knowledge/test_store.py",
    ),
    Mutant(
        "knowledge/reconcile.py",
        "return min(keys, key=lambda key: (created[key], key))",
        "return max(keys, key=lambda key: (created[key], key))",
        "knowledge/test_reconcile.py",
    ),
    Mutant(
        "knowledge/matrix.py",
        "loss[rows] -= difficulty[fold]",
        "loss[rows] += difficulty[fold]",
        "knowledge/test_matrix.py",
    ),
    Mutant(
        "knowledge/matrix.py",
        "* (folds - 1) / folds",
        "/ folds",
        "knowledge/test_matrix.py",
    ),
    Mutant(
        "knowledge/sources.py",
        "count > best[key][0]",
        "count < best[key][0]",
        "knowledge/test_sources.py knowledge/test_sources_join.py",
    ),
    Mutant(
        "knowledge/validation.py",
        "round(significant(number, 4), 6)",
        "round(significant(number, 4), 4)",
        "knowledge/test_records.py",
    ),
    # data
    Mutant(
        "data/splitters.py",
        "parts[order] = (np.arange(n) + rng.integers(k)) % k",
        "parts[order] = np.arange(n) * k // n",
        "data/test_splits.py",
    ),
    Mutant(
        "data/splitters.py",
        'np.searchsorted(cuts, np.arange(len(distinct_times)), side="right")',
        'np.searchsorted(cuts, np.arange(len(distinct_times)), side="left")',
        "data/test_splits.py",
    ),
    Mutant(
        "data/splitters.py",
        "kept = np.isin(groups, groups[kept])",
        "kept = kept & np.isin(groups, groups[kept])",
        "data/test_splits.py",
    ),
    Mutant(
        "data/target.py",
        "len(sizes) <= 5 or value_range <= 2 * len(sizes)",
        "len(sizes) <= 5 and value_range <= 2 * len(sizes)",
        "data/test_target.py data/test_dataset.py",
    ),
    Mutant(
        "data/role_inference.py",
        "counts = named and not _TIME_NAME.search(name)",
        "counts = named or not _TIME_NAME.search(name)",
        "data/test_roles.py",
    ),
    Mutant(
        "data/parsing.py",
        "codes = np.where(self.codes < 0, -1, merged.take(self.codes)) if len(merged)",
        "codes = merged.take(self.codes) if len(merged)",
        "data/test_parsing.py data/test_roles.py",
    ),
    # model
    Mutant(
        "model/prediction.py",
        "aligned[:, codes] = known",
        "aligned[:, : len(codes)] = known",
        "model/test_final.py",
    ),
    Mutant(
        "model/prediction.py",
        "mass += weight * known",
        "mass += weight",
        "model/test_final.py",
    ),
    Mutant(
        "model/prediction.py",
        "rows.iloc[start : start + step]",
        "rows.iloc[start : start + step - 1]",
        "model/test_final.py",
    ),
    Mutant(
        "model/array_checks.py",
        "(child > place) & (child < len(left))",
        "(child >= place) & (child < len(left))",
        "model/test_array_checks.py",
    ),
    Mutant(
        "model/archive.py",
        "if size > FREE_RATIO_BYTES and size > MAX_RATIO * max(self._size, 1):",
        "if size > FREE_RATIO_BYTES and size < MAX_RATIO * max(self._size, 1):",
        "model/test_serialization.py",
    ),
    Mutant(
        "model/fold_pipeline.py",
        "rows = _transformed(step, rows, selected if rows is frame else {})",
        "rows = _transformed(step, rows, selected)",
        "model/test_fold_pipeline.py",
    ),
)


def check_list(root: Path = ROOT) -> list[str]:
    """Return what is wrong with the list: a text that does not occur once, or a missing test."""
    problems = []
    for number, mutant in enumerate(MUTANTS, 1):
        path = root / "metaauto" / mutant.path
        count = path.read_text(encoding="utf-8").count(mutant.old) if path.is_file() else 0
        if count != 1:
            problems.append(
                f"mutant {number}: metaauto/{mutant.path} has the text {mutant.old!r} {count} "
                "times, expected once; change the mutant to fit the code."
            )
        for test in mutant.tests.split():
            if not (root / "tests" / test).is_file():
                problems.append(f"mutant {number}: the test file tests/{test} does not exist.")
    return problems


@contextmanager
def copied_package() -> Iterator[Path]:
    """Copy what the tests need to a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "metaauto"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*IGNORED))
        yield copy


def run_tests(copy: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run test files of the copy, up to the first failure."""
    paths = [str(copy), *(str(path) for path in sorted(copy.glob("plugins/*/")))]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "METAAUTO_KNOWLEDGE": str(copy.parent / "own-knowledge.db"),
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    files = [f"tests/{test}" for test in tests]
    return subprocess.run(
        [*command, *files], cwd=copy, env=environment, text=True, capture_output=True, check=False
    )


def run_mutant(copy: Path, mutant: Mutant) -> tuple[str, str]:
    """Apply one fault, run its tests, restore the file; return the outcome and its reason."""
    path = copy / "metaauto" / mutant.path
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        result = run_tests(copy, mutant.tests.split())
    finally:
        path.write_text(text, encoding="utf-8")
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    if result.returncode == 0:
        return "survived", ""
    if result.returncode == 1 and failed:
        return "caught", failed[0].removeprefix("FAILED ").partition(" - ")[0]
    return "error", (result.stdout + result.stderr)[-2000:]


def selected(choices: Sequence[str]) -> list[int]:
    """Return the numbers of the chosen mutants, from 1; all without a choice."""
    every = range(1, len(MUTANTS) + 1)
    if not choices:
        return list(every)
    found: set[int] = set()
    for choice in choices:
        first, _, last = choice.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found |= set(range(int(first), int(last or first) + 1)) & set(every)
        else:
            found |= {n for n in every if choice in MUTANTS[n - 1].path}
    return sorted(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("choices", nargs="*", help="numbers, ranges, or texts in the path")
    parser.add_argument("--list", action="store_true", help="print the list and end")
    parser.add_argument("--log", type=Path, help="file of results; those in it are not run again")
    options = parser.parse_args(arguments)
    problems = check_list()
    if problems:
        print(*problems, sep="\n", file=sys.stderr)
        return 2
    numbers = selected(options.choices)
    if not numbers:
        parser.error(f"no fault matches {' '.join(options.choices)}")
    if options.list:
        for number in numbers:
            mutant = MUTANTS[number - 1]
            print(f"{number:2}  {mutant.path}: {mutant.old}  ->  {mutant.new}")
        return 0
    outcomes: dict[int, str] = {}
    if options.log is not None and options.log.is_file():
        for line in options.log.read_text(encoding="utf-8").splitlines():
            number, outcome, *_ = line.split("\t")
            outcomes[int(number)] = outcome
    waiting = [number for number in numbers if outcomes.get(number, "error") == "error"]
    with copied_package() as copy:
        files = list(dict.fromkeys(t for n in waiting for t in MUTANTS[n - 1].tests.split()))
        unchanged = run_tests(copy, files) if files else None
        if unchanged is not None and unchanged.returncode:
            print(unchanged.stdout[-4000:], unchanged.stderr[-2000:], file=sys.stderr)
            print("The tests fail without a fault.", file=sys.stderr)
            return 2
        for number in waiting:
            mutant, started = MUTANTS[number - 1], time.monotonic()
            outcomes[number], reason = run_mutant(copy, mutant)
            seconds = time.monotonic() - started
            print(
                f"{number:2}  {outcomes[number]:8}  {seconds:5.0f} s  {mutant.path}  {reason}",
                flush=True,
            )
            if options.log is not None:
                with options.log.open("a", encoding="utf-8") as stream:
                    fields = (number, outcomes[number], mutant.path, *reason.splitlines()[-1:])
                    print(*fields, sep="\t", file=stream)
    results = [outcomes[number] for number in numbers]
    print(f"{results.count('caught')} of {len(results)} caught")
    if "error" in results:
        return 2
    return 1 if "survived" in results else 0


if __name__ == "__main__":
    sys.exit(main())
