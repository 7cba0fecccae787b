"""Predictions of rows by models that were not trained on them, put together from the folds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from metaauto.files import write_whole
from metaauto.search.trial import Trial

__all__ = ["OutOfFold"]


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
        """What a trial predicted for the validation rows of a fold, memory-mapped."""
        return np.load(self.folder / trial.outcomes[fold].prediction, mmap_mode="r")

    def first(self, trial: Trial, folds: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Positions among the evaluated rows of some folds, and what was predicted for them."""
        chosen = list(folds)
        positions = [np.searchsorted(self._evaluated, self._folds[fold][1]) for fold in chosen]
        return np.concatenate(positions), np.concatenate([self.fold(trial, f) for f in chosen])

    def whole(self, trial: Trial) -> np.ndarray:
        """The predictions of all evaluated rows by a successful trial, memory-mapped."""
        path = self.folder / "predictions" / f"{trial.number:05d}.npy"
        if not path.exists():
            self._write(trial, path)
        return np.load(path, mmap_mode="r")

    def _write(self, trial: Trial, path: Path) -> None:
        positions, predicted = self.first(trial, sorted(trial.outcomes))
        whole = np.full((len(self._evaluated), *predicted.shape[1:]), np.nan, dtype=np.float32)
        whole[positions] = predicted
        write_whole(path, lambda file: np.save(file, whole))
