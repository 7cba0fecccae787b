from __future__ import annotations

from dataclasses import replace

import pytest

from metaauto.configuration import Configuration
from metaauto.errors import KnowledgeError
from metaauto.knowledge import ConfigurationFact, KnowledgeStore, check, merge


@pytest.fixture
def mixed(filled, example):
    """What was built, beside what somebody published: a configuration, and results on a table."""
    published = replace(example().said, created="2020-01-01T00:00:00Z", source="import:somebody")
    filled.add_provenance(published)
    first = example().configurations[0]
    filled.add_configuration(
        replace(first, provenance=published.key, proposed_for=("binary", "regression"))
    )
    only = ConfigurationFact(Configuration("knn", {"n_neighbors": 77}), published.key)
    filled.add_configuration(only)
    theirs = replace(example().datasets[0], fingerprint="f" * 64, provenance=published.key)
    filled.add_dataset(theirs)
    filled.add_evaluations(
        [
            replace(
                example().evaluations[0],
                fingerprint=theirs.fingerprint,
                configuration=only.key,
                provenance=published.key,
            )
        ]
    )
    return filled


def test_what_was_built_is_passed_on_without_what_was_imported(mixed, example, tmp_path):
    with KnowledgeStore.create(tmp_path / "pack.db") as pack:
        report = merge(pack, mixed, source="build")
        assert report.evaluations == len(example().evaluations)
        assert {fact.source for fact in pack.provenances()} == {"build"}
        assert {fact.key for fact in pack.configurations()} == {
            fact.key for fact in example().configurations
        }
        assert {fact.proposed_for for fact in pack.configurations()} == {()}
        assert "f" * 64 not in {fact.fingerprint for fact in pack.datasets()}
        assert list(pack.evaluations()) == [
            fact for fact in mixed.evaluations() if fact.fingerprint != "f" * 64
        ]
        assert check(pack) == []
        again = merge(pack, mixed, source="build")
        assert (again.provenances, again.datasets, again.configurations, again.evaluations) == (
            0, 0, 0, 0,
        )  # fmt: skip


def test_a_source_that_is_not_there_is_named_beside_those_that_are(mixed, store, tmp_path):
    with (
        KnowledgeStore.create(tmp_path / "pack.db") as pack,
        pytest.raises(KnowledgeError, match=r"of source 'bild'.*build, import:somebody"),
    ):
        merge(pack, mixed, source="bild")
