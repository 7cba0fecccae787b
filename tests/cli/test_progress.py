"""The progress of a fit, and the signals that stop it."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from metaauto.cli.progress import progress_listener, stop_on_signal
from metaauto.cli.terminal import say


class Interrupted(io.FileIO):
    """A file whose next write is interrupted by Ctrl-C."""

    asked = 1

    def write(self, data: object) -> int:
        if self.asked:
            self.asked -= 1
            signal.raise_signal(signal.SIGINT)
        return super().write(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("quiet", [True, False])
def test_ctrl_c_while_a_line_is_written_stops_the_search(
    quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stderr"
    stream = io.TextIOWrapper(io.BufferedWriter(Interrupted(path, "w")), line_buffering=True)
    monkeypatch.setattr(sys, "stderr", stream)
    stops: list[bool] = []
    runner = SimpleNamespace(search=object(), stop=lambda: stops.append(True))
    with progress_listener(quiet) as (_, note), stop_on_signal(runner, note):  # type: ignore[arg-type]
        say("a line of the fit")
    stream.close()
    lines = path.read_text().splitlines()
    assert stops == [True]
    assert sorted(lines) == [
        "Stopping: saving the best model so far. Press Ctrl-C again to exit without it.",
        "a line of the fit",
    ]
