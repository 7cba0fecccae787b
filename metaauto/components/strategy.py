"""What strategies are: they choose what a fit tries first, and learn from each result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from metaauto.components.validation import check_component
from metaauto.configuration import Configuration

if TYPE_CHECKING:
    from metaauto.knowledge import KnowledgeMatrix
    from metaauto.metafeatures import Metafeatures
    from metaauto.space import SearchSpace
    from metaauto.warmstart import RuntimeModel

__all__ = ["Observation", "Recommendation", "Strategy", "StrategyInput", "WarmStart"]


@dataclass(frozen=True)
class Recommendation:
    """A configuration to try next, and why.

    Parameters
    ----------
    configuration : Configuration
        What to try.
    source : str
        The strategy's name, for the leaderboard.
    why : str
        One clause for people.
    expected_seconds : float, optional
        Worker seconds all its folds are expected to take on this machine.
    expected_loss : float, optional
        Loss it is expected to reach.
    """

    configuration: Configuration
    source: str
    why: str
    expected_seconds: float | None = None
    expected_loss: float | None = None


@dataclass(frozen=True)
class Observation:
    """What came of a configuration.

    Parameters
    ----------
    configuration : Configuration
        What was tried.
    loss : float, optional
        Its out-of-fold loss, projected from some folds if it was dropped; None if it failed.
    seconds : float
        Worker seconds of the folds that were run.
    folds : float
        Share of its folds that were run, 0 to 1.
    """

    configuration: Configuration
    loss: float | None
    seconds: float
    folds: float = 1.0


class WarmStart(Protocol):
    """Recommends the first configurations of one fit and learns from each result."""

    def inform(self, metafeatures: Metafeatures) -> None:
        """Learn what the table is like; may come after the first recommendations."""

    def recommend(self, seconds: float) -> Recommendation | None:
        """The next configuration, or None when there is no more to recommend.

        Parameters
        ----------
        seconds : float
            Worker seconds left; what is expected to take longer is not recommended. Infinite where
            only trials count: then no choice may depend on the clock.
        """

    def observe(self, observation: Observation) -> None:
        """Learn from a finished trial, of whoever proposed it."""


@dataclass(frozen=True)
class StrategyInput:
    """What a strategy starts from.

    Parameters
    ----------
    space : SearchSpace
        What can be tried on this table: `space.models`, `space.portfolio(model)`,
        `space.repair(configuration)`, and the task as `space.task`.
    runtime : RuntimeModel
        `runtime.expected_seconds(configuration)`: worker seconds of all its folds, corrected by
        what is seen.
    known : KnowledgeMatrix or None
        Losses and seconds of configurations on other tables, this one left out; None if nothing
        is known.
    n_folds : int
        Folds of a whole trial.
    for_ensemble : bool
        Whether an ensemble is made of what is tried.
    from_knowledge, from_authors : callable
        Start what metaauto would: from what is known of other tables (None if that is nothing),
        or from what the authors of models recommend; to build on, or to fall back on.
    """

    space: SearchSpace
    runtime: RuntimeModel
    known: KnowledgeMatrix | None
    n_folds: int
    for_ensemble: bool
    from_knowledge: Callable[[], WarmStart | None]
    from_authors: Callable[[], WarmStart]


@dataclass(frozen=True)
class Strategy:
    """A way to choose what a fit tries first.

    When it has no more to recommend, or beside it after some results, SMAC goes on.

    Parameters
    ----------
    name : str
        Unique short name, for ``--strategy``.
    start : callable
        ``start(input: StrategyInput) -> WarmStart``, called once for each fit; None if it has
        nothing to say of this table.
    description : str
        What it goes by, one sentence for the user.
    """

    name: str
    start: Callable[[StrategyInput], WarmStart | None]
    description: str = ""

    def __post_init__(self) -> None:
        check_component(self, "start")
