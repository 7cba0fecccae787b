"""Own code beside the libraries that could replace it: seconds, one row, saved size.

python -m benchmarks.libraries --out benchmarks/results/libraries.md

Ratios own / library of CPU seconds, both measured in turns in one process on one core, and of saved
bytes; below 1 the own code is faster or smaller. `fit` is to fit and transform 20,000 rows of 20
columns (folds and ARFF: to split and to parse as many rows), `row` to transform one row.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import skops.io
from sklearn import decomposition, feature_selection, impute, model_selection, preprocessing
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from metaauto.builtin.readers.arff import parse_arff
from metaauto.builtin.transformers import (
    categories,
    numeric,
    onehot,
    reduction,
    target,
    texts,
)
from metaauto.data import splitters

ROWS, COLUMNS, TURNS = 20_000, 20, 5


class Pair(NamedTuple):
    """Own code and a library for the same task."""

    name: str
    library: str
    own: Callable[[], Any]
    other: Callable[[], Any]
    X: Any
    y: Any = None


def pairs() -> Iterator[Pair]:
    """Yield the transformers with their data."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, ROWS)
    plain = random.normal(size=(ROWS, COLUMNS)) + y[:, None] * random.normal(size=COLUMNS)
    gaps = np.where(random.random(plain.shape) < 0.05, np.nan, plain)
    levels = [f"level {n}" for n in range(40)]
    words = pd.DataFrame(
        {f"c{j}": pd.Categorical(random.choice(levels, ROWS), levels) for j in range(COLUMNS)}
    )
    vocabulary = np.array([f"word{n}" for n in range(2_000)])
    sentences = np.array([" ".join(random.choice(vocabulary, 12)) for _ in range(ROWS)], object)
    yield Pair(
        "median and indicators", "SimpleImputer", lambda: numeric.NumericImputer(indicator=True),
        lambda: impute.SimpleImputer(strategy="median", add_indicator=True), gaps,
    )  # fmt: skip
    yield Pair(
        "standard scaling", "StandardScaler", lambda: numeric.NumericScaler(smooth_clip=False),
        preprocessing.StandardScaler, gaps,
    )  # fmt: skip
    yield Pair(
        "robust scaling", "RobustScaler",
        lambda: numeric.NumericScaler("robust", smooth_clip=False),
        preprocessing.RobustScaler, gaps,
    )  # fmt: skip
    yield Pair(
        "quantiles", "QuantileTransformer", numeric.QuantileScaler,
        lambda: preprocessing.QuantileTransformer(
            n_quantiles=500, output_distribution="normal", subsample=50_000
        ), gaps,
    )  # fmt: skip
    yield Pair(
        "ordinal codes", "OrdinalEncoder", categories.OrdinalEncoder,
        lambda: preprocessing.OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1
        ), words,
    )  # fmt: skip
    yield Pair(
        "one-hot codes", "OneHotEncoder", onehot.OneHotEncoder,
        lambda: preprocessing.OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=0.001, max_categories=64
        ), words,
    )  # fmt: skip
    yield Pair(
        "target codes", "TargetEncoder", target.TargetEncoder,
        lambda: preprocessing.TargetEncoder(smooth=10.0), words, y,
    )  # fmt: skip
    yield Pair(
        "principal components", "StandardScaler + PCA", reduction.PrincipalComponents,
        lambda: make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(0.95)), plain,
    )  # fmt: skip
    yield Pair(
        "column selection", "SelectPercentile", reduction.ColumnSelector,
        lambda: feature_selection.SelectPercentile(percentile=50), plain, y,
    )  # fmt: skip
    yield Pair(
        "TF-IDF", "TfidfVectorizer", texts.TextTerms,
        lambda: TfidfVectorizer(max_features=20_000, sublinear_tf=True), sentences,
    )  # fmt: skip


def ratio(one: Callable[[], object], other: Callable[[], object], repeats: int = 1) -> float:
    """Return the median ratio of CPU seconds of two functions, called in turns."""
    found = []
    for _ in range(TURNS):
        seconds = []
        for function in (one, other):
            started = time.process_time()
            for _ in range(repeats):
                function()
            seconds.append(time.process_time() - started)
        found.append(seconds[0] / seconds[1])
    return statistics.median(found)


def transformer_rows() -> Iterator[str]:
    """Yield a line of the table per transformer."""
    for pair in pairs():
        own, other = pair.own(), pair.other()
        fit = ratio(
            lambda own=own, p=pair: own.fit_transform(p.X, p.y),
            lambda other=other, p=pair: other.fit_transform(p.X, p.y),
        )
        single = pair.X[:1]
        row = ratio(
            lambda own=own, X=single: own.transform(X),
            lambda other=other, X=single: other.transform(X),
            repeats=50,
        )
        sizes = [len(skops.io.dumps(each, compression=8)) for each in (own, other)]
        size = sizes[0] / sizes[1]
        yield f"| {pair.name} | {pair.library} | {fit:.2f} | {row:.2f} | {size:.2f} |"


def other_rows() -> Iterator[str]:
    """Yield a line per function that is not a transformer; only `fit` is measured."""
    random = np.random.default_rng(0)
    y = random.integers(0, 5, ROWS)
    groups = random.integers(0, 2_000, ROWS)
    folds = model_selection.StratifiedKFold(8, shuffle=True, random_state=0)
    grouped = model_selection.StratifiedGroupKFold(8, shuffle=True, random_state=0)
    X = np.zeros((ROWS, 1))
    yield _line(
        "stratified folds", "StratifiedKFold",
        lambda: splitters.stratified(y, 8, np.random.default_rng(0), True),
        lambda: list(folds.split(X, y)),
    )  # fmt: skip
    yield _line(
        "grouped folds", "StratifiedGroupKFold",
        lambda: splitters.grouped(y, groups, 8, np.random.default_rng(0), True),
        lambda: list(grouped.split(X, y, groups)),
    )  # fmt: skip
    text = _arff_text(random)
    import arff
    from scipy.io import arff as scipy_arff

    yield _line(
        "ARFF", "liac-arff", lambda: parse_arff(text, "x"),
        lambda: pd.DataFrame(arff.loads(text)["data"]),
    )  # fmt: skip
    yield _line(
        "ARFF", "scipy.io.arff", lambda: parse_arff(text, "x"),
        lambda: pd.DataFrame(scipy_arff.loadarff(io.StringIO(text))[0]),
    )  # fmt: skip


def _line(
    name: str, library: str, own: Callable[[], Any], other: Callable[[], Any], repeats: int = 1
) -> str:
    return f"| {name} | {library} | {ratio(own, other, repeats):.2f} | | |"


def _arff_text(random: np.random.Generator) -> str:
    numbers = random.normal(size=(ROWS, 10))
    names = random.choice(["red", "'dark blue'", "green"], (ROWS, 5))
    lines = [f"@attribute n{j} numeric" for j in range(10)]
    lines += [f"@attribute c{j} {{red,'dark blue',green}}" for j in range(5)]
    rows = (
        ",".join([*map(repr, map(float, row)), *word])
        for row, word in zip(numbers, names, strict=True)
    )
    return "\n".join(["@relation t", *lines, "@data", *rows])


def main() -> None:
    """Measure all pairs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = ["| Task | Library | fit | row | size |", "|---|---|---|---|---|"]
    with threadpool_limits(1):
        for row in (*transformer_rows(), *other_rows()):
            print(row, flush=True)
            lines.append(row)
    if given.out is not None:
        given.out.write_text(f"{__doc__.split(chr(10) * 2, 2)[2]}\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
