from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from metaauto.errors import RunError
from metaauto.run import RunDirectory, read_run

TRIAL = {
    "number": 0, "name": "dummy-0", "configuration": {"model": "dummy"}, "source": "baseline",
    "why": "", "rows": None, "status": "success", "loss": 0.5, "started": 0.0, "finished": 1.0, "error": "",
}  # fmt: skip


MEASURED = ("seconds", "fit_seconds", "predict_seconds", "memory")


def test_a_run_is_read_while_it_goes_on(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"metric_used": "roc_auc"}) as run:
        run.record_trial(TRIAL)
        before = {path.name for path in (tmp_path / "run").iterdir()}
        record = read_run(tmp_path / "run")
        assert (record.status, record.seconds, record.result) == ("running", 0.0, {})
        assert record.settings == {"metric_used": "roc_auc"}
        assert record.trials == [{**TRIAL, **dict.fromkeys(MEASURED, 0.0)}]
        run.record_result({"score": 0.75, "members": {"lda-1": 1.0}})
        run.record_status("finished", 12.5)
        record = read_run(tmp_path / "run")
        assert (record.status, record.seconds) == ("finished", 12.5)
        assert record.result == {"score": 0.75, "members": {"lda-1": 1.0}}
        assert {path.name for path in (tmp_path / "run").iterdir()} == before


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="is not a run directory"):
        read_run(tmp_path)
    RunDirectory.create(tmp_path / "run", {}).close()
    for name in ("run.db", "run.db-wal", "run.db-shm"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    with pytest.raises(RunError, match="cannot be read"):
        read_run(tmp_path / "run")
    assert not (tmp_path / "run" / "run.db").exists()


def test_a_database_that_is_none_is_refused(tmp_path):
    RunDirectory.create(tmp_path / "run", {}).close()
    with sqlite3.connect(tmp_path / "run" / "run.db") as db:
        db.execute("DROP TABLE trials")
    db.close()
    with pytest.raises(RunError, match="no such table"):
        read_run(tmp_path / "run")


def test_a_run_is_active_while_its_process_lives(tmp_path):
    with RunDirectory.create(tmp_path / "run", {}):
        assert read_run(tmp_path / "run").is_active
    assert not read_run(tmp_path / "run").is_active
    with RunDirectory.open(tmp_path / "run"):
        assert read_run(tmp_path / "run").is_active
    script = (
        "import os, sys; from metaauto.run import RunDirectory; "
        "run = RunDirectory.create(sys.argv[1], {}); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "killed"], check=True)
    assert (tmp_path / "killed" / "run.db-wal").exists()
    assert not read_run(tmp_path / "killed").is_active


def test_reading_a_closed_run_creates_no_files(tmp_path):
    RunDirectory.create(tmp_path / "run", {}).close()
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert read_run(tmp_path / "run").status == "running"
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before
