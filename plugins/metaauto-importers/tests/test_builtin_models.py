from __future__ import annotations

import pytest
from metaauto_importers.builtin_models import builtin_registry, supported_kinds
from metaauto_importers.proposals import Proposal, configuration_fact, restrict_to_supported
from metaauto_importers.translation import NoEquivalent


def test_supported_kinds_checks_own_models_and_no_others():
    kinds = ("binary", "regression")
    assert supported_kinds("logistic", {"C": 1.0}, kinds) == ("binary",)
    assert supported_kinds("knn", {"n_neighbors": 9}, kinds) == kinds
    assert supported_kinds("knn", {"n_neighbors": 9000}, kinds) == ()
    assert supported_kinds("catboost", {"depth": 9000}, kinds) == kinds
    with pytest.raises(NoEquivalent, match="far outside metaauto's range: n_neighbors"):
        restrict_to_supported(Proposal("knn", {"n_neighbors": 9000, "p": 2}, kinds))


def test_configuration_fact_has_the_space_version_of_every_installed_model():
    """A model whose search space gets a new version needs its conversion reviewed."""
    for model in builtin_registry().models():
        fact = configuration_fact(Proposal(model.name, {}, ()).configuration, "0" * 16)
        assert fact.space_version == model.space_version
        assert fact.plugin == "metaauto"
