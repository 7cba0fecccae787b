from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.errors import MissingPlugin, ModelFileError, Refused
from metaauto.model import FinalModel, Member, archive, manifest, read_manifest
from metaauto.model.fit_record import FitRecord

KINDS = ("binary", "multiclass", "regression")


@pytest.fixture(scope="module")
def saved(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    return {kind: models[kind].save(folder / f"{kind}.metaauto") for kind in KINDS}


def rewrite(path: Path, target: Path, change, **entries: bytes) -> Path:
    """Copy a model file with a changed manifest and changed entries."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        record = json.loads(source.read("manifest.json"))
        change(record)
        copy.writestr("manifest.json", json.dumps(record))
        for name in source.namelist()[1:]:
            copy.writestr(name, entries.get(name, source.read(name)))
    return target


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_predicts_alike(models, saved, new_rows, kind):
    loaded = FinalModel.load(saved[kind])
    np.testing.assert_array_equal(loaded.predict(new_rows), models[kind].predict(new_rows))
    np.testing.assert_array_equal(loaded.predict_raw(new_rows), models[kind].predict_raw(new_rows))
    assert loaded.predict(new_rows).dtype == models[kind].predict(new_rows).dtype
    assert loaded.task == models[kind].task
    assert loaded.schema == models[kind].schema
    assert loaded.metric_name == "test_metric"
    assert loaded.fallback == models[kind].fallback
    for before, after in zip(models[kind].members, loaded.members, strict=True):
        wanted = {**vars(before), "estimators": None}
        assert {**vars(after), "estimators": None} == wanted


def test_record_and_leaderboard_come_back(saved):
    loaded = FinalModel.load(saved["binary"])
    assert loaded.record == FitRecord(seed=3, seconds=1.5, findings=("a column is constant",))
    assert loaded.leaderboard_rows == [{"name": "logistic-1", "score": 0.9, "failed": None}]


def test_a_loaded_model_can_be_saved_again(saved, new_rows, tmp_path):
    loaded = FinalModel.load(saved["multiclass"])
    again = FinalModel.load(loaded.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.predict_proba(new_rows), loaded.predict_proba(new_rows))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_another_process_predicts_alike(models, saved, new_rows, tmp_path, kind):
    new_rows.to_pickle(tmp_path / "rows.pkl")
    code = f"""
        import warnings; warnings.simplefilter("error")
        import numpy as np, pandas as pd
        from metaauto.model import FinalModel
        model = FinalModel.load({str(saved[kind])!r})
        rows = pd.read_pickle({str(tmp_path / "rows.pkl")!r})
        np.save({str(tmp_path / "raw.npy")!r}, model.predict_raw(rows))
    """
    root = str(Path(metaauto.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "METAAUTO_PLUGINS": ""}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, env=environment)
    found = np.load(tmp_path / "raw.npy")
    np.testing.assert_array_equal(found, models[kind].predict_raw(new_rows))


def test_the_manifest_stands_first_and_is_read_alone(saved, monkeypatch):
    monkeypatch.setattr("metaauto.model.save.load_estimator", None)
    record = read_manifest(saved["binary"])
    with zipfile.ZipFile(saved["binary"]) as file:
        assert file.namelist()[0] == "manifest.json"
        assert json.loads(file.read("manifest.json")) == record
        for member in record["members"]:
            for entry in member["entries"]:
                data = file.read(entry["path"])
                assert hashlib.sha256(data).hexdigest() == entry["sha256"]
                assert len(data) == entry["size"]
    assert record["format"] == "metaauto-model"
    assert record["format_version"] == 1
    assert record["classes"] == ["no", "yes"]
    assert record["versions"]["scikit-learn"]
    assert [m["model"] for m in record["members"]] == ["hist_gradient_boosting", "logistic"]
    assert record["members"][0]["values"]["max_leaf_nodes"] == 8
    assert record["decision"] == {"kind": "threshold", "values": [0.3]}


def test_the_manifest_is_strict_json(saved):
    with zipfile.ZipFile(saved["binary"]) as file:
        text = file.read("manifest.json").decode()
    json.loads(text, parse_constant=pytest.fail)


def test_reading_a_manifest_imports_no_model_library(saved):
    code = f"""
        import sys
        from metaauto.model import read_manifest
        read_manifest({str(saved["binary"])!r})
        heavy = {{"sklearn", "skops", "scipy", "smac", "openml"}} & set(sys.modules)
        assert not heavy, heavy
    """
    root = str(Path(metaauto.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, env=environment)


def test_saving_replaces_a_model(models, new_rows, tmp_path):
    path = tmp_path / "model"
    models["binary"].save(path)
    models["regression"].save(path)
    assert FinalModel.load(path).task.kind == "regression"
    assert os.listdir(tmp_path) == ["model"]


def test_saving_through_a_link_keeps_the_link(models, tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "real")
    except OSError:
        pytest.skip("no symbolic links here")
    models["regression"].save(link)
    assert link.is_symlink()
    assert read_manifest(tmp_path / "real")


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_saved_file_has_the_mode_of_the_umask(models, tmp_path):
    before = os.umask(0o027)
    try:
        path = models["regression"].save(tmp_path / "model")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_full_disk_leaves_the_old_model_and_nothing_else(models, tmp_path, monkeypatch, call):
    path = tmp_path / "model"
    path.write_bytes(b"the old model")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    written = archive.zipfile.ZipFile.writestr

    def write(self, name, *rest):
        return full() if name == archive.MANIFEST else written(self, name, *rest)

    if call == "write":
        monkeypatch.setattr(archive.zipfile.ZipFile, "writestr", write)
    else:
        monkeypatch.setattr(archive.os, call, full)
    with pytest.raises(ModelFileError, match="No space left") as caught:
        models["regression"].save(path)
    assert "Free some space" in caught.value.hint
    assert os.listdir(tmp_path) == ["model"]
    assert path.read_bytes() == b"the old model"


def test_an_interrupted_save_leaves_nothing(models, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(archive.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        models["regression"].save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_a_folder_without_permission_is_one_clear_error(models, tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(archive.os, "open", denied)
    with pytest.raises(ModelFileError, match="Permission denied") as caught:
        models["regression"].save(tmp_path / "model")
    assert "writable folder" in caught.value.hint


def test_places_where_no_file_can_stand(models, tmp_path):
    with pytest.raises(ModelFileError, match="directory") as caught:
        models["regression"].save(tmp_path)
    assert "Give a file name" in caught.value.hint
    with pytest.raises(ModelFileError) as caught:
        models["regression"].save(tmp_path / "absent" / "model")
    assert "Create the folder" in caught.value.hint
    assert os.listdir(tmp_path) == []


def test_a_record_that_json_cannot_hold_is_named(models, tmp_path):
    model = FinalModel(
        **{**vars(models["regression"]), "record": FitRecord(options={"lock": object()})}
    )
    with pytest.raises(ModelFileError, match=r"facts.options.lock has the type object"):
        model.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_odd_names_and_labels_survive(maker_of, table, tmp_path):
    rows = table("binary").rename(columns={"age": "âge \U0001f333", "width": "a\nb"})
    rows["target"] = rows["target"].map({"yes": "oui ✓", "no": "n\u00f6n"})
    model = (maker := maker_of(rows)).model(maker.member("naive_bayes"))
    loaded = FinalModel.load(model.save(tmp_path / "modèle"))
    assert list(loaded.classes_) == ["n\u00f6n", "oui ✓"]
    assert (loaded.predict(rows) == model.predict(rows)).all()


class Unsavable:
    """Something no safe file can hold."""

    classes_ = np.array([0, 1])

    def __reduce__(self):
        raise TypeError("cannot be taken apart")

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


class Forgetful:
    """Loses what it learned on its way through a file."""

    def __init__(self, value=1.0):
        self.value = value

    def predict(self, X):
        return np.full(len(X), self.value)

    def __getstate__(self):
        return {"value": 0.0}


def test_a_member_that_cannot_be_saved_is_left_out_aloud(models, new_rows, tmp_path, caplog):
    whole = models["binary"]
    bad = Member("odd-3", "odd", {}, 2.0, [Unsavable()], "odd")
    model = FinalModel(**{**vars(whole), "members": [bad, *whole.members]})
    with pytest.raises(ModelFileError, match=r"'odd-3' cannot be saved.*taken apart"):
        model.save(tmp_path / "model", on_unsavable="raise")
    assert os.listdir(tmp_path) == []
    with caplog.at_level(logging.WARNING, "metaauto"):
        loaded = FinalModel.load(model.save(tmp_path / "model"))
    assert "'odd-3'" in caplog.text
    assert "It is dropped" in caplog.text
    assert "'odd-3'" in loaded.record.dropped_members[0]
    np.testing.assert_array_equal(loaded.predict_proba(new_rows), whole.predict_proba(new_rows))


def test_a_member_that_would_change_in_the_file_is_left_out(models, tmp_path):
    whole = models["regression"]
    bad = Member("odd-3", "odd", {}, 2.0, [Forgetful()], "odd")
    model = FinalModel(**{**vars(whole), "members": [bad, *whole.members]})
    with pytest.raises(
        ModelFileError, match=r"'odd-3' cannot be saved.*predictions differ after saving"
    ):
        model.save(tmp_path / "model", on_unsavable="raise")


def test_a_model_of_which_nothing_can_be_saved_raises(models, tmp_path):
    bad = Member("odd-3", "odd", {}, 2.0, [Unsavable()], "odd")
    model = FinalModel(**{**vars(models["binary"]), "members": [bad]})
    with pytest.raises(ModelFileError, match="odd-3"):
        model.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []
    with pytest.raises(Refused, match="on_unsavable"):
        model.save(tmp_path / "model", on_unsavable="ignore")


def test_files_that_are_no_models(models, saved, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("size,age\n1,2\n")
    pd.DataFrame({"a": [1]}).to_pickle(tmp_path / "pickle")
    with zipfile.ZipFile(tmp_path / "zip", "w") as file:
        file.writestr("readme.txt", "hello")
    with zipfile.ZipFile(tmp_path / "other", "w") as file:
        file.writestr("manifest.json", '{"name": "an extension"}')
    with zipfile.ZipFile(tmp_path / "list", "w") as file:
        file.writestr("manifest.json", "[]")
    for name in ("empty", "text", "pickle", "zip", "other", "list"):
        for read in (FinalModel.load, read_manifest):
            with pytest.raises(ModelFileError, match=name) as caught:
                read(tmp_path / name)
            assert caught.value.hint
    with pytest.raises(ModelFileError, match="Model file not found"):
        FinalModel.load(tmp_path / "absent")
    with pytest.raises(ModelFileError, match="is a directory, not a model file"):
        FinalModel.load(tmp_path)


def test_a_newer_format_says_so(saved, tmp_path):
    def newer(record):
        record["format_version"] = 2
        record["versions"]["metaauto"] = "9.0"

    path = rewrite(saved["regression"], tmp_path / "newer", newer)
    with pytest.raises(ModelFileError, match=r"saved by metaauto 9.0 in format 2") as caught:
        FinalModel.load(path)
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("saved_with", ["0.24.2", "1.5.1"])
def test_another_scikit_learn_is_a_warning(saved, tmp_path, caplog, saved_with):
    def older(record):
        record["versions"]["scikit-learn"] = saved_with

    path = rewrite(saved["regression"], tmp_path / "older", older)
    with caplog.at_level(logging.WARNING, "metaauto"):
        FinalModel.load(path)
    here = manifest.installed_versions()["scikit-learn"]
    assert f"scikit-learn {saved_with}, installed is {here}" in caplog.text


def test_the_same_versions_are_no_warning(saved, caplog):
    with caplog.at_level(logging.WARNING, "metaauto.model"):
        FinalModel.load(saved["regression"])
    assert not [r for r in caplog.records if r.name.startswith("metaauto.model")]


def plugged(record, *, packages=None):
    member = record["members"][0]
    member.update(model="absent", plugin="absent", distribution="metaauto-absent", version="0.1")
    member["packages"] = packages or {}


def test_a_missing_plugin_is_named(saved, tmp_path):
    path = rewrite(saved["regression"], tmp_path / "model", plugged)
    with pytest.raises(MissingPlugin, match=r"plugin metaauto-absent 0.1") as caught:
        FinalModel.load(path)
    assert "model 'absent'" in str(caught.value)
    assert caught.value.hint == "Run: pip install metaauto-absent"


def test_a_missing_library_is_named(saved, tmp_path):
    absent = {"no_such_library": {"distribution": "no-such-library", "version": "1.0"}}

    def change(record):
        record["members"][0]["packages"] = absent

    path = rewrite(saved["regression"], tmp_path / "model", change)
    for trust in (False, True):
        with pytest.raises(MissingPlugin, match="requires no-such-library") as caught:
            FinalModel.load(path, trust=trust)
        assert "pip install no-such-library" in caught.value.hint


def test_a_forged_distribution_is_no_advice(saved, tmp_path):
    def change(record):
        plugged(record)
        record["members"][0]["distribution"] = "--index-url=https://evil.example x"

    path = rewrite(saved["regression"], tmp_path / "model", change)
    with pytest.raises(MissingPlugin) as caught:
        FinalModel.load(path)
    assert "pip" not in caught.value.hint


def test_the_manifest_does_not_import_modules(saved, tmp_path, monkeypatch):
    (tmp_path / "evil_module").mkdir()
    (tmp_path / "evil_module" / "__init__.py").write_text("raise SystemExit('it ran')")
    (tmp_path / "evil_module" / "part.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(str(tmp_path))

    def change(record):
        package = {"distribution": "", "version": ""}
        record["members"][0]["packages"] = {"evil_module": package}
        record["members"][1]["packages"] = {"evil_module.part": package}

    path = rewrite(saved["regression"], tmp_path / "model", change)
    with pytest.raises(MissingPlugin):
        FinalModel.load(path)
    assert "evil_module" not in sys.modules


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("members"),
        lambda record: record.update(members="none"),
        lambda record: record.update(members=[]),
        lambda record: record["members"][0].pop("entries"),
        lambda record: record["members"][0].update(weight="heavy"),
        lambda record: record["members"][0].update(weight=-1),
        lambda record: record["members"][0].update(packages=[1]),
        lambda record: record["members"][0]["entries"][0].update(path="members/9/fold-9.skops"),
        lambda record: record["members"][0]["entries"][0].update(path="/etc/passwd"),
        lambda record: record["members"][0]["entries"][0].update(size=10),
        lambda record: record["members"][0]["entries"][0].update(sha256="0" * 64),
        lambda record: record.update(task={}),
        lambda record: record.update(schema=None),
        lambda record: record.update(calibrator={"kind": "magic", "values": []}),
        lambda record: record.update(fallback=[1]),
        lambda record: record.update(format_version="1"),
        lambda record: record.update(versions=7),
    ],
)
def test_a_nonsensical_manifest_is_a_model_file_error(saved, tmp_path, change):
    path = rewrite(saved["regression"], tmp_path / "model", change)
    with pytest.raises(ModelFileError):
        FinalModel.load(path)
