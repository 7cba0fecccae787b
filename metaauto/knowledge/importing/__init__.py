"""Published knowledge, translated into our components: what it is of, and under which licence.

Each source has a module with its files, its units and what was judged to mean the same; whatever
has no counterpart here is counted by its reason. Facts come with the provenance ``import:NAME`` and
the licence of their files.

A configuration is stored as its source puts it: only what it says, in our words, and as it is even
where it lies a little outside of our ranges. `SearchSpace.repair` fills in the rest and clips it
when it is used; what lies far outside of the range of one of our own models is left out here, that
of a plugin's when it is used (`metaauto.collect.published`), for the plugin may not be installed.
"""

from __future__ import annotations

from pathlib import Path

from metaauto.errors import UnknownName
from metaauto.knowledge.importing.autosklearn import import_autosklearn
from metaauto.knowledge.importing.oboe import import_oboe
from metaauto.knowledge.importing.portfolio import import_portfolio
from metaauto.knowledge.importing.report import ImportReport, Tally
from metaauto.knowledge.store import KnowledgeStore

__all__ = ["SOURCES", "ImportReport", "Tally", "import_published"]

SOURCES = {
    "autosklearn": import_autosklearn,
    "oboe": import_oboe,
    "portfolio": import_portfolio,
}
"""The importers by the names of their sources."""


def import_published(source: str, path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add published knowledge to a store, in one transaction; twice is once.

    Parameters
    ----------
    source : {'autosklearn', 'oboe', 'portfolio'}
        Whose files they are. ``oboe`` has datasets and evaluations too, the others configurations
        that they propose. ``portfolio`` is for FLAML, AutoGluon and TabRepo.
    path : str or Path
        The folder that holds the files, or one that holds folders of them.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        What was read, imported and skipped, by reason.

    Raises
    ------
    UnknownName
        If there is no such source.
    KnowledgeError
        If a file is missing or not of the published form, which one line tells with the file and
        the place in it; or if the store cannot be written. Then nothing is added.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from metaauto.knowledge import KnowledgeStore
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
