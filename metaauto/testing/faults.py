"""Models that fail in every way a model can; a plugin module for tests of the engine.

Load it like any plugin module (``PluginSettings(modules=("metaauto.testing.faults",))``). Each
model behaves when it is built; the trouble starts in ``fit`` or ``predict``.
"""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from metaauto.api import BuildContext, Float, Model, Register, Tags, hookimpl

__all__ = ["FAULTS", "FaultyEstimator", "register_models"]

LONG = 600.0


class FaultyEstimator(BaseEstimator):
    """Predicts what is usual in training, unless its fault prevents it.

    Parameters
    ----------
    fault : str
        Name of the fault, a key of `FAULTS` without the prefix ``fault_``.
    seconds : float, default=600
        How long faults that take time take.
    gigabytes : float, default=4
        How much memory the greedy one takes before it gives up.
    regression : bool, default=False
        Whether to predict values instead of probabilities.
    """

    def __init__(
        self,
        fault: str = "none",
        seconds: float = LONG,
        gigabytes: float = 4.0,
        regression: bool = False,
    ) -> None:
        self.fault = fault
        self.seconds = seconds
        self.gigabytes = gigabytes
        self.regression = regression

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FaultyEstimator:
        """Learn the mean or the shares of the classes; then do the wrong thing."""
        y = np.asarray(y)
        if self.regression:
            self.usual_ = np.array([y.mean()])
        else:
            self.classes_, counts = np.unique(y, return_counts=True)
            self.usual_ = counts / counts.sum()
        _IN_FIT.get(self.fault, _nothing)(self)
        return self

    def _predict(self, X: Any) -> np.ndarray:
        found = np.repeat(self.usual_[None, :], X.shape[0], axis=0)
        return _IN_PREDICT.get(self.fault, _as_it_is)(self, found)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Shares of the classes, or what the fault makes of them."""
        return self._predict(X)

    def predict(self, X: Any) -> np.ndarray:
        """The mean or the most frequent class, or what the fault makes of it."""
        found = self._predict(X)
        return found[:, 0] if self.regression else self.classes_[found.argmax(axis=1)]


def _nothing(estimator: FaultyEstimator) -> None:
    pass


def _as_it_is(estimator: FaultyEstimator, found: np.ndarray) -> np.ndarray:
    return found


def _sleep(estimator: FaultyEstimator) -> None:
    until = time.monotonic() + estimator.seconds
    while time.monotonic() < until:
        time.sleep(0.05)


def _hang_in_c(estimator: FaultyEstimator) -> None:
    """Loop in C with the interpreter's lock held: no signal handler, no thread gets a turn."""
    until = time.monotonic() + estimator.seconds
    while time.monotonic() < until:
        collections.deque(itertools.repeat(None, 2_000_000_000), maxlen=0)


def _ignore_signals(estimator: FaultyEstimator) -> None:
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    _sleep(estimator)


def _raise(estimator: FaultyEstimator) -> None:
    raise RuntimeError("this model fails on purpose")


def _crash(estimator: FaultyEstimator) -> None:
    ctypes.string_at(0)


def _exit(estimator: FaultyEstimator) -> None:
    os._exit(3)


def _leave(estimator: FaultyEstimator) -> None:
    raise SystemExit(4)


def _eat_memory(estimator: FaultyEstimator) -> None:
    """Take memory page by page, so that it is really used; give up in the end."""
    taken = []
    for _ in range(int(estimator.gigabytes * 32)):
        taken.append(np.ones(2**22, dtype=np.float64))
    raise MemoryError(f"{len(taken) / 32:.1f} GiB were not enough")


def _chatter(estimator: FaultyEstimator) -> None:
    """Ten megabytes through Python's streams and past them."""
    line = "x" * 1023 + "\n"
    for _ in range(5_000):
        sys.stdout.write(line)
        os.write(2, line.encode())


def _leave_a_child(estimator: FaultyEstimator) -> None:
    code = f"import time; time.sleep({estimator.seconds})"
    subprocess.Popen([sys.executable, "-c", code])  # left behind on purpose
    _sleep(estimator)


def _forbid_pickling(estimator: FaultyEstimator) -> None:
    estimator.function_ = lambda: None


def _not_a_number(estimator: FaultyEstimator, found: np.ndarray) -> np.ndarray:
    return np.full_like(found, np.nan, dtype=float)


def _one_row_too_few(estimator: FaultyEstimator, found: np.ndarray) -> np.ndarray:
    return found[:-1]


def _one_column_too_many(estimator: FaultyEstimator, found: np.ndarray) -> np.ndarray:
    return np.hstack([found, found[:, :1]])


def _sleep_first(estimator: FaultyEstimator, found: np.ndarray) -> np.ndarray:
    _sleep(estimator)
    return found


_IN_FIT: dict[str, Callable[[FaultyEstimator], None]] = {
    "sleeps": _sleep,
    "hangs": _hang_in_c,
    "ignores_signals": _ignore_signals,
    "raises": _raise,
    "segfaults": _crash,
    "exits": _exit,
    "leaves": _leave,
    "eats_memory": _eat_memory,
    "chatters": _chatter,
    "leaves_a_child": _leave_a_child,
    "cannot_be_pickled": _forbid_pickling,
}
_IN_PREDICT: dict[str, Callable[[FaultyEstimator, np.ndarray], np.ndarray]] = {
    "predicts_nan": _not_a_number,
    "predicts_too_few": _one_row_too_few,
    "predicts_wrong_shape": _one_column_too_many,
    "predicts_slowly": _sleep_first,
}


def _model(fault: str) -> Model:
    def build(values: Mapping[str, Any], context: BuildContext) -> Any:
        return FaultyEstimator(fault, regression=not context.is_classification, **values)

    return Model(
        name=f"fault_{fault}",
        build=build,
        space={
            "seconds": Float(0.0, LONG, LONG),
            "gigabytes": Float(0.0, 1024.0, 4.0),
        },
        tags=Tags(
            accepts_nan=True,
            accepts_categories=True,
            accepts_sparse=True,
            accepts_sample_weight=True,
        ),
        cost=0.01,
        trusted=("metaauto.testing.faults.FaultyEstimator",),
    )


FAULTS: dict[str, Model] = {
    f"fault_{fault}": _model(fault) for fault in ("none", *_IN_FIT, *_IN_PREDICT)
}
"""The faulty models by name; ``fault_none`` is the one that works."""


@hookimpl
def register_models(register: Register) -> None:
    """Register all faulty models."""
    for model in FAULTS.values():
        register.model(model)
