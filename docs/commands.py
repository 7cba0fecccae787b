"""Write docs/commands.md from the help of every command of metaauto itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from metaauto.cli import command

PAGE = Path(__file__).with_name("commands.md")
HEADER = """\
# Commands

Generated from `metaauto COMMAND --help` by `python docs/commands.py`; do not edit. Plugins can add
commands, which are not shown here.
"""
WIDTH = 88


def commands(
    group: click.Command = command, parent: click.Context | None = None, name: str = "metaauto"
) -> Iterator[tuple[str, str]]:
    """Yield each command, as it is typed, and its help."""
    context = click.Context(
        group, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
    yield context.command_path, group.get_help(context)
    if isinstance(group, click.Group):
        for child in group.list_commands(context):
            found = group.get_command(context, child)
            if found is not None:
                yield from commands(found, context, child)


def render() -> str:
    """Return the text of the page."""
    parts = [HEADER]
    for path, text in commands():
        lines = "\n".join(line.rstrip() for line in text.splitlines())
        parts.append(f"{'#' * min(len(path.split()) + 1, 3)} {path}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
