"""The wheels of metaauto and its plugins can be installed through the extras of metaauto."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
BUILD = "from setuptools import build_meta; build_meta.build_wheel('..')"
BOOSTERS = ("metaauto-lightgbm", "metaauto-xgboost", "metaauto-catboost")


def call(*arguments: object, place: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_extra_boosters_is_resolved_from_the_wheels(tmp_path):
    """pip finds everything in the folder of wheels and in this environment."""
    pytest.importorskip("setuptools", minversion="77")
    pytest.importorskip("pip")
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info", "export", "tests")
    core = tmp_path / "core"
    core.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(HOME / name, core)
    for name in ("metaauto", "metaknowledge"):
        shutil.copytree(HOME / name, core / name, ignore=ignored)
    example = "plugins/metaauto-example"
    shutil.copytree(HOME / example, core / example)
    for name in BOOSTERS:
        shutil.copytree(HOME / "plugins" / name, tmp_path / name, ignore=ignored)
    for project in (core, *(tmp_path / name for name in BOOSTERS)):
        call("-c", BUILD, place=project)
    assert len(list(tmp_path.glob("*.whl"))) == 1 + len(BOOSTERS)
    pip = ("-m", "pip", "install", "--dry-run", "--quiet", "--no-index", "--find-links", tmp_path)
    # By its path, for the metadata of an installed metaauto may be older.
    (wheel,) = tmp_path.glob("metaauto-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    assert "Description-Content-Type: text/markdown" in metadata
    assert "## Install and fit" in metadata
    assert not re.search(r"\]\((?!https?:)", metadata), "a relative link"
    done = call(*pip, "--report", "report.json", f"{wheel}[boosters]", place=tmp_path)
    assert "does not provide the extra" not in done.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    found = {item["metadata"]["name"] for item in report["install"]}
    assert {"metaauto", *BOOSTERS} <= found | {d.metadata["Name"] for d in distributions()}
