"""The plan of a build of knowledge: folds, rows, configurations and limits."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BuildPlan"]


@dataclass(frozen=True)
class BuildPlan:
    """Settings of a build.

    Parameters
    ----------
    folds : int
        Folds per dataset.
    holdout : float
        Share of the rows that are in no fold; every model predicts them.
    only_first : bool
        Whether large datasets are evaluated on their first fold only.
    metafeatures_only : bool
        Whether to add metafeatures only, such as those of a new extractor, and fit nothing.
    rows : int
        Maximum number of rows; larger datasets are subsampled at random.
    soft_seconds, hard_seconds : float
        Deadline of one fold for the model itself, and the time after which it is killed.
    expected_seconds : float
        If the mean seconds of a model's fits on a dataset exceed this, its other configurations are
        skipped there.
    draws : int
        Random configurations per model, in addition to its default and its portfolio.
    published : int
        Maximum number of imported configurations per model.
    waves : int, optional
        Evaluate only the first waves of configurations.
    seconds : float
        Time limit of the build.
    table_seconds : float
        Worker seconds per dataset, including those of earlier builds; no fit is started after them.
    cores : int
        Worker processes.
    memory : float
        MiB per worker.
    """

    folds: int = 3
    holdout: float = 0.0
    only_first: bool = False
    metafeatures_only: bool = False
    rows: int = 4000
    soft_seconds: float = 8.0
    hard_seconds: float = 20.0
    expected_seconds: float = float("inf")
    draws: int = 2
    published: int = 4
    waves: int | None = None
    seconds: float = float("inf")
    table_seconds: float = float("inf")
    cores: int = 1
    memory: float = 4096.0

    @property
    def protocol(self) -> str:
        """Name of the evaluation protocol in the store."""
        name = f"{self.folds}-fold/seed0/rows<={self.rows}"
        return f"{name}/holdout{self.holdout:g}" if self.holdout else name
