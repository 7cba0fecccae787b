from __future__ import annotations

import contextlib
import copy
import json
import zipfile

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import metaauto
from metaauto.cli.compare import command as compare
from metaauto.cli.leaderboard import command as leaderboard
from metaauto.cli.report import command as report
from metaauto.errors import MetaautoError, ModelFileError
from metaauto.model import FinalModel, read_manifest
from metaauto.model.archive import write_archive
from metaauto.model.manifest_schema import check_manifest

DROPPED = object()
OTHERS = (DROPPED, None, "x", -1, 2.5, True, [], {}, [1], {"a": 1}, [None], [{}], 10**400)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The manifest and the fold models of a fit with a holdout."""
    model = metaauto.fit(
        "sklearn:iris", trials=1, cores=1, cv=2, include=["naive_bayes"], holdout=0.2
    )
    path = model.save(tmp_path_factory.mktemp("manifest") / "model")
    with zipfile.ZipFile(path) as file:
        record = json.loads(file.read("manifest.json"))
        return record, {name: file.read(name) for name in file.namelist()[1:]}


def places(value, path=()):
    """The paths to all values of a manifest."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts:
        yield (*path, name)
        if isinstance(part, (dict, list)):
            yield from places(part, (*path, name))


def changed(record, path, other):
    record = copy.deepcopy(record)
    *outer, last = path
    part = record
    for name in outer:
        part = part[name]
    if other is DROPPED:
        del part[last]
    else:
        part[last] = other
    return record


def check_uses(path):
    """Each way to use a model file succeeds, or raises one clear error."""
    with contextlib.suppress(MetaautoError):
        read_manifest(path)
    for command, arguments in (
        (leaderboard, [path]),
        (leaderboard, [path, "--json"]),
        (compare, [path, path]),
        (report, [path, "-o", "-"]),
    ):
        result = CliRunner().invoke(command, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, MetaautoError):
            raise result.exception
    with contextlib.suppress(MetaautoError):
        model = FinalModel.load(path)
        model.predict({"sepal length (cm)": [5.0], "sepal width (cm)": [3.0]} | _REST)
        repr(model)
        model._repr_html_()


_REST = {"petal length (cm)": [1.0], "petal width (cm)": [0.2]}
LARGE = ("history", "diagnosis", "leaderboard", "metafeatures", "options")


def is_repeated(path):
    """Whether the value is one of many of its kind."""
    return any(name in LARGE for name in path) and len(path) > 4


def test_a_whole_manifest_is_used(saved, tmp_path):
    record, blobs = saved
    check_manifest(record, "model")
    path = write_archive(tmp_path / "model", record, blobs)
    check_uses(path)
    for command, arguments in ((leaderboard, [path]), (report, [path, "-o", "-"])):
        assert CliRunner().invoke(command, list(map(str, arguments))).exit_code == 0


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_changed_field_gives_one_clear_error(saved, tmp_path, data):
    record, blobs = saved
    known = sorted((p for p in places(record) if not is_repeated(p)), key=str)
    forged = changed(record, data.draw(st.sampled_from(known)), data.draw(st.sampled_from(OTHERS)))
    path = tmp_path / "model"
    path.unlink(missing_ok=True)
    check_uses(write_archive(path, forged, blobs))


@pytest.mark.parametrize(
    ("path", "other", "problem"),
    [
        (("facts",), DROPPED, "facts is missing"),
        (("leaderboard",), None, "leaderboard must be a list"),
        (("members", 0, "weight"), "x", r"members\[0\].weight must be a number \(got 'x'\)"),
        (("members", 0, "packages"), [], "packages must be an object"),
        (("members",), [], "names no member"),
        (("task", "classes"), DROPPED, "multiclass task has 0 classes"),
        (("task", "columns", 0, "role"), "royal", "role must be 'numeric' or"),
        (("facts", "holdout_rows"), DROPPED, "holdout_rows is missing"),
        (("facts", "score"), 10**400, "score must be a number"),
        (("decision",), {"kind": "multipliers", "values": [1.0, 2.0]}, "not one for 3 classes"),
    ],
)
def test_check_manifest_names_the_field(saved, path, other, problem):
    with pytest.raises(ModelFileError, match=problem) as caught:
        check_manifest(changed(saved[0], path, other), "m.metaauto")
    assert "m.metaauto" in str(caught.value)


def test_unknown_fields_are_allowed(saved):
    check_manifest({**saved[0], "new": 1, "facts": {**saved[0]["facts"], "new": [1]}}, "m")
