"""The interface of a warm start: recommend, observe, recommend again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures

__all__ = ["Observation", "Recommendation", "Strategy"]


@dataclass(frozen=True)
class Recommendation:
    """A configuration to try next, and why.

    Parameters
    ----------
    configuration : Configuration
        What to try.
    origin : str
        The strategy's name, for the leaderboard.
    why : str
        One clause for people.
    expected_seconds : float, optional
        Worker seconds all its folds are expected to take on this machine.
    expected_loss : float, optional
        Loss it is expected to reach.
    """

    configuration: Configuration
    origin: str
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


class Strategy(Protocol):
    """Recommends the first configurations of a fit and learns from each result."""

    def inform(self, metafeatures: Metafeatures) -> None:
        """Learn what the table is like; may come after the first recommendations."""

    def recommend(self, seconds: float) -> Recommendation | None:
        """The next configuration, or None when there is no more to recommend.

        Parameters
        ----------
        seconds : float
            Worker seconds left; what is expected to take longer is not recommended.
        """

    def observe(self, observation: Observation) -> None:
        """Learn from a finished trial."""
