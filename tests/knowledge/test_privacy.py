"""Nothing of a user's rows, column names or values may be in a store."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaauto.builtin.metafeatures import EXTRACTORS
from metaauto.configuration import Configuration
from metaauto.data.dataset import prepare
from metaauto.data.fingerprint import fingerprint
from metaauto.knowledge import (
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    KnowledgeStore,
    MetafeatureFact,
    export_text,
)
from metaauto.knowledge.provenance import here
from metaauto.metafeatures import describe

PLANTED = "PLANTEDSECRET"
NUMBER = 123456789.125


@pytest.fixture
def frame():
    chance = np.random.default_rng(0)
    n = 60
    return pd.DataFrame(
        {
            f"{PLANTED} number": [NUMBER, *chance.normal(size=n - 1)],
            f"{PLANTED} word": chance.choice([f"{PLANTED} a", f"{PLANTED} b", "c"], size=n),
            f"{PLANTED} text": [f"{PLANTED} and some more words {i}" for i in range(n)],
            f"{PLANTED} target": chance.choice([f"{PLANTED} yes", f"{PLANTED} no"], size=n),
        }
    )


def test_planted_words_are_not_in_the_files(frame, tmp_path):
    target = f"{PLANTED} target"
    dataset = prepare(frame, target)
    task = dataset.task
    found = describe(dataset, EXTRACTORS, seconds=20)
    said = here("fit")
    table = DatasetFact(
        fingerprint(frame.drop(columns=target), dataset.y),
        task.kind,
        n_rows=task.n_rows,
        n_features=len(task.features),
        n_classes=task.n_classes,
        rows_used=task.n_rows,
        source="fit",
        provenance=said.key,
        metafeatures=MetafeatureFact.all_of(found),
    )
    tried = ConfigurationFact(Configuration("knn", {"n_neighbors": 3}), said.key)
    result = EvaluationFact(
        *table.key, tried.key, "holdout", 0, "success", said.key, {"roc_auc": 0.25}, 0.5
    )
    with KnowledgeStore.create(tmp_path / "knowledge.db") as store:
        store.add_provenance(said)
        assert store.add_dataset(table)
        store.add_configuration(tried)
        assert store.add_evaluations([result]) == 1
        export_text(store, tmp_path / "text")
        held = b"".join(p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file())
    assert table.fingerprint.encode() in held
    assert len(table.metafeatures) > 10
    for planted in (PLANTED.encode(), repr(NUMBER).encode(), np.float64(NUMBER).tobytes()):
        assert planted not in held
        assert planted[::-1] not in held
