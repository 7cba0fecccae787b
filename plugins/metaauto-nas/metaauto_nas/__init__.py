"""Networks whose architecture and training recipe metaauto searches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metaauto.api import (
    BuildContext,
    Choice,
    Deadline,
    FitContext,
    FitTask,
    FittedTask,
    Float,
    Int,
    Model,
    Register,
    Space,
    Tags,
    hookimpl,
)

_SPACE: Space = {
    "layers": Int(1, 4, 2),
    "width": Int(32, 256, 128, log=True),
    "activation": Choice(("mish", "selu", "relu")),
    "residual": Choice((False, True), when={"layers": (2, 3, 4)}),
    "members": Choice((1, 4, 8), 4),
    "front_scaling": Choice((True, False), when={"members": (1,)}),
    "encoding": Choice(("piecewise_linear", "periodic", "none")),
    "bins": Int(4, 32, 8, log=True, when={"encoding": ("piecewise_linear", "periodic")}),
    "dropout": Float(0.0, 0.5, 0.1),
    "learning_rate": Float(3e-4, 1e-2, 3e-3, log=True),
    "weight_decay": Float(1e-3, 3.0, 0.1, log=True),
    "schedule": Choice(("flat_cosine", "cosines")),
}
_SMOOTHING: Space = {"label_smoothing": Choice((0.0, 0.05, 0.1))}

PORTFOLIO = (
    {"layers": 3, "learning_rate": 2e-3},
    {"width": 64, "members": 8, "bins": 16},
    {"layers": 3, "residual": True, "activation": "selu", "encoding": "periodic"},
    {"layers": 1, "width": 256, "weight_decay": 0.5},
)
FEW_ROWS, SOME_ROWS = 1_500, 10_000
# Bounds of a search: seconds of one worker, training rows, columns, classes, configurations.
LEAST_SECONDS, MOST_ROWS, MOST_FEATURES, MOST_CLASSES, MOST_TOGETHER = 20.0, 2_500, 100, 30, 12


def space(kind: str) -> Space:
    """Return the ranges of an architecture with its recipe; smoothing is for classes only."""
    return _SPACE if kind == "regression" else {**_SPACE, **_SMOOTHING}


def build(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Build an unfitted estimator for the task."""
    # Imported here, so that its seconds do not count as those of the fit.
    import metaauto_nas.training  # noqa: F401
    from metaauto_nas.estimator import NetworkSearchClassifier, NetworkSearchRegressor

    rows = context.n_rows
    batch = 64 if rows < FEW_ROWS else 128 if rows < SOME_ROWS else 256
    settings = {**values, "batch_size": batch}
    kind = NetworkSearchClassifier if context.is_classification else NetworkSearchRegressor
    return kind(**settings, categorical=context.categorical, random_state=context.seed)


def fit(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    """Fit one network; the validation part of the fold is not used."""
    return estimator.fit(X, y, context.sample_weight, context.deadline)


def fit_many(tasks: Sequence[FitTask], deadline: Deadline) -> Iterator[FittedTask]:
    """Fit configurations on all folds together; the worse ones stop early."""
    from metaauto_nas.training import HALVING, Network, train

    seeds: dict[int, int] = {}
    prepared: dict[Any, Any] = {}
    networks = {}
    for task in tasks:
        # Configurations are compared on the same rows of a fold.
        seed = seeds.setdefault(task.fold, task.context.seed)
        estimator = build(task.values, task.context)
        network = Network(
            estimator,
            task.X,
            task.y,
            task.context.sample_weight,
            seed=seed,
            prepared=prepared,
            configuration=task.configuration,
        )
        networks[network] = task
    for network, share in train(list(networks), deadline, HALVING):
        yield FittedTask(networks[network], network.estimator, share)


def joint_size(context: BuildContext, n_folds: int, seconds: float) -> int:
    """Return the number of configurations to fit together: none on large tables, or in a hurry.

    A network is too expensive for a search above `MOST_ROWS` rows and `MOST_FEATURES` columns:
    several at once then only train each one less.
    """
    if seconds < LEAST_SECONDS or context.n_rows > MOST_ROWS:
        return 1
    if context.n_features > MOST_FEATURES or context.n_classes > MOST_CLASSES:
        return 1
    return MOST_TOGETHER if seconds >= 2 * LEAST_SECONDS else MOST_TOGETHER // 2


@hookimpl
def register_models(register: Register) -> None:
    """Register the model ``nas``; without torch, its saved models only."""
    register.model(
        Model(
            name="nas",
            build=build,
            fit=fit,
            fit_many=fit_many,
            joint_size=joint_size,
            space=space,
            portfolio=PORTFOLIO,
            tags=Tags(
                accepts_nan=True,
                accepts_categories=True,
                accepts_sample_weight=True,
                keeps_deadline=True,
            ),
            max_classes=1000,
            cost=4.0,
            fit_requires=("torch",),
            trusted=(
                "metaauto_nas.estimator.NetworkSearchClassifier",
                "metaauto_nas.estimator.NetworkSearchRegressor",
            ),
        )
    )


@hookimpl
def register_report_sections(register: Register) -> None:
    """Register the section about the networks of the ensemble."""
    from metaauto_nas.report import SECTION

    register.report_section(SECTION)
