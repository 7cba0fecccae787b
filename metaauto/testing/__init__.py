"""Test tools for plugin authors: component contracts, awkward tables and faulty models.

The test file of a plugin subclasses the contract of each kind of component it registers; pytest
then runs all checks of the contract. Only this package requires pytest.

Examples
--------
>>> from metaauto.api import Model
>>> from metaauto.testing import ModelContract
>>> def build(values, context):
...     from sklearn.naive_bayes import GaussianNB
...
...     return GaussianNB()
>>> class TestMine(ModelContract):
...     model = Model("mine", build, tasks=("binary", "multiclass"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaauto.lazy import attribute_of

if TYPE_CHECKING:  # Without these imports every name would have the type Any.
    from metaauto.testing.contracts.explainer import ExplainerContract
    from metaauto.testing.contracts.metafeature import MetafeatureContract
    from metaauto.testing.contracts.metric import MetricContract
    from metaauto.testing.contracts.model import ModelContract
    from metaauto.testing.contracts.preprocessor import PreprocessorContract
    from metaauto.testing.contracts.reader import ReaderContract
    from metaauto.testing.contracts.search_engine import SearchEngineContract
    from metaauto.testing.contracts.splitter import SplitterContract
    from metaauto.testing.contracts.strategy import StrategyContract, make_strategy_input
    from metaauto.testing.problems import Problem, fit_on, make_problem, predict_with
    from metaauto.testing.sampling import default_values, draw_values
    from metaauto.testing.tables import AWKWARD_TABLES, AwkwardTable

__all__ = [
    "AWKWARD_TABLES",
    "AwkwardTable",
    "ExplainerContract",
    "MetafeatureContract",
    "MetricContract",
    "ModelContract",
    "PreprocessorContract",
    "Problem",
    "ReaderContract",
    "SearchEngineContract",
    "SplitterContract",
    "StrategyContract",
    "default_values",
    "draw_values",
    "fit_on",
    "make_problem",
    "make_strategy_input",
    "predict_with",
]

_HOMES = {
    "ExplainerContract": "contracts.explainer",
    "MetafeatureContract": "contracts.metafeature",
    "MetricContract": "contracts.metric",
    "ModelContract": "contracts.model",
    "PreprocessorContract": "contracts.preprocessor",
    "ReaderContract": "contracts.reader",
    "SearchEngineContract": "contracts.search_engine",
    "SplitterContract": "contracts.splitter",
    "StrategyContract": "contracts.strategy",
    "make_strategy_input": "contracts.strategy",
    "AWKWARD_TABLES": "tables",
    "AwkwardTable": "tables",
    "Problem": "problems",
    "make_problem": "problems",
    "fit_on": "problems",
    "predict_with": "problems",
    "default_values": "sampling",
    "draw_values": "sampling",
}


def __getattr__(name: str) -> Any:
    # Lazy: workers import `metaauto.testing.faults`, possibly without pytest.
    return attribute_of(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
