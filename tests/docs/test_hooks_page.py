"""docs/hooks.md has every hook, with its arguments, as the code has it."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest
from pages import script, text_of

from metaauto import api, testing
from metaauto.plugins.registry import Register

PAGE = text_of("hooks.md")
GENERATOR = script("hooks")
DATACLASSES = sorted(
    {
        found
        for module in (api, testing)
        for name in module.__all__
        if inspect.isclass(found := getattr(module, name)) and dataclasses.is_dataclass(found)
    },
    key=lambda found: found.__name__,
)


def documented(cls):
    """Return the names in the section Parameters of a class and of its public base classes."""
    names = []
    for base in (c for c in cls.__mro__ if dataclasses.is_dataclass(c)):
        text = inspect.cleandoc(base.__dict__["__doc__"])
        section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+$|\Z)", text, re.M | re.S)
        assert section is not None, f"{base.__name__} has no section Parameters"
        for line in re.findall(r"^\w.*", section[1], re.M):
            names += [name.strip() for name in line.partition(" : ")[0].split(",")]
    return names


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


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_of_the_api_is_described(name):
    assert f"`{name}`" in PAGE or f"## `{name}(" in PAGE or name == "hookimpl"


@pytest.mark.parametrize("name", GENERATOR.COMPONENTS)
def test_every_member_is_described(name):
    section = PAGE.split(f"## `{name}`\n", 1)[1].split("\n#", 1)[0]
    for member in GENERATOR.members(getattr(api, name)):
        assert f"- `{member}" in section


@pytest.mark.parametrize("cls", DATACLASSES, ids=lambda cls: cls.__name__)
def test_documented_parameters_are_the_fields(cls):
    names = documented(cls)
    assert len(set(names)) == len(names)
    assert set(names) == {field.name for field in dataclasses.fields(cls) if field.init}
