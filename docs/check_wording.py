"""Find phrases that the style guide replaces: `python docs/check_wording.py [PATH ...]`.

The phrases are in ``wording/phrases.txt``; ``wording/dictionary.txt`` is for codespell.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SUFFIXES = (".py", ".md", ".html", ".toml", ".ini")
# The style guide and the record of old names quote what is not to be written.
EXEMPT = (
    "docs/style.md",
    "docs/wording/",
    "docs/decisions/0010-layout-of-the-package.md",
    "tests/docs/test_wording.py",
)


def phrases() -> list[tuple[re.Pattern[str], str]]:
    """Return the patterns and what to write instead."""
    lines = (HERE / "wording" / "phrases.txt").read_text("utf-8").splitlines()
    pairs = [re.split(r"\s{2,}", line, maxsplit=1) for line in lines if line[:1] not in ("", "#")]
    return [(re.compile(pattern), instead) for pattern, instead in pairs]


def problems(path: Path, patterns: list[tuple[re.Pattern[str], str]]) -> list[str]:
    """Return one line for each phrase in a file."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        for pattern, instead in patterns:
            for match in pattern.finditer(line):
                found.append(f"{path}:{number}: {match[0]!r}; write: {instead}")
    return found


def main(arguments: list[str]) -> int:
    """Check the files given, by default all that git tracks; return the exit status."""
    if not arguments:
        listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)
        arguments = listed.stdout.splitlines()
    files = [name for name in arguments if name.endswith(SUFFIXES) and not name.startswith(EXEMPT)]
    patterns = phrases()
    found = [problem for name in files for problem in problems(Path(name), patterns)]
    print(*found, sep="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
