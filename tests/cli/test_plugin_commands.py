from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from metaauto.cli import command
from metaauto.cli.plugin_new import EXAMPLE_FILES, KINDS, example_files, render
from metaauto.cli.terminal import run
from metaauto.testing.check import find_target, plugins_of

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "plugins" / "metaauto-example"

PLUGIN = """
from metaauto.api import (
    Choice, Explainer, MetafeatureExtractor, Float, Metric, Model, Preprocessor, Reader, Tags, hookimpl
)

SPACE = {
    "kind": Choice(("flat", "deep")),
    "depth": Float(1.0, 9.0, 3.0, when={"kind": ("deep",)}),
}

@hookimpl
def register_models(register):
    register.model(
        Model("fancy", print, SPACE, max_rows=500, tags=Tags(accepts_nan=True), portfolio=({},))
    )
    register.model(Model("odd", print, requires=("nothing_of_this_name",)))
    register.preprocessor(Preprocessor("log", "scale", print))
    register.metafeature(MetafeatureExtractor("shape", print, ("rows", "columns")))
    register.metric(Metric("hits", ("binary",), "labels", print, False, description="Share of hits."))
    register.reader(Reader("dbf", print, print, "dBase tables, such as x.dbf"))
    register.explainer(Explainer("why", print, "Says why."))
"""

FAULTY = """
from metaauto.api import Metric, Model, Reader, hookimpl

@hookimpl
def register_models(register):
    register.model(Model("odd", print, requires=("nothing_of_this_name",)))
    register.metric(Metric("hits", ("binary",), "labels", print))
    register.reader(Reader("dbf", print, print))
"""


def renamed(text):
    return text.replace("example", "trees").replace("Example", "Trees")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("PLUGINS", "DISABLE_PLUGINS", "PLUGINS_DIR", "STRICT_PLUGINS"):
        monkeypatch.delenv(f"METAAUTO_{name}", raising=False)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "fancy.py").write_text(PLUGIN)
    monkeypatch.setenv("METAAUTO_PLUGINS_DIR", str(folder))
    return folder


def call(capsys, *arguments):
    status = run(command, ["plugins", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


class TestList:
    def test_the_bare_command_lists(self, folder, capsys):
        status, bare, _ = call(capsys)
        assert status == 0
        assert call(capsys, "list") == (0, bare, "")
        assert "model         fancy" in bare
        assert "nothing_of_this_name" in bare

    def test_metaautos_own_metrics_are_listed(self, folder, capsys):
        builtin = call(capsys)[1].split("fancy", 1)[0]
        assert "  metric        accuracy, " in builtin

    def test_json_too(self, folder, capsys):
        _, bare, _ = call(capsys, "--json")
        _, listed, _ = call(capsys, "list", "--json")
        assert bare == listed
        fancy = json.loads(bare)[-1]
        assert fancy["name"] == "fancy"
        assert fancy["hooks"] == ["register_models"]
        assert "model:fancy" in fancy["components"]
        assert len(fancy["errors"]) == 1

    @pytest.mark.parametrize("order", [("list", "--plugins"), ("--plugins",)])
    def test_folders_can_be_named_at_either_place(self, folder, monkeypatch, capsys, order):
        monkeypatch.delenv("METAAUTO_PLUGINS_DIR")
        arguments = [*order, str(folder)] + ([] if order[0] == "list" else ["list"])
        assert "fancy" in call(capsys, *arguments)[1]

    def test_an_unknown_command_is_a_usage_error(self, folder, capsys):
        status, _, err = call(capsys, "lits")
        assert status == 2
        assert "'lits'" in err


class TestShow:
    def test_everything_is_told(self, folder, capsys):
        status, out, _ = call(capsys, "show", "fancy")
        assert status == 0
        for text in (
            "model fancy",
            "max_rows: 500",
            "kind: one of 'flat', 'deep'; default 'flat'",
            "depth: 1 to 9; default 3.0; if kind is 'deep'",
            "preprocessor scale.log",
            "rows, columns",
            "lower is better",
            "Share of hits.",
            "optimum       1.0",
            "outputs_scaled",
            "dBase tables",
            "Says why.",
            "nothing_of_this_name",
            "METAAUTO_DISABLE_PLUGINS=fancy",
            f"remove {folder / 'fancy.py'}",
        ):
            assert text in out

    def test_as_json(self, folder, capsys):
        record = json.loads(call(capsys, "show", "fancy", "--json")[1])
        components = {c["name"]: c for c in record["components"]}
        assert components["fancy"]["limits"] == {"max_rows": 500}
        assert components["fancy"]["tags"] == [
            "accepts_nan",
            "outputs_probabilities",
            "deterministic",
        ]
        assert components["scale.log"]["slot"] == "scale"
        assert record["disable"][0] == "metaauto fit --exclude fancy"

    def test_metaautos_own_components(self, folder, capsys):
        out = call(capsys, "show", "builtin")[1]
        assert "model random_forest" in out
        assert "uninstall" not in out

    def test_an_unknown_name_is_an_error(self, folder, capsys):
        status, _, err = call(capsys, "show", "fansy")
        assert status == 1
        assert "Did you mean 'fancy'" in err


class TestNew:
    def test_render_of_the_example_is_the_example(self):
        on_disk = {file: (EXAMPLE / file).read_text("utf-8") for file in EXAMPLE_FILES}
        assert example_files() == on_disk
        assert render("example") == on_disk

    @pytest.mark.parametrize("kind", KINDS)
    def test_new_writes_the_example_with_its_names_replaced(self, tmp_path, folder, capsys, kind):
        assert call(capsys, "new", "trees", "--kind", kind, "--dir", str(tmp_path))[0] == 0
        place = tmp_path / "metaauto-trees"
        written = {
            path.relative_to(place).as_posix(): path.read_text("utf-8")
            for path in place.rglob("*")
            if path.is_file() and path.suffix != ".db"
        }
        assert written == {
            renamed(file): renamed(text) for file, text in render("example", kind).items()
        }

    def test_every_kind_has_its_files(self):
        kinds = EXAMPLE / "kinds"
        found = {path.relative_to(kinds).as_posix() for path in kinds.glob("*/*.py")}
        others = [kind for kind in KINDS if kind != "model"]
        assert found == {f"{kind}/{file}.py" for kind in others for file in ("component", "checks")}

    @pytest.mark.parametrize("kind", KINDS)
    def test_project_says_its_kind_and_needs(self, kind):
        texts = render("trees", kind)
        project = tomllib.loads(texts["pyproject.toml"])["project"]
        assert project["description"].endswith(f"the {KINDS[kind].title} trees")
        assert project["dependencies"] == ["metaauto>=0.1.0", *filter(None, [KINDS[kind].needs])]
        assert KINDS[kind].usage.replace("example", "trees") in texts["README.md"]
        assert project["license"] in texts["README.md"]
        assert "the authors of metaauto-trees" in texts["LICENSE"]

    @pytest.mark.parametrize("file", ["publish", "tests"])
    def test_workflows_are_valid(self, file):
        workflow = yaml.safe_load(render("trees")[f".github/workflows/{file}.yml"])
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        assert all(step.keys() & {"run", "uses"} for step in steps)
        assert workflow["permissions"] == {"contents": "read"}
        if file == "publish":
            publish = workflow["jobs"]["publish"]
            assert publish["permissions"] == {"id-token": "write"}
            assert publish["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", KINDS)
    def test_project_is_built_typed_and_tested(self, tmp_path, kind, folder, capsys):
        """What the workflows of a new project do: types, tests, `plugins check`, the wheel."""
        pytest.importorskip("setuptools", minversion="77")
        pytest.importorskip("mypy")
        assert call(capsys, "new", "fresh", "--kind", kind, "--dir", str(tmp_path))[0] == 0
        place = tmp_path / "metaauto-fresh"
        build = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
        cache = str(REPOSITORY / ".mypy_cache" / "strict")
        program = [sys.executable, "-m"]
        commands = [
            [*program, "mypy", "--follow-imports=silent", f"--cache-dir={cache}"],
            [*program, "metaauto", "plugins", "check", "."],
            [sys.executable, "-c", build],
        ]
        # `plugins check` runs the tests of the other kinds.
        if kind in ("reader", "knowledge", "report_section", "tracking"):
            commands.append([*program, "pytest", "-q", "-W", "error"])
        paths = os.pathsep.join([str(place), str(REPOSITORY)])
        environment = {**os.environ, "PYTHONPATH": paths, "MYPYPATH": str(REPOSITORY)}
        for command_line in commands:
            done = subprocess.run(
                command_line,
                cwd=place,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command_line}: {done.stdout}{done.stderr}"
        (wheel,) = tmp_path.glob("*.whl")
        names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist()}
        expected = {"__init__.py", "py.typed", "LICENSE", "entry_points.txt"}
        assert expected | ({"knowledge.db"} if kind == "knowledge" else set()) <= names

    @pytest.mark.parametrize("kind", ["sdist", "wheel"])
    def test_a_distribution_contains_the_example(self, tmp_path, kind):
        pytest.importorskip("setuptools", minversion="77")
        source = tmp_path / "source"
        source.mkdir()
        for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
            shutil.copy(REPOSITORY / name, source)
        for name in ("metaauto", "metaknowledge", "plugins/metaauto-example"):
            ignored = shutil.ignore_patterns("__pycache__", "export", "build", "*.egg-info")
            shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
        build = (
            f"from setuptools import build_meta; print(build_meta.build_{kind}({str(tmp_path)!r}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        distribution = tmp_path / done.stdout.splitlines()[-1]
        if kind == "wheel":
            names = set(zipfile.ZipFile(distribution).namelist())
            home = "metaauto/cli/example_plugin"
        else:
            with tarfile.open(distribution) as archive:
                names = set(archive.getnames())
            home = f"{distribution.name.removesuffix('.tar.gz')}/plugins/metaauto-example"
        own = [path.relative_to(EXAMPLE) for path in (EXAMPLE / "kinds").glob("*/*.py")]
        files = {*EXAMPLE_FILES, *(path.as_posix() for path in own)}
        assert {f"{home}/{file}" for file in files} <= names

    def test_the_model_has_about_forty_lines(self):
        lines = example_files()["metaauto_example/__init__.py"].splitlines()
        assert len([line for line in lines if line.strip()]) <= 40

    def test_other_names_leave_nothing_of_the_example(self):
        files = render("fancy-trees")
        assert sorted(files) == [
            ".github/workflows/publish.yml",
            ".github/workflows/tests.yml",
            ".gitignore",
            "LICENSE",
            "README.md",
            "metaauto_fancy_trees/__init__.py",
            "metaauto_fancy_trees/py.typed",
            "pyproject.toml",
            "tests/test_fancy_trees.py",
        ]
        assert not any("example" in text.lower() for text in files.values())
        assert "class TestFancyTrees" in files["tests/test_fancy_trees.py"]

    def test_a_new_package_is_a_plugin(self, tmp_path, folder, capsys):
        """That such a package keeps its contract is checked by the guide to plugins."""
        status, out, _ = call(capsys, "new", "fresh-one", "--dir", str(tmp_path / "deep" / "er"))
        assert status == 0
        place = tmp_path / "deep" / "er" / "metaauto-fresh-one"
        assert (place / "README.md").is_file()
        assert f"pip install -e {place}" in out
        (plugin,) = plugins_of(find_target(str(place)))
        assert (plugin.components, plugin.errors) == (["model:fresh-one"], [])
        assert find_target(str(place)).labels == {"metaauto_fresh_one": "fresh-one 0.1.0"}

    @pytest.mark.parametrize("name", ["Fancy", "a b", "", "-x", "../x", "x--y", "1x", "x.y"])
    def test_names_that_no_package_can_have(self, folder, tmp_path, capsys, name):
        status, _, err = call(capsys, "new", "--dir", str(tmp_path / "n"), "--", name)
        assert status == 1
        assert "cannot be named" in err
        assert not (tmp_path / "n").exists()

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("knn", "model"),
            ("metaauto-fancy", "model"),
            ("builtin", "reader"),
            ("rmse", "metric"),
            ("standard", "preprocessor"),
            ("random", "strategy"),
            ("smac", "search_engine"),
        ],
    )
    def test_names_that_are_taken(self, folder, tmp_path, capsys, name, kind):
        status, _, err = call(capsys, "new", name, "--kind", kind, "--dir", str(tmp_path))
        assert status == 1
        assert "already" in err

    def test_nothing_is_overwritten(self, folder, tmp_path, capsys):
        (tmp_path / "metaauto-mine").mkdir()
        status, _, err = call(capsys, "new", "mine", "--dir", str(tmp_path))
        assert status == 1
        assert "exists already" in err

    def test_a_place_that_cannot_be_written_is_an_error(self, folder, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        status, _, err = call(capsys, "new", "mine", "--dir", str(tmp_path / "file"))
        assert status == 1
        assert "cannot be written" in err


class TestCheck:
    def test_faults_are_told_and_the_status_says_so(self, tmp_path, capsys):
        (tmp_path / "faulty.py").write_text(FAULTY)
        status, out, _ = call(capsys, "check", str(tmp_path), "--json")
        record = json.loads(out)
        assert status == 1
        assert record["good"] is False
        results = {v["component"]: v for v in record["results"]}
        assert results["metric:hits"]["good"] is False
        assert results["metric:hits"]["failures"][0]["check"].startswith("test_")
        assert results["reader:dbf"]["remark"]
        assert "nothing_of_this_name" in record["plugins"][0]["errors"][0]

    def test_a_folder_without_plugins_is_not_good(self, tmp_path, capsys):
        status, out, _ = call(capsys, "check", str(tmp_path))
        assert status == 1
        assert "There is no plugin" in out

    def test_timeout_must_be_positive(self, folder, capsys):
        status, _, err = call(capsys, "check", str(folder), "--timeout", "0")
        assert status == 1
        assert "--timeout must be > 0 seconds (got 0)" in err
