"""Read fits in a child process with limits, so that no file can block or exhaust the pages.

The child reads with the checks of metaauto: it loads no model and unpickles nothing. Requests and
answers are lines of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

__all__ = ["FitReader"]

_WALL_SECONDS = 120
_MEMORY_BYTES = 2 * 2**30
_MAX_LINES = 300
_RUNNING = "running"
_MAX_ANSWER_BYTES = 64 * 2**20
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class FitReader:
    """A child process that reads fits, started when it is needed, also after a fatal file.

    Parameters
    ----------
    cpu_seconds : float, default=20
        Limit of a request.
    """

    def __init__(self, cpu_seconds: float = 20.0) -> None:
        self._cpu_seconds = cpu_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def read(self, request: str, paths: list[Path], names: list[str]) -> dict[str, Any]:
        """Return the answer to a request: its values, or a ``problem``.

        Parameters
        ----------
        request : {'summary', 'details', 'compare', 'report'}
            What to read.
        paths : list of Path
            The model files or run directories.
        names : list of str
            Their names in the answer.
        """
        line = json.dumps([request, [os.fspath(path) for path in paths], names]) + "\n"
        with self._lock:
            if self._is_closed:
                return {"problem": "The pages are ending."}
            process = self._process = self._process or _start(self._cpu_seconds)
            assert process.stdin is not None
            assert process.stdout is not None
            answer = b""
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(line.encode("utf-8", "surrogateescape"))
                process.stdin.flush()
                answer = process.stdout.readline()
            if not answer.endswith(b"\n"):
                self._end()
                return {"problem": "Reading it takes too much time or memory."}
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """End the child process."""
        self._is_closed = True
        if self._process is not None:
            self._process.kill()
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start(cpu_seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "metaauto_serve.ui.reader", str(cpu_seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Ctrl-C in the terminal ends the pages, which then end this process.
        start_new_session=True,
        env={
            **os.environ,
            **dict.fromkeys(_THREADS, "1"),
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        },
    )


def _answer_requests(cpu_seconds: float) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not become part of an answer.
    os.dup2(2, 1)
    from metaauto.api import read_fit  # noqa: F401

    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for line in sys.stdin.buffer:
        _limit(cpu_seconds, _WALL_SECONDS)
        _write(answers, _answer(*json.loads(line)))
        _limit(0, 0)


def _limit(cpu_seconds: float, wall_seconds: float) -> None:
    """End this process after these seconds, or never (0)."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        signal.setitimer(signal.ITIMER_REAL, wall_seconds)


def _write(answers: IO[bytes], answer: dict[str, Any]) -> None:
    data = json.dumps(answer, default=str).encode() + b"\n"
    if len(data) > _MAX_ANSWER_BYTES:
        data = json.dumps({"problem": f"It is too large: {len(data):,} bytes."}).encode() + b"\n"
    answers.write(data)
    answers.flush()


def _answer(request: str, paths: list[str], names: list[str]) -> dict[str, Any]:
    from metaauto.api import MetaautoError, compare_fits, read_fit

    try:
        fits = [read_fit(path, name) for path, name in zip(paths, names, strict=True)]
        if request == "report":
            return {"html": fits[0].report()}
        if request == "compare":
            options, result = compare_fits(fits)
            shown = [_summary(fit, path) for fit, path in zip(fits, paths, strict=True)]
            return {"fits": shown, "options": options, "result": result}
        found = _summary(fits[0], paths[0])
        return found if request == "summary" else {**found, **_details(fits[0])}
    except MetaautoError as error:
        return {"problem": str(error)}
    except Exception as error:
        # A forged record can raise any error; it must not end the list of the others.
        return {"problem": f"Its record cannot be shown: {type(error).__name__}: {error}"[:500]}


def _summary(fit: Any, path: str) -> dict[str, Any]:
    scores, record = fit.scores, fit.record
    is_held = scores.holdout_score is not None
    interval = scores.holdout_interval if is_held else scores.interval
    score = scores.holdout_score if is_held else scores.score
    return {
        "kind": scores.kind,
        "state": fit.state,
        "task": str(fit.manifest["task"]["kind"]),
        "target": scores.target,
        "rows": record.rows,
        "metric": fit.metric_label,
        "greater_is_better": scores.greater_is_better,
        "score": scores.single_score if score is None else score,
        "low": interval and interval.low,
        "high": interval and interval.high,
        "over": "holdout" if is_held else "out-of-fold" if scores.score is not None else "single",
        "out_of_fold": scores.score,
        "single": scores.single_score,
        "baseline": scores.baseline_score,
        "seconds": _elapsed(fit, path),
        "budget": _seconds(scores.options.get("budget")),
        "trial_limit": scores.options.get("trials"),
        "trials": sum(count for status, count in scores.trials.items() if status != _RUNNING),
        "failed": scores.failures,
        "members": sorted(scores.members.items(), key=lambda member: -member[1])[:_MAX_LINES],
        "created": str(record.created or fit.manifest.get("created") or ""),
        "refit": scores.refit,
    }


def _elapsed(fit: Any, path: str) -> float | None:
    """Return the seconds of a fit; of a running one since its last record, too."""
    seconds: float | None = fit.scores.seconds
    if fit.state != _RUNNING:
        return seconds
    ends = [trial.at for trial in fit.record.report.history]
    written = max(
        (os.stat(file).st_mtime for file in Path(path).glob("run.db*")), default=time.time()
    )
    return max([seconds or 0.0, *ends]) + max(time.time() - written, 0.0)


def _seconds(budget: Any) -> float | None:
    return float(budget) if isinstance(budget, (int, float)) else None


def _details(fit: Any) -> dict[str, Any]:
    record, board, history = fit.record, fit.leaderboard, fit.record.report.history
    ended = [line for line in board if line.get("status") != _RUNNING]
    figure = fit.history_figure()
    return {
        "leaderboard": [_line(line) for line in ended[:_MAX_LINES]],
        "n_leaderboard": len(ended),
        "running": [_line(line) for line in board if line.get("status") == _RUNNING][:_MAX_LINES]
        if fit.state == _RUNNING
        else [],
        "log": [vars(trial) for trial in history[: -_MAX_LINES - 1 : -1]],
        "n_log": len(history),
        "figure": None if figure is None else {**vars(figure), "svg": str(figure.svg)},
        "warnings": [vars(warning) for warning in record.warnings[:_MAX_LINES]],
        "notes": [*record.notes, *record.next_steps, *record.findings][:_MAX_LINES],
        "failures": list(record.failures.items()),
        "validation": record.validation,
    }


def _line(line: dict[str, Any]) -> dict[str, Any]:
    names = ("rank", "name", "score", "weight", "seconds", "source", "status", "error")
    return {name: line.get(name) for name in names}


if __name__ == "__main__":
    _answer_requests(float(sys.argv[1]))
