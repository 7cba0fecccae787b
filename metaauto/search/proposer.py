"""Propose the next configuration: by the warm start first, then by SMAC."""

from __future__ import annotations

from random import Random

from metaauto.components.strategy import Observation, Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures
from metaauto.search.smac import SmacProposer
from metaauto.search.trial import Status, Trial
from metaauto.space import SearchSpace
from metaauto.warmstart import RuntimeModel

__all__ = ["Proposer"]

_WARM_TRIALS = 16
_SMAC_WORTH_SECONDS = 20.0
_SMAC_TIMEOUT = 120.0
_MAX_FAILURES = 3


class Proposer:
    """Proposes recommendations of the warm start, then of SMAC, each configuration once.

    SMAC starts after 16 trials, or earlier without further recommendations, if more than 20 worker
    seconds are left. The two alternate until the warm start has no more recommendations. In a timed
    fit SMAC computes proposals in advance; while none is ready, a neighbour of a good configuration
    is tried. A reproducible fit waits for SMAC.

    Parameters
    ----------
    space : SearchSpace
        The search space.
    strategy : WarmStart
        The warm start.
    runtime : RuntimeModel
        Predicts which configurations fit into the remaining time; updated with each trial.
    n_folds : int
        Number of folds of a complete trial.
    seed : int
        Seed for everything random.
    reproducible : bool
        Whether proposals may depend only on results, not on the clock.
    use_smac : bool
        Whether SMAC is used.
    """

    def __init__(
        self,
        space: SearchSpace,
        strategy: WarmStart,
        runtime: RuntimeModel,
        n_folds: int,
        seed: int,
        reproducible: bool,
        use_smac: bool = True,
    ) -> None:
        self._space = space
        self._strategy = strategy
        self._runtime = runtime
        self._n_folds = n_folds
        self._seed = seed
        self._random = Random(seed)
        self._reproducible = reproducible
        self._use_smac = use_smac
        self._smac: SmacProposer | None = None
        self._unreported: list[tuple[Configuration, float, float]] = []
        self._observed: list[Trial] = []
        self._tried: set[str] = set()
        self._failures: dict[str, int] = {}
        self._strategy_exhausted = False
        self._smac_turn = False
        self.penalty = 1.0

    def mark_tried(self, configuration: Configuration) -> None:
        """Exclude a configuration from further proposals."""
        self._tried.add(configuration.key)

    def inform(self, metafeatures: Metafeatures) -> None:
        """Send the metafeatures of the table to the warm start."""
        self._strategy.inform(metafeatures)

    def observe_seconds(self, trial: Trial, row_share: float) -> None:
        """Update the runtime model with a finished trial on a share of the rows."""
        share = len(trial.outcomes) / self._n_folds
        self._runtime.observe(trial.configuration, trial.seconds, share * row_share)

    def observe(self, trial: Trial, row_share: float = 1.0) -> None:
        """Update the warm start, the runtime model and SMAC with a finished trial.

        Parameters
        ----------
        trial : Trial
            The trial. Losses on other rows must not be mixed.
        row_share : float, default=1.0
            Share of the training rows on which it was fitted.
        """
        self.observe_seconds(trial, row_share)
        self._observed.append(trial)
        model = trial.configuration.model
        succeeded = trial.status in (Status.SUCCESS, Status.DROPPED)
        self._failures[model] = 0 if succeeded else self._failures.get(model, 0) + 1
        share = len(trial.outcomes) / self._n_folds
        loss = trial.loss if succeeded else None
        self._strategy.observe(Observation(trial.configuration, loss, trial.seconds, share))
        if model in self._space.ranges:
            loss = trial.loss if trial.loss is not None else self.penalty
            self._unreported.append((trial.configuration, min(loss, self.penalty), trial.seconds))
            if self._smac is not None:
                self._tell()

    def next(self, seconds: float) -> Recommendation | None:
        """Return the next configuration to try, or None if none fits into the remaining time.

        Parameters
        ----------
        seconds : float
            Worker seconds left.
        """
        warm = len(self._observed) >= _WARM_TRIALS or self._strategy_exhausted
        if self._use_smac and warm and seconds > _SMAC_WORTH_SECONDS:
            self._start_smac()
        if self._smac is not None and (self._smac_turn or self._strategy_exhausted):
            self._smac_turn = False
            proposal = self._from_smac(seconds)
            if proposal is not None:
                return proposal
        proposal = self._from_strategy(seconds)
        if proposal is not None:
            self._smac_turn = self._smac is not None
            return proposal
        self._strategy_exhausted = True
        if self._smac is None and self._use_smac and seconds > _SMAC_WORTH_SECONDS:
            self._start_smac()
        return self._from_smac(seconds) or self._neighbour_or_random(seconds)

    def close(self) -> None:
        """End SMAC's process."""
        if self._smac is not None:
            self._smac.close()
            self._smac = None

    def _start_smac(self) -> None:
        # SMAC loops without end if it is asked before it knows a result.
        if self._smac is None and self._unreported:
            self._smac = SmacProposer(self._space.ranges, self._seed)
            self._tell()

    def _tell(self) -> None:
        if self._smac is not None:
            self._smac.tell(self._unreported)
            self._unreported = []
            if not self._reproducible and self._smac.waiting == 0:
                self._smac.ask()

    def _from_strategy(self, seconds: float) -> Recommendation | None:
        while (proposal := self._strategy.recommend(seconds)) is not None:
            if self._is_new(proposal.configuration):
                return proposal
        return None

    def _from_smac(self, seconds: float) -> Recommendation | None:
        if self._smac is None or self._smac.failure:
            return None
        for _ in range(3):
            if self._smac.waiting == 0:
                self._smac.ask()
            point = self._smac.ready(_SMAC_TIMEOUT if self._reproducible else 0.0)
            if point is None:
                return None
            repaired = self._space.repair(point).configuration
            if self._is_new(repaired) and self._runtime.least_seconds(repaired) <= seconds:
                if not self._reproducible:
                    self._smac.ask()
                why = "highest expected improvement"
                expected = self._runtime.expected_seconds(repaired)
                return Recommendation(repaired, "smac", why, expected)
        return None

    def _neighbour_or_random(self, seconds: float) -> Recommendation | None:
        """Return a neighbour of a good configuration, or a random configuration."""
        good = [t for t in self._observed if t.status is Status.SUCCESS and t.loss is not None]
        good = [t for t in good if t.configuration.model in self._space.ranges]
        good.sort(key=lambda t: (t.loss, t.number))
        for attempt in range(20):
            if good and attempt % 4 != 3:
                near = good[min(int(self._random.expovariate(0.5)), len(good) - 1)]
                point = self._space.neighbour(near.configuration, self._random)
                source, why = "random", f"neighbour of {near.name}"
            elif self._space.models:
                point = self._space.sample(self._random)
                source, why = "random", "random configuration"
            else:
                return None
            if self._is_new(point) and self._runtime.least_seconds(point) <= seconds:
                return Recommendation(point, source, why, self._runtime.expected_seconds(point))
        return None

    def _is_new(self, configuration: Configuration) -> bool:
        if configuration.key in self._tried or configuration.model not in self._space.ranges:
            return False
        return self._failures.get(configuration.model, 0) < _MAX_FAILURES
