from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from command_line import run_plain
from forged_models import attack, node, skops_bytes, with_blob
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import all_estimators

from metaauto import builtin
from metaauto.api import Model, hookimpl
from metaauto.errors import MissingPlugin, ModelFileError
from metaauto.model import FinalModel, Member, archive, manifest, serialization
from metaauto.model.archive import Entry
from metaauto.model.serialization import (
    TRUSTED_TYPES,
    dump_estimator,
    load_estimator,
    modules_in,
    trusted_types,
)
from metaauto.plugins.manager import PluginSettings, load_plugins

RAN: list[str] = []


class Loud(BaseEstimator):
    """A plugin's estimator that tells when it is constructed."""

    value = 4.0

    def __setstate__(self, state):
        RAN.append("setstate")
        super().__setstate__(state)

    def predict(self, X):
        return np.full(len(X), self.value)


@pytest.fixture(autouse=True)
def _forget():
    RAN.clear()


@pytest.fixture
def loud_model(models):
    member = Member("loud-1", "loud", {}, 1.0, [Loud()], "loud", "metaauto-loud", "0.3")
    return FinalModel(**{**vars(models["regression"]), "members": [member]})


def loud_plugin(*trusted):
    class Plugin:
        __name__ = "loud"

        @hookimpl
        def register_models(self, register):
            register.model(Model("loud", lambda values, context: Loud(), trusted=trusted))

    return load_plugins(PluginSettings(only=()), [Plugin()]).registry


@pytest.fixture(scope="module")
def saved(models, tmp_path_factory):
    return models["regression"].save(tmp_path_factory.mktemp("saved") / "model")


def test_types_of_a_plugin_are_trusted_when_it_says_so(loud_model, new_rows, tmp_path):
    path = loud_model.save(tmp_path / "model")
    name = f"{Loud.__module__}.Loud"
    RAN.clear()
    loaded = FinalModel.load(path, registry=loud_plugin(name))
    assert RAN == ["setstate"]
    assert (loaded.predict(new_rows) == 4.0).all()


def test_an_undeclared_type_is_named_and_not_constructed(loud_model, new_rows, tmp_path):
    path = loud_model.save(tmp_path / "model")
    RAN.clear()
    with pytest.raises(ModelFileError, match=rf"'loud-1'.*{Loud.__module__}\.Loud") as caught:
        FinalModel.load(path, registry=loud_plugin())
    assert "trust=True" in caught.value.hint
    assert "--trust" not in caught.value.hint, "there is no such option"
    assert caught.value.details["types"] == [f"{Loud.__module__}.Loud"]
    assert RAN == []
    loaded = FinalModel.load(path, trust=True, registry=loud_plugin())
    assert (loaded.predict(new_rows) == 4.0).all()


@settings(deadline=None, max_examples=10)
@given(others=st.sets(st.sampled_from(["other.A", "other.B"])), declares=st.booleans())
def test_what_is_saved_can_be_loaded(models, tmp_path_factory, others, declares):
    """A member of a plugin is saved only with types that its plugin declares."""
    name = f"{Loud.__module__}.Loud"
    declared = (*others, name) if declares else tuple(others)
    member = Member("loud-1", "loud", {}, 1.0, [Loud()], "loud", trusted=declared)
    model = FinalModel(**{**vars(models["regression"]), "members": [member]})
    path = tmp_path_factory.mktemp("declared") / "model"
    if declares:
        loaded = FinalModel.load(model.save(path), registry=loud_plugin(*declared))
        assert [member.name for member in loaded.members] == ["loud-1"]
        return
    with pytest.raises(ModelFileError, match=r"plugin 'loud' does not declare types") as caught:
        model.save(path)
    assert f"trusted=({name!r},)" in caught.value.hint
    assert not path.exists()


def test_a_plugin_that_is_not_loaded_is_named(loud_model, tmp_path, registry):
    path = loud_model.save(tmp_path / "model")
    RAN.clear()
    with pytest.raises(MissingPlugin, match=r"metaauto-loud 0.3 \(model 'loud'\)"):
        FinalModel.load(path, registry=registry)
    assert RAN == []


def test_what_the_file_says_of_itself_is_not_trusted(loud_model, tmp_path, registry):
    path = loud_model.save(tmp_path / "model")
    with zipfile.ZipFile(path) as file:
        record = json.loads(file.read("manifest.json"))
        blobs = {name: file.read(name) for name in file.namelist()[1:]}
    record["members"][0].update(plugin="builtin", packages={}, trusted=[f"{Loud.__module__}.Loud"])
    record["trusted"] = [f"{Loud.__module__}.Loud"]
    archive.write_archive(tmp_path / "forged", record, blobs)
    RAN.clear()
    with pytest.raises(ModelFileError, match="untrusted types"):
        FinalModel.load(tmp_path / "forged")
    assert RAN == []


@pytest.mark.parametrize("way", list(attack(Path("unused"))))
def test_a_malicious_entry_runs_nothing(saved, tmp_path, registry, way):
    trace = tmp_path / "trace"
    path = with_blob(saved, tmp_path / "model", attack(trace)[way])
    said = "untrusted types" if not way.startswith("pickle") else "cannot be read"
    with pytest.raises(ModelFileError, match=f"'hist_gradient_boosting-1'.*{said}"):
        FinalModel.load(path, registry=registry)
    assert not trace.exists()


@pytest.mark.skipif(os.name != "posix", reason="the attack is for a POSIX shell")
@pytest.mark.parametrize("way", ["constructor", "key type"])
def test_the_attacks_are_real(saved, tmp_path, registry, way):
    path = with_blob(saved, tmp_path / "model", attack(tmp_path / "trace")[way])
    with pytest.raises(ModelFileError, match="without a predict method"):
        FinalModel.load(path, trust=True, registry=registry)
    assert (tmp_path / "trace").exists()


def test_importing_what_a_file_names_is_an_attack_too(saved, tmp_path, registry, monkeypatch):
    (tmp_path / "evil_import.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for loader in ("ObjectNode", "FunctionNode", "TypeNode"):
        data = skops_bytes(node("evil_import", "Thing", loader, content=None))
        path = with_blob(saved, tmp_path / "model", data)
        with pytest.raises(ModelFileError, match=r"evil_import\.Thing"):
            FinalModel.load(path, registry=registry)
    assert not (tmp_path / "trace").exists()


def test_an_object_that_predicts_nothing_is_refused(saved, tmp_path, registry):
    path = with_blob(saved, tmp_path / "model", dump_estimator([1, 2]))
    with pytest.raises(ModelFileError, match="is a list without a predict method"):
        FinalModel.load(path, registry=registry)


@pytest.mark.parametrize("name", ["/tmp/evil", "../evil", "members/../../evil.skops", "evil.py"])
def test_entries_outside_the_model_are_refused(saved, tmp_path, name):
    path = tmp_path / "model"
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(zipfile.ZipInfo(name), b"x")
    with pytest.raises(ModelFileError, match="unexpected entry"):
        FinalModel.load(path)


def test_two_entries_of_one_name_are_refused(saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("members/0/fold-0.skops", b"x")
    with pytest.raises(ModelFileError, match="same name"):
        FinalModel.load(path)


def test_bombs_are_not_unpacked(saved, tmp_path, monkeypatch):
    zeros = bytes(2**20)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("schema.json", zeros * 3)
    monkeypatch.setattr("metaauto.model.serialization.FREE_UNPACKED_BYTES", 2**20)
    with pytest.raises(ModelFileError, match="claims to unpack"):
        load_estimator(inner.getvalue(), TRUSTED_TYPES)

    outer = tmp_path / "outer"
    record = json.loads(zipfile.ZipFile(saved).read("manifest.json"))
    name = "members/0/fold-0.skops"
    entry = Entry.of(name, zeros * 3)
    described = {"path": name, "sha256": entry.sha256, "size": entry.size}
    record["members"] = [{**record["members"][0], "entries": [described]}]
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("manifest.json", json.dumps(record))
        file.writestr(name, zeros * 3)
    monkeypatch.setattr(archive, "FREE_RATIO_BYTES", 2**20)
    monkeypatch.setattr(archive, "MAX_RATIO", 100)
    with pytest.raises(ModelFileError, match="claims to unpack"):
        FinalModel.load(outer)


def test_a_manifest_that_claims_too_much_is_not_read(saved, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MANIFEST_BYTES", 100)
    with pytest.raises(ModelFileError, match="manifest claims"):
        FinalModel.load(saved)


def test_deep_nesting_is_a_model_file_error(saved, tmp_path, registry):
    deep = "[" * 100_000
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("schema.json", deep)
    path = with_blob(saved, tmp_path / "model", buffer.getvalue())
    with pytest.raises(ModelFileError, match="cannot be read"):
        FinalModel.load(path, registry=registry)
    with zipfile.ZipFile(tmp_path / "deep", "w") as file:
        file.writestr("manifest.json", deep)
    with pytest.raises(ModelFileError):
        FinalModel.load(tmp_path / "deep")


def test_trusted_types_are_those_of_the_list_and_what_plugins_declare(registry):
    names = trusted_types(registry)
    assert set(TRUSTED_TYPES) <= set(names)
    declared = set(names) - set(TRUSTED_TYPES)
    components = registry.models() + [e.component for e in registry.entries("preprocessor")]
    assert declared <= {name for c in components for name in c.trusted}


class Größe(Loud):
    """A class with a name beyond ASCII."""


def test_a_trusted_type_with_a_name_beyond_ascii_is_loaded():
    name = f"{Größe.__module__}.{Größe.__name__}"
    assert isinstance(load_estimator(dump_estimator(Größe()), [name]), Größe)


OWN_MODULES = sorted(
    info.name for info in pkgutil.walk_packages(builtin.__path__, f"{builtin.__name__}.")
)


def test_own_types_are_estimator_classes_of_their_module():
    found = {module: serialization._own_types(module) for module in OWN_MODULES}
    assert any(found.values())
    for module, names in found.items():
        for name in names:
            home, _, last = name.rpartition(".")
            assert home == module
            assert issubclass(getattr(importlib.import_module(module), last), BaseEstimator)


def values_of(schema: object) -> Iterator[str]:
    """The texts that are values of objects, as names of types are in the JSON of skops."""
    inner = schema.values() if isinstance(schema, dict) else schema
    for item in inner if isinstance(inner, Iterable) and not isinstance(inner, str) else ():
        if isinstance(item, str) and isinstance(schema, dict):
            yield item
        yield from values_of(item)


def test_the_estimators_that_scikit_learn_exports_are_trusted():
    public = {f"{value.__module__}.{value.__name__}" for _, value in all_estimators()}
    modules = {name.rpartition(".")[0] for name in public}
    found = {name for module in modules for name in serialization._sklearn_types(module)}
    assert found == {name for name in public if name.startswith("sklearn.")}
    assert serialization._sklearn_types("sklearn.tests.test_base") == ()
    assert serialization._sklearn_types("sklearn.utils._testing") == ()


@pytest.mark.slow
def test_import_skops_alone_loads_the_same_models_without_its_lists(tmp_path):
    functions = [FunctionTransformer(one) for one in (np.log1p, scipy.special.expit)]
    data = dump_estimator(make_pipeline(*functions, StandardScaler(), LogisticRegression()))
    (tmp_path / "model").write_bytes(data)
    script = f"""if True:
        import sys, sklearn.utils
        from pathlib import Path
        from metaauto.errors import ModelFileError
        from metaauto.model.serialization import *
        listed = sklearn.utils.all_estimators
        import_skops_alone()
        assert sklearn.utils.all_estimators is listed
        data = Path({str(tmp_path / "model")!r}).read_bytes()
        print(load_estimator(data, ()))
        assert not {{"sklearn.gaussian_process", "sklearn.mixture"}} & {{*sys.modules}}
        lists = vars(sys.modules["skops.io._trusted_types"])
        assert not lists["NUMPY_UFUNC_TYPE_NAMES"] + lists["SCIPY_UFUNC_TYPE_NAMES"]
    """
    done = run_plain([sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr
    assert "LogisticRegression" in done.stdout


@given(
    schema=st.recursive(
        st.sampled_from([*TRUSTED_TYPES, *OWN_MODULES, "os.system", "metaauto.builtin..x"])
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.just("__module__"), inner),
    )
)
def test_the_trusted_types_of_a_schema_are_never_more_than_the_allowed_ones(schema):
    written = json.dumps(schema).encode()
    allowed = set(TRUSTED_TYPES) | {n for m in OWN_MODULES for n in serialization._own_types(m)}
    named = set(serialization._named_in(written, TRUSTED_TYPES))
    assert named <= allowed
    assert set(TRUSTED_TYPES) & set(values_of(schema)) <= named


@pytest.mark.parametrize("function", [np.load, np.save, np.fromfile, np.vectorize])
def test_only_universal_functions_of_numpy_are_trusted(function):
    with pytest.raises(ModelFileError, match=function.__name__):
        load_estimator(dump_estimator(FunctionTransformer(function)), TRUSTED_TYPES)


def test_nothing_that_runs_commands_is_trusted(registry):
    dangerous = re.compile(r"^(os|posix|subprocess|builtins|sys|shutil|importlib|pickle|joblib)\b")
    assert not [name for name in trusted_types(registry) if dangerous.match(name)]


def test_modules_and_their_packages_are_recorded(loud_model, models):
    data = dump_estimator(Loud())
    assert Loud.__module__.split(".")[0] in modules_in(data)
    data = dump_estimator(models["regression"].members[0].estimators[0])
    assert {"sklearn", "metaauto", "builtins"} <= set(modules_in(data))
    assert manifest.packages_of(modules_in(data)) == {}
    known = manifest.packages_of(["pytest", "numpy", "json"])
    assert list(known) == ["pytest"]
    assert known["pytest"] == {"distribution": "pytest", "version": pytest.__version__}
