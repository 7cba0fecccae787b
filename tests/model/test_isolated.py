from __future__ import annotations

import io
import os
import pickle
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from metaauto.errors import MetaautoError, ModelFileError, Refused, SettingError
from metaauto.model import FinalModel, isolated
from metaauto.model.isolated import IsolatedModel


@pytest.fixture(scope="module")
def saved(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("isolated")
    return {kind: models[kind].save(folder / kind) for kind in ("binary", "regression")}


@pytest.fixture(scope="module")
def loaded(saved):
    model = FinalModel.load(saved["binary"], isolated=True)
    yield model
    model.close()


@pytest.mark.slow
def test_predictions_are_equal(saved, new_rows):
    for path in saved.values():
        model, plain = FinalModel.load(path, isolated=True), FinalModel.load(path)
        assert isinstance(model, IsolatedModel)
        np.testing.assert_array_equal(model.predict(new_rows), plain.predict(new_rows))
        typed = plain.schema.encode(new_rows)
        np.testing.assert_array_equal(model.predict_typed(typed), plain.predict_typed(typed))
        if plain.task.is_classification:
            found = model.predict_proba(new_rows, chunk_rows=7)
            np.testing.assert_array_equal(found, plain.predict_proba(new_rows, chunk_rows=7))
        assert model.predict(new_rows.iloc[:0]).shape == (0,)
        assert repr(model) == repr(plain)
        model.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGSTOP")
def test_a_process_that_hangs_is_ended(saved, new_rows):
    loaded = FinalModel.load(saved["regression"], isolated=True)
    process = loaded._process._child.process
    loaded._process._timeout = 0.3
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(ModelFileError, match=r"predicting took more than 0\.3 s"):
        loaded.predict(new_rows)
    assert process.poll() is not None


def test_loading_has_limits(saved):
    with pytest.raises(ModelFileError, match=r"loading took more than 0\.01 s"):
        FinalModel.load(saved["binary"], isolated=True, timeout=0.01)


def test_errors_of_the_child_are_raised_here(saved, tmp_path):
    path = tmp_path / "model"
    data = bytearray(saved["binary"].read_bytes())
    place = data.index(b"members/0/fold-0.skops") + 200
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"fold-0\.skops"):
        FinalModel.load(path, isolated=True)


@pytest.mark.parametrize("answer", [b"", b"\2", b"\0short", b"\1no json\n", b"\1" + b"x" * 100_000])
def test_invalid_answers_are_errors(answer):
    process = object.__new__(isolated._ModelProcess)
    process._child = SimpleNamespace(process=SimpleNamespace(stdin=None), output=io.BytesIO(answer))
    with pytest.raises((EOFError, ValueError)):
        process._exchange(b"", 8)


def test_what_needs_the_fold_models_is_refused(loaded, saved, tmp_path):
    for call in (
        lambda: loaded.save(tmp_path / "copy"),
        loaded.prune,
        loaded.to_sklearn,
        lambda: pickle.dumps(loaded),
    ):
        with pytest.raises(Refused, match="isolated=True cannot be"):
            call()
    with pytest.raises(SettingError, match="excludes trust=True"):
        FinalModel.load(saved["binary"], isolated=True, trust=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux limits memory")
def test_the_memory_of_the_process_is_limited(monkeypatch):
    import resource

    calls = {}
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: calls.update({kind: limits}))
    isolated._limit(1.0)
    soft, hard = calls[resource.RLIMIT_AS]
    assert soft > 2**30
    assert hard == resource.getrlimit(resource.RLIMIT_AS)[1]
    assert calls[resource.RLIMIT_CORE] == (0, 0)


def test_a_crash_is_one_clear_error(loaded, new_rows):
    # The last test with this child process.
    os.kill(loaded._process._child.process.pid, signal.SIGSEGV)
    for _ in range(2):
        with pytest.raises(MetaautoError, match="its process ") as caught:
            loaded.predict(new_rows)
        assert "forged or damaged" in caught.value.hint
