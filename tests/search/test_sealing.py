from __future__ import annotations

import os
import pickle
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.errors import RunError
from metaauto.search import sealing
from metaauto.search.sealing import check_sealed, dump_sealed, is_sealed, load_sealed, use_key


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def write(path, value):
    with open(path, "wb") as file:
        dump_sealed(file, lambda sealed: pickle.dump(value, sealed, 5))
    return path


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setattr(sealing, "_given_keys", [b"k" * 32])


def test_sealed_values_come_back(tmp_path):
    value = {"large": bytes(300_000), "text": "x"}
    path = write(tmp_path / "model", value)
    assert is_sealed(path)
    assert load_sealed(path) == value


def test_other_pickles_are_not_read(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "model"
    path.write_bytes(pickle.dumps(Attack(trace)))
    with pytest.raises(RunError, match="'.*model' was not written by metaauto for this user"):
        load_sealed(path)
    with pytest.raises(RunError, match="not written"):
        check_sealed(path)
    use_key(b"another user's key")
    write(path, Attack(trace))
    use_key(b"k" * 32)
    with pytest.raises(RunError, match="not written"):
        load_sealed(path)
    assert not is_sealed(path)
    assert not trace.exists()
    check_sealed(tmp_path / "missing")
    check_sealed(tmp_path)  # the path of an outcome without a model


@given(data=st.data())
def test_changed_files_are_not_read(tmp_path_factory, data):
    path = write(tmp_path_factory.mktemp("sealed") / "model", [1, 2, 3])
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    kept = data.draw(st.integers(0, len(whole)))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    for content in (bytes(changed), whole[:place], whole[kept:] + whole[:place]):
        if content != whole:
            path.write_bytes(content)
            assert not is_sealed(path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    sealing.user_key.cache_clear()
    yield tmp_path
    sealing.user_key.cache_clear()


def test_user_key_is_private_and_stays(home):
    key = sealing.user_key()
    sealing.user_key.cache_clear()
    assert sealing.user_key() == key
    assert len(key) == 32
    assert os.listdir(home / "data") == ["run-key"]
    if os.name == "posix":
        assert stat.S_IMODE((home / "data" / "run-key").stat().st_mode) == 0o600


def test_user_key_is_created_once(home):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(sealing.user_key.__wrapped__()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert os.listdir(home / "data") == ["run-key"]


def test_user_key_without_a_data_directory(home):
    (home / "data").write_text("a file")
    key = sealing.user_key()
    sealing.user_key.cache_clear()
    assert sealing.user_key() == key


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_user_key_of_others_is_not_used(home):
    first = sealing.user_key()
    (home / "data" / "run-key").chmod(0o644)
    sealing.user_key.cache_clear()
    assert sealing.user_key() != first
