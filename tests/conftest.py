"""What every test leaves as it found it."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Fixtures that live longer than a test must not touch the store of whoever runs them."""
    os.environ["METAAUTO_KNOWLEDGE"] = os.path.join(
        tempfile.gettempdir(), "metaauto-tests", "own.db"
    )
    # A shell that runs the tests in the background has them, and all they start, ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_knowledge_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the store of whoever runs it."""
    monkeypatch.setenv("METAAUTO_KNOWLEDGE", f"{tmp_path}-knowledge/own.db")


@pytest.fixture
def only_own_knowledge(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no store came with metaauto, in this process."""
    for home in ("metaauto.knowledge", "metaauto.knowledge.sources"):
        monkeypatch.setattr(f"{home}.shipped_store", lambda: None)


@pytest.fixture(autouse=True)
def _same_loggers_afterwards() -> Iterator[None]:
    """The command line takes over the loggers of metaauto, which a later test would not expect."""
    loggers = [logging.getLogger(name) for name in ("metaauto", "metaauto.plugins")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
