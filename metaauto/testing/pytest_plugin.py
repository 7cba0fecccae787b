"""Test module and pytest plugin that run the contract of one component, for `check`.

The test module calls `contract_class`; the plugin records the outcome of each check, so that the
check in which a process hangs or crashes is known.
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
"""Environment variable with the component to check, as JSON."""

CONTRACTS: dict[str, str] = {
    "explainer": "ExplainerContract",
    "metafeature": "MetafeatureContract",
    "metric": "MetricContract",
    "model": "ModelContract",
    "preprocessor": "PreprocessorContract",
    "search_engine": "SearchEngineContract",
    "splitter": "SplitterContract",
    "strategy": "StrategyContract",
}
"""Contract classes that require only the component, by kind."""

TEST_MODULE = (
    "from metaauto.testing.pytest_plugin import contract_class\n\nTestContract = contract_class()\n"
)


def request_for(settings: PluginSettings, component: str, results: str) -> str:
    """Return the value of `REQUEST` that checks one component.

    Parameters
    ----------
    settings : PluginSettings
        Settings that load the plugin.
    component : str
        ``kind:name``.
    results : str
        Output file with one line of JSON per check.
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
    """Return the contract class of the component in the environment variable `REQUEST`.

    The checks that do not apply to the component are recorded as skipped.
    """
    import metaauto.testing

    request = _request()
    plain = request["settings"]
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
    settings = PluginSettings(**values)
    kind, _, name = request["component"].partition(":")
    component = load_plugins(settings).registry.entry(kind, name).component
    contract = getattr(metaauto.testing, CONTRACTS[kind])
    made = type("TestContract", (contract,), {kind: component})
    for check in getattr(made, "left_out", ()):
        _write(check=check, outcome="skipped")
    return made


def _write(**record: Any) -> None:
    with open(_request()["results"], "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    """Record the start of a check."""
    _write(check=nodeid.split("::")[-1], outcome="started")


def pytest_runtest_logreport(report: Any) -> None:
    """Record the outcome of a check."""
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
    """Record an error while the test module is collected."""
    if report.outcome == "failed":
        lines = str(report.longrepr).strip().splitlines()
        _write(check="loading", outcome="failed", message=lines[-1] if lines else "it failed")
