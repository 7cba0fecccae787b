"""auto-sklearn's recommendations: the best configuration of each dataset, and its portfolios.

auto-sklearn 1 comes as tables, ``configs_METRIC_TASK_dense.csv`` with
``runs_METRIC_TASK_dense.csv`` (which configuration was best on which dataset) and
``metafeatures_*.csv`` beside them; auto-sklearn 2 as portfolios of 32 configurations in JSON. Both
say what was good and not how good it was beside others, so they become proposals, without
evaluations. Those of auto-sklearn 1 are proposed for the kind of task of their dataset, portfolios
for classification.

What is judged equal stands with each translation. For all of them:

* Steps before the model: the encoding, the imputation and the scale that we have too. Scales do
  nothing to trees, and so are left out there, except that of rows ("normalize"), which we have not.
  Of feature preprocessors only principal components and selection by percentile have a
  counterpart; what is skipped for another one would be another model.
* Weights of classes, which auto-sklearn gives to trees and support vectors alone; its boosting,
  networks, neighbours and discriminants never see them.
* Tolerances, numbers of iterations and how training is stopped: ours stop by themselves.

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

from metaauto.errors import KnowledgeError
from metaauto.knowledge.importing.autosklearn_models import MODELS, NOT_OURS, Table
from metaauto.knowledge.importing.autosklearn_steps import prepared
from metaauto.knowledge.importing.files import blamed, commit, folders, json_document, rows
from metaauto.knowledge.importing.origins import AUTOSKLEARN_1, AUTOSKLEARN_2, Origin
from metaauto.knowledge.importing.proposals import CLASSES, REGRESSION, Proposal, Proposals
from metaauto.knowledge.importing.report import ImportReport
from metaauto.knowledge.importing.translation import NoCounterpart, Settings
from metaauto.knowledge.store import KnowledgeStore

__all__ = ["import_autosklearn", "translate"]

_TABLE = re.compile(r"configs_.+_(multiclass\.classification|binary\.classification|regression)_.+")
# Half of the datasets that the portfolios were made on have fewer columns, half have more.
_COLUMNS_OF_PORTFOLIOS = 20.0


def import_autosklearn(path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add the configurations that auto-sklearn recommends to a store, in one transaction.

    Parameters
    ----------
    path : str or Path
        A folder with the tables or the portfolios, or one that has such folders as
        ``autosklearn1`` and ``autosklearn2``.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        What was read, imported and skipped.

    Raises
    ------
    KnowledgeError
        If there are no such files, or one is not of the published form; then nothing is added.
    """
    found: list[tuple[Origin, str, Proposals]] = []
    for folder in folders(path, ["autosklearn1", "autosklearn2"]):
        tables = [file for file in sorted(folder.glob("configs_*.csv")) if _TABLE.match(file.stem)]
        if tables:
            found.append((AUTOSKLEARN_1, commit(folder), _best_of_datasets(folder, tables)))
        documents = [(file, json_document(file)) for file in sorted(folder.rglob("*.json"))]
        portfolios = [(file, found) for file, found in documents if _is_portfolio(found)]
        if portfolios:
            found.append((AUTOSKLEARN_2, commit(folder), _of_portfolios(portfolios)))
    if not found:
        raise KnowledgeError(
            f"There are neither tables nor portfolios of auto-sklearn in {str(path)!r}.",
            hint="Name the folder with configs_*.csv, or with the portfolios as *.json.",
            path=Path(path),
        )
    report = ImportReport("autosklearn")
    with store.transaction():
        for origin, version, proposals in found:
            changed = proposals.write(store, origin.provenance(store, version))
            report += ImportReport("", configurations=proposals.tally, changed=changed)
    return report


def translate(values: Mapping[str, Any], table: Table, kinds: tuple[str, ...]) -> list[Proposal]:
    """What one configuration of auto-sklearn is here.

    Parameters
    ----------
    values : mapping of str
        By auto-sklearn's names, as ``"classifier:random_forest:criterion"``.
    table : Table
        What it was best on: some hyperparameters are in units of the table.
    kinds : tuple of str
        Kinds of task to propose it for.

    Raises
    ------
    NoCounterpart
        If it is nothing that we have.
    """
    part = "regressor" if kinds == REGRESSION else "classifier"
    algorithm = Settings(values).text(f"{part}:__choice__", "")
    if algorithm not in MODELS:
        raise NoCounterpart(NOT_OURS.get(algorithm, f"{algorithm} is not ours"))
    model = MODELS[algorithm]
    prefix = f"{part}:{algorithm}:"
    own = Settings({k[len(prefix) :]: v for k, v in values.items() if k.startswith(prefix)})
    around = Settings({k: v for k, v in values.items() if not k.startswith(f"{part}:")})
    steps = prepared(around, model.takes_scale, model.affine)
    weighting = around.text("balancing:strategy", "none") == "weighting"
    around.finish()
    translated = model.translate(own, table, steps)
    own.finish()
    if model.weighs_classes and part == "classifier":
        translated["class_weight"] = "balanced" if weighting else None
    return [Proposal(model.name, {**translated, **steps}, kinds)]


@dataclass(frozen=True)
class _Dataset:
    """A dataset as auto-sklearn describes it."""

    columns: float | None = None
    categorical: float | None = None
    n_classes: int = 0


def _best_of_datasets(folder: Path, tables: list[Path]) -> Proposals:
    known = _datasets(folder)
    proposals = Proposals()
    for path in tables:
        name, task = path.stem[len("configs_") :], _TABLE.match(path.stem)
        is_regression = task is not None and task.group(1) == "regression"
        best_on = _best_on(folder / f"runs_{name}.csv")
        for row in rows(path, ("idx",)):
            with blamed(path, f"line {row.line}"):
                cells = dict(row.cells)
                number = Settings(cells).whole("idx", -1)
                del cells["idx"]
                about = known.get((best_on.get(number, ""), is_regression), _Dataset())
                table = Table(about.columns, about.categorical == 0)
                kinds = _kinds(is_regression, about.n_classes)
                proposals.offer(partial(translate, cells, table, kinds))
    return proposals


def _kinds(is_regression: bool, n_classes: int) -> tuple[str, ...]:
    if is_regression:
        return REGRESSION
    return {0: CLASSES, 2: ("binary",)}.get(n_classes, ("multiclass",))


def _best_on(path: Path) -> dict[int, str]:
    """The dataset that each configuration was best on."""
    found = {}
    for row in rows(path, ("instance_id", "algorithm")):
        with blamed(path, f"line {row.line}"):
            found[Settings(row.cells).whole("algorithm", -1)] = row.cells["instance_id"]
    return found


def _datasets(folder: Path) -> dict[tuple[str, bool], _Dataset]:
    """Datasets by name, and by whether they are of regression."""
    found = {}
    needed = ("instance_id", "NumberOfFeatures", "NumberOfCategoricalFeatures")
    for path in sorted(folder.glob("metafeatures_*.csv")):
        for row in rows(path, needed):
            with blamed(path, f"line {row.line}"):
                cells = Settings(row.cells)
                n_classes = cells.whole("NumberOfClasses", 0)
                found[row.cells["instance_id"], n_classes == 0] = _Dataset(
                    cells.number("NumberOfFeatures", 1.0),
                    cells.number("NumberOfCategoricalFeatures", 0.0),
                    n_classes,
                )
    return found


def _is_portfolio(document: Any) -> bool:
    return isinstance(document, dict) and "portfolio" in document and "cutoffs" in document


def _of_portfolios(documents: list[tuple[Path, Any]]) -> Proposals:
    proposals = Proposals()
    table = Table(_COLUMNS_OF_PORTFOLIOS, False)
    for path, document in documents:
        for name, values in _entries(path, document):
            with blamed(path, f"configuration {name!r}"):
                proposals.offer(partial(translate, values, table, CLASSES))
    return proposals


def _entries(path: Path, document: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with blamed(path, "portfolio"):
        entries = dict(document["portfolio"])
    yield from entries.items()
