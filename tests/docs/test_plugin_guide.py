"""The plugin guide works: its files are written and its commands run, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import metaauto
from metaauto import hookspecs

ROOT = Path(metaauto.__file__).parent.parent
GUIDE = Path(__file__).parents[2] / "docs" / "plugins.md"
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOT_RUN = ("pip",)
"""Commands that would change the environment of the tests."""


def blocks():
    return BLOCK.findall(GUIDE.read_text("utf-8"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a ``metaauto`` and a ``pytest`` that belong to this interpreter."""
    place = tmp_path_factory.mktemp("guide")
    (place / "bin").mkdir()
    for name in ("metaauto", "pytest"):
        script = place / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {name} "$@"\n')
        script.chmod(0o755)
    return place


def run(place, command):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("METAAUTO_")}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name == "nt", reason="the commands are those of a Unix shell")
def test_everything_in_the_guide_works(place):
    commands = []
    for language, file, code in blocks():
        if file:
            (place / file).parent.mkdir(exist_ok=True)
            (place / file).write_text(code)
        if language == "python" and file and "/" not in file and not file.startswith("test_"):
            done = run(place, [sys.executable, file])
            assert done.returncode == 0, f"{file}: {done.stderr}"
        if language == "console":
            for line in code.splitlines():
                command = line.removeprefix("$ ")
                assert command != line, f"no command: {line}"
                if command.startswith(NOT_RUN):
                    continue
                done = run(place, command)
                assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
                assert "Warning: Plugin" not in done.stderr, f"{command}: {done.stderr}"
                commands.append(command)
    assert len(commands) >= 10
    assert (place / "predictions.csv").is_file()


def test_every_python_block_is_run():
    named = [file for language, file, _ in blocks() if language == "python"]
    assert all(named)
    assert len(named) >= 5


def test_the_first_plugin_is_short():
    code = next(code for _, file, code in blocks() if file == "my_plugins/centres.py")
    assert len(code.splitlines()) <= 40


def test_every_hook_is_shown():
    text = GUIDE.read_text("utf-8")
    hooks = [name for name in vars(hookspecs) if name.startswith(("register_", "trial_", "fit_"))]
    assert len(hooks) >= 9
    assert [name for name in hooks if name not in text] == []


def test_every_variable_that_the_engine_reads_is_explained():
    source = (ROOT / "metaauto" / "plugins.py").read_text("utf-8")
    read = set(re.findall(r'"(METAAUTO_[A-Z_]+)"', source))
    assert len(read) >= 4
    text = GUIDE.read_text("utf-8")
    assert [name for name in sorted(read) if f"`{name}=" not in text] == []
