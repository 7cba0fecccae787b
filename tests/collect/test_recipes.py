"""The recipes that come with metaauto."""

from __future__ import annotations

import json
import shutil

import pytest

from metaauto.collect import load_recipe, recipe_names
from metaauto.collect import recipes as module
from metaauto.errors import KnowledgeError, UnknownName

SUITES = {
    "amlb-classification": 271,
    "amlb-regression": 269,
    "openml-cc18": 99,
    "openml-ctr23": 353,
    "tabarena-v0.1": 457,
}


def test_every_recipe_says_where_it_comes_from():
    names = recipe_names()
    assert set(SUITES) < set(names)
    for name in names:
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.title
        assert recipe.source
        assert "licence" in recipe.licence.lower()
        assert (recipe.suite is None) != (not recipe.tasks)
        assert recipe.suite == SUITES.get(name)


def test_the_tasks_of_auto_sklearn():
    tasks = load_recipe("auto-sklearn-2").tasks
    assert len(tasks) == len(set(tasks)) == 208
    assert list(tasks) == sorted(tasks)


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(UnknownName, match="'openml-cc18'"):
        load_recipe("openml-cc81")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        json.dumps({"title": "t", "source": "s", "licence": "l"}),
        json.dumps({"title": "t", "source": "s", "licence": "l", "suite": 1, "tasks": [1]}),
        json.dumps({"title": "t", "source": "s", "licence": "l", "tasks": ["x"]}),
        json.dumps({"title": "t", "source": "s", "tasks": [1]}),
    ],
)
def test_a_damaged_recipe_is_named(tmp_path, monkeypatch, content):
    folder = tmp_path / "recipes"
    shutil.copytree(module._folder(), folder)
    (folder / "openml-cc18.json").write_text(content, "utf-8")
    monkeypatch.setattr(module, "_folder", lambda: folder)
    with pytest.raises(KnowledgeError, match=r"openml-cc18\.json"):
        load_recipe("openml-cc18")
    assert load_recipe("openml-ctr23").suite == 353
