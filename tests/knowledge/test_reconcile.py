from __future__ import annotations

from dataclasses import replace

import pytest

from metaauto.knowledge.reconcile import merged_configuration, merged_dataset

FIRST, LATER = "2020-01-01T00:00:00Z", "2027-01-01T00:00:00Z"


@pytest.fixture
def provenances(example):
    """The keys of two provenances, the one that was created first and a later one."""
    made = [replace(example().said, created=created).key for created in (FIRST, LATER)]
    return made, dict(zip(made, (FIRST, LATER), strict=True))


@pytest.mark.parametrize("first_place", [0, 1])
def test_merged_configuration_keeps_the_first_provenance_and_the_newer_plugin(
    example, provenances, first_place
):
    (first, later), created = provenances
    known = example().configurations[0]
    facts = [
        replace(known, provenance=first, plugin_version="0.9", proposed_for=("binary",)),
        replace(known, provenance=later, plugin_version="0.10", proposed_for=("regression",)),
    ]
    found = merged_configuration(facts[first_place], facts[1 - first_place], created)
    assert found.provenance == first
    assert found.plugin_version == "0.10"
    assert set(found.proposed_for) == {"binary", "regression"}


@pytest.mark.parametrize("first_place", [0, 1])
def test_merged_dataset_keeps_the_first_provenance_and_the_larger_shape(
    example, provenances, first_place
):
    (first, later), created = provenances
    known = example().datasets[0]
    private = {"label": None, "group": None}
    facts = [
        replace(known, provenance=first, source="fit", rows_used=90, n_features=9, **private),
        replace(known, provenance=later, source="openml:1", rows_used=100, n_features=4),
    ]
    found = merged_dataset(facts[first_place], facts[1 - first_place], created)
    assert found.provenance == first
    assert (found.rows_used, found.n_features) == (100, 4)
    assert (found.source, found.label) == ("openml:1", known.label)


def test_provenances_of_the_same_time_are_ordered_by_their_key(example, provenances):
    (first, later), _ = provenances
    known = example().configurations[0]
    facts = [replace(known, provenance=key) for key in (first, later)]
    for one, other in (facts, facts[::-1]):
        found = merged_configuration(one, other, {first: FIRST, later: FIRST})
        assert found.provenance == min(first, later)
