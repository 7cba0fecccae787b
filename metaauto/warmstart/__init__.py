"""Which configurations to try first, and why."""

from metaauto.warmstart.candidates import KnownConfigurations, known_configurations
from metaauto.warmstart.glance import first_glance
from metaauto.warmstart.guarded import GuardedWarmStart
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.recall import KnowledgeStrategy
from metaauto.warmstart.runtime import RuntimeModel

__all__ = [
    "DefaultPortfolio",
    "GuardedWarmStart",
    "KnowledgeStrategy",
    "KnownConfigurations",
    "RuntimeModel",
    "first_glance",
    "known_configurations",
]
