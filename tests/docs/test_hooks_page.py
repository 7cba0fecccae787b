"""docs/hooks.md has every hook, with its arguments, as the code has it."""

from __future__ import annotations

import inspect

import pytest
from pages import script, text_of

from metaauto import api
from metaauto.plugins.registry import Register

PAGE = text_of("hooks.md")
GENERATOR = script("hooks")


def test_the_page_is_up_to_date():
    assert GENERATOR.render() == PAGE, "run python docs/hooks.py"


@pytest.mark.parametrize("name", GENERATOR.hooks())
def test_every_hook_is_there_with_its_arguments_and_its_text(name):
    function = GENERATOR.hooks()[name]
    arguments = ", ".join(inspect.signature(function).parameters)
    assert f"## `{name}({arguments})`" in PAGE
    section = PAGE.split(f"## `{name}(", 1)[1].split("\n## ", 1)[0]
    assert "Called" in section
    assert "```pycon" in section
    for word in inspect.getdoc(function).replace("`", "").split():
        assert word in section.replace("`", "") or set(word) == {"-"} or word == "Examples"


def test_every_way_to_register_is_named():
    for name, method in inspect.getmembers(Register, inspect.isfunction):
        if not name.startswith("_") and name != "component":
            assert f"register.{name}(" in PAGE, method


def test_everything_that_components_are_made_of_is_described():
    described = set(GENERATOR.COMPONENTS)
    for name in api.__all__:
        item = getattr(api, name)
        if inspect.isclass(item) and hasattr(item, "__dataclass_fields__"):
            assert name in described
