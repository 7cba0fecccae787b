"""Record the terminal image of the README from a real fit: ``python docs/picture.py``."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from examples import Shell
from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("images") / "fit.svg"
COMMAND = "metaauto fit sklearn:breast_cancer --budget 60s --out model.metaauto"
WIDTH = 100
_FONT = re.compile(r" *@font-face \{.*?\}\n", re.DOTALL)


def draw(output: str, command: str = COMMAND) -> str:
    """Return the SVG of a command and its output."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(output.rstrip()))
    # Use the reader's font: an image in a page must not load external fonts.
    svg = _FONT.sub("", console.export_svg(title="metaauto", unique_id="fit"))
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


def main() -> None:
    """Run the fit and draw its output."""
    with tempfile.TemporaryDirectory() as folder:
        # The example plugin is installed for developers only.
        variables = {
            "FORCE_COLOR": "1",
            "COLUMNS": str(WIDTH),
            "METAAUTO_DISABLE_PLUGINS": "example",
        }
        shell = Shell(Path(folder), variables)
        status, output = shell.run(COMMAND)
    if status:
        raise SystemExit(output)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(output), "utf-8")


if __name__ == "__main__":
    main()
