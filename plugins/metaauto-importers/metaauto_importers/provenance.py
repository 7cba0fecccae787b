"""Published sources, their licences, and the provenance of imported facts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

from metaauto.api import KnowledgeStore, ProvenanceFact

__all__ = [
    "AUTOGLUON",
    "AUTOSKLEARN_1",
    "AUTOSKLEARN_2",
    "FLAML",
    "OBOE",
    "TABREPO",
    "PublishedSource",
    "openml_fingerprint",
]


@dataclass(frozen=True)
class PublishedSource:
    """A published source.

    Parameters
    ----------
    name : str
        Follows ``import:`` in the provenance of its facts.
    licence : str
        Licence of its files, an SPDX identifier.
    """

    name: str
    licence: str

    def provenance(
        self, store: KnowledgeStore, source_commit: str, cores: int | None = None
    ) -> str:
        """Add the provenance of its facts to a store unless an equal one exists; return its key.

        Parameters
        ----------
        store : KnowledgeStore
            Open for writing.
        source_commit : str
            Commit of the files, empty if unknown.
        cores : int, optional
            Cores that one fit could use, if the source has fit times.
        """
        fact = ProvenanceFact(
            created=_now(),
            source=f"import:{self.name}",
            metaauto=version("metaauto"),
            versions={self.name: source_commit} if source_commit else {},
            cores=cores,
            licence=self.licence,
        )
        for known in store.provenances():
            if replace(known, created=fact.created) == fact:
                return known.key
        return store.add_provenance(fact)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


OBOE = PublishedSource("oboe", "BSD-3-Clause")
AUTOSKLEARN_1 = PublishedSource("autosklearn1", "BSD-3-Clause")
AUTOSKLEARN_2 = PublishedSource("autosklearn2", "BSD-3-Clause")
FLAML = PublishedSource("flaml", "MIT")
AUTOGLUON = PublishedSource("autogluon", "Apache-2.0")
TABREPO = PublishedSource("tabrepo", "Apache-2.0")


def openml_fingerprint(openml_id: int) -> str:
    """Return the fingerprint of a dataset of which only the OpenML id is known.

    Fingerprints are digests of contents, which published results lack. This one is the digest of
    the text ``"openml:31"``, equal for all sources. It never equals the fingerprint of a table that
    was read, so code that leaves out a dataset must also compare ``DatasetFact.openml_id``.
    """
    return hashlib.sha256(f"openml:{openml_id}".encode()).hexdigest()
