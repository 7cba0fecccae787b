"""The plugin guide works: its files are written and its commands run, in order."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pages import script, text_of, use

import metaauto
from metaauto.plugins import hookspecs

EXAMPLES = script("examples")
TEXT = text_of("plugins.md")
BLOCKS = EXAMPLES.blocks(TEXT)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.name == "nt", reason="the commands are those of a Unix shell")
def test_everything_in_the_guide_works(tmp_path, imported):
    shell = EXAMPLES.Shell(tmp_path)
    use(shell, imported)
    count = 0
    for block in BLOCKS:
        file = block.options.get("file", "")
        if file:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text(block.text, "utf-8")
        if file and "/" not in file and not file.startswith("test_"):
            status, output = shell.run(f"python {file}")
            assert status == 0, f"{file}: {output}"
        if block.language == "console":
            for command in block.commands:
                for part, may_run in EXAMPLES.parts(command):
                    if may_run:
                        status, output = shell.run(part)
                        assert status == 0, f"{part}: {output}"
                        assert "Warning: Plugin" not in output, f"{part}: {output}"
                        if part.startswith("metaauto plugins check"):
                            assert re.search(r"^ +\w+:[\w-]+ +passed: \d+ checks", output, re.M), (
                                output
                            )
                        count += 1
    assert count >= 10
    assert (tmp_path / "predictions.csv").is_file()


def test_every_python_block_is_run():
    named = [block.options.get("file") for block in BLOCKS if block.language == "python"]
    assert all(named)
    assert len(named) >= 5


def test_the_first_plugin_is_short():
    block = next(b for b in BLOCKS if b.options.get("file") == "my_plugins/centres.py")
    assert len(block.text.splitlines()) <= 40


def test_every_hook_is_shown():
    hooks = [name for name in vars(hookspecs) if name.startswith(("register_", "trial_", "fit_"))]
    assert len(hooks) >= 9
    assert [name for name in hooks if name not in TEXT] == []


def test_every_variable_that_the_engine_reads_is_explained():
    source = (Path(metaauto.__file__).parent / "plugins" / "manager.py").read_text("utf-8")
    read = set(re.findall(r'"(METAAUTO_[A-Z_]+)"', source))
    assert len(read) >= 4
    assert [name for name in sorted(read) if f"`{name}=" not in TEXT] == []
