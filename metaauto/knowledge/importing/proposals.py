"""Configurations that a source proposes: translated one by one, then written at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from metaauto.components.hyperparameters import Scalar
from metaauto.configuration import Configuration
from metaauto.knowledge.importing.nearness import far_values, near_kinds, own_models
from metaauto.knowledge.importing.report import Tally
from metaauto.knowledge.importing.translation import NoCounterpart
from metaauto.knowledge.records import ConfigurationFact
from metaauto.knowledge.store import KnowledgeStore

__all__ = ["CLASSES", "REGRESSION", "REPEATED", "Proposal", "Proposals", "configuration_fact"]

CLASSES = ("binary", "multiclass")
REGRESSION = ("regression",)
REPEATED = "means the same as another one"

_PLUGINS = {
    "lightgbm": "metaauto-lightgbm",
    "xgboost": "metaauto-xgboost",
    "catboost": "metaauto-catboost",
}
# The version of every model's search space that the translations were written for.
_SPACE_VERSION = 1


@dataclass(frozen=True)
class Proposal:
    """A translated configuration, and the kinds of task it is proposed for.

    Parameters
    ----------
    model : str
        Name of our model.
    values : mapping of str to scalar
        What the source says; the rest takes our defaults when it is used.
    kinds : tuple of str
        Kinds of task.
    """

    model: str
    values: Mapping[str, Scalar]
    kinds: tuple[str, ...]

    @property
    def configuration(self) -> Configuration:
        """Model and values."""
        return Configuration(self.model, self.values)


class Proposals:
    """What one source proposes, and what became of each of its entries."""

    def __init__(self) -> None:
        self.kinds: dict[Configuration, set[str]] = {}
        self._read = 0
        self._skipped: Counter[str] = Counter()

    def offer(self, translate: Callable[[], Iterable[Proposal]]) -> None:
        """Take over one entry, or count why not.

        Parameters
        ----------
        translate : callable
            Returns what the entry means here, by kinds of task, or raises `NoCounterpart`.
        """
        self._read += 1
        try:
            found = [near(proposal) for proposal in translate()]
        except NoCounterpart as reason:
            self._skipped[str(reason)] += 1
            return
        fresh = False
        for proposal in found:
            known = self.kinds.setdefault(proposal.configuration, set())
            fresh |= not known.issuperset(proposal.kinds)
            known.update(proposal.kinds)
        if not fresh:
            self._skipped[REPEATED] += 1

    @property
    def tally(self) -> Tally:
        """Entries read, taken over and skipped."""
        return Tally(self._read, self._read - self._skipped.total(), self._skipped)

    def write(self, store: KnowledgeStore, provenance: str) -> int:
        """Add them to a store; how many were new or changed it."""
        return sum(
            store.add_configuration(configuration_fact(configuration, provenance, kinds))
            for configuration, kinds in self.kinds.items()
        )


def near(proposal: Proposal) -> Proposal:
    """The proposal for those of its kinds in whose space its values are.

    Raises
    ------
    NoCounterpart
        If there are none.
    """
    kinds = near_kinds(proposal.model, proposal.values, proposal.kinds)
    if kinds:
        return Proposal(proposal.model, proposal.values, kinds)
    space = own_models().model(proposal.model).space_for(proposal.kinds[0])
    name = min(far_values(space, proposal.values), default="")
    raise NoCounterpart(f"{name} lies far outside of our range")


def configuration_fact(
    configuration: Configuration, provenance: str, kinds: Iterable[str] = ()
) -> ConfigurationFact:
    """The fact of a translated configuration, whether its plugin is installed or not.

    A plugin that is missing today may be there tomorrow: its name is noted, its version is not.
    """
    plugin, version = _PLUGINS.get(configuration.model), ""
    if plugin is None:
        own = own_models().entry("model", configuration.model).plugin
        plugin, version = own.distribution, own.version
    return ConfigurationFact(
        configuration, provenance, _SPACE_VERSION, plugin, version, tuple(kinds)
    )
