"""What every test leaves as it found it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _same_logger_afterwards() -> Iterator[None]:
    """The command line takes the logger of metaauto over, which a later test would not expect."""
    logger = logging.getLogger("metaauto")
    before = logger.handlers, logger.propagate
    yield
    logger.handlers, logger.propagate = before
