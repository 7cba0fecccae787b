from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from random import Random

import psutil
import pytest
from builders import binary_task, builtin_registry, frame_model, registry_of

from metaauto.components.hyperparameters import Choice, Float
from metaauto.configuration import Configuration
from metaauto.search.smac import SmacProposer
from metaauto.space import SearchSpace

LONG = 120.0
TASK = binary_task(300, columns=9)
SPACE = SearchSpace(
    builtin_registry().select(include=["logistic", "knn", "random_forest", "svm"]), TASK
)


def made_up_loss(configuration: Configuration) -> float:
    """Depends on model and values, so that there is something to learn."""
    best = {"logistic": 0.3, "knn": 0.5, "random_forest": 0.2, "svm": 0.4}[configuration.model]
    numbers = [v for v in configuration.values.values() if type(v) in (int, float)]
    return best + sum(abs(float(n)) % 1 for n in numbers) / 10


def propose(n: int, seed: int = 3) -> list[Configuration]:
    """Proposer of a search that waits for each."""
    proposer = SmacProposer(SPACE.ranges, seed)
    found = []
    try:
        told = [SPACE.default(model) for model in SPACE.models]
        told += [SPACE.sample(Random(i)) for i in range(6)]
        proposer.tell((c, made_up_loss(c), 0.1) for c in told)
        for _ in range(n):
            proposer.ask()
            assert proposer.waiting == 1
            proposal = proposer.ready(LONG)
            assert proposal is not None, proposer.failure
            assert proposer.waiting == 0
            found.append(proposal)
            proposer.tell([(SPACE.repair(proposal).configuration, made_up_loss(proposal), 0.2)])
    finally:
        proposer.close()
    return found


@pytest.mark.slow
def test_the_same_seed_and_results_give_the_same_proposals():
    first, second = propose(6), propose(6)
    assert first == second
    assert len(set(first)) == len(first)
    for proposal in first:
        repaired = SPACE.repair(proposal)
        assert all(change.startswith("reduce") for change in repaired.changes)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A working directory and a directory for temporary files that are watched."""
    cwd, temporary = tmp_path / "cwd", tmp_path / "tmp"
    cwd.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return cwd, temporary


def test_it_works_quietly_and_leaves_nothing_behind(folders, capfd):
    cwd, temporary = folders
    handlers, level = list(logging.root.handlers), logging.root.level
    loggers = set(logging.root.manager.loggerDict)
    proposer = SmacProposer(SPACE.ranges, 0)
    pid = proposer._child.process.pid
    proposer.tell([(SPACE.default("knn"), 0.5, 0.1), (SPACE.default("svm"), 0.4, 0.1)])
    proposer.ask()
    assert proposer.ready(LONG) is not None
    if hasattr(os, "nice"):
        assert psutil.Process(pid).nice() > psutil.Process().nice()
    proposer.close()
    assert not psutil.pid_exists(pid)
    assert list(cwd.iterdir()) == []
    assert [p for p in temporary.rglob("*") if "smac" in p.name] == []
    assert (logging.root.handlers, logging.root.level) == (handlers, level)
    assert (
        not {name for name in logging.root.manager.loggerDict if "smac" in name}
        - loggers
        - {"metaauto.search"}
    )
    assert capfd.readouterr() == ("", "")


def test_a_process_that_outlives_its_parents_line_tidies_up_itself(folders):
    _, temporary = folders
    proposer = SmacProposer(SPACE.ranges, 0)
    proposer.ask()
    assert proposer.ready(LONG) is not None
    proposer._connection.close()
    proposer._child.process.wait(timeout=60)
    assert [p for p in temporary.rglob("*") if "smac" in p.name] == []
    proposer.close()


def test_nobody_waits_unless_told_to():
    proposer = SmacProposer(SPACE.ranges, 0)
    try:
        began = time.monotonic()
        proposer.tell([(SPACE.default("knn"), 0.5, 0.1)])
        proposer.ask()
        assert proposer.ready() is None
        assert proposer.waiting == 1
        assert time.monotonic() - began < 5.0
    finally:
        proposer.close()


def test_a_killed_process_is_survived_and_said_once(caplog):
    proposer = SmacProposer(SPACE.ranges, 0)
    try:
        proposer.ask()
        assert proposer.ready(LONG) is not None
        proposer._child.process.kill()
        with caplog.at_level(logging.WARNING, logger="metaauto.search"):
            for _ in range(3):
                proposer.tell([(SPACE.default("knn"), 0.5, 0.1)])
                proposer.ask()
                assert proposer.ready(5.0) is None
        assert proposer.failure
        assert len(caplog.records) == 1
        assert "random configurations" in caplog.records[0].getMessage()
    finally:
        proposer.close()


def test_a_process_that_does_not_start_is_noticed_at_once(monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    proposer = SmacProposer(SPACE.ranges, 0)
    try:
        proposer.ask()
        began = time.monotonic()
        assert proposer.ready(LONG) is None
        assert time.monotonic() - began < LONG / 2
        assert proposer.failure
    finally:
        proposer.close()


def test_a_space_that_smac_cannot_take_is_survived(caplog):
    proposer = SmacProposer({"knn": {"odd": "no range"}}, 0)
    try:
        proposer.ask()
        assert proposer.ready(LONG) is None
        assert "AttributeError" in proposer.failure
    finally:
        proposer.close()


def test_a_space_of_few_points_comes_to_an_end(caplog):
    space = {"a": Choice(("x", "y")), "b": Float(1.0, 1.0, 1.0)}
    search = SearchSpace(registry_of(frame_model("tiny", space)), TASK)
    proposer = SmacProposer(search.ranges, 0)
    seen = set()
    try:
        for _ in range(4):
            proposer.ask()
            proposal = proposer.ready(LONG)
            if proposal is None:
                break
            seen.add(proposal)
            proposer.tell([(proposal, 0.5, 0.1)])
    finally:
        proposer.close()
    assert 1 <= len(seen) <= 2
    assert proposer.failure or len(seen) == 2


def test_closing_does_not_wait_for_a_thought():
    proposer = SmacProposer(SPACE.ranges, 0)
    proposer.tell([(SPACE.sample(Random(i)), i / 10, 0.1) for i in range(30)])
    for _ in range(20):
        proposer.ask()
    proposer.ready(LONG)
    pid = proposer._child.process.pid
    began = time.monotonic()
    proposer.close()
    assert time.monotonic() - began < 10.0
    assert not psutil.pid_exists(pid)
