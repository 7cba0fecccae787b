"""Load a model file in a child process, so that a forged file cannot harm this process."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import struct
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from metaauto.errors import MetaautoError, ModelFileError, Refused
from metaauto.model.final import FinalModel
from metaauto.model.prediction import CHUNK_ROWS, encoded_chunks

__all__ = ["IsolatedModel", "load_isolated", "serve"]

MAX_MESSAGE_BYTES = 2**16
_DONE, _FAILED = b"\0", b"\1"
_LENGTH = struct.Struct("<Q")


class IsolatedModel(FinalModel):
    """A final model whose fold models are in a child process.

    It predicts like `FinalModel`. It cannot be saved, pruned, exported or pickled.
    """

    _process: _ModelProcess

    def __post_init__(self) -> None:
        """Accept members without fold models."""

    def predict_typed(self, frame: Any) -> np.ndarray:
        """Predict like `predict_raw` for a frame that is already encoded by the schema."""
        return self._stored(self._in_process(frame))

    def close(self) -> None:
        """End the child process; the model can no longer predict."""
        self._process.close()

    def prune(self, members: int | None = None, folds: int | None = None) -> NoReturn:
        """Not possible: the fold models are in the child process."""
        raise _no_models("pruned")

    def to_sklearn(self) -> NoReturn:
        """Not possible: the fold models are in the child process."""
        raise _no_models("exported")

    def save(self, path: str | Path, on_unsavable: str = "drop") -> NoReturn:
        """Not possible: the fold models are in the child process."""
        raise _no_models("saved")

    def __reduce__(self) -> NoReturn:
        raise _no_models("pickled")

    def _chunks(self, X: Any, chunk_rows: int = CHUNK_ROWS) -> Iterator[np.ndarray]:
        for frame in encoded_chunks(X, self.schema, chunk_rows):
            yield self._in_process(frame)

    def _in_process(self, frame: Any) -> np.ndarray:
        k = self.task.n_classes
        return self._process.predict(frame, (len(frame), k) if k else (len(frame),))


def _no_models(what: str) -> Refused:
    return Refused(
        f"A model that is loaded with isolated=True cannot be {what}.",
        hint="Load it without isolated=True if you trust its source.",
    )


def load_isolated(path: str | Path, timeout: float, memory: float) -> IsolatedModel:
    """Load a model file in a child process; see `FinalModel.load`."""
    from metaauto.model.save import read_parts

    parts = read_parts(path)
    model = IsolatedModel(**parts)
    model._process = _ModelProcess(Path(path).expanduser().absolute(), timeout, memory)
    return model


class _ModelProcess:
    """A child process that holds a model; it is killed when a request takes too long.

    Its answers are numbers and texts, never pickles.
    """

    def __init__(self, path: Path, timeout: float, memory: float) -> None:
        from metaauto.search.executors.process import Child

        self._path, self._timeout = path, timeout
        self._lock = threading.Lock()
        info = {
            "model": str(path),
            "memory": memory,
            "path": [os.getcwd() if part == "" else part for part in sys.path],
        }
        self._child = Child(f"{__name__}:serve", info, capture_output=True)
        self._finalizer = weakref.finalize(self, self._child.kill)
        self._answer("loading", 0)

    def close(self) -> None:
        self._finalizer()

    def predict(self, frame: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return the prediction of a typed frame, float64."""
        size = 8 * int(np.prod(shape))
        with self._lock:
            if not self._finalizer.alive:
                raise self._error("its process has ended")
            request = pickle.dumps(frame, pickle.HIGHEST_PROTOCOL)
            data = self._answer("predicting", size, _LENGTH.pack(len(request)) + request)
        return np.frombuffer(data, "<f8").reshape(shape).astype(np.float64)

    def _answer(self, what: str, size: int, request: bytes = b"") -> bytes:
        """Send a request and return the bytes of its answer; on any failure end the process."""
        late = threading.Event()

        def end() -> None:
            late.set()
            os.kill(self._child.process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

        timer = threading.Timer(self._timeout, end)
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(request, size)
        except (OSError, EOFError, LookupError, TypeError, ValueError):
            # The process has ended, or writes anything but an answer.
            with contextlib.suppress(Exception):
                self._child.process.wait(1.0)
            reason = self._reason(what, late.is_set())
            self.close()
            raise self._error(reason) from None
        finally:
            timer.cancel()

    def _exchange(self, request: bytes, size: int) -> bytes:
        stdin, stdout = self._child.process.stdin, self._child.output
        if stdin is not None and request:
            stdin.write(request)
            stdin.flush()
        status = stdout.read(1)
        if status == _DONE:
            data = stdout.read(size)
            if len(data) < size:
                raise EOFError
            return bytes(data)
        if status != _FAILED:
            raise EOFError
        message = json.loads(stdout.readline(MAX_MESSAGE_BYTES))
        raise ModelFileError(str(message["error"]), hint=str(message["hint"]))

    def _reason(self, what: str, is_late: bool) -> str:
        if is_late:
            return f"{what} took more than {self._timeout:g} s"
        code = self._child.process.poll()
        if code is None:
            return f"its process gave no valid answer while {what}"
        if code < 0:
            return f"its process ended while {what} (signal {-code})"
        return f"its process ended while {what} (exit status {code})"

    def _error(self, reason: str) -> MetaautoError:
        return ModelFileError(
            f"The model in {str(self._path)!r} cannot be used: {reason}.",
            hint="Do not use the file unless you trust its source: it may be forged or damaged. "
            "Large models may need a higher timeout or memory.",
        )


def serve(info: Mapping[str, Any]) -> None:
    """Load a model and answer requests, in the child process."""
    # Output of libraries must not get between the answers.
    with os.fdopen(os.dup(1), "wb") as answers, os.fdopen(os.dup(0), "rb") as requests:
        os.dup2(2, 1)
        try:
            from metaauto.model.save import load_model
            from metaauto.model.serialization import import_skops_alone

            _limit(float(info["memory"]))
            import_skops_alone()
            model = load_model(info["model"])
        except Exception as error:
            _fail(answers, error)
            return
        _send(answers, b"")
        while len(head := requests.read(_LENGTH.size)) == _LENGTH.size:
            frame = pickle.loads(requests.read(*_LENGTH.unpack(head)))
            try:
                prediction = model.predict_frame(frame)
            except Exception as error:
                _fail(answers, error)
                continue
            _send(answers, np.ascontiguousarray(prediction, "<f8").tobytes())


def _send(answers: Any, data: bytes) -> None:
    answers.write(_DONE + data)
    answers.flush()


def _fail(answers: Any, error: Exception) -> None:
    what = error.message if isinstance(error, MetaautoError) else f"{type(error).__name__}: {error}"
    hint = error.hint if isinstance(error, MetaautoError) else "Check the rows, or the file."
    line = json.dumps({"error": what[:2000], "hint": str(hint)[:2000]})
    answers.write(_FAILED + line.encode() + b"\n")
    answers.flush()


def _limit(memory: float) -> None:
    """Limit the memory (GiB) of this process where the platform supports it; write no core file."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    import psutil

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = psutil.Process().memory_info().vms + int(memory * 2**30)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
