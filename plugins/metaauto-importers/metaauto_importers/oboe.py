"""OBOE's error matrix: 219 configurations of scikit-learn on 418 datasets of OpenML.

Files: ``configs.csv``, ``dataset_sizes.csv``, ``error_matrix_ber.csv``, ``runtime_matrix_s.csv``.
Each entry is the mean over five stratified folds of a table that was imputed, one-hot encoded and
standardized beforehand. The fit times are those of all five folds on one core and are stored per
fold. One evaluation stands for the five folds, as fold 0 of the protocol.

Loss
    The published error is the mean over the classes of the balanced error of one class against the
    rest (``error`` in the authors' util.py). For two classes that is one minus the balanced
    accuracy. For ``k`` classes it is multiplied by ``2 (k - 1) / k``, which is exact for classes of
    equal size, for perfect and for constant predictions. For 11 models on 22 tables of 3 to 32
    classes, the largest up to 68 times the smallest, the relative error was 1 % in the median and
    8 % at the 95th percentile; the rank correlation was 0.99 on average and 0.95 at worst. These
    evaluations have a separate protocol.
Task kind
    The files have OpenML ids, rows and columns, but not classes. Those come from a catalog
    (`metaauto_importers.openml_catalog`) if the number of rows agrees, or from a dataset with the
    same id in the store; other datasets are skipped.
Failures
    Where a configuration failed, the authors' program recorded the previous value. The files do not
    mark such entries, so all entries are imported as successes.

References
----------
C. Yang, Y. Akimoto, D. W. Kim, M. Udell. OBOE: Collaborative filtering for AutoML model selection.
KDD 2019. doi:10.1145/3292500.3330909
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from metaauto.api import Configuration, DatasetFact, EvaluationFact, KnowledgeStore
from metaauto_importers.builtin_models import supported_kinds
from metaauto_importers.files import (
    MalformedValue,
    Row,
    error_context,
    rows,
    source_commit,
    source_folders,
)
from metaauto_importers.openml_catalog import CatalogEntry, datasets_by_id, read_catalogs
from metaauto_importers.proposals import CLASSIFICATION, DUPLICATE, configuration_fact
from metaauto_importers.provenance import OBOE, openml_fingerprint
from metaauto_importers.report import ImportReport, Tally
from metaauto_importers.translation import (
    NoEquivalent,
    Settings,
    Values,
    knn_values,
    svm_values,
)

__all__ = [
    "PROTOCOL",
    "PROTOCOL_MULTICLASS",
    "balanced_accuracy_loss",
    "import_oboe",
    "translate",
]

PROTOCOL = "oboe/5-fold/mean"
PROTOCOL_MULTICLASS = "oboe/5-fold/mean/one-vs-rest"

_FOLDS = 5
_PREPROCESSING = {"impute": "mean", "categorical": "onehot"}
_UNKNOWN_KIND = "task kind unknown"
_UNKNOWN_SIZE = "size unknown"
_ROWS_DIFFER = "number of rows differs from the catalog"
_NO_DATASET = "dataset skipped"
_NO_CONFIGURATION = "configuration skipped"
_NO_VALUE = "value missing"


def import_oboe(path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add datasets, configurations and evaluations of OBOE to a store, in one transaction.

    Parameters
    ----------
    path : str or Path
        The folder with the four files, or a folder with the subfolder ``oboe``.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        Entries read, imported and skipped.

    Raises
    ------
    KnowledgeError
        If a file is missing or malformed; then nothing is added.
    """
    folder = source_folders(path, ["oboe"])[0]
    columns, configurations = _columns(folder / "configs.csv")
    files = _Files(
        folder,
        dict(_rows_by_id(folder / "dataset_sizes.csv", ("n", "p"))),
        dict(_rows_by_id(folder / "error_matrix_ber.csv", columns)),
        dict(_rows_by_id(folder / "runtime_matrix_s.csv", columns)),
    )
    with store.transaction():
        provenance = OBOE.provenance(store, source_commit(folder), cores=1)
        changed = 0
        keys: dict[str, str] = {}
        for name, configuration in columns.items():
            if configuration is not None:
                fact = configuration_fact(configuration, provenance)
                keys[name] = fact.key
                changed += store.add_configuration(fact)
        catalog, known = read_catalogs(folder), datasets_by_id(store.datasets())
        imported = 0
        skipped: Counter[str] = Counter()
        evaluations: Counter[str] = Counter()
        for openml_id in files.errors:
            dataset = _dataset(
                files, openml_id, catalog.get(openml_id), known.get(openml_id), provenance
            )
            if isinstance(dataset, str):
                skipped[dataset] += 1
                evaluations[_NO_DATASET] += len(columns)
                continue
            changed += store.add_dataset(dataset)
            facts = list(_evaluations(files, dataset, keys, provenance))
            changed += store.add_evaluations(facts)
            imported += len(facts)
            evaluations[_NO_CONFIGURATION] += len(columns) - len(keys)
            evaluations[_NO_VALUE] += len(keys) - len(facts)
    datasets = Tally(len(files.errors), len(files.errors) - skipped.total(), skipped)
    values = Tally(imported + evaluations.total(), imported, +evaluations)
    return ImportReport("oboe", datasets, configurations, values, changed)


def balanced_accuracy_loss(error: float, n_classes: int) -> float:
    """Convert the mean one-versus-rest balanced error to one minus the balanced accuracy.

    Parameters
    ----------
    error : float
        The published error, 0 to 1.
    n_classes : int
        Number of classes; for more than two classes of unequal size the result is an estimate.
    """
    return min(error * 2 * (n_classes - 1) / n_classes, 1.0)


def translate(algorithm: str, settings: Settings) -> Configuration:
    """Convert one configuration of OBOE.

    Treated as equal
        k nearest neighbors. Gaussian naive Bayes (metaauto scales its probabilities, which changes
        no label). Logistic regression of the same penalty and C: both solvers minimize the same
        loss; "liblinear" converges and is one-versus-rest for several classes. Support vector
        machines with the RBF kernel (``coef0`` has no effect) and with the cubic kernel if
        ``coef0 > 0``. The multilayer perceptron with one layer of 100 units trained by "adam",
        although metaauto stops early. Gradient boosting of all columns with learning rates 0.1 to
        0.25, where 100 rounds are about as many as metaauto fits until early stopping; a tree of
        depth 3 or 6 has 8 or 64 leaves.
    Skipped
        AdaBoost, single trees, the perceptron and linear support vector machines with squared hinge
        loss, which metaauto lacks. Forests: 10 trees in OBOE (as their fit times show), 200 in
        metaauto. Training by "sgd". Boosting that 100 rounds underfit or overfit.

    Parameters
    ----------
    algorithm : str
        OBOE's name of the algorithm.
    settings : Settings
        Its hyperparameters.

    Raises
    ------
    NoEquivalent
        If metaauto has no equivalent.
    """
    if algorithm not in _TRANSLATIONS:
        raise NoEquivalent.of(_NO_EQUIVALENT.get(algorithm, algorithm))
    model, values_of = _TRANSLATIONS[algorithm]
    values = values_of(settings)
    settings.check_all_read()
    if set(supported_kinds(model, values, CLASSIFICATION)) != set(CLASSIFICATION):
        raise NoEquivalent("far outside metaauto's range")
    if model != "hist_gradient_boosting":
        values["scale"] = "standard"
    return Configuration(model, {**values, **_PREPROCESSING})


def _logistic(settings: Settings) -> Values:
    settings.require("solver", "liblinear")
    return {"penalty": settings.text("penalty", "l2"), "C": settings.number("C", 1.0)}


def _svm(settings: Settings) -> Values:
    return svm_values(
        settings.text("kernel", "rbf"),
        settings.number("C", 1.0),
        1.0,
        settings.integer("degree", 3),
        settings.number("coef0", 0.0),
    )


def _mlp(settings: Settings) -> Values:
    settings.require("solver", "adam")
    settings.ignore("learning_rate")
    return {
        "layers": 1,
        "width": 100,
        "activation": "relu",
        "learning_rate": settings.number("learning_rate_init", 1e-3),
        "alpha": settings.number("alpha", 1e-4),
    }


def _boosting(settings: Settings) -> Values:
    rate = settings.number("learning_rate", 0.1)
    if not 0.1 <= rate <= 0.25:
        raise NoEquivalent.of("100 rounds of boosting at this learning rate")
    settings.require("max_features")
    return {
        "learning_rate": rate,
        "max_leaf_nodes": 2 ** settings.integer("max_depth", 3),
        "min_samples_leaf": 1,
        "l2_regularization": 1e-8,
        "max_features": 1.0,
    }


_TRANSLATIONS: Mapping[str, tuple[str, Callable[[Settings], Values]]] = {
    "KNN": ("knn", knn_values),
    "GNB": ("naive_bayes", lambda settings: {"var_smoothing": 1e-9}),
    "Logit": ("logistic", _logistic),
    "kSVM": ("svm", _svm),
    "MLP": ("mlp", _mlp),
    "GBT": ("hist_gradient_boosting", _boosting),
}
_NO_EQUIVALENT = {
    "AB": "AdaBoost",
    "DT": "decision tree",
    "RF": "forest of 10 trees",
    "ExtraTrees": "forest of 10 trees",
    "Perceptron": "perceptron",
    "lSVM": "squared hinge loss",
}


def _columns(path: Path) -> tuple[dict[str, Configuration | None], Tally]:
    """Return the configurations of the matrices' columns, None where there is no equivalent."""
    columns: dict[str, Configuration | None] = {}
    skipped: Counter[str] = Counter()
    taken: set[Configuration] = set()
    for row in rows(path, ("config_id", "algorithm", "hyperparameters")):
        with error_context(path, f"line {row.line}"):
            columns[row.cells["config_id"]] = None
            settings = Settings(json.loads(row.cells["hyperparameters"]))
            try:
                configuration = translate(row.cells["algorithm"], settings)
            except NoEquivalent as reason:
                skipped[str(reason)] += 1
                continue
        if configuration in taken:
            skipped[DUPLICATE] += 1
            continue
        taken.add(configuration)
        columns[row.cells["config_id"]] = configuration
    return columns, Tally(len(columns), len(taken), skipped)


def _rows_by_id(path: Path, needed: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """Yield the rows with their OpenML ids."""
    for row in rows(path, ("openml_did", *needed)):
        with error_context(path, f"line {row.line}"):
            openml_id = Settings(row.cells).integer("openml_did", -1)
        yield openml_id, row


class _Files(NamedTuple):
    """The contents of the files by OpenML id."""

    folder: Path
    sizes: dict[int, Row]
    errors: dict[int, Row]
    seconds: dict[int, Row]


def _dataset(
    files: _Files,
    openml_id: int,
    entry: CatalogEntry | None,
    known: DatasetFact | None,
    provenance: str,
) -> DatasetFact | str:
    """Return the fact of a dataset, or the reason why it is skipped."""
    if openml_id not in files.sizes:
        return _UNKNOWN_SIZE
    row = files.sizes[openml_id]
    with error_context(files.folder / "dataset_sizes.csv", f"line {row.line}"):
        size = Settings(row.cells)
        shape = _Shape(size.integer("n", 0), size.integer("p", 1) - 1)
    if shape.rows < 1:
        return _UNKNOWN_SIZE
    if entry is not None and entry.n_rows != shape.rows:
        return _ROWS_DIFFER
    if entry is not None and entry.n_classes > 1:
        n_classes, n_features, label = entry.n_classes, entry.n_features, entry.name
        metafeatures = entry.metafeatures
    elif known is not None and known.kind in CLASSIFICATION and known.n_rows == shape.rows:
        n_classes, n_features, label = known.n_classes, known.n_features, known.label or ""
        metafeatures = known.metafeatures
    else:
        return _UNKNOWN_KIND
    return DatasetFact(
        fingerprint=openml_fingerprint(openml_id),
        kind="binary" if n_classes == 2 else "multiclass",
        n_rows=shape.rows,
        n_features=n_features,
        n_classes=n_classes,
        rows_used=shape.rows,
        source=f"openml:{openml_id}",
        provenance=provenance,
        metafeatures=metafeatures,
        openml_id=openml_id,
        label=label or None,
        group=known.group if known is not None and known.group else shape.group,
    )


class _Shape(NamedTuple):
    """Rows, and columns of the encoded table without the target."""

    rows: int
    columns: int

    @property
    def group(self) -> str:
        """The group of datasets of this shape, often near duplicates: 306 shapes of 418."""
        return f"shape-{self.rows}x{self.columns}"


def _evaluations(
    files: _Files, dataset: DatasetFact, keys: Mapping[str, str], provenance: str
) -> Iterator[EvaluationFact]:
    openml_id, n_classes = int(dataset.openml_id or 0), dataset.n_classes
    row, times = files.errors[openml_id], files.seconds.get(openml_id)
    errors, seconds = Settings(row.cells), Settings(times.cells if times else {})
    for name, key in keys.items():
        if name not in errors:
            continue
        with error_context(
            files.folder / "runtime_matrix_s.csv", f"line {times.line if times else 1}"
        ):
            of_fold = seconds.number(name, 0.0) / _FOLDS if name in seconds else None
            if of_fold is not None and of_fold < 0:
                raise MalformedValue(f"{name} must be >= 0 s (got {seconds.number(name, 0.0):g})")
        with error_context(files.folder / "error_matrix_ber.csv", f"line {row.line}"):
            error = errors.number(name, 0.0)
            if not 0 <= error <= 1:
                raise MalformedValue(f"{name} must be an error from 0 to 1 (got {error:g})")
            yield EvaluationFact(
                *dataset.key,
                key,
                PROTOCOL if n_classes == 2 else PROTOCOL_MULTICLASS,
                0,
                "success",
                provenance,
                {"balanced_accuracy": balanced_accuracy_loss(error, n_classes)},
                of_fold,
            )
