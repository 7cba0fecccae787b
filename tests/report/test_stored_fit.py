from __future__ import annotations

import pytest

from metaauto.errors import MetaautoError
from metaauto.report.stored_fit import compare_fits, read_fit
from metaauto.run import RunDirectory
from metaauto.task import Task

TASK = {
    "kind": "binary", "target": "y", "columns": [], "metric": "roc_auc", "n_rows": 100,
    "classes": ["no", "yes"], "positive": "yes", "metric_has_positive": False,
}  # fmt: skip
SETTINGS = {"metric_used": "roc_auc", "task_used": "binary", "target": "y", "seed": 0}
TRIAL = {
    "number": 1, "name": "lda-1", "configuration": {"model": "lda", "values": {}},
    "source": "portfolio", "why": "default", "rows": None, "status": "success", "loss": 0.25,
    "started": 0.0, "finished": 1.0, "error": "",
}  # fmt: skip


def write_run(path, **settings):
    stored = {**SETTINGS, "task_record": Task.from_json(TASK).to_json(), **settings}
    run = RunDirectory.create(path, stored)
    run.record_trial(TRIAL)
    run.record_trial({**TRIAL, "number": 2, "name": "svm-2", "status": "running", "loss": None})
    return run


def test_a_run_is_read_as_a_fit(tmp_path):
    with write_run(tmp_path / "run"):
        fit = read_fit(tmp_path / "run")
        assert (fit.state, fit.scores.target, fit.metric_label) == ("running", "y", "roc_auc")
        assert fit.record.rows == 100
        assert [(line["name"], line["status"]) for line in fit.leaderboard] == [
            ("lda-1", "success"),
            ("svm-2", "running"),
        ]
        figure = fit.history_figure()
        assert "<svg" in figure.svg
        assert "ensemble" not in f"{figure.caption}{figure.legend}"
        assert "lda-1" in fit.report()
    assert read_fit(tmp_path / "run").state == "interrupted"


def test_a_finished_run_is_finished(tmp_path):
    with write_run(tmp_path / "run") as run:
        run.record_status("finished", 3.0)
        assert read_fit(tmp_path / "run").state == "running"
    fit = read_fit(tmp_path / "run")
    assert (fit.state, fit.record.seconds) == ("finished", 3.0)


def test_fits_are_compared_by_name(tmp_path):
    fits = []
    for seed, name in enumerate(("first", "second")):
        with write_run(tmp_path / name, seed=seed) as run:
            run.record_result({"score": 0.7 + seed / 10})
        fits.append(read_fit(tmp_path / name, name))
    options, result = compare_fits(fits)
    assert options == {"seed": [0, 1]}
    assert result == "second is best."


def test_what_is_no_fit_is_refused(tmp_path):
    (tmp_path / "model.metaauto").write_bytes(b"no model")
    for path in (tmp_path, tmp_path / "model.metaauto", tmp_path / "missing"):
        with pytest.raises(MetaautoError):
            read_fit(path)
