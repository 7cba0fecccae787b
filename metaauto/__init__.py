"""metaauto: AutoML for tables that starts warm.

Examples
--------
>>> import metaauto
>>> model = metaauto.fit("sklearn:iris", trials=2, cores=1)
>>> model.predict([[5.1, 3.5, 1.4, 0.2]]).shape
(1,)
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AutoClassifier": "metaauto.estimators",
    "AutoRegressor": "metaauto.estimators",
    "fit": "metaauto.fit",
    "hookimpl": "metaauto.hookspecs",
    "load": "metaauto.estimators",
    "start": "metaauto.session",
}

__all__ = ["AutoClassifier", "AutoRegressor", "__version__", "fit", "hookimpl", "load", "start"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and no more."""
    if name not in _HOMES:
        raise AttributeError(f"module 'metaauto' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
