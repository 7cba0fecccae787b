"""Configurations that a source recommends: converted one by one, written in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from metaauto.api import (
    Configuration,
    ConfigurationFact,
    KnowledgeStore,
    Scalar,
    values_out_of_range,
)
from metaauto_importers.builtin_models import builtin_registry, supported_kinds
from metaauto_importers.report import Tally
from metaauto_importers.translation import NoEquivalent

__all__ = [
    "CLASSIFICATION",
    "DUPLICATE",
    "REGRESSION",
    "Proposal",
    "Proposer",
    "configuration_fact",
    "restrict_to_supported",
]

CLASSIFICATION = ("binary", "multiclass")
REGRESSION = ("regression",)
DUPLICATE = "duplicate of another entry"

_PLUGINS = {
    "lightgbm": "metaauto-lightgbm",
    "xgboost": "metaauto-xgboost",
    "catboost": "metaauto-catboost",
}
# The version of every model's search space that the conversions were written for.
_SPACE_VERSION = 1


@dataclass(frozen=True)
class Proposal:
    """A converted configuration and the task kinds that it is recommended for.

    Parameters
    ----------
    model : str
        Name of the model in metaauto.
    values : mapping of str to scalar
        Values that the source names; the rest takes metaauto's defaults on use.
    kinds : tuple of str
        Task kinds.
    """

    model: str
    values: Mapping[str, Scalar]
    kinds: tuple[str, ...]

    @property
    def configuration(self) -> Configuration:
        """Model and values."""
        return Configuration(self.model, self.values)


class Proposer:
    """The recommendations of one source, with counts of its entries."""

    def __init__(self) -> None:
        self.kinds: dict[Configuration, set[str]] = {}
        self._read = 0
        self._skipped: Counter[str] = Counter()

    def add(self, translate: Callable[[], Iterable[Proposal]]) -> None:
        """Add one entry, or count why it was skipped.

        Parameters
        ----------
        translate : callable
            Returns the converted entry for each group of task kinds, or raises `NoEquivalent`.
        """
        self._read += 1
        try:
            found = [restrict_to_supported(proposal) for proposal in translate()]
        except NoEquivalent as reason:
            self._skipped[str(reason)] += 1
            return
        is_new = False
        for proposal in found:
            known = self.kinds.setdefault(proposal.configuration, set())
            is_new |= not known.issuperset(proposal.kinds)
            known.update(proposal.kinds)
        if not is_new:
            self._skipped[DUPLICATE] += 1

    @property
    def tally(self) -> Tally:
        """Entries read, imported and skipped."""
        return Tally(self._read, self._read - self._skipped.total(), self._skipped)

    def write(self, store: KnowledgeStore, provenance: str) -> int:
        """Add them to a store; return how many were new to it or changed in it."""
        return sum(
            store.add_configuration(configuration_fact(configuration, provenance, kinds))
            for configuration, kinds in self.kinds.items()
        )


def restrict_to_supported(proposal: Proposal) -> Proposal:
    """Return the proposal for those of its task kinds whose search space contains its values.

    Raises
    ------
    NoEquivalent
        If there are none.
    """
    kinds = supported_kinds(proposal.model, proposal.values, proposal.kinds)
    if kinds:
        return Proposal(proposal.model, proposal.values, kinds)
    space = builtin_registry().model(proposal.model).space_for(proposal.kinds[0])
    name = min(values_out_of_range(space, proposal.values), default="")
    raise NoEquivalent(f"far outside metaauto's range: {name}")


def configuration_fact(
    configuration: Configuration, provenance: str, kinds: Iterable[str] = ()
) -> ConfigurationFact:
    """Return the fact of a converted configuration, whether its plugin is installed or not.

    A missing plugin may be installed later: the fact has the plugin's name but no version.
    """
    plugin, version = _PLUGINS.get(configuration.model), ""
    if plugin is None:
        own = builtin_registry().entry("model", configuration.model).plugin
        plugin, version = own.distribution, own.version
    return ConfigurationFact(
        configuration, provenance, _SPACE_VERSION, plugin, version, tuple(kinds)
    )
