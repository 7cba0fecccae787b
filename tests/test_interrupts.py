"""Ctrl-C while Python still imports, and while a fit has a model to return."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import metaauto
from metaauto.interrupts import exit_on_interrupt, stop_on_interrupt

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")

# Ctrl-C comes while a module is imported, and the importing code catches everything.
_INTERRUPT = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except BaseException:
                raise ImportError(name) from None

sys.meta_path.insert(0, Interrupter())
sys.argv = ["metaauto", *{arguments!r}]
import metaauto.__main__
metaauto.__main__.main()
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("click", ["plugins"]),
        ("metaauto.cli", ["fit", "sklearn:iris"]),
        ("pandas", ["fit", "sklearn:iris"]),
        ("metaauto.search.executors.environment", ["fit", "sklearn:iris"]),
    ],
)
def test_ctrl_c_while_libraries_are_imported(
    module: str, arguments: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPT.format(module=module, arguments=arguments)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(metaauto.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert (done.returncode, done.stderr, done.stdout) == (130, "Interrupted.\n", "")


def test_who_handles_ctrl_c_already_goes_on_to() -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        with exit_on_interrupt():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]
    with exit_on_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


KINDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@given(first=st.sampled_from(KINDS), count=st.integers(0, 3))
def test_stop_on_interrupt_stops_first_and_acts_as_before_afterwards(
    first: signal.Signals, count: int
) -> None:
    calls: list[str] = []
    before = [signal.getsignal(kind) for kind in KINDS]
    with stop_on_interrupt(lambda: calls.append("stop")):
        for kind in [first, *[signal.SIGINT] * 2][:count]:
            try:
                signal.raise_signal(kind)
            except KeyboardInterrupt:
                calls.append("raise")
            assert [signal.getsignal(kind) for kind in KINDS] == before
    assert calls == ["stop", "raise", "raise"][:count]
    assert [signal.getsignal(kind) for kind in KINDS] == before


def test_stop_on_interrupt_lets_a_pool_end_its_processes() -> None:
    program = """
import multiprocessing, signal
from metaauto.interrupts import stop_on_interrupt

def wait(queue):
    with stop_on_interrupt(lambda: None):
        queue.put(1)
        signal.pause()

queue = multiprocessing.get_context("fork").Queue()
child = multiprocessing.get_context("fork").Process(target=wait, args=(queue,))
child.start()
queue.get()
child.terminate()
child.join()
print(child.exitcode)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"{-signal.SIGTERM}\n"


def test_stop_on_interrupt_keeps_the_handler_of_the_caller() -> None:
    received = []
    before = signal.signal(signal.SIGINT, lambda *_: received.append(1))
    try:
        with stop_on_interrupt(lambda: pytest.fail("The caller handles Ctrl-C.")):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert received == [1]
