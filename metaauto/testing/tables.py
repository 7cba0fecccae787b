"""Awkward tables: missing cells, mixed types, unusual names, text, dates, rare classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["AWKWARD_TABLES", "AwkwardTable"]


@dataclass(frozen=True)
class AwkwardTable:
    """A table with a target.

    Parameters
    ----------
    frame : pandas.DataFrame
        The features and the target.
    target : str
        Name of the target column.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    """

    frame: pd.DataFrame
    target: str
    kind: str

    @property
    def features(self) -> pd.DataFrame:
        """Return the table without the target."""
        return self.frame.drop(columns=self.target)

    @property
    def labels(self) -> Any:
        """Return the target column."""
        return self.frame[self.target]


Maker = Callable[[int, np.random.Generator], AwkwardTable]


def _signal(n_rows: int, random: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return three numeric columns and a score that depends on them."""
    numbers = random.normal(size=(n_rows, 3))
    score = numbers[:, 0] - numbers[:, 1] + 0.5 * random.normal(size=n_rows)
    return pd.DataFrame(numbers, columns=["a", "b", "c"]), score


def _binary(frame: pd.DataFrame, score: np.ndarray, target: str = "target") -> AwkwardTable:
    frame = frame.copy()
    frame[target] = np.where(score > np.median(score), "yes", "no")
    return AwkwardTable(frame, target, "binary")


def _missing(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame = frame.mask(random.random(frame.shape) < 0.4)
    frame["empty"] = np.nan
    frame["nothing"] = None
    frame["nearly_empty"] = np.where(np.arange(n_rows) == 3, 1.0, np.nan)
    frame["colour"] = random.choice(np.array(["red", "", "NA", None], dtype=object), n_rows)
    return _binary(frame, score)


def _missing_target(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["target"] = np.where(random.random(n_rows) < 0.2, np.nan, score)
    return AwkwardTable(frame, "target", "regression")


def _wide(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    noise = pd.DataFrame(
        random.normal(size=(n_rows, 300)), columns=[f"gene{i}" for i in range(300)]
    )
    return _binary(pd.concat([frame, noise], axis=1), score)


def _text(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    good, bad = ["great", "lovely", "perfect"], ["poor", "broken", "awful"]
    score = random.normal(size=n_rows)
    filler = ["the", "a", "this", "it", "was", "really", "very", "product", "box", "on", "time"]
    texts = [
        " ".join([*random.choice(filler, 9), *random.choice(good if s > 0 else bad, 2)])
        for s in score
    ]
    frame = pd.DataFrame({"review": texts, "title": [t[-14:] for t in texts]})
    frame.loc[::11, "review"] = None
    return _binary(frame, score)


def _dates(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    days = random.integers(0, 2_000, n_rows)
    when = pd.Timestamp("2015-03-01") + pd.to_timedelta(days, unit="D")
    frame = pd.DataFrame(
        {
            "when": when,
            "as_text": when.strftime("%Y-%m-%d"),
            "with_zone": when.tz_localize("Europe/Berlin"),
            "ancient": pd.Timestamp("1890-01-01") + pd.to_timedelta(days, unit="D"),
        }
    )
    frame.loc[::9, ["when", "with_zone"]] = pd.NaT
    frame["target"] = (days % 7).astype(float) + random.normal(size=n_rows) * 0.1
    return AwkwardTable(frame, "target", "regression")


def _mixed_types(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    mixed = frame["a"].round(2).astype(object)
    mixed.iloc[::5] = "n/a"
    mixed.iloc[1::7] = True
    mixed.iloc[2::9] = pd.Timestamp("2020-01-01")
    frame["mixed"] = mixed
    frame["numbers_as_text"] = [f"{1000 * v:,.1f}" for v in frame["b"]]
    frame["boolean"] = frame["c"] > 0
    frame["nullable"] = pd.array(np.where(score > 0, 1, 2), dtype="Int64")
    frame["yes_no"] = np.where(frame["c"] > 1, "Y", "N")
    return _binary(frame, score)


def _constant(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["one"] = 1
    frame["same"] = "same"
    frame["nearly"] = np.where(np.arange(n_rows) == 0, 0.0, 1.0)
    frame["tiny"] = 1.0 + frame["c"] * 1e-15
    return _binary(frame, score)


def _identifiers(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["id"] = np.arange(n_rows)
    frame["uuid"] = [f"{random.integers(2**60):016x}" for _ in range(n_rows)]
    frame["email"] = [f"person{i}@example.org" for i in range(n_rows)]
    frame["town"] = [f"town {random.integers(n_rows // 2)}" for _ in range(n_rows)]
    return _binary(frame, score)


def _duplicates(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["a_again"] = frame["a"]
    table = _binary(frame, score).frame
    half = table.iloc[: n_rows // 2]
    return AwkwardTable(pd.concat([half, half], ignore_index=True), "target", "binary")


def _rare_classes(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    target = np.where(score > 0, "often", "usual").astype(object)
    target[:1], target[1:3], target[3:6] = "once", "twice", "thrice"
    frame["target"] = target
    return AwkwardTable(frame, "target", "multiclass")


def _imbalanced(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["target"] = (score >= np.sort(score)[-max(n_rows // 40, 4)]).astype(int)
    return AwkwardTable(frame, "target", "binary")


def _names(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame.columns = ["größe in m²", "x" * 500, "日本語 \N{GRINNING FACE}"]
    frame["with[brackets]<and>,commas"] = frame.iloc[:, 0]
    frame[" spaces "] = frame.iloc[:, 1]
    frame['"quoted"\n\tname'] = np.where(score > 1, "ä", "ß")
    return _binary(frame, score, target="Ergebnis?")


def _numbered_columns(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame.columns = ["0", "1", "2"]
    frame.index = pd.Index(np.arange(n_rows)[::-1] * 7, name="row")
    return _binary(frame, score)


def _single_column(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    return _binary(frame[["a"]], score)


def _only_categories(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    score = random.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(
                np.where(score > 0.5, "L", np.where(score < -0.5, "S", "M")),
                categories=["S", "M", "L", "XL"],
                ordered=True,
            ),
            "digit": random.integers(0, 10, n_rows).astype(str),
        }
    )
    return _binary(frame, score)


def _many_categories(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["street"] = [f"street {i % 400}" for i in random.integers(0, 10_000, n_rows)]
    frame["target"] = score
    return AwkwardTable(frame, "target", "regression")


def _huge_values(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["huge"] = frame["a"] * 1e30
    frame["minute"] = frame["b"] * 1e-30
    frame["skewed"] = np.exp(frame["c"] * 10)
    frame["target"] = np.exp(score * 5)
    return AwkwardTable(frame, "target", "regression")


def _few_rows(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(12, random)
    return _binary(frame, score)


def _few_target_values(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["target"] = np.clip(np.round(score), -2, 2) / 2
    return AwkwardTable(frame, "target", "regression")


def _labels_of_numbers(n_rows: int, random: np.random.Generator) -> AwkwardTable:
    frame, score = _signal(n_rows, random)
    frame["target"] = np.digitize(score, [-1.0, 1.0]) * 10 - 10
    return AwkwardTable(frame, "target", "multiclass")


_MAKERS: dict[str, Maker] = {
    "constant": _constant,
    "dates": _dates,
    "duplicates": _duplicates,
    "few_rows": _few_rows,
    "few_target_values": _few_target_values,
    "huge_values": _huge_values,
    "identifiers": _identifiers,
    "imbalanced": _imbalanced,
    "labels_of_numbers": _labels_of_numbers,
    "many_categories": _many_categories,
    "missing": _missing,
    "missing_target": _missing_target,
    "mixed_types": _mixed_types,
    "names": _names,
    "numbered_columns": _numbered_columns,
    "only_categories": _only_categories,
    "rare_classes": _rare_classes,
    "single_column": _single_column,
    "text": _text,
    "wide": _wide,
}


def _maker(make: Maker) -> Callable[..., AwkwardTable]:
    def table(n_rows: int = 200, seed: int = 0) -> AwkwardTable:
        return make(n_rows, np.random.default_rng(seed))

    return table


AWKWARD_TABLES: dict[str, Callable[..., AwkwardTable]] = {
    name: _maker(make) for name, make in _MAKERS.items()
}
"""Table factories by name: ``AWKWARD_TABLES["text"](n_rows=200, seed=0)``."""
