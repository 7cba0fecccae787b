"""Propose the next configuration: by the warm start first, then by the search engine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from metaauto.components import BuildContext
from metaauto.components.search_engine import Optimizer, SearchEngine, SearchInput
from metaauto.components.strategy import Observation, Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures
from metaauto.search.smac import SmacSearch
from metaauto.search.trial import Status, Trial
from metaauto.space import SearchSpace
from metaauto.warmstart import RuntimeModel
from metaauto.warmstart.fallback import checked_recommendation

__all__ = ["Proposer"]

_WARM_TRIALS = 16
_ENGINE_WORTH_SECONDS = 20.0
_ENGINE_ATTEMPTS = 3
_MAX_FAILURES = 3
_log = logging.getLogger("metaauto.search")


class Proposer:
    """Proposes recommendations of the warm start, then of a search engine, each once.

    The engine starts after 16 trials, or earlier without further recommendations, if more than 20
    worker seconds are left. The two alternate until the warm start has no more recommendations.
    While the engine has none, or after it failed, a neighbour of a good configuration is tried.

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
    engine : SearchEngine, optional
        Proposes configurations after the warm start; by default neighbours and random ones only.
    """

    def __init__(
        self,
        space: SearchSpace,
        strategy: WarmStart,
        runtime: RuntimeModel,
        n_folds: int,
        seed: int,
        reproducible: bool,
        engine: SearchEngine | None = None,
    ) -> None:
        self._space = space
        self._strategy = strategy
        self._runtime = runtime
        self._n_folds = n_folds
        self._seed = seed
        self._random = Random(seed)
        self._reproducible = reproducible
        self._engine = engine
        self._optimizer: Optimizer | None = None
        self._unreported: list[Observation] = []
        self._observed: list[Trial] = []
        self._tried: set[str] = set()
        self._failures: dict[str, int] = {}
        self._strategy_exhausted = False
        self._engine_turn = False
        self.penalty = 1.0

    def mark_tried(self, configuration: Configuration) -> None:
        """Exclude a configuration from further proposals."""
        self._tried.add(configuration.key)

    def inform(self, metafeatures: Metafeatures) -> None:
        """Send the metafeatures of the table to the warm start."""
        self._strategy.inform(metafeatures)

    def observe_seconds(self, trial: Trial, row_share: float) -> None:
        """Update the runtime model with a finished trial on a share of the rows."""
        share = len(trial.outcomes) / self._n_folds * trial.share
        self._runtime.observe(trial.configuration, trial.seconds, share * row_share)

    def observe(self, trial: Trial, row_share: float = 1.0) -> None:
        """Update the warm start, the runtime model and the engine with a finished trial.

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
            observed = Observation(trial.configuration, trial.loss, trial.seconds, share)
            self._unreported.append(observed)
            self._tell()

    def next(self, seconds: float) -> Recommendation | None:
        """Return the next configuration to try, or None if none fits into the remaining time.

        Parameters
        ----------
        seconds : float
            Worker seconds left.
        """
        warm = len(self._observed) >= _WARM_TRIALS or self._strategy_exhausted
        if warm and seconds > _ENGINE_WORTH_SECONDS:
            self._start_engine()
        if self._optimizer is not None and (self._engine_turn or self._strategy_exhausted):
            self._engine_turn = False
            proposal = self._from_engine(seconds)
            if proposal is not None:
                return proposal
        proposal = self._from_strategy(seconds)
        if proposal is not None:
            self._engine_turn = self._optimizer is not None
            return proposal
        self._strategy_exhausted = True
        if seconds > _ENGINE_WORTH_SECONDS:
            self._start_engine()
        return self._from_engine(seconds) or self._neighbour_or_random(seconds)

    def companions(
        self, configuration: Configuration, n_rows: int, seconds: float
    ) -> list[Recommendation]:
        """Return further configurations to fit together with one that was proposed.

        They are the rest of the model's portfolio, then neighbours of the best configurations of
        the model and random ones in turn.

        Parameters
        ----------
        configuration : Configuration
            A proposed configuration.
        n_rows : int
            Training rows of a fold.
        seconds : float
            Seconds for all of them together.

        Returns
        -------
        list of Recommendation
            Empty for models without `fit_many`, and where their author advises against it.
        """
        model = self._space.registry.model(configuration.model)
        if model.joint_size is None:
            return []
        task = self._space.task
        context = BuildContext(
            task.kind, n_rows, len(task.features), task.n_classes, self._seed, metric=task.metric
        )
        try:
            count = int(model.joint_size(context, self._n_folds, seconds))
        except Exception as error:
            _log.warning("Model %r: joint_size raised %s", model.name, error)
            return []
        good = [t for t in self._observed if t.configuration.model == model.name]
        good = [t for t in good if t.loss is not None and t.share == 1.0]
        good.sort(key=lambda t: (t.loss, t.number))
        best = [t.configuration for t in good[:3]] or [configuration]
        portfolio = self._space.portfolio(model.name)
        found = [Recommendation(c, "portfolio", "fitted together") for c in portfolio]
        for turn in range(4 * max(count, 0)):
            if turn % 2:
                new = self._space.sample(self._random, model.name)
            else:
                new = self._space.neighbour(best[turn // 2 % len(best)], self._random)
            found.append(Recommendation(new, "random", "fitted together"))
        unique = {each.configuration.key: each for each in reversed(found)}
        chosen = [each for key, each in reversed(unique.items()) if key != configuration.key]
        return [each for each in chosen if self._is_new(each.configuration)][: max(count - 1, 0)]

    def close(self) -> None:
        """End the processes of the engine."""
        optimizer, self._optimizer = self._optimizer, None
        if optimizer is not None:
            self._guarded(optimizer.close)

    def _start_engine(self) -> None:
        # SMAC loops without end if it is asked before it knows a result.
        if self._optimizer is None and self._engine is not None and self._unreported:
            given = SearchInput(
                self._space,
                self._runtime,
                self._n_folds,
                self._seed,
                self._reproducible,
                lambda: self.penalty,
                lambda: SmacSearch(given),
            )
            self._optimizer = self._guarded(self._engine.start, given)
            self._tell()

    def _tell(self) -> None:
        if self._optimizer is not None:
            observed, self._unreported = self._unreported, []
            self._guarded(self._optimizer.observe, observed)

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call the engine; after an error the search continues without it."""
        try:
            return call(*arguments)
        except Exception as error:
            if self._engine is not None:
                text = "Search engine %r failed: %s: %s. Continuing with neighbours of good trials."
                _log.warning(text, self._engine.name, type(error).__name__, error)
            self._engine = None
            self.close()
            return None

    def _from_strategy(self, seconds: float) -> Recommendation | None:
        while (proposal := self._strategy.recommend(seconds)) is not None:
            if self._is_new(proposal.configuration):
                return proposal
        return None

    def _from_engine(self, seconds: float) -> Recommendation | None:
        for _ in range(_ENGINE_ATTEMPTS):
            proposal: Recommendation | None = self._guarded(self._asked, seconds)
            if proposal is None:
                return None
            configuration = proposal.configuration
            is_short = self._runtime.least_seconds(configuration) <= seconds
            if is_short and self._is_new(configuration):
                expected = self._runtime.expected_seconds(configuration)
                return replace(proposal, expected_seconds=expected)
        return None

    def _asked(self, seconds: float) -> Recommendation | None:
        if self._optimizer is None:
            return None
        return checked_recommendation(self._optimizer.recommend(seconds), self._space)

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
