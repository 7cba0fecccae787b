from __future__ import annotations

import csv
import json
import logging

import pytest

from metaauto.knowledge import KnowledgeStore


@pytest.fixture(autouse=True)
def _restored_loggers():
    """Restore the loggers of metaauto, which the command line changes."""
    loggers = [logging.getLogger(name) for name in ("metaauto", "metaauto.plugins")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def store(tmp_path):
    with KnowledgeStore.create(tmp_path / "knowledge.db") as store:
        yield store


@pytest.fixture
def write():
    """Write a table of comma-separated values, or a JSON document."""

    def write_file(path, header, rows=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        if rows is None:
            path.write_text(json.dumps(header))
            return path
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write_file
