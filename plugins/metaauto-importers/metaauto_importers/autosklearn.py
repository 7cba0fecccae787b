"""auto-sklearn's recommendations: the best configuration of each dataset, and its portfolios.

auto-sklearn 1 publishes tables: ``configs_METRIC_TASK_dense.csv``, ``runs_METRIC_TASK_dense.csv``
(which configuration was best on which dataset) and ``metafeatures_*.csv``. auto-sklearn 2 publishes
portfolios of 32 configurations in JSON. Neither has the losses of other configurations, so they
become recommendations without evaluations: those of auto-sklearn 1 for the task kind of their
dataset, portfolios for classification.

Each conversion says which differences are ignored. For all of them:

* Preprocessing: encoders, imputers and scalers are converted if metaauto has them. For trees the
  scaler is ignored, except the normalization of rows ("normalize"), which metaauto lacks. Of the
  feature preprocessors only PCA and selection by percentile have an equivalent; a configuration
  with another one is skipped.
* Class weights: auto-sklearn passes them to trees and support vector machines only, not to
  boosting, neural networks, nearest neighbors and discriminant analysis.
* Tolerances, iteration limits and stopping rules are ignored: metaauto's models stop early.

References
----------
M. Feurer et al. Efficient and robust automated machine learning. NeurIPS 2015.
M. Feurer et al. Auto-Sklearn 2.0: hands-free AutoML via meta-learning. JMLR 23(261), 2022.
arXiv:2007.04074
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from metaauto.api import KnowledgeError, KnowledgeStore
from metaauto_importers.autosklearn_models import MODELS, NO_EQUIVALENT, Table
from metaauto_importers.autosklearn_preprocessing import preprocessing_values
from metaauto_importers.files import (
    error_context,
    json_document,
    rows,
    source_commit,
    source_folders,
)
from metaauto_importers.proposals import CLASSIFICATION, REGRESSION, Proposal, Proposer
from metaauto_importers.provenance import AUTOSKLEARN_1, AUTOSKLEARN_2, PublishedSource
from metaauto_importers.report import ImportReport
from metaauto_importers.translation import NoEquivalent, Settings

__all__ = ["import_autosklearn", "translate"]

_TABLE = re.compile(r"configs_.+_(multiclass\.classification|binary\.classification|regression)_.+")
# The median over the datasets that the portfolios were built on.
_MEDIAN_COLUMNS = 20.0


def import_autosklearn(path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add auto-sklearn's recommended configurations to a store, in one transaction.

    Parameters
    ----------
    path : str or Path
        A folder with the tables or the portfolios, or a folder with the subfolders
        ``autosklearn1`` and ``autosklearn2``.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        Configurations read, imported and skipped.

    Raises
    ------
    KnowledgeError
        If there are no such files, or one is malformed; then nothing is added.
    """
    found: list[tuple[PublishedSource, str, Proposer]] = []
    for folder in source_folders(path, ["autosklearn1", "autosklearn2"]):
        tables = [file for file in sorted(folder.glob("configs_*.csv")) if _TABLE.match(file.stem)]
        if tables:
            found.append((AUTOSKLEARN_1, source_commit(folder), _table_proposals(folder, tables)))
        documents = [(file, json_document(file)) for file in sorted(folder.rglob("*.json"))]
        portfolios = [(file, text) for file, text in documents if _is_portfolio(text)]
        if portfolios:
            found.append((AUTOSKLEARN_2, source_commit(folder), _portfolio_proposals(portfolios)))
    if not found:
        raise KnowledgeError(
            f"No tables or portfolios of auto-sklearn in {str(path)!r}.",
            hint="Name the folder with configs_*.csv or with the portfolios (*.json).",
            path=Path(path),
        )
    report = ImportReport("autosklearn")
    with store.transaction():
        for source, version, proposals in found:
            changed = proposals.write(store, source.provenance(store, version))
            report += ImportReport("", configurations=proposals.tally, changed=changed)
    return report


def translate(values: Mapping[str, Any], table: Table, kinds: tuple[str, ...]) -> list[Proposal]:
    """Convert one configuration of auto-sklearn.

    Parameters
    ----------
    values : mapping of str
        By auto-sklearn's names, such as ``"classifier:random_forest:criterion"``.
    table : Table
        The dataset that it was best on: some hyperparameters depend on its columns.
    kinds : tuple of str
        Task kinds to recommend it for.

    Raises
    ------
    NoEquivalent
        If metaauto has no equivalent.
    """
    part = "regressor" if kinds == REGRESSION else "classifier"
    algorithm = Settings(values).text(f"{part}:__choice__", "")
    if algorithm not in MODELS:
        raise NoEquivalent.of(NO_EQUIVALENT.get(algorithm, algorithm))
    model = MODELS[algorithm]
    prefix = f"{part}:{algorithm}:"
    own = Settings({k[len(prefix) :]: v for k, v in values.items() if k.startswith(prefix)})
    around = Settings({k: v for k, v in values.items() if not k.startswith(f"{part}:")})
    steps = preprocessing_values(around, model.needs_scaling, model.is_scale_invariant)
    weighting = around.text("balancing:strategy", "none") == "weighting"
    around.check_all_read()
    translated = model.translate(own, table, steps)
    own.check_all_read()
    if model.uses_class_weights and part == "classifier":
        translated["class_weight"] = "balanced" if weighting else None
    return [Proposal(model.name, {**translated, **steps}, kinds)]


@dataclass(frozen=True)
class _Dataset:
    """The metafeatures of a dataset that a conversion needs."""

    columns: float | None = None
    categorical: float | None = None
    n_classes: int = 0


def _table_proposals(folder: Path, tables: list[Path]) -> Proposer:
    known = _datasets(folder)
    proposals = Proposer()
    for path in tables:
        name, task = path.stem[len("configs_") :], _TABLE.match(path.stem)
        is_regression = task is not None and task.group(1) == "regression"
        best_on = _best_datasets(folder / f"runs_{name}.csv")
        for row in rows(path, ("idx",)):
            with error_context(path, f"line {row.line}"):
                cells = dict(row.cells)
                number = Settings(cells).integer("idx", -1)
                del cells["idx"]
                dataset = known.get((best_on.get(number, ""), is_regression), _Dataset())
                table = Table(dataset.columns, dataset.categorical == 0)
                kinds = _kinds(is_regression, dataset.n_classes)
                proposals.add(partial(translate, cells, table, kinds))
    return proposals


def _kinds(is_regression: bool, n_classes: int) -> tuple[str, ...]:
    if is_regression:
        return REGRESSION
    return {0: CLASSIFICATION, 2: ("binary",)}.get(n_classes, ("multiclass",))


def _best_datasets(path: Path) -> dict[int, str]:
    """Return the dataset that each configuration was best on."""
    found = {}
    for row in rows(path, ("instance_id", "algorithm")):
        with error_context(path, f"line {row.line}"):
            found[Settings(row.cells).integer("algorithm", -1)] = row.cells["instance_id"]
    return found


def _datasets(folder: Path) -> dict[tuple[str, bool], _Dataset]:
    """Return the datasets by name and whether the task is regression."""
    found = {}
    needed = ("instance_id", "NumberOfFeatures", "NumberOfCategoricalFeatures")
    for path in sorted(folder.glob("metafeatures_*.csv")):
        for row in rows(path, needed):
            with error_context(path, f"line {row.line}"):
                cells = Settings(row.cells)
                n_classes = cells.integer("NumberOfClasses", 0)
                found[row.cells["instance_id"], n_classes == 0] = _Dataset(
                    cells.number("NumberOfFeatures", 1.0),
                    cells.number("NumberOfCategoricalFeatures", 0.0),
                    n_classes,
                )
    return found


def _is_portfolio(document: Any) -> bool:
    return isinstance(document, dict) and "portfolio" in document and "cutoffs" in document


def _portfolio_proposals(documents: list[tuple[Path, Any]]) -> Proposer:
    proposals = Proposer()
    table = Table(_MEDIAN_COLUMNS, False)
    for path, document in documents:
        for name, values in _entries(path, document):
            with error_context(path, f"configuration {name!r}"):
                proposals.add(partial(translate, values, table, CLASSIFICATION))
    return proposals


def _entries(path: Path, document: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with error_context(path, "portfolio"):
        entries = dict(document["portfolio"])
    yield from entries.items()
