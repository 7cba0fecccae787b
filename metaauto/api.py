"""The public API for plugins.

What concerns tables, knowledge stores or stored fits is imported when it is asked for.

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
    DecisionTrees,
    FitContext,
    FitTask,
    FittedTask,
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
from metaauto.components.report_section import (
    REPORT_POSITIONS,
    ReportContent,
    ReportFigure,
    ReportInput,
    ReportSection,
    ReportTable,
)
from metaauto.components.search_engine import Optimizer, SearchEngine, SearchInput
from metaauto.components.splitter import SplitInput, Splitter
from metaauto.components.strategy import (
    ConfigurationSpace,
    Observation,
    Recommendation,
    RepairedConfiguration,
    RuntimePrediction,
    Strategy,
    StrategyInput,
    WarmStart,
    WarmStartSummary,
)
from metaauto.components.tracking import (
    FitFailure,
    FitResult,
    FitStart,
    FittedModel,
    TrialResult,
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
from metaauto.metrics import METRICS, Metric
from metaauto.plugins.hookspecs import hookimpl
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Register, Registry
from metaauto.task import TASK_KINDS, Column, Role, Task

if TYPE_CHECKING:
    from metaauto.builtin.models.network_inputs import NetworkInputs
    from metaauto.data import read_table
    from metaauto.knowledge import (
        ConfigurationFact,
        DatasetFact,
        EvaluationFact,
        KnowledgeMatrix,
        KnowledgeStore,
        MetafeatureFact,
        ProvenanceFact,
        own_store,
        writable_store,
    )
    from metaauto.metafeatures import Metafeatures
    from metaauto.report.stored_fit import StoredFit, compare_fits, read_fit

__all__ = [
    "METRICS",
    "REPORT_POSITIONS",
    "SLOTS",
    "TASK_KINDS",
    "BuildContext",
    "Choice",
    "Column",
    "ColumnError",
    "ComponentError",
    "Configuration",
    "ConfigurationFact",
    "ConfigurationSpace",
    "DataError",
    "DatasetFact",
    "Deadline",
    "DecisionTrees",
    "EvaluationFact",
    "Explainer",
    "ExplainerInput",
    "FitContext",
    "FitFailure",
    "FitResult",
    "FitStart",
    "FitTask",
    "FittedModel",
    "FittedTask",
    "Float",
    "Int",
    "KnowledgeError",
    "KnowledgeMatrix",
    "KnowledgeStore",
    "MetaautoError",
    "MetafeatureExtractor",
    "MetafeatureFact",
    "MetafeatureInput",
    "Metafeatures",
    "Metric",
    "Model",
    "NetworkInputs",
    "Observation",
    "Optimizer",
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
    "ReportContent",
    "ReportFigure",
    "ReportInput",
    "ReportSection",
    "ReportTable",
    "Role",
    "RuntimePrediction",
    "Scalar",
    "SearchEngine",
    "SearchInput",
    "SettingError",
    "Space",
    "SplitInput",
    "Splitter",
    "StoredFit",
    "Strategy",
    "StrategyInput",
    "Tags",
    "Task",
    "TrialResult",
    "UnknownName",
    "WarmStart",
    "WarmStartSummary",
    "compare_fits",
    "hookimpl",
    "load_plugins",
    "own_store",
    "read_fit",
    "read_table",
    "values_out_of_range",
    "writable_store",
]

_LAZY = {
    "Metafeatures": "metaauto.metafeatures",
    "NetworkInputs": "metaauto.builtin.models.network_inputs",
    "read_table": "metaauto.data",
    **dict.fromkeys(("StoredFit", "compare_fits", "read_fit"), "metaauto.report.stored_fit"),
    **dict.fromkeys(
        (
            "ConfigurationFact",
            "DatasetFact",
            "EvaluationFact",
            "KnowledgeMatrix",
            "KnowledgeStore",
            "MetafeatureFact",
            "ProvenanceFact",
            "own_store",
            "writable_store",
        ),
        "metaauto.knowledge",
    ),
}


def __getattr__(name: str) -> Any:
    # Workers import this module, and need neither pandas nor a knowledge store for it.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
