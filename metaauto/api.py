"""The public API for plugins.

Examples
--------
>>> from metaauto.api import Model, hookimpl
"""

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
from metaauto.components.hyperparameters import Choice, Float, Int, Range, Scalar, Space
from metaauto.components.strategy import (
    Observation,
    Recommendation,
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
)
from metaauto.metrics import Metric
from metaauto.plugins.hookspecs import hookimpl
from metaauto.plugins.registry import Register
from metaauto.task import TASK_KINDS, Role

__all__ = [
    "SLOTS",
    "TASK_KINDS",
    "BuildContext",
    "Choice",
    "ColumnError",
    "ComponentError",
    "Configuration",
    "DataError",
    "Deadline",
    "Explainer",
    "ExplainerInput",
    "FitContext",
    "Float",
    "Int",
    "KnowledgeError",
    "MetaautoError",
    "MetafeatureExtractor",
    "MetafeatureInput",
    "Metric",
    "Model",
    "Observation",
    "Preprocessor",
    "Range",
    "ReadError",
    "Reader",
    "Recommendation",
    "Refused",
    "Register",
    "Role",
    "Scalar",
    "SettingError",
    "Space",
    "Strategy",
    "StrategyInput",
    "Tags",
    "WarmStart",
    "hookimpl",
]
