"""Calls of the command line, and models to call it with."""

from __future__ import annotations

import subprocess
import tempfile
from multiprocessing.util import get_temp_dir
from pathlib import Path

import pytest
from command_line import QUICK, Cli, caller, in_process, people
from imported import ImportedProgram


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Call ``metaauto`` in an empty folder."""
    return caller(tmp_path)


@pytest.fixture
def imported_cli(tmp_path: Path, imported: ImportedProgram) -> Cli:
    """Call ``metaauto`` in an empty folder, in a process that need not import anything."""
    return caller(tmp_path, imported.command)


@pytest.fixture
def quick_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Call ``metaauto`` in an empty folder and in this process, which saves its imports."""
    from metaauto.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    get_temp_dir()  # multiprocessing keeps a folder until the end of the process
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        with pytest.raises(SystemExit) as ending:
            main(arguments)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, ending.value.code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``people.csv`` and the models ``buys.metaauto`` and ``income.metaauto``."""
    folder = tmp_path_factory.mktemp("trained")
    people().to_csv(folder / "people.csv", index=False)
    people(40, seed=1).to_csv(folder / "new.csv", index=False)
    for target, model in (("buys", "logistic"), ("income", "ridge")):
        arguments = ("--target", target, "--include", model, "--out", f"{target}.metaauto")
        in_process(folder, "fit", "people.csv", *QUICK, *arguments)
    return folder
