"""The contracts of one component as a test module and a pytest plugin, for `check`.

The test module asks for `contract_class`; the plugin writes down what became of each check, so that
a process that hangs or crashes still tells in which check it did.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from metaauto.plugins.manager import PluginSettings, load_plugins

__all__ = ["CONTRACTS", "REQUEST", "TEST_MODULE", "contract_class", "request_for"]

REQUEST = "METAAUTO_CHECK"
"""Environment variable that holds what is to be checked, as JSON."""

CONTRACTS: dict[str, str] = {
    "explainer": "ExplainerContract",
    "metafeature": "MetafeatureContract",
    "metric": "MetricContract",
    "model": "ModelContract",
    "preprocessor": "PreprocessorContract",
    "strategy": "StrategyContract",
}
"""Contract classes that need to know nothing but the component, by kind."""

TEST_MODULE = (
    "from metaauto.testing.pytest_plugin import contract_class\n\nTestContract = contract_class()\n"
)


def request_for(settings: PluginSettings, component: str, results: str) -> str:
    """What to put into the environment to check one component.

    Parameters
    ----------
    settings : PluginSettings
        Load these plugins.
    component : str
        ``kind:name``.
    results : str
        File to write a line of JSON to for each check.
    """
    record = {
        "settings": dataclasses.asdict(settings),
        "component": component,
        "results": results,
    }
    return json.dumps(record)


def _request() -> Mapping[str, Any]:
    record: Mapping[str, Any] = json.loads(os.environ[REQUEST])
    return record


def contract_class() -> type:
    """The contract of the component that the environment names, ready for pytest."""
    import metaauto.testing

    request = _request()
    plain = request["settings"]
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
    settings = PluginSettings(**values)
    kind, _, name = request["component"].partition(":")
    component = load_plugins(settings).registry.entry(kind, name).component
    contract = getattr(metaauto.testing, CONTRACTS[kind])
    return type("TestContract", (contract,), {kind: component})


def _write(**record: Any) -> None:
    with open(_request()["results"], "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    """Note that a check begins."""
    _write(check=nodeid.split("::")[-1], outcome="started")


def pytest_runtest_logreport(report: Any) -> None:
    """Note what became of a check."""
    if report.when != "call" and report.outcome == "passed":
        return
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    message = crash.message if crash is not None else str(report.longrepr or "")
    _write(
        check=report.nodeid.split("::")[-1],
        outcome=report.outcome,
        message=message if report.outcome == "failed" else "",
    )


def pytest_collectreport(report: Any) -> None:
    """Note that the checks could not even begin."""
    if report.outcome == "failed":
        lines = str(report.longrepr).strip().splitlines()
        _write(check="loading", outcome="failed", message=lines[-1] if lines else "it failed")
