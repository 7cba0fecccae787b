"""What the README tells people to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from metaauto.cli import COMMANDS, command

HOME = Path(__file__).parents[2]
README = (HOME / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
CALLS = [
    part.strip()
    for kind, block in BLOCKS
    if kind == "console"
    for line in block.splitlines()
    for part in line.split("&&")
    if part.strip().startswith("metaauto ")
]


@pytest.mark.parametrize("call", CALLS)
def test_a_command_is_understood(call: str) -> None:
    name, *arguments = shlex.split(call)[1:]
    context = click.Context(command)
    found = command.get_command(context, name)
    assert found is not None
    with found.make_context(name, arguments, parent=context):
        pass


def test_every_command_is_shown() -> None:
    assert {shlex.split(call)[1] for call in CALLS} >= set(COMMANDS)


def test_its_two_lines_are_those_of_continuous_integration() -> None:
    tests = "python -m pip install tox && tox && tox -e slow\n"
    assert tests in README
    assert (HOME / ".ci" / "run").read_text("utf-8").endswith(tests)
    install = next(line for line in README.splitlines() if "pip install . -r" in line)
    assert "metaauto fit sklearn:breast_cancer --budget 60s --out model.metaauto" in install
    assert (HOME / "requirements-plugins.txt").is_file()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (HOME / target).exists(), target


def test_listed_plugins_are_there() -> None:
    lines = (HOME / "requirements-plugins.txt").read_text("utf-8").splitlines()
    for line in lines:
        if line.startswith("./"):
            assert (HOME / line / "pyproject.toml").is_file(), line


@pytest.mark.parametrize("block", [code for kind, code in BLOCKS if kind == "python"])
def test_python_is_python(block: str) -> None:
    compile(block, "README.md", "exec")
