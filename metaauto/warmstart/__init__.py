"""Warm start: which configurations a fit tries first, from knowledge of other datasets."""

from metaauto.warmstart.candidates import KnownConfigurations, known_configurations
from metaauto.warmstart.fallback import FallbackWarmStart
from metaauto.warmstart.knowledge_strategy import KnowledgeStrategy
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime_model import RuntimeModel
from metaauto.warmstart.similarity import task_metafeatures

__all__ = [
    "DefaultPortfolio",
    "FallbackWarmStart",
    "KnowledgeStrategy",
    "KnownConfigurations",
    "RuntimeModel",
    "task_metafeatures",
    "known_configurations",
]
