"""Out-of-fold predictions of trials, assembled from the folds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from metaauto.files import write_whole
from metaauto.search.trial import Trial

__all__ = ["OutOfFold", "is_readable"]


def is_readable(path: Path, shape: tuple[int, ...] | None = None) -> bool:
    """Return whether a file exists and holds a whole array, of numbers of this shape if given."""
    try:
        array = np.load(path, mmap_mode="r")
    except Exception:
        # Which error a damaged file raises depends on its bytes.
        return False
    return shape is None or (array.shape == shape and array.dtype.kind == "f")


class OutOfFold:
    """The out-of-fold predictions of trials.

    Parameters
    ----------
    folder : Path
        The run directory.
    folds : list of (ndarray, ndarray)
        Training and validation rows.
    evaluated : ndarray
        Rows that get an out-of-fold prediction, sorted.
    """

    def __init__(
        self, folder: Path, folds: list[tuple[np.ndarray, np.ndarray]], evaluated: np.ndarray
    ) -> None:
        self.folder = folder
        self._folds = folds
        self._evaluated = evaluated

    def fold(self, trial: Trial, fold: int) -> np.ndarray:
        """Return a trial's predictions of the validation rows of a fold, memory-mapped."""
        return np.load(self.folder / trial.outcomes[fold].prediction, mmap_mode="r")

    def of_folds(self, trial: Trial, folds: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of some folds' rows among the evaluated rows, and predictions."""
        chosen = list(folds)
        positions = [np.searchsorted(self._evaluated, self._folds[fold][1]) for fold in chosen]
        return np.concatenate(positions), np.concatenate([self.fold(trial, f) for f in chosen])

    def all_rows(self, trial: Trial) -> np.ndarray:
        """Return a successful trial's predictions of all evaluated rows, memory-mapped."""
        path = self.folder / "predictions" / f"{trial.number:05d}.npy"
        if not is_readable(path):
            self._write(trial, path)
        return np.load(path, mmap_mode="r")

    def _write(self, trial: Trial, path: Path) -> None:
        positions, predicted = self.of_folds(trial, sorted(trial.outcomes))
        shape = (len(self._evaluated), *predicted.shape[1:])
        joined = np.full(shape, np.nan, dtype=predicted.dtype)
        joined[positions] = predicted
        write_whole(path, lambda file: np.save(file, joined))
