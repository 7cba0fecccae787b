"""Run fits of one dataset in parallel, without knowledge of the dataset and its group."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.tables import split_table
from metaauto.knowledge import KnowledgeStore, merge

__all__ = ["side_by_side", "without_group"]


def side_by_side(path: Path, arms: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fit four fifths of a dataset with the options of each arm, in parallel."""
    train, test = split_table(path, next(iter(arms.values()))["seed"])
    files = {"train": f"{folder}/train.parquet", "test": f"{folder}/test.parquet"}
    train.to_parquet(files["train"])
    test.to_parquet(files["test"])
    running = {}
    for arm, options in arms.items():
        order = json.dumps({**files, "options": options})
        command = [sys.executable, "-m", "benchmarks.warmstart.one_fit", order]
        running[arm] = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    return {arm: _report(*process.communicate()) for arm, process in running.items()}


def _report(output: str, errors: str) -> dict[str, Any]:
    if not output:
        return {"error": errors.strip().splitlines()[-1] if errors.strip() else "no output"}
    return dict(json.loads(output.splitlines()[-1]))


def without_group(store: Path, copy: Path, label: str) -> None:
    """Copy a store without a dataset and its group."""
    with KnowledgeStore.open(store) as source, closing(KnowledgeStore.create(copy)) as target:
        facts = source.datasets()
        groups = {fact.group for fact in facts if fact.label == label and fact.group}
        merge(target, source)
        for fact in facts:
            if fact.label == label or fact.group in groups:
                target.forget(fact.fingerprint)
        left = target.datasets()
    if any(fact.label == label or fact.group in groups for fact in left):
        raise SystemExit(f"{label} is still in {copy}")
