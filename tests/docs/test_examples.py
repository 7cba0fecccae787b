"""Everything that the README and the pages tell people to type works."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from pages import PAGES, script, text_of, use, write_tables

from metaauto.testing import make_problem

EXAMPLES = script("examples")
WITH_EXAMPLES = ["README.md", "api.md", "cluster.md", "coming-from.md", "comparison.md",
                 "events.md", "examples.md", "faq.md", "how.md", "index.md", "knowledge.md",
                 "plugin-directory.md", "python.md", "scores.md", "shell.md", "tutorial.md"]  # fmt: skip
TESTED_ELSEWHERE = ["plugins.md", "serving.md", "ui.md"]
PLAIN = "README.md"
"""The page whose commands import everything themselves; it has every command."""
LEFT_OUT = 24
LABEL = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)?)(?: {2,}|:| by)")
"""What begins a line of output that people look for: ``Best single  roc_auc 0.99``."""


def namespace() -> dict[str, object]:
    """What the README takes for granted in its first block of Python."""
    problem = make_problem("binary", n_rows=80)
    frame = pd.read_csv("train.csv")
    return {
        "__name__": "__main__",
        "X_train": problem.X[:60],
        "y_train": problem.y[:60],
        "X_test": problem.X[60:],
        "y_test": problem.y[60:],
        "new_rows": frame.drop(columns="price").head(),
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.name == "nt", reason="the commands are those of a Unix shell")
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_page_work(name, tmp_path, monkeypatch, capsys, imported):
    # The store of each test is empty. With the same name for all pages, fits share a fork server.
    shell = EXAMPLES.Shell(tmp_path, {"METAAUTO_KNOWLEDGE": os.environ["METAAUTO_KNOWLEDGE"]})
    if name != PLAIN:
        use(shell, imported)
    write_tables(tmp_path)
    monkeypatch.chdir(tmp_path)
    for variable in [v for v in os.environ if v.startswith("METAAUTO_")]:
        if variable != "METAAUTO_KNOWLEDGE":
            monkeypatch.delenv(variable)
    text, variables, count = text_of(name), namespace(), 0
    for block in EXAMPLES.blocks(text):
        if not block.is_run:
            continue
        code = EXAMPLES.shorter(block.text)
        if "file" in block.options:
            file = Path(block.options["file"])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(code, "utf-8")
        elif block.language == "python":
            line = text.count("\n", 0, block.start) + 1
            exec(compile(code, f"{name}, from line {line} on", "exec"), variables)
            count += 1
        else:
            count += run_commands(block, shell)
    assert count >= 1, "no block of this page is run"


def run_commands(block, shell) -> int:
    written = ""
    runs = [
        EXAMPLES.shorter(part)
        for command in block.commands
        for part, may_run in EXAMPLES.parts(command)
        if may_run
    ]
    for number, command in enumerate(runs, start=1):
        status, output = shell.run(command)
        expected = block.status if number == len(runs) else 0
        assert status == expected, f"{command}: {output}"
        assert "Warning: Plugin" not in output, f"{command}: {output}"
        written += output
    labels = {match[1] for line in block.printed if (match := LABEL.match(line))}
    # Which warnings a fit has depends on its models.
    labels -= {"Warnings"}
    missing = [label for label in sorted(labels) if label not in written]
    assert not missing, f"{runs} no longer write {missing}: {written}"
    return len(runs)


def test_no_page_is_forgotten():
    found = {
        page.name
        for page in PAGES
        if page.name not in EXAMPLES.GENERATED
        and any(block.language in ("console", "python") for block in EXAMPLES.blocks(
            page.read_text("utf-8")
        ))
    }  # fmt: skip
    assert found == {*WITH_EXAMPLES, *TESTED_ELSEWHERE}


def test_few_commands_are_left_out():
    left_out = []
    for name in WITH_EXAMPLES:
        for block in EXAMPLES.blocks(text_of(name)):
            if block.language != "console":
                if block.language == "python" and not block.is_run:
                    left_out.append(block.text)
                continue
            for command in block.commands:
                left_out += [
                    part
                    for part, may_run in EXAMPLES.parts(command)
                    if not (may_run and block.is_run)
                ]
    assert len(left_out) == LEFT_OUT, left_out


def test_every_block_says_its_language():
    for page in PAGES:
        fences = re.findall(r"^```(.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
        assert len(fences) % 2 == 0, page.name
        assert all(fences[::2]), page.name


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("metaauto fit a.csv", "metaauto fit --include lda,ridge,knn a.csv --trials 2"),
        (
            "metaauto fit a.csv --budget 5m --out m",
            "metaauto fit --include lda,ridge,knn a.csv --trials 2 --out m",
        ),
        (
            "metaauto fit a.csv --trials 20 --include knn",
            "metaauto fit a.csv --trials 2 --include knn",
        ),
        ("metaauto fit --resume run --out m", "metaauto fit --resume run --out m"),
        ("metaauto knowledge build --folder t", "metaauto knowledge build --folder t --budget 3s"),
        ("metaauto knowledge build --waves 1", "metaauto knowledge build --waves 1"),
        ("metaauto suggest a.csv", "metaauto suggest a.csv"),
        (
            'metaauto.fit(X, budget="60s")',
            "metaauto.fit(X, trials=2, include=['lda', 'ridge', 'knn'])",
        ),
        (
            "metaauto.fit(X, trials=9, include=['qda'])",
            "metaauto.fit(X, trials=2, include=['qda'])",
        ),
        (
            'AutoClassifier(budget="20 trials")',
            "AutoClassifier(budget=\"2 trials\", include=['lda', 'ridge', 'knn'])",
        ),
        (
            'AutoClassifier(budget="60s", n=1)',
            "AutoClassifier(budget=\"2 trials\", include=['lda', 'ridge', 'knn'], n=1)",
        ),
        ("fit(X, trials=20, seed=0)", "fit(X, trials=2, include=['lda', 'ridge', 'knn'], seed=0)"),
    ],
)
def test_examples_are_shortened(long, short):
    assert EXAMPLES.shorter(long) == short


@pytest.mark.skipif(os.name == "nt", reason="the commands are those of a Unix shell")
def test_what_takes_too_long_is_ended(tmp_path):
    shell = EXAMPLES.Shell(tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        shell.run("sleep 100 & echo $! > child; wait", timeout=1)
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 30
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(child).status() != "zombie":
            assert time.monotonic() < deadline, "the child outlives the command"
            time.sleep(0.01)


def test_blocks_are_told_apart():
    page = (
        "<!-- exit 1 -->\n```console lines=3\n$ first && pip install x\nprinted\n$ second\n```\n"
        "<!-- not run: why -->\n```python\nboom\n```\n```toml\nx = 1\n```\n"
    )
    first, second, third = EXAMPLES.blocks(page)
    assert first.commands == ["first && pip install x", "second"]
    assert first.printed == ["printed"]
    assert (first.status, first.is_run, first.options) == (1, True, {"lines": "3"})
    assert list(EXAMPLES.parts(first.commands[0])) == [("first", True), ("pip install x", False)]
    assert page[first.start : first.end].startswith("$ first")
    assert not second.is_run
    assert not third.is_run
