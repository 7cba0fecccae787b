"""Run the blocks of a page and update the recorded output of its commands.

python docs/record.py docs/tutorial.md

Only console blocks with output are updated; ``lines=N`` keeps N lines of output per command.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from examples import Block, Shell, blocks, parts


def record(page: str) -> str:
    """Return the page with the current output of its commands."""
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder))
        changes = []
        for block in blocks(page):
            if "file" in block.options:
                path = shell.place / block.options["file"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, "utf-8")
            elif block.is_run and block.language == "python":
                (shell.place / ".block.py").write_text(block.text, "utf-8")
                _checked(shell, "python .block.py", 0)
            elif block.is_run:
                text = _recorded(block, shell)
                if block.printed:
                    changes.append((block, text))
    for block, text in reversed(changes):
        page = page[: block.start] + text + page[block.end :]
    return page


def _recorded(block: Block, shell: Shell) -> str:
    most = int(block.options.get("lines", 1000))
    lines = []
    for command in block.commands:
        lines.append(f"$ {command}")
        printed: list[str] = []
        for part, may_run in parts(command):
            if may_run:
                printed += _checked(shell, part, block.status).splitlines()
        lines += printed[:most]
        if len(printed) > most:
            lines.append("...")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _checked(shell: Shell, command: str, status: int) -> str:
    print(command, flush=True)
    ended, output = shell.run(command, timeout=3600)
    if ended not in (0, status):
        raise SystemExit(f"{command} ended with {ended}:\n{output}")
    output = output.replace(f"{shell.place}/.own", "~/.local/share/metaauto")
    return output.replace(str(shell.place), "~/tutorial")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(record(path.read_text("utf-8")), "utf-8")
