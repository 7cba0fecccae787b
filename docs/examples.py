"""Parse and run the code blocks of the pages, for the tests and for docs/record.py.

Blocks with the language ``console`` or ``python`` are run. The blocks of a page share one folder
and one Python namespace, from top to bottom.

- In ``console`` blocks lines that start with ``$ `` are commands and other lines are their output;
  without any ``$ `` each line is a command.
- A block with ``file=NAME`` is written to the file; a ``python`` block without it is executed.
- ``<!-- not run: REASON -->`` before a block skips it, and commands of pip are always skipped. A
  test fixes the number of skipped commands.
- ``<!-- exit STATUS -->`` before a block gives the exit status of its last command, if not 0.
- Tests shorten the commands: a fit tries `TRIALS` configurations instead of its budget, so that a
  busy machine does not change the result, of fast models; ``metaauto knowledge build`` gets
  `BUDGET` if it has no other limit.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
HOME = DOCS.parent
GENERATED = ("commands.md", "hooks.md")
BUDGET = "3s"
TRIALS = 2
FAST = "lda,ridge,knn"

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^>]*) -->\n+)?^```(?P<language>[a-z]+)(?P<options>[^\n]*)\n"
    r"(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_LIMIT = re.compile(r"--(budget|trials|waves|resume)\b")


@dataclass(frozen=True)
class Block:
    """One block of a page.

    Parameters
    ----------
    language : str
        ``"console"``, ``"python"``, ``"text"``, ...
    options : mapping of str to str
        Options after the language: ``file=x.py``, ``lines=12``.
    mark : str
        The HTML comment before the block.
    text : str
        Content of the block.
    start, end : int
        Position of the text in the page.
    """

    language: str
    options: Mapping[str, str]
    mark: str
    text: str
    start: int = 0
    end: int = 0

    @property
    def is_run(self) -> bool:
        """Whether the block is run."""
        return self.language in ("console", "python") and not self.mark.startswith("not run")

    @property
    def status(self) -> int:
        """Expected exit status of the last command."""
        return int(self.mark.removeprefix("exit ")) if self.mark.startswith("exit ") else 0

    @property
    def commands(self) -> list[str]:
        """Commands of a console block."""
        lines = self.text.splitlines()
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return typed or [line for line in lines if line]

    @property
    def printed(self) -> list[str]:
        """Output lines of a console block."""
        lines = self.text.splitlines()
        has_commands = any(line.startswith("$ ") for line in lines)
        return [line for line in lines if has_commands and not line.startswith("$ ")]


def pages() -> list[Path]:
    """Return every page that is not generated, the README first."""
    written = [path for path in sorted(DOCS.glob("*.md")) if path.name not in GENERATED]
    return [HOME / "README.md", *written]


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page."""
    found = []
    for match in _BLOCK.finditer(page):
        options = dict(word.split("=", 1) for word in match["options"].split() if "=" in word)
        mark = (match["mark"] or "").strip()
        start, end = match.span("text")
        found.append(Block(match["language"], options, mark, match["text"], start, end))
    return found


def parts(command: str) -> Iterator[tuple[str, bool]]:
    """Yield the commands between ``&&``, and whether each is run: pip changes the environment."""
    for part in command.split(" && "):
        yield part, not part.startswith(("pip ", "python -m pip ", "tox"))


def shorter(code: str) -> str:
    """Return the command or code with a smaller budget."""
    if code.startswith("metaauto knowledge build "):
        code = re.sub(r"--budget \S+", f"--budget {BUDGET}", code)
        return code if _LIMIT.search(code) else f"{code} --budget {BUDGET}"
    code = re.sub(r"--(budget|trials) \S+", f"--trials {TRIALS}", code)
    code = re.sub(r'(Auto\w+\()budget="[^"]*"', rf'\g<1>budget="{TRIALS} trials"', code)
    code = re.sub(r'\bbudget="[0-9.hms]+"', f"trials={TRIALS}", code)
    code = re.sub(r"\btrials=\d+", f"trials={TRIALS}", code)
    if "include" not in code:
        models = FAST.split(",")
        code = re.sub(r'\btrials=\d+|\bbudget="\d+ trials"', rf"\g<0>, include={models}", code)
    if code.startswith("metaauto fit "):
        code = code if _LIMIT.search(code) else f"{code} --trials {TRIALS}"
        code = re.sub(r"^metaauto fit (?!.*--(?:include|resume))", rf"\g<0>--include {FAST} ", code)
    return code


class Shell:
    """Run commands in a folder, with the ``metaauto`` and ``python`` of this interpreter.

    Parameters
    ----------
    place : Path
        The folder.
    variables : mapping of str to str
        Added to the environment, from which all other variables of metaauto are removed.
    """

    def __init__(self, place: Path, variables: Mapping[str, str] = {}) -> None:
        self.place = place
        programs = place / ".bin"
        programs.mkdir(exist_ok=True)
        for name, call in (("metaauto", "-m metaauto"), ("pytest", "-m pytest"), ("python", "")):
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n', "utf-8")
            script.chmod(0o755)
        kept = {name: v for name, v in os.environ.items() if not name.startswith("METAAUTO_")}
        self.environment = {
            **kept,
            "PYTHONPATH": str(HOME),
            "PATH": f"{programs}{os.pathsep}{kept['PATH']}",
            "OMP_NUM_THREADS": "1",
            "METAAUTO_KNOWLEDGE": str(place / ".own" / "knowledge.db"),
            **variables,
        }

    def run(self, command: str, timeout: float = 600.0) -> tuple[int, str]:
        """Run a command and return its exit status and output."""
        started = subprocess.Popen(
            command,
            shell=True,
            cwd=self.place,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = started.communicate(timeout=timeout)
        except BaseException:
            # Child processes of the command must not outlive it.
            os.killpg(started.pid, signal.SIGKILL)
            started.communicate()
            raise
        return started.returncode, output
