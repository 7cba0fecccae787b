"""Which configurations to try first, and why."""

from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime import RuntimeModel
from metaauto.warmstart.strategy import Observation, Recommendation, Strategy

__all__ = ["DefaultPortfolio", "Observation", "Recommendation", "RuntimeModel", "Strategy"]
