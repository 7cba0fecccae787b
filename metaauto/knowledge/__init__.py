"""Knowledge: losses and seconds of configurations on other datasets.

A store is one SQLite file of facts. It can be read while another process writes to it, merged with
other stores, exported as diff-friendly text, and checked.

Examples
--------
>>> import tempfile
>>> from metaauto.configuration import Configuration
>>> from metaauto.knowledge import (
...     ConfigurationFact, DatasetFact, EvaluationFact, KnowledgeStore, ProvenanceFact,
... )
>>> origin = ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0")
>>> dataset = DatasetFact("0" * 64, "binary", 150, 4, 2, 150, "openml:31", origin.key)
>>> knn = ConfigurationFact(Configuration("knn", {"n_neighbors": 5}), origin.key)
>>> result = EvaluationFact(
...     *dataset.key, knn.key, "5-fold/seed0", 0, "success", origin.key, {"log_loss": 0.25}, 0.5
... )
>>> with tempfile.TemporaryDirectory() as folder:
...     with KnowledgeStore.create(f"{folder}/knowledge.db") as store, store.transaction():
...         _ = store.add_provenance(origin)
...         _ = store.add_dataset(dataset), store.add_configuration(knn)
...         _ = store.add_evaluations([result])
...     with KnowledgeStore.open(f"{folder}/knowledge.db") as store:
...         store.matrix("binary", "log_loss").loss
array([[0.25]])
"""

from metaauto.knowledge.export import export_text, import_text
from metaauto.knowledge.integrity import check
from metaauto.knowledge.matrix import KnowledgeMatrix
from metaauto.knowledge.merge import MergeReport, merge
from metaauto.knowledge.provenance import here
from metaauto.knowledge.queries import StoreInfo
from metaauto.knowledge.records import (
    STATUSES,
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    MetafeatureFact,
    ProvenanceFact,
)
from metaauto.knowledge.sources import (
    LoadedKnowledge,
    join,
    load_knowledge,
    own_store,
    shipped_store,
    stores,
    writable_store,
)
from metaauto.knowledge.store import KnowledgeStore

__all__ = [
    "STATUSES",
    "ConfigurationFact",
    "DatasetFact",
    "EvaluationFact",
    "KnowledgeMatrix",
    "KnowledgeStore",
    "MergeReport",
    "MetafeatureFact",
    "ProvenanceFact",
    "LoadedKnowledge",
    "StoreInfo",
    "check",
    "export_text",
    "here",
    "import_text",
    "join",
    "merge",
    "own_store",
    "load_knowledge",
    "shipped_store",
    "stores",
    "writable_store",
]
