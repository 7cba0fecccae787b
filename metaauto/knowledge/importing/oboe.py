"""OBOE's error matrix: 219 configurations of scikit-learn on 418 datasets of OpenML.

Files: ``configs.csv``, ``dataset_sizes.csv``, ``error_matrix_ber.csv``, ``runtime_matrix_s.csv``.
Each entry is the mean over five stratified folds of a table that was imputed, one-hot encoded and
standardised beforehand; the seconds are those of all five folds on one core, and are stored per
fold. One fact stands for the five, as fold 0 of the protocol.

Loss
    The published error is the mean over the classes of the balanced error of "this class or not"
    (``error`` in the authors' util.py). For two classes that is one minus the balanced accuracy.
    For ``k`` classes it is multiplied by ``2 (k - 1) / k``, which gives the same where classes are
    of one size, for a perfect and for a constant answer. For eleven models on 22 tables of three to
    32 classes, the largest up to 68 times the smallest, the result was off by 1 % in the median and
    by 8 % at the 95th percentile, and the rank correlation was 0.99 in the mean and 0.95 at worst.
    Such facts have a protocol of their own.
Kind of task
    The files tell numbers at OpenML, rows and columns, not classes. Those come from a catalogue
    (`metaauto.knowledge.importing.catalogue`) if the rows agree, or from a dataset in the store
    that has the same number; other datasets are skipped.
Failures
    The authors' program records the value before where a configuration fails: nothing in the files
    tells such an entry from a success, so that all of them are.

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

from metaauto.configuration import Configuration
from metaauto.knowledge.importing.catalogue import Listed, by_number, read_catalogues
from metaauto.knowledge.importing.files import Malformed, Row, blamed, commit, folders, rows
from metaauto.knowledge.importing.nearness import near_kinds
from metaauto.knowledge.importing.origins import OBOE, published_fingerprint
from metaauto.knowledge.importing.proposals import CLASSES, REPEATED, configuration_fact
from metaauto.knowledge.importing.report import ImportReport, Tally
from metaauto.knowledge.importing.translation import (
    NoCounterpart,
    Settings,
    Values,
    neighbours,
    support_vectors,
)
from metaauto.knowledge.records import DatasetFact, EvaluationFact
from metaauto.knowledge.store import KnowledgeStore

__all__ = [
    "PROTOCOL",
    "PROTOCOL_OF_MANY",
    "balanced_accuracy_loss",
    "import_oboe",
    "translate",
]

PROTOCOL = "oboe/5-fold/mean"
PROTOCOL_OF_MANY = "oboe/5-fold/mean/one-vs-rest"

_FOLDS = 5
_PREPARED = {"impute": "mean", "categorical": "onehot"}
_UNKNOWN = "its kind of task is not known"
_NO_SIZE = "its size is not known"
_OTHER_ROWS = "the catalogue gives it another number of rows"
_NO_DATASET = "its dataset was skipped"
_NO_CONFIGURATION = "its configuration was skipped"
_NO_VALUE = "there is no value"


def import_oboe(path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add datasets, configurations and evaluations of OBOE to a store, in one transaction.

    Parameters
    ----------
    path : str or Path
        The folder with the four files, or one that has it as ``oboe``.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        What was read, imported and skipped.

    Raises
    ------
    KnowledgeError
        If a file is missing or not of the published form; then nothing is added.
    """
    folder = folders(path, ["oboe"])[0]
    columns, configurations = _columns(folder / "configs.csv")
    files = _Files(
        folder,
        dict(_by_number(folder / "dataset_sizes.csv", ("n", "p"))),
        dict(_by_number(folder / "error_matrix_ber.csv", columns)),
        dict(_by_number(folder / "runtime_matrix_s.csv", columns)),
    )
    with store.transaction():
        provenance = OBOE.provenance(store, commit(folder), cores=1)
        changed = 0
        keys: dict[str, str] = {}
        for name, configuration in columns.items():
            if configuration is not None:
                fact = configuration_fact(configuration, provenance)
                keys[name] = fact.key
                changed += store.add_configuration(fact)
        listed, known = read_catalogues(folder), by_number(store.datasets())
        imported = 0
        skipped: Counter[str] = Counter()
        evaluations: Counter[str] = Counter()
        for number in files.errors:
            about = _dataset(files, number, listed.get(number), known.get(number), provenance)
            if isinstance(about, str):
                skipped[about] += 1
                evaluations[_NO_DATASET] += len(columns)
                continue
            changed += store.add_dataset(about)
            facts = list(_evaluations(files, about, keys, provenance))
            changed += store.add_evaluations(facts)
            imported += len(facts)
            evaluations[_NO_CONFIGURATION] += len(columns) - len(keys)
            evaluations[_NO_VALUE] += len(keys) - len(facts)
    datasets = Tally(len(files.errors), len(files.errors) - skipped.total(), skipped)
    values = Tally(imported + evaluations.total(), imported, +evaluations)
    return ImportReport("oboe", datasets, configurations, values, changed)


def balanced_accuracy_loss(error: float, n_classes: int) -> float:
    """One minus the balanced accuracy, from the mean balanced error of one class against the rest.

    Parameters
    ----------
    error : float
        The published error, 0 to 1.
    n_classes : int
        Number of classes; with more than two of unequal size the result is an estimate.
    """
    return min(error * 2 * (n_classes - 1) / n_classes, 1.0)


def translate(algorithm: str, settings: Settings) -> Configuration:
    """What one configuration of OBOE is here.

    Judged equal
        Nearest neighbours. Gaussian naive Bayes (ours tempers its probabilities, which changes no
        label). Logistic regression of the same penalty and C: both solvers seek the same answer,
        the "liblinear" one is taken, which finds it; of many classes each stands against the rest
        there. Support vectors with the radial kernel, whose constant plays no part, and with the
        cubic one where it has a positive constant. The perceptron of one layer of 100 that "adam"
        trains, though ours stops early. Gradient boosting of all columns at the rates 0.1 and
        0.25, where 100 rounds go about as far as ours do until validation stops them; a tree of
        depth 3 or 6 has 8 or 64 leaves.
    Skipped
        AdaBoost, single trees, the perceptron rule and linear support vectors with squared hinge
        loss, which we have not; forests, which are of 10 trees there (their seconds say so) and of
        200 here; training by "sgd"; boosting that 100 rounds leave far from done, or overdo.

    Parameters
    ----------
    algorithm : str
        OBOE's name of it.
    settings : Settings
        Its hyperparameters.

    Raises
    ------
    NoCounterpart
        If it is nothing that we have.
    """
    if algorithm not in _TRANSLATIONS:
        raise NoCounterpart(_NOT_OURS.get(algorithm, f"{algorithm} is not ours"))
    model, values_of = _TRANSLATIONS[algorithm]
    values = values_of(settings)
    settings.finish()
    if set(near_kinds(model, values, CLASSES)) != set(CLASSES):
        raise NoCounterpart("a value lies far outside of our range")
    if model != "hist_gradient_boosting":
        values["scale"] = "standard"
    return Configuration(model, {**values, **_PREPARED})


def _logistic(settings: Settings) -> Values:
    settings.only("solver", "liblinear")
    return {"penalty": settings.text("penalty", "l2"), "C": settings.number("C", 1.0)}


def _kernel(settings: Settings) -> Values:
    return support_vectors(
        settings.text("kernel", "rbf"),
        settings.number("C", 1.0),
        1.0,
        settings.whole("degree", 3),
        settings.number("coef0", 0.0),
    )


def _perceptron(settings: Settings) -> Values:
    settings.only("solver", "adam")
    settings.drop("learning_rate")
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
        raise NoCounterpart("boosting of 100 rounds at this rate is not ours")
    settings.only("max_features")
    return {
        "learning_rate": rate,
        "max_leaf_nodes": 2 ** settings.whole("max_depth", 3),
        "min_samples_leaf": 1,
        "l2_regularization": 1e-8,
        "max_features": 1.0,
    }


_TRANSLATIONS: Mapping[str, tuple[str, Callable[[Settings], Values]]] = {
    "KNN": ("knn", neighbours),
    "GNB": ("naive_bayes", lambda settings: {"var_smoothing": 1e-9}),
    "Logit": ("logistic", _logistic),
    "kSVM": ("svm", _kernel),
    "MLP": ("mlp", _perceptron),
    "GBT": ("hist_gradient_boosting", _boosting),
}
_NOT_OURS = {
    "AB": "AdaBoost is not ours",
    "DT": "a single tree is not ours",
    "RF": "a forest of 10 trees is not ours",
    "ExtraTrees": "a forest of 10 trees is not ours",
    "Perceptron": "the perceptron rule is not ours",
    "lSVM": "squared hinge loss is not ours",
}


def _columns(path: Path) -> tuple[dict[str, Configuration | None], Tally]:
    """What the columns of the matrices are here, None for nothing."""
    columns: dict[str, Configuration | None] = {}
    skipped: Counter[str] = Counter()
    taken: set[Configuration] = set()
    for row in rows(path, ("config_id", "algorithm", "hyperparameters")):
        with blamed(path, f"line {row.line}"):
            columns[row.cells["config_id"]] = None
            settings = Settings(json.loads(row.cells["hyperparameters"]))
            try:
                configuration = translate(row.cells["algorithm"], settings)
            except NoCounterpart as reason:
                skipped[str(reason)] += 1
                continue
        if configuration in taken:
            skipped[REPEATED] += 1
            continue
        taken.add(configuration)
        columns[row.cells["config_id"]] = configuration
    return columns, Tally(len(columns), len(taken), skipped)


def _by_number(path: Path, needed: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """Rows by the number of their dataset at OpenML."""
    for row in rows(path, ("openml_did", *needed)):
        with blamed(path, f"line {row.line}"):
            number = Settings(row.cells).whole("openml_did", -1)
        yield number, row


class _Files(NamedTuple):
    """What the files say, by the number of the dataset."""

    folder: Path
    sizes: dict[int, Row]
    errors: dict[int, Row]
    seconds: dict[int, Row]


def _dataset(
    files: _Files, number: int, listed: Listed | None, known: DatasetFact | None, provenance: str
) -> DatasetFact | str:
    """The fact of a dataset, or why it is skipped."""
    if number not in files.sizes:
        return _NO_SIZE
    row = files.sizes[number]
    with blamed(files.folder / "dataset_sizes.csv", f"line {row.line}"):
        size = Settings(row.cells)
        shape = _Shape(size.whole("n", 0), size.whole("p", 1) - 1)
    if shape.rows < 1:
        return _NO_SIZE
    if listed is not None and listed.n_rows != shape.rows:
        return _OTHER_ROWS
    if listed is not None and listed.n_classes > 1:
        n_classes, n_features, label = listed.n_classes, listed.n_features, listed.name
        metafeatures = listed.metafeatures
    elif known is not None and known.kind in CLASSES and known.n_rows == shape.rows:
        n_classes, n_features, label = known.n_classes, known.n_features, known.label or ""
        metafeatures = known.metafeatures
    else:
        return _UNKNOWN
    return DatasetFact(
        fingerprint=published_fingerprint(number),
        kind="binary" if n_classes == 2 else "multiclass",
        n_rows=shape.rows,
        n_features=n_features,
        n_classes=n_classes,
        rows_used=shape.rows,
        source=f"openml:{number}",
        provenance=provenance,
        metafeatures=metafeatures,
        openml_id=number,
        label=label or None,
        group=known.group if known is not None and known.group else shape.family,
    )


class _Shape(NamedTuple):
    """Rows, and columns of the encoded table without the target."""

    rows: int
    columns: int

    @property
    def family(self) -> str:
        """Datasets of one shape are near duplicates more often than not: 306 shapes for 418."""
        return f"shape-{self.rows}x{self.columns}"


def _evaluations(
    files: _Files, dataset: DatasetFact, keys: Mapping[str, str], provenance: str
) -> Iterator[EvaluationFact]:
    number, n_classes = int(dataset.openml_id or 0), dataset.n_classes
    row, times = files.errors[number], files.seconds.get(number)
    errors, seconds = Settings(row.cells), Settings(times.cells if times else {})
    for name, key in keys.items():
        if name not in errors:
            continue
        with blamed(files.folder / "runtime_matrix_s.csv", f"line {times.line if times else 1}"):
            of_fold = seconds.number(name, 0.0) / _FOLDS if name in seconds else None
            if of_fold is not None and of_fold < 0:
                raise Malformed(f"{name} is {seconds.number(name, 0.0):g}, not seconds")
        with blamed(files.folder / "error_matrix_ber.csv", f"line {row.line}"):
            error = errors.number(name, 0.0)
            if not 0 <= error <= 1:
                raise Malformed(f"{name} is {error:g}, not an error from 0 to 1")
            yield EvaluationFact(
                *dataset.key,
                key,
                PROTOCOL if n_classes == 2 else PROTOCOL_OF_MANY,
                0,
                "success",
                provenance,
                {"balanced_accuracy": balanced_accuracy_loss(error, n_classes)},
                of_fold,
            )
