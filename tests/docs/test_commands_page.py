"""docs/commands.md has the help of every command as it is."""

from __future__ import annotations

import re

import click
import pytest
from pages import script, text_of

from metaauto.cli import COMMANDS

GENERATOR = script("commands")
PAGE = text_of("commands.md")
FOUND = dict(GENERATOR.commands())


def test_the_page_is_up_to_date():
    assert GENERATOR.render() == PAGE, "run python docs/commands.py"


def test_every_command_is_there():
    assert {path.split()[1] for path in FOUND if " " in path} == set(COMMANDS)
    assert "metaauto knowledge build" in FOUND
    assert "metaauto plugins check" in FOUND


@pytest.mark.parametrize("path", FOUND)
def test_a_command_is_described_with_every_option(path):
    section = re.search(rf"^#+ {path}\n\n```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
    command = GENERATOR.command
    context = click.Context(command, info_name="metaauto")
    for name in path.split()[1:]:
        command = command.get_command(context, name)
        context = click.Context(command, info_name=name, parent=context)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.opts[-1] in section
    assert max(map(len, section.splitlines())) <= GENERATOR.WIDTH + 12
