from __future__ import annotations

import subprocess
import sys

import pytest

from metaauto.search import evaluate
from metaauto.search.evaluate import queued_seconds
from metaauto.search.trial import Outcome, Status

BUSY = """
import os, time
from metaauto.search.evaluate import queued_seconds
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
if os.fork() == 0:
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        pass
    os._exit(0)
began, queued, worked = time.monotonic(), queued_seconds(), time.process_time()
while time.process_time() - worked < 0.5:
    pass
wall = time.monotonic() - began
print(wall - (queued_seconds() - queued))
os.wait()
"""


@pytest.mark.skipif(not evaluate._SCHEDSTAT.exists(), reason="the system does not count it")
def test_waiting_for_a_processor_is_told_apart_from_work():
    """Two processes share a processor; without the wait, half a second of work is left."""
    found = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, check=True)
    assert 0.3 < float(found.stdout) < 1.5


def test_where_nobody_counts_it_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "_SCHEDSTAT", tmp_path / "none")
    assert queued_seconds() == 0.0
    (tmp_path / "none").write_text("nonsense")
    assert queued_seconds() == 0.0


def test_own_seconds_are_those_of_an_idle_machine():
    fitted = Outcome(1, 0, Status.SUCCESS, seconds=9.0, fit_seconds=8.0, queued_seconds=3.0)
    assert fitted.own_seconds == 5.0
    assert Outcome(1, 0, Status.TIMEOUT, seconds=9.0).own_seconds == 9.0
