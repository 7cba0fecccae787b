"""The importers by the names of their sources.

Each source has a module that lists its files, their units and which hyperparameters are treated as
equal. Entries without an equivalent in metaauto are counted by reason. Facts have the provenance
``import:NAME`` and the licence of their files.

A configuration is stored with the values that its source names, converted to metaauto's
hyperparameters, even where a value lies slightly outside metaauto's range. ``SearchSpace.repair``
fills in the rest and clips it on use. A configuration with a value far outside the range of one of
metaauto's own models is skipped here; that of a plugin's model is skipped on use
(`metaauto.collect.published`), because the plugin may not be installed.
"""

from __future__ import annotations

from pathlib import Path

from metaauto.api import KnowledgeStore, UnknownName
from metaauto_importers.autosklearn import import_autosklearn
from metaauto_importers.oboe import import_oboe
from metaauto_importers.portfolio import import_portfolio
from metaauto_importers.report import ImportReport

__all__ = ["SOURCES", "import_published"]

SOURCES = {
    "autosklearn": import_autosklearn,
    "oboe": import_oboe,
    "portfolio": import_portfolio,
}
"""The importers by the names of their sources."""


def import_published(source: str, path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add published knowledge to a store, in one transaction; repeating it changes nothing.

    Parameters
    ----------
    source : {'autosklearn', 'oboe', 'portfolio'}
        ``oboe`` has datasets and evaluations, the others only configurations. ``portfolio`` is for
        FLAML, AutoGluon and TabRepo.
    path : str or Path
        The folder with the files, or a folder that holds such folders.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        Entries read, imported and skipped by reason.

    Raises
    ------
    UnknownName
        If the source does not exist.
    KnowledgeError
        If a file is missing or malformed (the message names the file and the place in it), or if
        the store cannot be written. Then nothing is added.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from metaauto.api import KnowledgeStore
    >>> from metaauto_importers import import_published
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "configs_knn.json"
    ...     entry = {"model_type": "KNN", "hyperparameters": {"n_neighbors": 9, "p": 1}}
    ...     _ = file.write_text(json.dumps({"KNeighbors_r1": entry}))
    ...     with KnowledgeStore.create(Path(folder) / "knowledge.db") as store:
    ...         report = import_published("portfolio", file, store)
    ...         [fact.configuration.to_json() for fact in store.configurations("binary")]
    [{'model': 'knn', 'values': {'n_neighbors': 9, 'p': 1, 'weights': 'uniform'}}]
    >>> report.configurations
    Tally(read=1, imported=1, skipped={})
    """
    if source not in SOURCES:
        raise UnknownName.among("published source", source, SOURCES)
    return SOURCES[source](path, store)
