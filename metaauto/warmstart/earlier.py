"""Start a fit from the configurations of an earlier model, then from a warm start."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import replace

from metaauto.components.strategy import (
    Observation,
    Recommendation,
    WarmStart,
    WarmStartSummary,
)
from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace
from metaauto.warmstart.runtime_model import RuntimeModel

__all__ = ["EARLIER_MODEL", "EarlierWarmStart"]

EARLIER_MODEL = "earlier model"
"""Source of these trials."""


class EarlierWarmStart(WarmStart):
    """Recommends the members of an earlier model by weight, then continues with a warm start.

    Parameters
    ----------
    members : iterable of (Configuration, float)
        Configurations and their weights; those of weight zero are left out.
    space : SearchSpace
        Search space; configurations are repaired into it.
    runtime : RuntimeModel
        Predicts the seconds of configurations.
    then : WarmStart
        Recommends the other configurations.
    installed : collection of str
        Installed models, to say whether one that is not in the space was excluded.

    Attributes
    ----------
    unusable : dict of str to str
        Models of members that are not in the search space, with the reason.
    """

    def __init__(
        self,
        members: Iterable[tuple[Configuration, float]],
        space: SearchSpace,
        runtime: RuntimeModel,
        then: WarmStart,
        installed: Collection[str] = (),
    ) -> None:
        self._runtime, self._then = runtime, then
        self.unusable: dict[str, str] = {}
        weights: dict[Configuration, float] = {}
        given = [(configuration, weight) for configuration, weight in members if weight > 0]
        total = sum(weight for _, weight in given) or 1.0
        for configuration, weight in given:
            model = configuration.model
            if model not in space.ranges:
                absent = "is excluded" if model in installed else "is not installed"
                self.unusable[model] = space.skipped.get(model, absent)
                continue
            repaired = space.repair(configuration).configuration
            weights[repaired] = weights.get(repaired, 0.0) + weight / total
        self._weights = weights
        self._waiting = deque(sorted(weights, key=lambda c: (-weights[c], c.key)))

    def __len__(self) -> int:
        return len(self._weights)

    @property
    def uses_metafeatures(self) -> bool:
        """Whether the other warm start uses metafeatures."""
        return self._then.uses_metafeatures

    def inform(self, metafeatures: Metafeatures) -> None:
        """Pass the metafeatures on."""
        self._then.inform(metafeatures)

    def observe(self, observation: Observation) -> None:
        """Pass a result on."""
        self._then.observe(observation)

    def summary(self) -> WarmStartSummary:
        """Return what the other warm start knows, with the models that are not usable."""
        found = self._then.summary()
        skipped = {f"{model} of the earlier model {why}": 1 for model, why in self.unusable.items()}
        return replace(found, skipped={**skipped, **found.skipped})

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the next configuration that is expected to finish in time."""
        while self._waiting:
            configuration = self._waiting.popleft()
            if self._runtime.least_seconds(configuration) <= seconds:
                why = f"weight {self._weights[configuration]:.0%} in the earlier model"
                expected = self._runtime.expected_seconds(configuration)
                return Recommendation(configuration, EARLIER_MODEL, why, expected)
        while (other := self._then.recommend(seconds)) is not None:
            if other.configuration not in self._weights:
                return other
        return None
