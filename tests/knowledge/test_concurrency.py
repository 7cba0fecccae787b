from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from metaauto.knowledge import KnowledgeStore, check

ROOT = Path(__file__).parents[2]

WRITER = """
    import importlib.util, sys
    from dataclasses import replace
    from metaauto.knowledge import KnowledgeStore
    spec = importlib.util.spec_from_file_location("facts", sys.argv[2])
    facts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(facts)
    known = facts.example()
    with KnowledgeStore.open(sys.argv[1], readonly=False) as store:
        for number in range(int(sys.argv[3])):
            store.add_evaluations(
                replace(known.evaluations[0], protocol=f"p{number:04}", fold=fold)
                for fold in range(5)
            )
            print(number, flush=True)
"""


def start(path, n_steps):
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    command += [str(Path(__file__).with_name("conftest.py")), str(n_steps)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def steps_of(store):
    """Evaluations of each step of the writer."""
    counts: dict[str, int] = {}
    for fact in store.evaluations():
        if fact.protocol.startswith("p"):
            counts[fact.protocol] = counts.get(fact.protocol, 0) + 1
    return counts


def test_readers_see_whole_steps_while_a_writer_writes(filled):
    writer = start(filled.path, 120)
    seen = []
    with KnowledgeStore.open(filled.path) as early:
        while writer.poll() is None:
            for reader in (early, KnowledgeStore.open(filled.path)):
                counts = steps_of(reader)
                assert set(counts.values()) <= {5}
                seen.append(len(counts))
                matrix = reader.matrix("binary", "log_loss")
                steps = [name for name in matrix.protocols if name.startswith("p")]
                assert matrix.loss.shape == (4 + len(steps), 3)
                if reader is not early:
                    reader.close()
    writer.stdout.close()
    assert writer.returncode == 0
    assert len(steps_of(filled)) == 120
    assert seen == sorted(seen)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("n_lines", [1, 17, 40])
def test_a_killed_writer_loses_nothing_finished(filled, n_lines):
    writer = start(filled.path, 100_000)
    for _ in range(n_lines):
        last = writer.stdout.readline()
    writer.kill()
    writer.wait()
    writer.stdout.close()
    counts = steps_of(filled)
    assert len(counts) > int(last)
    assert set(counts.values()) == {5}
    assert check(filled) == []


READER = """
    import os, sys
    from metaauto.knowledge import KnowledgeStore
    from metaauto.errors import KnowledgeError
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        with KnowledgeStore.open(sys.argv[1]) as store:
            print(store.matrix("binary", "log_loss").loss.shape)
        KnowledgeStore.open(sys.argv[1], readonly=False)
    except KnowledgeError as error:
        print(error)
"""


def read_unprivileged(path):
    """Return what a user without write permission sees, also when root runs the tests."""
    command = [sys.executable, "-c", textwrap.dedent(READER), str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return run.stdout.splitlines()


@pytest.fixture
def guarded():
    """A folder that anybody may read; it is closed for writing by the test."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)
        os.chmod(folder, 0o755)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX rights")
@pytest.mark.parametrize("is_compact", [True, False])
def test_a_store_in_a_directory_that_may_not_be_written(filled, guarded, is_compact):
    if is_compact:
        filled.compact()
    filled.close()
    copy = Path(shutil.copy(filled.path, guarded))
    copy.chmod(0o444)
    guarded.chmod(0o555)
    first, *rest = read_unprivileged(copy)
    assert first == "(4, 3)"
    assert "is read-only" in " ".join(rest)
    assert [path.name for path in guarded.iterdir()] == [copy.name]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX rights")
def test_unfinished_writing_in_such_a_directory_is_one_error(filled, guarded):
    """What was written lies in the journal beside it, which cannot be read there."""
    for path in (filled.path, filled.path.with_name(filled.path.name + "-wal")):
        Path(shutil.copy(path, guarded)).chmod(0o444)
    guarded.chmod(0o555)
    (line,) = read_unprivileged(guarded / filled.path.name)
    assert "'knowledge.db-wal'" in line
