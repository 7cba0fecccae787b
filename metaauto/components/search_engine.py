"""The `SearchEngine` component: proposes configurations after the warm start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metaauto.components.strategy import (
    ConfigurationSpace,
    Observation,
    Recommendation,
    RuntimePrediction,
)
from metaauto.components.validation import check_component

__all__ = ["Optimizer", "SearchEngine", "SearchInput"]


class Optimizer(ABC):
    """Proposes the configurations of one fit from the results so far; `recommend` is required.

    The methods are called in the parent process, one at a time; the search waits for them.
    """

    @abstractmethod
    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the next configuration, or None if none is ready.

        After None a neighbour of a good configuration or a random one is tried, and it is called
        again later. Values out of range are repaired; a configuration that was tried already, or
        takes longer than the time left, is skipped.

        Parameters
        ----------
        seconds : float
            Worker seconds left; infinite with a budget of trials.
        """

    def observe(self, observations: Sequence[Observation]) -> None:  # noqa: B027
        """Receive finished trials of any source: in the first call all so far, then each one."""

    def close(self) -> None:  # noqa: B027
        """End its processes; called once, at the end of the search or after an error."""


@dataclass(frozen=True)
class SearchInput:
    """The input of a search engine.

    Parameters
    ----------
    space : ConfigurationSpace
        The search space of this table.
    runtime : RuntimePrediction
        Predicted worker seconds of configurations.
    n_folds : int
        Number of folds of a complete trial.
    seed : int
        Seed for everything random.
    reproducible : bool
        Whether proposals may depend only on results, not on the clock.
    penalty : callable
        ``penalty() -> float``: the loss of the baseline, to assume for failed trials.
    from_smac : callable
        Return metaauto's own optimizer, to extend it.
    """

    space: ConfigurationSpace
    runtime: RuntimePrediction
    n_folds: int
    seed: int
    reproducible: bool
    penalty: Callable[[], float]
    from_smac: Callable[[], Optimizer]


@dataclass(frozen=True)
class SearchEngine:
    """An optimizer that proposes configurations in place of SMAC.

    It starts after 16 trials, or earlier without further recommendations of the strategy, if more
    than 20 worker seconds are left, and then alternates with the strategy. If it raises, this is
    reported and the search continues with neighbours of good configurations.

    Parameters
    ----------
    name : str
        Unique short name, for ``--search``.
    start : callable
        ``start(input: SearchInput) -> Optimizer``, called at most once for each fit.
    description : str
        Principle of the engine, one sentence for the user.
    """

    name: str
    start: Callable[[SearchInput], Optimizer]
    description: str = ""

    def __post_init__(self) -> None:
        check_component(self, "start")
