"""What every test leaves as it found it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _same_loggers_afterwards() -> Iterator[None]:
    """The command line takes over the loggers of metaauto, which a later test would not expect."""
    loggers = [logging.getLogger(name) for name in ("metaauto", "metaauto.plugins")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
