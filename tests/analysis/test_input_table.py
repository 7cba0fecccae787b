"""Tables of analyses: those larger than the memory are sampled, and it is said."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import people

import metaauto
from metaauto.analysis import input_table as module
from metaauto.analysis.input_table import input_table
from metaauto.builtin.readers import delimited_chunks
from metaauto.data import RowLimit, read
from metaauto.plugins.manager import load_plugins

BYTES = 8_000
"""Bytes that a table may take in memory, here."""


@pytest.fixture(scope="module")
def model():
    return metaauto.fit(people(), "buys", trials=1, cores=1, cv=2, memory=2, include=["lda"])


@pytest.fixture(params=["csv", "csv.gz", "parquet"])
def path(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of 400 rows, of which a sixth of the free memory holds a part."""
    monkeypatch.setattr(module, "available_memory", lambda: 6 * BYTES / 2**20)
    monkeypatch.setattr(read, "_PART_ROWS", 100)
    monkeypatch.setattr(delimited_chunks, "CHECKED_BYTES", 200)
    found = tmp_path / f"t.{request.param}"
    table = people(400, seed=1)
    if request.param == "parquet":
        table.to_parquet(found, row_group_size=50)
    else:
        table.to_csv(found, index=False)
    return found


def test_a_table_larger_than_the_memory_is_sampled(model, path: Path, caplog) -> None:
    registry = load_plugins().registry
    with caplog.at_level(logging.WARNING, "metaauto"):
        found, _ = input_table(model, path, None, registry)
    (message,) = caplog.messages
    assert 0 < len(found) < 300
    assert message == f"A random sample of the table was read: {len(found)} of 400 rows."
    whole, _ = input_table(model, path, None, registry, limit=RowLimit())
    labels = np.array(whole["buys"])
    given, _ = input_table(model, path, labels, registry)
    assert len(whole) == len(given) == 400
    assert len(caplog.messages) == 1


def test_the_analyses_and_a_refit_take_the_sample(
    model, path: Path, caplog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metaauto.engine.refit.table_bytes", lambda clock: BYTES)
    with caplog.at_level(logging.WARNING, "metaauto"):
        scores = model.evaluate(path, metrics="accuracy")
        refitted = model.refit(path, cores=1, memory=2)
    assert 0.5 < scores["accuracy"] <= 1
    assert 0 < refitted.record.refit.rows < 300
    notes = [m for m in caplog.messages if "random sample" in m]
    assert len(notes) == 2
    assert notes[1] == (
        f"A random sample of the table was read: {refitted.record.refit.rows} of 400 rows."
    )


def test_a_table_that_fits_is_read_whole(model, tmp_path: Path, caplog) -> None:
    table = people(50, seed=2)
    table.to_csv(tmp_path / "t.csv", index=False)
    found, _ = input_table(model, tmp_path / "t.csv", None, load_plugins().registry)
    assert len(found) == 50
    assert isinstance(found, pd.DataFrame)
    assert not caplog.messages
