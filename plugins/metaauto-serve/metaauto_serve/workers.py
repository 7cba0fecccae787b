"""Processes that predict, each killed and replaced when a request takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaauto.api import SettingError

__all__ = ["Answer", "WorkerEnded", "Workers"]

LOAD_SECONDS = 300.0
"""Limit to load the models."""
_RETRY_SECONDS = 10.0
_log = logging.getLogger(__name__)


class WorkerEnded(Exception):
    """A process ended before it answered."""


@dataclass(frozen=True)
class Answer:
    """The answer of a process.

    Parameters
    ----------
    header : mapping
        ``warnings``; of a failed request ``status`` and ``error``.
    body : bytes
        The table or JSON document.
    """

    header: Mapping[str, Any]
    body: bytes


class _Worker:
    """One process; see `metaauto_serve.worker`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        # -P: no module is imported from the working directory, which others may have filled.
        command = [sys.executable, "-P", "-m", "metaauto_serve.worker"]
        paths = os.pathsep.join(path for path in sys.path if path)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        timer = threading.Timer(LOAD_SECONDS, self.process.kill)
        timer.start()
        try:
            answer = self.ask(settings)
        except WorkerEnded as error:
            raise SettingError(
                f"The models cannot be loaded: {error}.",
                hint="The file may be damaged or forged, or the memory too small.",
            ) from error
        except BaseException:
            self.kill()
            raise
        finally:
            timer.cancel()
        if "error" in answer.header:
            self.kill()
            raise SettingError(answer.header["error"])
        self.models: dict[str, Any] = json.loads(answer.body)

    def ask(self, request: Mapping[str, Any]) -> Answer:
        """Send a request and wait for the answer; the process may be killed meanwhile."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise WorkerEnded("it has no pipes")
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            header = json.loads(stdout.readline())
            body = stdout.read(header["bytes"])
            if len(body) == header["bytes"]:
                return Answer(header, body)
        except (OSError, ValueError):  # it ended, or wrote anything but an answer
            pass
        self.kill()
        code = self.process.returncode
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        raise WorkerEnded(f"the process ended ({how})")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # of what could not be written
                if pipe is not None:
                    pipe.close()


class Workers:
    """Processes that hold the same models; each answers one request at a time.

    A process rather than a thread: it can be killed in native code that hangs, its memory can be
    limited, and what a forged model does to it does not reach the server.

    Parameters
    ----------
    settings : mapping
        ``models``, ``background``, ``max_rows`` and ``memory``; see
        `metaauto_serve.worker.ModelProcess`.
    count : int
        Number of processes.

    Raises
    ------
    SettingError
        A model or the background table cannot be loaded.
    """

    def __init__(self, settings: Mapping[str, Any], count: int) -> None:
        self._settings = settings
        first = _Worker(settings)
        self.models = first.models
        self._all = [first]
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        try:
            self._all += [_Worker(settings) for _ in range(count - 1)]
        except BaseException:
            self.close()
            raise
        for worker in self._all:
            self._idle.put_nowait(worker)

    @property
    def alive(self) -> int:
        """Number of processes that can answer."""
        return sum(worker.process.poll() is None for worker in self._all)

    async def ask(self, request: Mapping[str, Any], deadline: float) -> Answer:
        """Return the answer of the next idle process.

        Parameters
        ----------
        request : mapping
            See `metaauto_serve.worker.ModelProcess.answer`.
        deadline : float
            Time of the event loop at which the process is killed.

        Raises
        ------
        TimeoutError
            There is no answer at the deadline.
        WorkerEnded
            The process ended.
        """
        async with asyncio.timeout_at(deadline):
            worker = await self._idle.get()
            while worker.process.poll() is not None:  # killed from outside while it was idle
                self._replace(worker)
                worker = await self._idle.get()
        answered = False
        try:
            async with asyncio.timeout_at(deadline):
                answer = await asyncio.to_thread(worker.ask, request)
            answered = True
            return answer
        finally:
            if answered:
                self._idle.put_nowait(worker)
            else:
                worker.process.kill()
                self._replace(worker)

    def close(self) -> None:
        """End all processes."""
        for task in self._tasks:
            task.cancel()
        for worker in self._all:
            worker.kill()

    def _replace(self, worker: _Worker) -> None:
        self._all.remove(worker)
        task = asyncio.get_running_loop().create_task(self._start_after(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_after(self, ended: _Worker) -> None:
        await asyncio.to_thread(ended.kill)  # also closes the pipes, when no thread reads them
        while True:
            try:
                worker = await asyncio.to_thread(_Worker, self._settings)
            except (SettingError, OSError) as error:
                _log.error("A process cannot be started again: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._all.append(worker)
            self._idle.put_nowait(worker)
            return
