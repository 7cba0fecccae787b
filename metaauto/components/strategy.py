"""The `Strategy` component: recommends the first configurations of a fit (warm start)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol

from metaauto.components.hyperparameters import Range
from metaauto.components.validation import check_component
from metaauto.configuration import Configuration
from metaauto.task import Task

if TYPE_CHECKING:
    from metaauto.knowledge import KnowledgeMatrix
    from metaauto.metafeatures import Metafeatures

__all__ = [
    "ConfigurationSpace",
    "Observation",
    "Recommendation",
    "RepairedConfiguration",
    "RuntimePrediction",
    "Strategy",
    "StrategyInput",
    "WarmStart",
    "WarmStartSummary",
]


@dataclass(frozen=True)
class Recommendation:
    """A recommended configuration with the reason.

    Parameters
    ----------
    configuration : Configuration
        Recommended configuration.
    source : str
        Name of the strategy, for the leaderboard.
    why : str
        Reason, one clause for the user.
    expected_seconds : float, optional
        Expected worker seconds of all its folds on this machine.
    expected_loss : float, optional
        Expected loss.
    """

    configuration: Configuration
    source: str
    why: str
    expected_seconds: float | None = None
    expected_loss: float | None = None


@dataclass(frozen=True)
class Observation:
    """The result of a configuration.

    Parameters
    ----------
    configuration : Configuration
        Evaluated configuration.
    loss : float, optional
        Out-of-fold loss, estimated from the completed folds if it was pruned; None if it failed.
    seconds : float
        Worker seconds of the completed folds.
    folds : float
        Share of completed folds, 0 to 1.
    """

    configuration: Configuration
    loss: float | None
    seconds: float
    folds: float = 1.0


@dataclass(frozen=True)
class WarmStartSummary:
    """What a warm start knows of other datasets, for the report; nothing by default.

    Parameters
    ----------
    datasets : int
        Number of known datasets.
    configurations : int
        Number of their configurations that can be tried.
    skipped : mapping of str to int
        Number of configurations that cannot be tried, by reason.
    similar : tuple of (str, float)
        Known datasets and their weights, the most similar first; the weights sum to one.
    """

    datasets: int = 0
    configurations: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    similar: tuple[tuple[str, float], ...] = ()


class WarmStart(ABC):
    """Recommends the first configurations of one fit; only `recommend` is required.

    The methods are called in the parent process, one at a time.
    """

    @abstractmethod
    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the next configuration, or None if there is none now.

        It is called again after None, with fewer seconds and possibly after further results.

        Parameters
        ----------
        seconds : float
            Worker seconds left; configurations expected to take longer are not recommended.
            Infinite with a budget of trials: then the result must not depend on the clock.
        """

    def inform(self, metafeatures: Metafeatures) -> None:  # noqa: B027
        """Receive the metafeatures of the table, once.

        It comes after the first recommendation: before the second one with a budget of trials,
        at any time with a budget of seconds, in a short fit never.
        """

    def observe(self, observation: Observation) -> None:  # noqa: B027
        """Receive the result of a finished trial from any source except the baseline.

        It may come after further calls of `recommend`.
        """

    @property
    def uses_metafeatures(self) -> bool:
        """Whether `inform` has an effect; by default whether the class defines it."""
        return type(self).inform is not WarmStart.inform

    def summary(self) -> WarmStartSummary:
        """Return what is known of other datasets."""
        return WarmStartSummary()


class RepairedConfiguration(Protocol):
    """A configuration adapted to the installed space."""

    @property
    def configuration(self) -> Configuration:
        """The adapted configuration."""

    @property
    def changes(self) -> tuple[str, ...]:
        """Return the changes, one sentence each."""


class ConfigurationSpace(Protocol):
    """The search space of one table, as a strategy sees it."""

    @property
    def task(self) -> Task:
        """Return the task: its kind, the roles of the columns and the metric."""

    @property
    def ranges(self) -> Mapping[str, Mapping[str, Range]]:
        """Return the ranges by model and hyperparameter, including the preprocessing."""

    @property
    def models(self) -> list[str]:
        """Return the names of the models that support the task."""

    def default(self, model: str) -> Configuration:
        """Return the default configuration of a model."""

    def portfolio(self, model: str) -> list[Configuration]:
        """Return the default configuration and those that the author of a model recommends."""

    def repair(self, configuration: Configuration) -> RepairedConfiguration:
        """Adapt a configuration to the ranges and components of this space."""

    def sample(self, random: Random, model: str | None = None) -> Configuration:
        """Draw a configuration, by default of a random model."""

    def neighbour(self, configuration: Configuration, random: Random) -> Configuration:
        """Draw a configuration near another one."""


class RuntimePrediction(Protocol):
    """Predicted worker seconds of configurations, as a strategy sees them."""

    def expected_seconds(self, configuration: Configuration) -> float:
        """Return the expected worker seconds of all folds."""

    def least_seconds(self, configuration: Configuration) -> float:
        """Return the worker seconds below which a configuration is not worth starting."""


@dataclass(frozen=True)
class StrategyInput:
    """The input of a strategy.

    Parameters
    ----------
    space : ConfigurationSpace
        The search space of this table: `space.models`, `space.portfolio(model)`,
        `space.repair(configuration)`, and the task as `space.task`.
    runtime : RuntimePrediction
        `runtime.expected_seconds(configuration)`: worker seconds of all its folds, corrected by
        observed times.
    known : KnowledgeMatrix or None
        Losses and seconds of configurations on other datasets, without this one; None without
        knowledge.
    n_folds : int
        Number of folds of a complete trial.
    for_ensemble : bool
        Whether an ensemble is built from the trials.
    from_knowledge, from_authors : callable
        Return metaauto's own warm start, from knowledge of other datasets (None without knowledge)
        or from the portfolios of the models' authors, to extend it or as a fallback.
    """

    space: ConfigurationSpace
    runtime: RuntimePrediction
    known: KnowledgeMatrix | None
    n_folds: int
    for_ensemble: bool
    from_knowledge: Callable[[], WarmStart | None]
    from_authors: Callable[[], WarmStart]


@dataclass(frozen=True)
class Strategy:
    """A strategy that recommends the first configurations of a fit.

    After some results SMAC alternates with the strategy; when the strategy has no further
    recommendations, SMAC continues alone.

    Parameters
    ----------
    name : str
        Unique short name, for ``--strategy``.
    start : callable
        ``start(input: StrategyInput) -> WarmStart``, called once for each fit; None if it has no
        recommendations for this table.
    description : str
        Principle of the strategy, one sentence for the user.
    """

    name: str
    start: Callable[[StrategyInput], WarmStart | None]
    description: str = ""

    def __post_init__(self) -> None:
        check_component(self, "start")
