"""Checks of global state and imports of a component."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

__all__ = ["HEAVY", "heavy_imports_of", "unchanged_global_state"]

HEAVY = (
    "catboost",
    "lightgbm",
    "matplotlib",
    "scipy",
    "shap",
    "sklearn",
    "skrub",
    "tensorflow",
    "torch",
    "xgboost",
)
"""Libraries that a plugin may import only while a component is built or fitted."""


def _state() -> dict[str, Any]:
    numpy_state: Any = np.random.get_state()
    root = logging.getLogger()
    return {
        "the working directory": os.getcwd(),
        "environment variables": dict(os.environ),
        "numpy's global random state": (numpy_state[0], numpy_state[1].tolist(), numpy_state[2:]),
        "Python's global random state": random.getstate(),
        "warning filters": list(warnings.filters),
        "numpy's error handling": np.geterr(),
        "handlers of the root logger": list(root.handlers),
        "the level of the root logger": root.level,
        "the module search path": list(sys.path),
        "standard output": sys.stdout,
    }


@contextmanager
def unchanged_global_state() -> Iterator[None]:
    """Raise an error if the global state of the process changes inside the block.

    Raises
    ------
    AssertionError
        The message lists the changed state.
    """
    # pytest changes this variable between two checks.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    before = _state()
    yield
    after = _state()
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, f"It changed {', '.join(changed)}."


def heavy_imports_of(module: str, also: Sequence[str] = ()) -> list[str]:
    """Return the heavy libraries that importing a plugin module loads in a new interpreter.

    Parameters
    ----------
    module : str
        Module of the component.
    also : sequence of str
        Further libraries that the module must not import.

    Returns
    -------
    list of str
        Loaded libraries, sorted; empty if the module cannot be imported by name.
    """
    path = os.pathsep.join(part or os.getcwd() for part in sys.path)
    return list(_imported(module, tuple(sorted({*HEAVY, *also} - {"metaauto"})), path))


@cache
def _imported(module: str, watched: tuple[str, ...], path: str) -> list[str]:
    """Import a module in a new interpreter; components of one module share the result."""
    code = (
        "import sys, importlib\n"
        "sys.path[:0] = sys.argv[2].split(sys.argv[3])\n"
        "importlib.import_module('metaauto.api')\n"
        "before = set(sys.modules)\n"
        "try:\n"
        "    importlib.import_module(sys.argv[1])\n"
        "except ModuleNotFoundError as error:\n"
        "    if error.name != sys.argv[1].split('.')[0]:\n"
        "        raise\n"
        "new = set(sys.modules) - before\n"
        "print(' '.join(name for name in sys.argv[4:] if name in new))\n"
    )
    command = [sys.executable, "-c", code, module, path, os.pathsep, *watched]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"Importing {module} fails: {done.stderr[-2000:]}"
    return done.stdout.split()
