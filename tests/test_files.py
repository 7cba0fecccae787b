"""Folders of processes that have ended are removed, and no other folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import metaauto
from metaauto.files import LOCK, TemporaryFolder, remove_abandoned, replacing
from metaauto.run import RunDirectory

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders are locked on POSIX systems")

HOME = Path(metaauto.__file__).parent.parent
KILLED = """
import os
from metaauto.run import RunDirectory
from metaauto.search.executors.process import ConnectionListener

run = RunDirectory.create(None, {})
(run.path / "data" / "rows").write_text("private")
listener = ConnectionListener()
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_killed_run_is_removed_by_the_next_one(temporary):
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(HOME)}
    subprocess.run([sys.executable, "-c", KILLED], env=environment, timeout=120, check=False)
    names = [path.name for path in temporary.iterdir()]
    assert len(names) == 2, "a run directory and the folder of a socket"
    assert all(name.startswith("metaauto-") for name in names)
    with RunDirectory.create(None, {}) as run:
        assert list(temporary.iterdir()) == [run.path]
    assert list(temporary.iterdir()) == []


def test_a_resumed_run_removes_abandoned_folders_other_than_its_own(temporary):
    RunDirectory.create(temporary / "metaauto-run", {}).close()
    (temporary / "metaauto-left").mkdir()
    for path in temporary.iterdir():
        (path / LOCK).touch()
    with RunDirectory.open(temporary / "metaauto-run") as run:
        assert list(temporary.iterdir()) == [run.path]


def test_folders_in_use_and_foreign_folders_are_kept(temporary):
    (temporary / "metaauto-saved").mkdir()
    (temporary / "metaauto-saved" / "model.metaauto").touch()
    (temporary / "other").mkdir()
    (temporary / "other" / LOCK).touch()
    (temporary / "metaauto-file").touch()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / LOCK).touch()
    (temporary / "metaauto-link").symlink_to(elsewhere)
    with TemporaryFolder() as used:
        before = set(temporary.rglob("*"))
        assert remove_abandoned() == []
        assert set(temporary.rglob("*")) == before
        assert Path(used) in before


def test_folders_of_another_user_are_kept(temporary, monkeypatch):
    (temporary / "metaauto-theirs").mkdir()
    (temporary / "metaauto-theirs" / LOCK).touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert remove_abandoned() == []
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert remove_abandoned() == [temporary / "metaauto-theirs"]


KILLED_WHILE_WRITING = """
import os, sys
from pathlib import Path
from metaauto.files import replacing

with replacing(Path(sys.argv[1])) as part:
    part.write_text("half")
    os.kill(os.getpid(), 9)
"""


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".*"))


@pytest.mark.parametrize("name", ["m.metaauto", "a[1]*.csv", "ü?.json"])
def test_the_part_of_a_killed_process_is_removed_when_the_file_is_written_again(tmp_path, name):
    path = tmp_path / name
    for other in (path, tmp_path / "other"):
        command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(other)]
        subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(HOME)}, timeout=60, check=False
        )
    (half,) = [part for part in tmp_path.iterdir() if part.name.startswith(f".{name}")]
    half.with_name(f"{half.name}-wal").touch()
    kept = [part for part in parts(tmp_path) if part.startswith(".other")]
    assert len(parts(tmp_path)) == 3
    with replacing(path) as part:
        part.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert parts(tmp_path) == kept


def test_the_part_of_a_running_process_is_kept(tmp_path):
    path = tmp_path / "m"
    with replacing(path) as first:
        with replacing(path) as second:
            second.write_text("second")
        assert first.exists()
        first.write_text("first")
    assert path.read_text() == "first"
    assert parts(tmp_path) == []


def test_a_failure_leaves_the_file_and_no_part(tmp_path):
    path = tmp_path / "m"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), replacing(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert parts(tmp_path) == []
