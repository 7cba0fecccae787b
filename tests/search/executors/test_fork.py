"""Fork servers that are forked from a process that has imported the modules already."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

import metaauto
from metaauto.search.executors.environment import thread_environment

HOME = Path(metaauto.__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forked on Linux alone"),
]


def ask(script: str, settled: bool = True, status: int = 0, **more: str) -> str:
    """Return the output of a new process."""
    foreign = {"PYTHONHASHSEED", "PYTHONUNBUFFERED"}
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={
            **environment,
            "PYTHONPATH": str(HOME),
            **(thread_environment(1) if settled else {}),
            **more,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == status, done.stderr
    return done.stdout.strip()


MAY = "from metaauto.search.executors.fork import may_fork; print(may_fork(1))"


def test_a_process_in_the_environment_of_workers_may_be_forked() -> None:
    assert ask(MAY) == "True"
    assert ask(f"import pandas, pyarrow, sklearn.compose\n{MAY}") == "True"


def test_no_other_process_may() -> None:
    assert ask(MAY, settled=False) == "False"
    assert ask(MAY, OMP_NUM_THREADS="2") == "False"
    assert ask(MAY, PYTHONHASHSEED="1") == "False"


def test_a_process_with_threads_may_not() -> None:
    waiting = "import threading; e = threading.Event(); threading.Thread(target=e.wait).start()"
    assert ask(f"{waiting}\n{MAY}\ne.set()") == "False"
    # Threads of libraries, which Python does not know.
    many = "import os; os.environ['OPENBLAS_NUM_THREADS'] = '2'; import numpy"
    again = "os.environ['OPENBLAS_NUM_THREADS'] = '1'"
    count = "print(len(os.listdir('/proc/self/task')))"
    threads, may = ask(f"{many}\n{again}\n{count}\n{MAY}").split()
    assert may == ("False" if int(threads) > 1 else "True")


ECHO = """
    import os, signal, sys, time
    from metaauto.search.executors.fork import Fork

    def echo():
        print("never shown", file=sys.stdout)
        os.write(1, b"ready %d\\n" % os.getsid(0))
        os.write(1, os.read(0, 100))
        os.write(1, b"end [%s]\\n" % os.read(0, 100))
        os.write(2, b"first\\nlast words\\n")

    print("said before")
    child = Fork(echo)
"""


def test_a_fork_hears_and_answers_and_ends() -> None:
    told = ask(
        ECHO
        + """
    assert child.output.readline() == b"ready %d\\n" % child.pid
    assert child.is_alive()
    assert child.send({"a": 1})
    assert child.output.readline() == b'{"a": 1}\\n'
    child.close_stdin()
    assert child.output.read() == b"end []\\n"
    while child.is_alive():
        time.sleep(0.01)
    assert child.last_stderr_line() == "last words"
    assert not child.send({})
    child.kill()
    """
    )
    assert told == "said before"


def test_a_fork_is_killed_and_deaf_to_ctrl_c() -> None:
    ask(
        ECHO
        + """
    child.output.readline()
    os.kill(child.pid, signal.SIGINT)
    time.sleep(0.2)
    assert child.is_alive()
    child.kill()
    assert not child.is_alive()
    child.kill()
    """
    )


def test_a_fork_that_fails_says_why() -> None:
    ask(
        """
    from metaauto.search.executors.fork import Fork

    def fail():
        raise ValueError("out of order")

    child = Fork(fail)
    assert child.output.read() == b""
    while child.is_alive():
        pass
    assert child.last_stderr_line() == "ValueError: out of order"
    child.kill()
    """
    )


def test_standard_streams_may_be_closed() -> None:
    ask(
        "import os; os.close(0); os.close(2)\n"
        + textwrap.dedent(ECHO)
        + textwrap.dedent(
            """
    child.output.readline()
    assert child.send(1) and child.output.readline() == b"1\\n"
    child.kill()
    """
        )
    )


def test_workers_come_from_a_forked_server() -> None:
    told = ask(
        """
    import os, psutil
    from metaauto.search.executors import LocalExecutor
    from metaauto.search.executors.forkserver_pool import fork_from_server

    assert fork_from_server()
    assert not fork_from_server(), "one is enough, and now there is a thread"
    server, = psutil.Process().children()
    with LocalExecutor(2) as pool:
        while not all(worker.pid for worker in pool._pool):
            pool.wait(0.1)
        workers = {child.pid for child in server.children()}
        assert {worker.pid for worker in pool._pool} == workers
        assert psutil.Process().children() == [server]
    os.kill(server.pid, 9)
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
    with LocalExecutor(1) as pool:
        other, = (child for child in psutil.Process().children() if child.pid != server.pid)
        print(other.pid != server.pid)
    """
    )
    assert told == "True"


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)"])
def test_a_forked_server_ends_with_its_parent(end: str) -> None:
    script = f"""
    import os, psutil
    from metaauto.search.executors.forkserver_pool import fork_from_server

    assert fork_from_server()
    server, = psutil.Process().children()
    os.write(1, b"%d" % server.pid)
    {end}
    """
    server = int(ask(script, status=-9 if end else 0))
    deadline = time.monotonic() + 60
    while psutil.pid_exists(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(server)
