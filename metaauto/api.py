"""All that a plugin may import from metaauto.

Examples
--------
>>> from metaauto.api import Model, hookimpl
"""

from metaauto.components import (
    SLOTS,
    BuildContext,
    Deadline,
    Extractor,
    FitContext,
    MetafeatureInput,
    Model,
    Preprocessor,
    Reader,
    Tags,
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
from metaauto.explainer import Explainer, ExplainerInput
from metaauto.hookspecs import hookimpl
from metaauto.metrics import Metric
from metaauto.ranges import Choice, Float, Int, Range, Scalar, Space
from metaauto.registry import Register
from metaauto.strategy import Observation, Recommendation, Strategy, StrategyInput, WarmStart
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
    "Extractor",
    "FitContext",
    "Float",
    "Int",
    "KnowledgeError",
    "MetaautoError",
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
