from __future__ import annotations

import pickle
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from builders import make_trial
from hypothesis import given
from hypothesis import strategies as st

from metaauto.errors import RunError
from metaauto.run import RunDirectory
from metaauto.search.checkpoint import restored_trials
from metaauto.search.sealing import dump_sealed
from metaauto.search.trial import Outcome, Status, Trial


def outcome(trial: int, fold: int, status: Status = Status.SUCCESS, **more) -> Outcome:
    name = f"{trial:05d}-{fold:02d}"
    files = {"prediction": f"predictions/{name}.npy", "model": f"models/{name}.pkl"}
    files = files if status is Status.SUCCESS else {}
    return Outcome(trial, fold, status, seconds=1.5, memory=9.0, **{**files, **more})


def touch(folder: Path, *outcomes: Outcome) -> None:
    for name in ("predictions", "models"):
        (folder / name).mkdir(exist_ok=True)
    for each in outcomes:
        np.save(folder / each.prediction, np.zeros(2))
        with open(folder / each.model, "wb") as file:
            dump_sealed(file, partial(pickle.dump, each.fold))


def trial(number: int, status: Status, **more) -> Trial:
    return make_trial(number, status, why="because", **more)


def through_database(folder: Path, trials, outcomes) -> list[Trial]:
    """Write as the search does, read as a resumed fit does."""
    with RunDirectory.create(folder / "run", {}) as run:
        for each in trials:
            run.record_trial(each.to_json())
        for each in outcomes:
            run.record_outcome(each)
        touch(run.path, *[o for o in outcomes if o.status is Status.SUCCESS])
        path = run.path
    with RunDirectory.open(path) as run:
        stored = run.stored()
        return restored_trials(stored.trials, stored.outcomes, path)


def test_everything_that_was_noted_comes_back(tmp_path):
    trials = [
        trial(0, Status.SUCCESS, loss=0.25, started=1.0, finished=2.5),
        trial(1, Status.DROPPED, loss=0.5, error="worse"),
        trial(2, Status.CRASHED, error="SIGSEGV"),
    ]
    outcomes = [
        outcome(0, 0),
        outcome(0, 1),
        outcome(1, 0),
        outcome(2, 0),
        outcome(2, 1, Status.CRASHED, error="SIGSEGV", detail="trace"),
    ]
    found = through_database(tmp_path, trials, outcomes)
    assert [t.to_json() for t in found] == [t.to_json() for t in trials]
    assert [o for t in found for o in t.outcomes.values()] == outcomes
    assert all(t.is_over for t in found)


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPED])
def test_what_was_cut_off_goes_on_with_the_folds_it_lacks(status, tmp_path):
    cut_off = trial(0, status, error="The budget ended.", finished=3.0)
    done = [outcome(0, 0), outcome(0, 2)]
    (found,) = through_database(tmp_path, [cut_off], done)
    assert found.status is Status.RUNNING
    assert found.error == ""
    assert found.finished is None
    assert sorted(found.outcomes) == [0, 2]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPED])
def test_joined_predictions_of_an_unfinished_trial_are_removed(status, tmp_path):
    """A damaged file of them would be taken for those of the trial when it ends."""
    touch(tmp_path)
    joined = tmp_path / "predictions" / "00000.npy"
    np.save(joined, np.zeros(1))
    (found,) = restored_trials([trial(0, status).to_json()], [], tmp_path)
    assert not found.is_over
    assert not joined.exists()


def test_a_fold_that_the_end_of_the_budget_stopped_is_run_again(tmp_path):
    cut_off = trial(0, Status.STOPPED, error="The budget ended.")
    (found,) = through_database(
        tmp_path, [cut_off], [outcome(0, 0), outcome(0, 1, Status.TIMEOUT, error="too long")]
    )
    assert sorted(found.outcomes) == [0]


def test_a_fold_whose_prediction_is_gone_is_run_again(tmp_path):
    done = [outcome(0, 0), outcome(0, 1)]
    rows = [trial(0, Status.SUCCESS, loss=0.1).to_json()]
    notes = [dict(vars(o), status=str(o.status)) for o in done]
    touch(tmp_path, done[0])
    (found,) = restored_trials(rows, notes, tmp_path)
    assert found.status is Status.RUNNING
    assert found.loss is None
    assert sorted(found.outcomes) == [0]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPED])
def test_an_unfinished_fold_without_its_model_runs_again(status, tmp_path):
    done = [outcome(0, 0), outcome(0, 1)]
    touch(tmp_path, *done)
    (tmp_path / done[0].model).unlink()
    rows = [trial(0, status).to_json()]
    (found,) = restored_trials(rows, [dict(vars(o), status="success") for o in done], tmp_path)
    assert sorted(found.outcomes) == [1]


def test_a_finished_trial_keeps_its_outcomes_without_models(tmp_path):
    """The models of trials outside of the ensemble are deleted during the search."""
    done = [outcome(0, 0), outcome(0, 1)]
    touch(tmp_path, *done)
    for each in done:
        (tmp_path / each.model).unlink()
    rows = [trial(0, Status.SUCCESS, loss=0.1).to_json()]
    (found,) = restored_trials(rows, [dict(vars(o), status="success") for o in done], tmp_path)
    assert found.status is Status.SUCCESS
    assert sorted(found.outcomes) == [0, 1]


@given(
    status=st.sampled_from(Status),
    fold_statuses=st.lists(st.sampled_from([Status.SUCCESS, Status.TIMEOUT]), max_size=4),
    lost=st.sets(st.tuples(st.integers(0, 3), st.sampled_from(["prediction", "model"]))),
)
def test_an_unfinished_trial_has_only_outcomes_with_all_files(status, fold_statuses, lost):
    outcomes = [outcome(0, fold, each) for fold, each in enumerate(fold_statuses)]
    successes = [each for each in outcomes if each.status is Status.SUCCESS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        touch(folder, *successes)
        for each in successes:
            for kind in ("prediction", "model"):
                if (each.fold, kind) in lost:
                    (folder / getattr(each, kind)).unlink()
        records = [dict(vars(each), status=str(each.status)) for each in outcomes]
        (found,) = restored_trials([trial(0, status).to_json()], records, folder)
        assert found.is_over or all(
            each.status is Status.SUCCESS
            and (folder / each.prediction).is_file()
            and (folder / each.model).is_file()
            for each in found.outcomes.values()
        )
        whole = {e.fold for e in successes} - {fold for fold, _ in lost}
        assert whole <= set(found.outcomes)


@given(st.data())
def test_a_fold_with_truncated_predictions_runs_again(data):
    with tempfile.TemporaryDirectory() as name:
        folder, done = Path(name), [outcome(0, 0), outcome(0, 1)]
        touch(folder, *done)
        path = folder / done[1].prediction
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        records = [dict(vars(each), status="success") for each in done]
        (found,) = restored_trials([trial(0, Status.SUCCESS).to_json()], records, folder)
        assert found.status is Status.RUNNING
        assert sorted(found.outcomes) == [0]


def test_the_prediction_of_the_whole_trial_is_enough(tmp_path):
    rows = [trial(0, Status.SUCCESS, loss=0.1).to_json()]
    notes = [dict(vars(outcome(0, 0)), status="success")]
    (tmp_path / "predictions").mkdir()
    np.save(tmp_path / "predictions" / "00000.npy", np.zeros(2))
    (found,) = restored_trials(rows, notes, tmp_path)
    assert found.status is Status.SUCCESS
    assert found.loss == 0.1


def test_after_a_gap_nothing_is_taken_over(tmp_path):
    rows = [trial(n, Status.FAILED).to_json() for n in (0, 1, 3)]
    assert [t.number for t in restored_trials(rows, [], tmp_path)] == [0, 1]


def test_outcomes_of_unknown_trials_are_left_alone(tmp_path):
    notes = [dict(vars(outcome(7, 0)), status="success")]
    assert restored_trials([], notes, tmp_path) == []


@pytest.mark.parametrize(
    "names",
    [
        {"model": "../../outside.pkl"},
        {"model": "/tmp/outside.pkl"},
        {"model": "models/00001-00.pkl"},
        {"prediction": "predictions/../../00000-00.npy"},
    ],
)
def test_other_files_than_those_of_the_outcome_are_refused(tmp_path, names):
    trials = [trial(0, Status.SUCCESS, loss=0.5)]
    with pytest.raises(RunError, match="unexpected files"):
        restored_trials(
            [{**trials[0].to_json(), "configuration": trials[0].configuration.to_json()}],
            [vars(outcome(0, 0, **names))],
            tmp_path,
        )


def test_a_fold_with_a_foreign_model_runs_again(tmp_path):
    cut_off, done = trial(0, Status.RUNNING), outcome(0, 0)
    touch(tmp_path, done, outcome(0, 1))
    (tmp_path / done.model).write_bytes(pickle.dumps("foreign"))
    (found,) = restored_trials(
        [{**cut_off.to_json(), "configuration": cut_off.configuration.to_json()}],
        [vars(done), vars(outcome(0, 1))],
        tmp_path,
    )
    assert sorted(found.outcomes) == [1]


VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary()),
    *(st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=2), st.text())),
)


@given(data=st.data())
def test_a_record_with_any_value_is_restored_or_one_error(data):
    row = {**trial(0, Status.RUNNING).to_json(), "configuration": {"model": "knn", "values": {}}}
    note = {**vars(outcome(0, 0)), "status": "success"}
    for record in data.draw(st.sampled_from([(row,), (note,), (row, row["configuration"])])):
        record[data.draw(st.sampled_from(sorted(record)))] = data.draw(VALUES)
    try:
        found = restored_trials([row], [note], Path("no folder"), [(3, 2)])
    except RunError as error:
        assert error.hint
        return
    for each in found:
        assert isinstance(each.loss, (float, int, type(None)))
        assert isinstance(each.seconds, (float, int))
        assert set(each.outcomes) <= {0}
        each.to_json()


@pytest.mark.parametrize(
    "array", [np.zeros((3, 2)), np.zeros((2, 2)), np.zeros(3), np.zeros((3, 2), int), np.array("a")]
)
def test_predictions_of_another_shape_are_made_again(array, tmp_path):
    cut_off, done = trial(0, Status.RUNNING), outcome(0, 0)
    touch(tmp_path, done)
    np.save(tmp_path / done.prediction, array)
    row = {**cut_off.to_json(), "configuration": cut_off.configuration.to_json()}
    (found,) = restored_trials([row], [vars(done)], tmp_path, [(3, 2)])
    assert bool(found.outcomes) == (array.shape == (3, 2) and array.dtype == float)
