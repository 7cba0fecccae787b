"""Where published knowledge comes from, under which licence, and how it is told in a store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from metaauto.knowledge.provenance import here
from metaauto.knowledge.store import KnowledgeStore

__all__ = [
    "AUTOGLUON",
    "AUTOSKLEARN_1",
    "AUTOSKLEARN_2",
    "FLAML",
    "OBOE",
    "TABREPO",
    "Origin",
    "published_fingerprint",
]


@dataclass(frozen=True)
class Origin:
    """A published source.

    Parameters
    ----------
    name : str
        What stands behind ``import:`` in the provenance of its facts.
    licence : str
        Licence of its files, an SPDX identifier.
    """

    name: str
    licence: str

    @property
    def source(self) -> str:
        """The source that its provenance names, as ``"import:oboe"``."""
        return f"import:{self.name}"

    def provenance(self, store: KnowledgeStore, commit: str, cores: int | None = None) -> str:
        """Key of the provenance of its facts, which is added unless an equal one is there.

        Parameters
        ----------
        store : KnowledgeStore
            Open for writing.
        commit : str
            Version of the files, empty if it is not known.
        cores : int, optional
            Cores that one fit could use, where there are seconds.
        """
        fact = replace(
            here(self.source, libraries=(), cores=cores, licence=self.licence),
            versions={self.name: commit} if commit else {},
        )
        for known in store.provenances():
            if replace(known, created=fact.created) == fact:
                return known.key
        return store.add_provenance(fact)


OBOE = Origin("oboe", "BSD-3-Clause")
AUTOSKLEARN_1 = Origin("autosklearn1", "BSD-3-Clause")
AUTOSKLEARN_2 = Origin("autosklearn2", "BSD-3-Clause")
FLAML = Origin("flaml", "MIT")
AUTOGLUON = Origin("autogluon", "Apache-2.0")
TABREPO = Origin("tabrepo", "Apache-2.0")


def published_fingerprint(openml_id: int) -> str:
    """The digest that stands for a table of which only its number at OpenML is known.

    Fingerprints are of contents, which published results do not come with: this one is of the text
    ``"openml:31"``, the same for every source. It never equals the fingerprint of a table that was
    read, so whoever leaves out a table's own rows must also look at ``DatasetFact.openml_id``.
    """
    return hashlib.sha256(f"openml:{openml_id}".encode()).hexdigest()
