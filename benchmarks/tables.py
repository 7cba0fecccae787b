"""Options, splits and paired summaries that the benchmarks share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

__all__ = [
    "GIVEN_NAMES",
    "GIVEN_OUT",
    "GIVEN_SEED",
    "GIVEN_STORE",
    "GIVEN_TABLES",
    "append_row",
    "group_of",
    "mean_interval",
    "median_interval",
    "over_splits",
    "read_rows",
    "relative_gain",
    "split_table",
]

GIVEN_STORE = click.argument("store", type=click.Path(exists=True, dir_okay=False))
GIVEN_TABLES = click.option(
    "--tables", type=click.Path(exists=True, file_okay=False), required=True
)
GIVEN_NAMES = click.option(
    "--names", required=True, help="Comma-separated file names without .parquet."
)
GIVEN_SEED = click.option(
    "--seed", default=0, show_default=True, help="Seed of the split and of the fits."
)
GIVEN_OUT = click.option("--out", type=click.Path(dir_okay=False), required=True)

_MOST_CLASSES = 50


def split_table(path: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a stratified split of a dataset: four fifths for training, one for testing."""
    from sklearn.model_selection import train_test_split

    frame = pd.read_parquet(path)
    frame = frame[frame["target"].notna()].reset_index(drop=True)
    is_number = pd.api.types.is_float_dtype(frame["target"])
    is_class = not is_number and frame["target"].nunique() <= _MOST_CLASSES
    strata = frame["target"] if is_class else None
    train, test = train_test_split(frame, test_size=0.2, random_state=seed, stratify=strata)
    return train, test


def group_of(tables: Path, catalog: pd.DataFrame, name: str) -> dict[Path, str]:
    """Return the task of each dataset of the group of a dataset, itself included, by its path.

    Parameters
    ----------
    tables : Path
        Folder of the datasets.
    catalog : DataFrame
        Columns ``task`` and ``group``; the index has the names.
    name : str
        Name of the dataset.
    """
    same = catalog[(catalog["group"] == catalog.loc[name, "group"]) | (catalog.index == name)]
    return {tables / f"{member}.parquet": str(task) for member, task in same["task"].items()}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines; none if it does not exist."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add a row to a file of JSON lines."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def over_splits(rows: Iterable[Mapping[str, Any]], means: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row for each dataset: means over its splits, and their number."""
    of_table: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        of_table.setdefault(row["table"], []).append(row)
    return [
        {
            **splits[0],
            **{name: float(np.mean([row[name] for row in splits])) for name in means},
            "splits": len(splits),
        }
        for splits in of_table.values()
    ]


def median_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the median."""
    draws = np.random.default_rng(0).choice(values, (2000, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return float(low), float(high)


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean."""
    draws = np.random.default_rng(0).choice(values, (10_000, len(values)))
    low, high = np.quantile(draws.mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def relative_gain(score: float, other: float, greater_is_better: bool) -> float:
    """Return the improvement of a score relative to another one."""
    sign = 1.0 if greater_is_better else -1.0
    return sign * (score - other) / max(abs(other), 1e-12)
