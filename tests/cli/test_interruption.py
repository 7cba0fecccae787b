"""Ctrl-C, and what a killed run leaves to go on with."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import QUICK, Cli, command_line, environment, finished_trials, people

import metaauto
from metaauto.engine.fit_runner import FitRunner
from metaauto.model import FinalModel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems"),
]
TIMEOUT = 120.0
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def _receive_hangups() -> None:
    """Undo what nohup does, under which the tests may run."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_line("fit", *arguments, "--cores", "1", "--memory", "2"),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_receive_hangups,  # noqa: PLW1509
    )


def _await(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("how", SIGNALS[:2])
def test_ctrl_c_ends_the_search_and_saves_the_best_so_far(how: int, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    run = tmp_path / "run"
    arguments = ("--target", "buys", "--budget", "10m", "--run-dir", "run", "--include", "logistic")
    process = _start(tmp_path, "t.csv", *arguments, "--out", "m.metaauto", "--json")
    _await(lambda: finished_trials(run) >= 1, process)
    asked = time.monotonic()
    process.send_signal(how)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    assert time.monotonic() - asked < 60
    assert "Stopping: saving the best model so far." in err
    assert "Traceback" not in err
    assert json.loads(out)["trials"] >= 2
    assert metaauto.load(tmp_path / "m.metaauto").predict(people(5)).shape == (5,)


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize(
    ("owner", "step"), [(FitRunner, "assemble"), (FinalModel, "save")], ids=["assemble", "save"]
)
def test_a_first_signal_while_assembling_or_saving_keeps_the_model(
    owner: type, step: str, kind: int, quick_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(owner, step)

    def interrupted(*arguments: object, **options: object) -> object:
        signal.raise_signal(kind)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, step, interrupted)
    # Under nohup the signal is ignored, and a fit leaves it so.
    before = signal.signal(
        kind, signal.SIG_DFL if kind != signal.SIGINT else signal.getsignal(kind)
    )
    handlers = [signal.getsignal(each) for each in SIGNALS]
    people().to_csv("t.csv", index=False)
    arguments = ("--target", "buys", *QUICK, "--include", "lda", "--out", "m.metaauto")
    done = quick_cli("fit", "t.csv", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Stopping: saving the best model so far." in done.stderr
    assert metaauto.load("m.metaauto").predict(people(5)).shape == (5,)
    assert [signal.getsignal(each) for each in SIGNALS] == handlers
    signal.signal(kind, before)


def test_a_second_ctrl_c_while_saving_exits_without_the_model(
    quick_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(FinalModel, "save", interrupted)
    people().to_csv("t.csv", index=False)
    arguments = ("--target", "buys", *QUICK, "--include", "lda", "--out", "m.metaauto")
    done = quick_cli("fit", "t.csv", *arguments)
    assert done.returncode == 130
    assert not Path("m.metaauto").exists()


def test_a_closed_terminal_saves_the_best_so_far(tmp_path: Path) -> None:
    import pty

    people().to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--target", "buys", "--budget", "10m", "--run-dir", "run", "--include", "logistic")
    command = command_line("fit", "t.csv", *arguments, "--cores", "1", "--memory", "2")
    # The child of pty.fork leads a session whose terminal it is.
    pid, terminal = pty.fork()
    if pid == 0:
        _receive_hangups()
        os.chdir(tmp_path)
        os.execvpe(command[0], [*command, "--out", "m.metaauto"], environment(tmp_path))
    end = time.monotonic() + TIMEOUT
    while finished_trials(tmp_path / "run") < 1:
        assert time.monotonic() < end
        # A full buffer of the terminal would block the fit.
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert metaauto.load(tmp_path / "m.metaauto").predict(people(5)).shape == (5,)
    assert not list((tmp_path / "temporary").glob("metaauto-*"))


def test_ctrl_c_before_there_is_a_model_leaves_nothing(tmp_path: Path) -> None:
    # Nothing is written into the pipe, so that the fit still reads its table when it is stopped.
    process = subprocess.Popen(
        command_line("fit", "-", "--target", "buys", "--out", "m.metaauto", "--cores", "1"),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "Reading the table\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 130
    assert process.stderr.read().strip() == "Interrupted."
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()
    assert {path.name for path in tmp_path.iterdir()} == {"temporary"}
    assert not list((tmp_path / "temporary").glob("metaauto-*"))


def test_a_killed_run_goes_on(quick_cli: Cli, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    run = tmp_path / "run"
    arguments = ("--target", "buys", "--trials", "6", "--cv", "2", "--seed", "3")
    models = ("--include", "logistic, extra_trees")
    process = _start(tmp_path, "t.csv", *arguments, *models, "--run-dir", "run")
    _await(lambda: finished_trials(run) >= 2, process)
    process.kill()
    process.communicate()
    done = finished_trials(run)
    assert not (tmp_path / "model.metaauto").exists()

    resumed = quick_cli("fit", "--resume", "run", "--cores", "1", "--out", "m.metaauto", "--json")
    assert resumed.returncode == 0, resumed.stderr
    told = json.loads(resumed.stdout)
    assert told["trials"] == 1 + 6
    assert told["seed"] == 3
    board = json.loads(quick_cli("leaderboard", "m.metaauto", "--json").stdout)["leaderboard"]
    assert len([row for row in board if row["status"] in ("success", "dropped")]) >= done
    assert {row["name"].rpartition("-")[0] for row in board} == {
        "", "dummy", "logistic", "extra_trees",
    }  # fmt: skip
    assert metaauto.load(tmp_path / "m.metaauto").predict(people(5)).shape == (5,)

    whole = quick_cli(
        *("fit", "t.csv", *arguments, *models, "--cores", "1", "--out", "w.metaauto", "--quiet")
    )
    assert whole.returncode == 0, whole.stderr
    predict = [quick_cli("predict", f"{name}.metaauto", "t.csv", "--proba").stdout for name in "mw"]
    assert predict[0] == predict[1], "a resumed run comes to the same as one that was not killed"


def test_a_run_is_not_resumed_with_other_data(quick_cli: Cli, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--trials", "1", "--cores", "1", "--include", "lda", "--quiet")
    first = quick_cli("fit", "t.csv", "--target", "buys", *arguments, "--run-dir", "run")
    assert first.returncode == 0, first.stderr
    people(seed=5).to_csv(tmp_path / "t.csv", index=False)
    again = quick_cli("fit", "--resume", "run", "--out", "n.metaauto", "--quiet")
    assert again.returncode == 1
    assert again.stderr.startswith("Error: The table differs")
    assert not (tmp_path / "n.metaauto").exists()
