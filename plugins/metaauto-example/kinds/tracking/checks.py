"""A small fit is tracked."""

from pathlib import Path

import metaauto_example
import pytest

import metaauto
from metaauto.api import PluginSettings


def test_a_fit_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has a line for the start, for each trial and for the end."""
    monkeypatch.setattr(metaauto_example, "FILE", str(tmp_path / "lines.csv"))
    plugins = PluginSettings(only=(), modules=("metaauto_example",))
    metaauto.fit(
        "sklearn:iris",
        trials=1,
        include=["lda"],
        cores=1,
        knowledge=False,
        remember=False,
        plugins=plugins,
    )
    lines = [line.split(",") for line in (tmp_path / "lines.csv").read_text().splitlines()]
    assert [line[1] for line in lines] == ["started", "lda-1", "finished"]
    assert len({line[0] for line in lines}) == 1
