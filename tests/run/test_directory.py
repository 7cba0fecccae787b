from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from metaauto.configuration import Configuration
from metaauto.errors import RunError
from metaauto.files import LOCK
from metaauto.run import MARKER, RunDirectory, read_run
from metaauto.search import restored_trials
from metaauto.search.trial import Outcome, Status, Trial

NO_PERMISSIONS = not hasattr(os, "geteuid") or os.geteuid() == 0


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "run"


def killed(*_, **__):
    raise KeyboardInterrupt


class TestCreate:
    def test_a_new_directory_is_made_with_its_parents(self, tmp_path):
        with RunDirectory.create(tmp_path / "a" / "b", {"seed": 3}) as run:
            assert run.path == tmp_path / "a" / "b"
            names = {p.name for p in run.path.iterdir() if "run.db-" not in p.name}
        assert names == {MARKER, "data", "logs", "models", "predictions", "run.db", LOCK}

    def test_an_empty_directory_is_taken(self, folder):
        folder.mkdir()
        RunDirectory.create(folder, {}).close()
        assert (folder / MARKER).is_file()

    def test_a_directory_that_holds_something_is_left_alone(self, folder):
        folder.mkdir()
        (folder / "thesis.tex").write_text("my life's work")
        with pytest.raises(RunError, match="not empty") as caught:
            RunDirectory.create(folder, {})
        assert "--resume" not in caught.value.hint
        assert [p.name for p in folder.iterdir()] == ["thesis.tex"]

    def test_a_run_that_is_killed_before_its_marker_can_start_again(self, folder, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                RunDirectory.create(folder, {})
        RunDirectory.create(folder, {}).close()

    def test_a_run_that_is_killed_after_its_marker_can_be_resumed(self, folder, monkeypatch):
        folder.mkdir()
        make = Path.mkdir
        with monkeypatch.context() as patch:
            patch.setattr(
                Path, "mkdir", lambda p, **how: (make if p == folder else killed)(p, **how)
            )
            with pytest.raises(KeyboardInterrupt):
                RunDirectory.create(folder, {"seed": 3})
        with RunDirectory.open(folder) as run:
            assert run.settings == {"seed": 3}

    def test_a_directory_of_another_run_hints_at_resuming(self, folder):
        RunDirectory.create(folder, {}).close()
        with pytest.raises(RunError, match="not empty") as caught:
            RunDirectory.create(folder, {})
        assert "resume=" in caught.value.hint

    def test_a_file_is_no_directory(self, folder):
        folder.write_text("a file")
        with pytest.raises(RunError, match="cannot be created"):
            RunDirectory.create(folder, {})
        with pytest.raises(RunError, match="cannot be created"):
            RunDirectory.create(folder / "below", {})

    @pytest.mark.skipif(NO_PERMISSIONS, reason="this user may write everywhere")
    def test_a_directory_that_may_not_be_written_is_said(self, folder):
        folder.mkdir(mode=0o500)
        with pytest.raises(RunError, match="not writable"):
            RunDirectory.create(folder, {})

    def test_home_is_expanded(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        with RunDirectory.create("~/mine", {}) as run:
            assert run.path == tmp_path / "mine"


class TestOpen:
    def test_settings_come_back(self, folder):
        settings = {"seed": 3, "metric": "auc", "roles": {"ä": "text"}}
        RunDirectory.create(folder, settings).close()
        with RunDirectory.open(folder) as run:
            assert run.settings == settings
            assert run.stored().settings == settings

    def test_what_json_does_not_know_is_kept_as_text(self, folder):
        RunDirectory.create(folder, {"path": Path("x")}).close()
        with RunDirectory.open(folder) as run:
            assert run.settings == {"path": "x"}

    @pytest.mark.parametrize("marker", [None, "", "no json", "[]", "{}", '{"format": "x"}', "\xff"])
    def test_a_foreign_directory_is_refused_and_left_alone(self, folder, marker):
        folder.mkdir()
        (folder / "data.csv").write_text("a,b")
        if marker is not None:
            (folder / MARKER).write_text(marker, encoding="latin-1")
        before = sorted(p.name for p in folder.iterdir())
        with pytest.raises(RunError, match="not a run directory") as caught:
            RunDirectory.open(folder)
        assert "run_dir" in caught.value.hint
        assert sorted(p.name for p in folder.iterdir()) == before

    def test_a_directory_that_is_not_there_is_refused_and_not_made(self, folder):
        with pytest.raises(RunError, match="not a run directory"):
            RunDirectory.open(folder)
        assert not folder.exists()

    def test_a_newer_format_is_refused(self, folder):
        RunDirectory.create(folder, {}).close()
        record = json.loads((folder / MARKER).read_text())
        record["format"] += 1
        (folder / MARKER).write_text(json.dumps(record))
        with pytest.raises(RunError, match="newer metaauto"):
            RunDirectory.open(folder)

    def test_a_database_that_is_none_is_refused(self, folder):
        RunDirectory.create(folder, {}).close()
        for rest in folder.glob("run.db*"):
            rest.unlink()
        (folder / "run.db").write_bytes(b"not a database" * 100)
        with pytest.raises(RunError, match="cannot be used"):
            RunDirectory.open(folder)

    def test_a_damaged_database_is_an_error_of_the_run(self, folder):
        with RunDirectory.create(folder, {}) as run:
            for number in range(300):
                run.record_trial(Trial(number, Configuration("knn", {"n": number}), "x").to_json())
        content = bytearray((folder / "run.db").read_bytes())
        content[4096:] = b"\xa5" * (len(content) - 4096)
        (folder / "run.db").write_bytes(bytes(content))
        with pytest.raises(RunError, match="cannot be used"), RunDirectory.open(folder) as run:
            run.stored()

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE state SET value = 'soon' WHERE key = 'seconds'",
            "UPDATE state SET value = 'nan' WHERE key = 'seconds'",
            "UPDATE trials SET configuration = '{'",
            f"UPDATE trials SET configuration = '{'[' * 100_000}'",
        ],
    )
    def test_a_damaged_record_is_an_error_of_the_run(self, change, folder):
        with RunDirectory.create(folder, {}) as run:
            run.record_trial(Trial(0, Configuration("knn"), "x").to_json())
            run.record_status("running", 1.0)
        with closing(sqlite3.connect(folder / "run.db")) as connection, connection:
            connection.execute(change)
        with RunDirectory.open(folder) as run, pytest.raises(RunError, match="cannot be used"):
            run.stored()
        with pytest.raises(RunError, match="cannot be read"):
            read_run(folder)

    def test_folders_that_were_deleted_are_made_again(self, folder):
        RunDirectory.create(folder, {}).close()
        (folder / "models").rmdir()
        RunDirectory.open(folder).close()
        assert (folder / "models").is_dir()


class TestRecords:
    def trial(self, **more) -> Trial:
        made = Trial(
            0, Configuration("knn", {"n": 5, "w": None, "s": 0.5, "b": True}), "smac", "why"
        )
        for key, value in more.items():
            setattr(made, key, value)
        return made

    def test_a_trial_comes_back_as_it_was(self, folder):
        trial = self.trial(status=Status.SUCCESS, loss=0.125, started=1.5, finished=2.5)
        with RunDirectory.create(folder, {}) as run:
            run.record_trial(trial.to_json())
            assert run.stored().trials == [trial.to_json()]

    def test_a_later_note_replaces_an_earlier_one(self, folder):
        trial = self.trial()
        with RunDirectory.create(folder, {}) as run:
            run.record_trial(trial.to_json())
            trial.status, trial.error = Status.FAILED, "ä broke\nin two lines"
            run.record_trial(trial.to_json())
            run.record_outcome(Outcome(0, 1, Status.FAILED, error="first"))
            run.record_outcome(Outcome(0, 1, Status.SUCCESS, prediction="p"))
            stored = run.stored()
        assert [t["error"] for t in stored.trials] == ["ä broke\nin two lines"]
        assert [(o["fold"], o["status"], o["error"]) for o in stored.outcomes] == [
            (1, "success", "")
        ]

    def test_an_outcome_comes_back_as_it_was(self, folder):
        outcome = Outcome(3, 1, Status.SUCCESS, 1.5, 1.0, 0.25, 99.5, "p.npy", "m.pkl")
        with RunDirectory.create(folder, {}) as run:
            run.record_outcome(outcome)
            (row,) = run.stored().outcomes
        assert Outcome(**{**row, "status": Status(row["status"])}) == outcome

    def test_status_and_seconds_come_back(self, folder):
        with RunDirectory.create(folder, {}) as run:
            assert (run.stored().status, run.stored().seconds) == ("running", 0.0)
            run.record_status("running", 1.5)
            run.record_status("finished", 2.5)
        with RunDirectory.open(folder) as run:
            assert (run.stored().status, run.stored().seconds) == ("finished", 2.5)

    def test_what_was_noted_is_there_after_a_crash(self, folder):
        run = RunDirectory.create(folder, {})
        run.record_trial(self.trial().to_json())
        copy = folder.parent / "copy"
        copy.mkdir()
        for path in folder.glob("*"):
            if path.is_file():
                (copy / path.name).write_bytes(path.read_bytes())
        run.close()
        with RunDirectory.open(copy) as again:
            assert len(again.stored().trials) == 1

    def test_readers_may_look_while_it_is_written(self, folder):
        with RunDirectory.create(folder, {}) as run:
            reader = sqlite3.connect(f"file:{folder / 'run.db'}?mode=ro", uri=True)
            try:
                run.record_trial(self.trial().to_json())
                assert reader.execute("select count(*) from trials").fetchone() == (1,)
            finally:
                reader.close()

    def test_sizes_are_in_bytes(self, folder):
        with RunDirectory.create(folder, {}) as run:
            before = run.size()
            (folder / "models" / "m.pkl").write_bytes(b"x" * 5000)
            assert run.size() - before == 5000


class TestDeleting:
    def test_only_named_models_are_deleted(self, folder):
        with RunDirectory.create(folder, {}) as run:
            keep, drop = folder / "models" / "a.pkl", folder / "models" / "b.pkl"
            keep.write_bytes(b"12")
            drop.write_bytes(b"345")
            assert run.forget_models(["models/b.pkl", "models/none.pkl"]) == 3
            assert keep.exists()
            assert not drop.exists()

    @pytest.mark.parametrize(
        "name",
        [MARKER, "run.db", "models/../run.db", "../outside.txt", "predictions/p.npy", "", "models"],
    )
    def test_nothing_but_models_is_deleted(self, folder, name):
        (folder.parent / "outside.txt").write_text("keep me")
        with RunDirectory.create(folder, {}) as run:
            (folder / "predictions" / "p.npy").write_bytes(b"1")
            before = sorted(p for p in folder.parent.rglob("*") if "run.db-" not in p.name)
            assert run.forget_models([name, str(folder.parent / "outside.txt")]) == 0
            after = sorted(p for p in folder.parent.rglob("*") if "run.db-" not in p.name)
        assert after == before

    def test_a_temporary_run_vanishes_when_it_is_closed(self):
        run = RunDirectory.create(None, {})
        (run.path / "models" / "m.pkl").write_bytes(b"1")
        (run.path / "logs" / "worker-1.log").write_text("x")
        path = run.path
        run.close()
        assert not path.exists()

    def test_a_temporary_run_with_a_foreign_file_keeps_that(self):
        run = RunDirectory.create(None, {})
        foreign = run.path / "notes.txt"
        foreign.write_text("keep me")
        run.close()
        try:
            assert [p.name for p in run.path.iterdir()] == ["notes.txt"]
        finally:
            foreign.unlink()
            run.path.rmdir()

    def test_a_named_run_stays(self, folder):
        RunDirectory.create(folder, {}).close()
        RunDirectory.open(folder).close()
        assert (folder / MARKER).exists()

    def test_without_its_marker_nothing_is_removed(self, folder):
        with RunDirectory.create(folder, {}) as run:
            (folder / MARKER).unlink()
            run.remove()
            assert (folder / "models").is_dir()

    def test_closing_twice_does_no_harm(self, folder):
        run = RunDirectory.create(folder, {})
        run.close()
        run.close()


def test_an_older_run_takes_the_outcomes_of_today(folder):
    """Columns that came later are added, and what was noted before them still reads."""
    with RunDirectory.create(folder, {}) as run:
        run.record_outcome(Outcome(0, 0, Status.SUCCESS, seconds=1.0, fit_seconds=0.5))
    with sqlite3.connect(folder / "run.db") as connection:
        connection.execute("ALTER TABLE outcomes DROP COLUMN queued_seconds")
    with RunDirectory.open(folder) as run:
        run.record_outcome(Outcome(0, 1, Status.SUCCESS, seconds=2.0, queued_seconds=0.25))
        rows = run.stored().outcomes
    assert [row["queued_seconds"] for row in rows] == [None, 0.25]
    trial = {"number": 0, "configuration": {"model": "knn", "values": {}}, "source": "portfolio"}
    trial |= {"why": "", "started": 0.0, "finished": 1.0, "error": "", "loss": None}
    [restored] = restored_trials([{**trial, "status": "success"}], rows, folder)
    assert {o.queued_seconds for o in restored.outcomes.values()} <= {0.0, 0.25}
