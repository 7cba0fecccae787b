"""Which configurations to try first, and why."""

from metaauto.warmstart.candidates import KnownConfigurations, known_configurations
from metaauto.warmstart.glance import first_glance
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.recall import KnowledgeStrategy
from metaauto.warmstart.runtime import RuntimeModel
from metaauto.warmstart.strategy import Observation, Recommendation, Strategy

__all__ = [
    "DefaultPortfolio",
    "KnowledgeStrategy",
    "KnownConfigurations",
    "Observation",
    "Recommendation",
    "RuntimeModel",
    "Strategy",
    "first_glance",
    "known_configurations",
]
