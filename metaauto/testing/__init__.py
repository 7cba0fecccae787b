"""For authors of plugins: contracts to test components against, nasty tables, faulty models.

A plugin's test file subclasses the contract of each kind of component it registers; pytest then
runs every check of the contract. Nothing else of metaauto needs pytest.

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

from typing import Any

from metaauto.lazy import attribute_of

__all__ = [
    "NASTY_TABLES",
    "ExplainerContract",
    "MetafeatureContract",
    "MetricContract",
    "ModelContract",
    "AwkwardTable",
    "PreprocessorContract",
    "Problem",
    "ReaderContract",
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
    "StrategyContract": "contracts.strategy",
    "make_strategy_input": "contracts.strategy",
    "NASTY_TABLES": "tables",
    "AwkwardTable": "tables",
    "Problem": "problems",
    "make_problem": "problems",
    "fit_on": "problems",
    "predict_with": "problems",
    "default_values": "sampling",
    "draw_values": "sampling",
}


def __getattr__(name: str) -> Any:
    # Lazy: workers import `metaauto.testing.faults`, and there pytest may be missing.
    return attribute_of(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
