"""metaauto: AutoML for tabular data with a warm start from earlier results.

Examples
--------
>>> import metaauto
>>> model = metaauto.fit("sklearn:iris", trials=2, cores=1)
>>> model.predict([[5.1, 3.5, 1.4, 0.2]]).shape
(1,)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaauto.lazy import attribute_of

if TYPE_CHECKING:  # Without these imports every name would have the type Any.
    from metaauto.engine.background import start
    from metaauto.engine.fit_runner import fit
    from metaauto.estimators import AutoClassifier, AutoRegressor, load
    from metaauto.plugins.hookspecs import hookimpl
    from metaauto.progress.listeners import show_progress, summary

__version__ = "0.1.0"

_HOMES = {
    "AutoClassifier": "estimators",
    "AutoRegressor": "estimators",
    "fit": "engine.fit_runner",
    "hookimpl": "plugins.hookspecs",
    "load": "estimators",
    "show_progress": "progress.listeners",
    "start": "engine.background",
    "summary": "progress.listeners",
}

__all__ = [
    "AutoClassifier",
    "AutoRegressor",
    "__version__",
    "fit",
    "hookimpl",
    "load",
    "show_progress",
    "start",
    "summary",
]


def __getattr__(name: str) -> Any:
    """Import the requested attribute only."""
    return attribute_of(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
