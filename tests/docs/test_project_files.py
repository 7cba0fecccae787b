"""The files at the top level of the repository agree with each other."""

from __future__ import annotations

import re
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

import metaauto

HOME = Path(__file__).parents[2]
PROJECTS = [HOME / "pyproject.toml", *sorted(HOME.glob("plugins/*/pyproject.toml"))]
WORKFLOWS = sorted((HOME / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((HOME / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
TOX = ConfigParser(interpolation=None)
TOX.read(HOME / "tox.ini")
ENVIRONMENTS = {name.removeprefix("testenv:") for name in TOX.sections()}


def project(file: Path) -> dict:
    return tomllib.loads(file.read_text("utf-8"))["project"]


def bounds(file: Path) -> dict[str, str]:
    lines = project(file)["dependencies"]
    return {re.match(r"[\w.-]+", line)[0]: line.partition(">=")[2] for line in lines}


@pytest.mark.parametrize("file", PROJECTS, ids=lambda file: file.parent.name)
def test_requires_python_is_the_version_of_the_tools(file):
    tools = tomllib.loads(PROJECTS[0].read_text("utf-8"))["tool"]
    lowest = project(file)["requires-python"].removeprefix(">=")
    assert lowest == tools["mypy"]["python_version"]
    assert "py" + lowest.replace(".", "") == tools["ruff"]["target-version"]


@pytest.mark.parametrize("file", PROJECTS[1:], ids=lambda file: file.parent.name)
def test_lower_bounds_of_plugins_are_not_below_those_of_metaauto(file):
    own = bounds(PROJECTS[0])
    shared = {name: bound for name, bound in bounds(file).items() if name in own}
    assert shared == {name: own[name] for name in shared}


PUBLISHED = [file for file in PROJECTS[1:] if file.parent.name != "metaauto-example"]


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.parent.name)
def test_plugins_have_the_version_authors_licence_and_classifiers_of_metaauto(file):
    own, plugin = project(PROJECTS[0]), project(file)
    shared = ("authors", "license", "license-files", "classifiers", "requires-python")
    assert {key: plugin[key] for key in shared} == {key: own[key] for key in shared}
    assert plugin["version"] == metaauto.__version__
    assert (file.parent / "LICENSE").read_text("utf-8") == (HOME / "LICENSE").read_text("utf-8")


def test_extras_name_every_published_plugin():
    extras = project(PROJECTS[0])["optional-dependencies"]
    boosters = {line.partition(">=")[0] for line in extras["boosters"]}
    assert boosters == {"metaauto-lightgbm", "metaauto-xgboost", "metaauto-catboost"}
    named = {
        line.partition(">=")[0] for line in (*extras["all"], *extras["mlflow"], *extras["nas"])
    }
    named = {name.partition("[")[0] if name.startswith("metaauto-") else name for name in named}
    named = {name for name in named if not name.startswith("metaauto[")}
    assert named | boosters == {file.parent.name for file in PUBLISHED}


def test_citation_names_the_version():
    citation = yaml.safe_load((HOME / "CITATION.cff").read_text("utf-8"))
    assert str(citation["version"]) == metaauto.__version__


def test_workflows_run_the_supported_versions():
    (jobs,) = (yaml.safe_load(f.read_text("utf-8"))["jobs"] for f in WORKFLOWS if f.stem == "tests")
    classifiers = " ".join(project(PROJECTS[0])["classifiers"])
    assert jobs["tests"]["strategy"]["matrix"]["python"] == re.findall(r"3\.\d+", classifiers)


@pytest.mark.parametrize("file", [*WORKFLOWS, HOME / "CONTRIBUTING.md"], ids=lambda f: f.name)
def test_environments_of_tox_exist(file):
    named = set(re.findall(r"tox -e ([a-z]+)", file.read_text("utf-8")))
    assert named
    assert named <= ENVIRONMENTS


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.name)
def test_issue_forms_have_unique_fields(file):
    form = yaml.safe_load(file.read_text("utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    names = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(names) == len(set(names)) > 1


def test_links_of_contributing_lead_somewhere():
    text = (HOME / "CONTRIBUTING.md").read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (HOME / target).exists(), target


def test_paths_named_in_contributing_and_the_architecture_exist():
    for name in ("CONTRIBUTING.md", "docs/architecture.md"):
        text = (HOME / name).read_text("utf-8")
        for path in re.findall(r"`([\w./-]+/[\w./-]*|\w+\.(?:py|md))`", text):
            assert any((place / path).exists() for place in (HOME, HOME / "metaauto")), path


def test_the_plugin_directory_has_every_plugin_with_its_extra():
    """A line of the directory names the extras that bring the plugin, directly or through another."""
    extras = project(PROJECTS[0])["optional-dependencies"]

    def brought(extra: str) -> set[str]:
        names = {re.match(r"[\w.-]+(\[[\w,]+\])?", line)[0] for line in extras[extra]}
        through = [re.fullmatch(r"metaauto\[(\w+)\]", name) for name in names]
        inner = {name for match in through if match for name in brought(match[1])}
        return {name.partition("[")[0] for name in names} | inner

    page = (HOME / "docs" / "plugin-directory.md").read_text("utf-8")
    lines = re.findall(r"^\| `(metaauto-\w+)` \|[^|]*\|([^|]*)\|", page, flags=re.M)
    listed = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in lines}
    assert listed == {
        file.parent.name: {extra for extra in extras if file.parent.name in brought(extra)}
        for file in PROJECTS[1:]
    }
