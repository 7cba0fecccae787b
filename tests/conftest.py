"""Fixtures that isolate the tests from the user's knowledge store and from each other."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from imported import ImportedProgram

from metaauto.testing import model_file

if TYPE_CHECKING:
    from metaauto.plugins.registry import Registry

# Each process has its own, and all tests of a process the same: fits share a fork server, which
# imports for seconds, if their environment variables are equal.
KNOWLEDGE = Path(tempfile.gettempdir(), f"metaauto-tests-{os.getpid()}")
NEW_PROCESS = "test_model_file_predicts_in_a_new_process"


def pytest_configure(config: pytest.Config) -> None:
    """Set a temporary knowledge store, and a key of the user."""
    os.environ["XDG_DATA_HOME"] = os.path.join(tempfile.gettempdir(), "metaauto-tests", "data")
    os.environ["METAAUTO_KNOWLEDGE"] = str(KNOWLEDGE / "own.db")
    # Examples take longer on a busy machine.
    settings.register_profile("metaauto", deadline=None)
    settings.load_profile("metaauto")
    # A background shell makes the tests and their child processes ignore SIGINT.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow checks of contracts; run the longest tests first, so that no worker waits."""
    for item in items:
        # The example is one model whose file is read in a new process in every run.
        if getattr(item, "originalname", "") == NEW_PROCESS and "example" not in item.nodeid:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: "test_the_examples_of_a_page_work" not in item.name)


def pytest_unconfigure() -> None:
    """Remove the temporary knowledge store."""
    shutil.rmtree(KNOWLEDGE, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Remove the variable in which pytest names the test, so that fits share a fork server."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call() -> None:
    """Remove the variable in which pytest names the test, so that fits share a fork server."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)


@pytest.fixture(autouse=True)
def _isolated_knowledge() -> None:
    """Begin with an empty knowledge store."""
    shutil.rmtree(KNOWLEDGE, ignore_errors=True)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The components of metaauto itself."""
    from builders import builtin_registry

    return builtin_registry()


@pytest.fixture(scope="session")
def imported() -> Iterator[ImportedProgram]:
    """``metaauto`` in a process that need not import anything."""
    program = ImportedProgram()
    yield program
    program.close()


@pytest.fixture(autouse=True)
def _imported_for_model_files(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fork the new process in which each contract of a model reads its model file."""
    if getattr(request.node, "originalname", "") == NEW_PROCESS:
        imported = request.getfixturevalue("imported")
        command = partial(imported.command, module=model_file.__name__)
        monkeypatch.setattr(model_file, "_command", command)


@pytest.fixture
def only_own_knowledge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the shipped knowledge store in this process."""
    for home in ("metaauto.knowledge", "metaauto.knowledge.sources"):
        monkeypatch.setattr(f"{home}.shipped_store", lambda: None)


@pytest.fixture(autouse=True)
def _restored_loggers() -> Iterator[None]:
    """Restore the loggers of metaauto, which the command line changes."""
    loggers = [logging.getLogger(name) for name in ("metaauto", "metaauto.plugins")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
