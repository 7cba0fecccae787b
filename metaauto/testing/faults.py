"""Faulty models, as a plugin module for tests of the engine.

Load it as a plugin module (``PluginSettings(modules=("metaauto.testing.faults",))``). Each model
can be built; the fault occurs in ``fit``, in ``predict``, or when the fitted model is loaded or
saved.
"""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import signal
import stat
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
    """Estimator that predicts the training mean or class frequencies, with an optional fault.

    Parameters
    ----------
    fault : str
        Name of the fault, a key of `FAULTS` without the prefix ``fault_``.
    seconds : float, default=600
        Duration of faults that take time.
    gigabytes : float, default=4
        Memory that ``eats_memory`` allocates before it raises `MemoryError`.
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
        """Fit the mean or the class frequencies, then execute the fault."""
        y = np.asarray(y)
        if self.regression:
            self.constant_ = np.array([y.mean()])
        else:
            self.classes_, counts = np.unique(y, return_counts=True)
            self.constant_ = counts / counts.sum()
        _IN_FIT.get(self.fault, _no_fault)(self)
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        _IN_LOAD.get(self.fault, _no_fault)(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Without __getstate__, which is called when a model is converted to the format of a file.
        return type(self), (), dict(vars(self))

    def __getstate__(self) -> dict[str, Any]:
        _IN_SAVE.get(self.fault, _no_fault)(self)
        return dict(super().__getstate__())

    def _predict(self, X: Any) -> np.ndarray:
        prediction = np.repeat(self.constant_[None, :], X.shape[0], axis=0)
        return _IN_PREDICT.get(self.fault, _unchanged)(self, prediction)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the class frequencies, changed by the fault."""
        return self._predict(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean or the most frequent class, changed by the fault."""
        prediction = self._predict(X)
        return prediction[:, 0] if self.regression else self.classes_[prediction.argmax(axis=1)]


def _no_fault(estimator: FaultyEstimator) -> None:
    pass


def _unchanged(estimator: FaultyEstimator, prediction: np.ndarray) -> np.ndarray:
    return prediction


def _sleep(estimator: FaultyEstimator) -> None:
    until = time.monotonic() + estimator.seconds
    while time.monotonic() < until:
        time.sleep(0.05)


def _hang_in_c(estimator: FaultyEstimator) -> None:
    """Loop in C without releasing the GIL: no signal handler and no other thread can run."""
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


def _raise_system_exit(estimator: FaultyEstimator) -> None:
    raise SystemExit(4)


def _allocate_memory(estimator: FaultyEstimator) -> None:
    """Allocate and write memory in blocks of 32 MiB, then raise `MemoryError`."""
    blocks = []
    for _ in range(int(estimator.gigabytes * 32)):
        blocks.append(np.ones(2**22, dtype=np.float64))
    raise MemoryError(f"{len(blocks) / 32:.1f} GiB were not enough")


def _write_output(estimator: FaultyEstimator) -> None:
    """Write ten megabytes to Python's standard output and to the file descriptor of stderr."""
    line = "x" * 1023 + "\n"
    for _ in range(5_000):
        sys.stdout.write(line)
        os.write(2, line.encode())


def _start_child_process(estimator: FaultyEstimator) -> None:
    code = f"import time; time.sleep({estimator.seconds})"
    subprocess.Popen([sys.executable, "-c", code])  # not terminated on purpose
    _sleep(estimator)


def _start_session(estimator: FaultyEstimator) -> None:
    """Start a process that leaves the group of its parent."""
    code = f"import time; time.sleep({estimator.seconds})"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def _write_to_sockets(data: bytes) -> None:
    for descriptor in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, data)
        except OSError:
            continue


def _send_half_a_message(estimator: FaultyEstimator) -> None:
    """Announce more bytes to the process of the fit than are sent, and go on for long."""
    _write_to_sockets(b"\x00\x00\x10\x00abc")
    _sleep(estimator)


def _send_a_wrong_message(estimator: FaultyEstimator) -> None:
    _write_to_sockets(b"\x00\x00\x00\x05abcde")


def _forbid_pickling(estimator: FaultyEstimator) -> None:
    estimator.function_ = lambda: None


def _sleep_for_one_row(estimator: FaultyEstimator, prediction: np.ndarray) -> np.ndarray:
    if len(prediction) == 1:
        _sleep(estimator)
    return prediction


def _not_a_number(estimator: FaultyEstimator, prediction: np.ndarray) -> np.ndarray:
    return np.full_like(prediction, np.nan, dtype=float)


def _one_row_too_few(estimator: FaultyEstimator, prediction: np.ndarray) -> np.ndarray:
    return prediction[:-1]


def _one_column_too_many(estimator: FaultyEstimator, prediction: np.ndarray) -> np.ndarray:
    return np.hstack([prediction, prediction[:, :1]])


def _sleep_first(estimator: FaultyEstimator, prediction: np.ndarray) -> np.ndarray:
    _sleep(estimator)
    return prediction


_IN_FIT: dict[str, Callable[[FaultyEstimator], None]] = {
    "sleeps": _sleep,
    "hangs": _hang_in_c,
    "ignores_signals": _ignore_signals,
    "raises": _raise,
    "segfaults": _crash,
    "exits": _exit,
    "leaves": _raise_system_exit,
    "eats_memory": _allocate_memory,
    "chatters": _write_output,
    "leaves_a_child": _start_child_process,
    "cannot_be_pickled": _forbid_pickling,
    "starts_a_session": _start_session,
    "sends_half_a_message": _send_half_a_message,
    "sends_a_wrong_message": _send_a_wrong_message,
}
_IN_LOAD: dict[str, Callable[[FaultyEstimator], None]] = {
    "loads_slowly": _sleep,
    "load_raises": _raise,
    "load_segfaults": _crash,
    "load_exits": _exit,
    "load_leaves": _raise_system_exit,
}
_IN_SAVE: dict[str, Callable[[FaultyEstimator], None]] = {
    "saves_slowly": _sleep,
    "save_raises": _raise,
    "save_segfaults": _crash,
    "save_exits": _exit,
}
_IN_PREDICT: dict[str, Callable[[FaultyEstimator, np.ndarray], np.ndarray]] = {
    "predicts_nan": _not_a_number,
    "predicts_too_few": _one_row_too_few,
    "predicts_wrong_shape": _one_column_too_many,
    "predicts_slowly": _sleep_first,
    "predicts_one_row_slowly": _sleep_for_one_row,
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
    f"fault_{fault}": _model(fault)
    for fault in ("none", *_IN_FIT, *_IN_PREDICT, *_IN_LOAD, *_IN_SAVE)
}
"""Faulty models by name; ``fault_none`` has no fault."""


@hookimpl
def register_models(register: Register) -> None:
    """Register all faulty models."""
    for model in FAULTS.values():
        register.model(model)
