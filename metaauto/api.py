"""The public API for plugins.

What concerns knowledge stores is imported when it is asked for.

Examples
--------
>>> from metaauto.api import Model, hookimpl
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaauto.components import (
    SLOTS,
    BuildContext,
    Deadline,
    FitContext,
    MetafeatureExtractor,
    MetafeatureInput,
    Model,
    Preprocessor,
    Reader,
    Tags,
)
from metaauto.components.explainer import Explainer, ExplainerInput
from metaauto.components.hyperparameters import (
    Choice,
    Float,
    Int,
    Range,
    Scalar,
    Space,
    values_out_of_range,
)
from metaauto.components.strategy import (
    ConfigurationSpace,
    Observation,
    Recommendation,
    RepairedConfiguration,
    RuntimePrediction,
    Strategy,
    StrategyInput,
    WarmStart,
)
from metaauto.configuration import Configuration
from metaauto.errors import (
    ColumnError,
    ComponentError,
    DataError,
    KnowledgeError,
    MetaautoError,
    ReadError,
    Refused,
    SettingError,
    UnknownName,
)
from metaauto.metrics import Metric
from metaauto.plugins.hookspecs import hookimpl
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Register, Registry
from metaauto.task import TASK_KINDS, Role

if TYPE_CHECKING:
    from metaauto.knowledge import (
        ConfigurationFact,
        DatasetFact,
        EvaluationFact,
        KnowledgeStore,
        MetafeatureFact,
        ProvenanceFact,
        own_store,
        writable_store,
    )

__all__ = [
    "SLOTS",
    "TASK_KINDS",
    "BuildContext",
    "Choice",
    "ColumnError",
    "ComponentError",
    "Configuration",
    "ConfigurationFact",
    "ConfigurationSpace",
    "DataError",
    "DatasetFact",
    "Deadline",
    "EvaluationFact",
    "Explainer",
    "ExplainerInput",
    "FitContext",
    "Float",
    "Int",
    "KnowledgeError",
    "KnowledgeStore",
    "MetaautoError",
    "MetafeatureExtractor",
    "MetafeatureFact",
    "MetafeatureInput",
    "Metric",
    "Model",
    "Observation",
    "PluginSettings",
    "Preprocessor",
    "ProvenanceFact",
    "Range",
    "ReadError",
    "Reader",
    "Recommendation",
    "Refused",
    "Register",
    "Registry",
    "RepairedConfiguration",
    "Role",
    "RuntimePrediction",
    "Scalar",
    "SettingError",
    "Space",
    "Strategy",
    "StrategyInput",
    "Tags",
    "UnknownName",
    "WarmStart",
    "hookimpl",
    "load_plugins",
    "own_store",
    "values_out_of_range",
    "writable_store",
]

_LAZY = (
    "ConfigurationFact",
    "DatasetFact",
    "EvaluationFact",
    "KnowledgeStore",
    "MetafeatureFact",
    "ProvenanceFact",
    "own_store",
    "writable_store",
)


def __getattr__(name: str) -> Any:
    # Workers import this module, and need no knowledge store.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from metaauto import knowledge

    return getattr(knowledge, name)


def __dir__() -> list[str]:
    return sorted(__all__)
