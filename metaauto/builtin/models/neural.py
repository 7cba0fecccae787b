"""Multilayer perceptron with early stopping that keeps the weights of the best epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, FitContext, Float, Int, Model, Tags
from metaauto.builtin.models.fitting import (
    ignore_solver_warnings,
    keep_prediction_state,
    validation_rows,
)

__all__ = ["MLP"]

# Training ends after this many epochs, or this many updates if that is more.
MAX_EPOCHS = 120
MIN_UPDATES = 2_000
# Epochs, or updates, without a better validation loss before training stops.
PATIENCE = 12
PATIENCE_UPDATES = 300
# Smallest improvement that counts, as a share of the loss after the first epoch.
MIN_IMPROVEMENT = 1e-3
# Rows between two checks of the deadline.
ROWS_PER_CALL = 8_192
# The attributes that predict and predict_proba use.
PREDICTION_STATE = (
    "classes_",
    "coefs_",
    "feature_names_in_",
    "intercepts_",
    "n_features_in_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "_label_binarizer",
)


def _build(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if context.is_classification else MLPRegressor
    return kind(
        hidden_layer_sizes=(values["width"],) * values["layers"],
        activation=values["activation"],
        learning_rate_init=values["learning_rate"],
        alpha=values["alpha"],
        batch_size=_batch_size(values["batch_size"], context.n_rows),
        shuffle=False,
        max_iter=1_000_000,
        random_state=context.seed,
    )


def _batch_size(size: Any, n_rows: int) -> int:
    if size == "auto":
        size = 32 if n_rows < 2_000 else 64 if n_rows < 10_000 else 128 if n_rows < 50_000 else 256
    return max(1, min(size, n_rows))


def _fit(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    import numpy as np

    target = np.asarray(y)
    mean, scale = 0.0, 1.0
    if not context.is_classification:
        target = target.astype(float)
        mean = float(np.average(target, weights=context.sample_weight))
        scale = float(target.std()) or 1.0
        target = (target - mean) / scale
    training = _Training(estimator, X.astype(np.float32), target, context)
    validation = validation_rows(y, context)
    if validation is not None:
        rows, truth, weight = validation
        truth = (truth - mean) / scale if not context.is_classification else truth
        validation = rows.astype(np.float32), truth, weight
    training.run(validation)
    if not context.is_classification:
        # The output layer is linear: fold the target's mean and scale into it.
        estimator.coefs_[-1] = estimator.coefs_[-1] * scale
        estimator.intercepts_[-1] = estimator.intercepts_[-1] * scale + mean
    keep_prediction_state(estimator, PREDICTION_STATE)
    return estimator


class _Training:
    """One training run, epoch by epoch."""

    def __init__(self, estimator: Any, X: Any, y: Any, context: FitContext) -> None:
        import numpy as np
        from sklearn.utils.validation import has_fit_parameter

        self.estimator, self.X, self.y = estimator, X, y
        self.weight = context.sample_weight
        if self.weight is not None:
            self.weight = np.asarray(self.weight, dtype=float)
        self.takes_weight = has_fit_parameter(estimator, "sample_weight")
        self.deadline = context.deadline
        self.random = np.random.default_rng(context.seed)
        self.classes = np.unique(y) if context.is_classification else None
        updates = math.ceil(len(y) / estimator.batch_size)
        self.epochs = max(MAX_EPOCHS, math.ceil(MIN_UPDATES / updates))
        self.patience = max(PATIENCE, math.ceil(PATIENCE_UPDATES / updates))

    def run(self, validation: tuple[Any, Any, Any] | None) -> None:
        """Train until early stopping or the deadline; restore the best weights."""
        best_loss, best = float("inf"), None
        reference, reference_epoch, min_improvement = float("inf"), 0, 0.0
        for epoch in range(self.epochs):
            try:
                with ignore_solver_warnings():
                    in_time = self._epoch()
            except ValueError:
                # scikit-learn raises this when the weights overflow.
                if best is None:
                    raise
                break
            loss = self._loss(validation)
            if loss < best_loss:
                best_loss, best = loss, self._weights()
            if epoch == 0:
                min_improvement = MIN_IMPROVEMENT * loss if math.isfinite(loss) else 0.0
            if loss < reference - min_improvement:
                reference, reference_epoch = loss, epoch
            if not in_time or epoch - reference_epoch >= self.patience:
                break
        if best is not None:
            self.estimator.coefs_, self.estimator.intercepts_ = best

    def _epoch(self) -> bool:
        """Train one epoch; return False if the deadline passed."""
        order = self._order()
        for start in range(0, len(order), ROWS_PER_CALL):
            rows = order[start : start + ROWS_PER_CALL]
            settings = {} if self.classes is None else {"classes": self.classes}
            if self.weight is not None and self.takes_weight:
                settings["sample_weight"] = self.weight[rows]
            self.estimator.partial_fit(self.X[rows], self.y[rows], **settings)
            if self.deadline.passed():
                return False
        return True

    def _order(self) -> Any:
        """Return the rows of this epoch in random order, without rows of weight zero."""
        n_rows = len(self.y)
        if self.weight is None:
            return self.random.permutation(n_rows)
        if self.takes_weight:
            order = self.random.permutation(n_rows)
            return order[self.weight[order] > 0]
        # scikit-learn < 1.7 has no sample weights here: sample rows in proportion to their weight.
        return self.random.choice(n_rows, n_rows, p=self.weight / self.weight.sum())

    def _weights(self) -> tuple[list[Any], list[Any]]:
        return (
            [layer.copy() for layer in self.estimator.coefs_],
            [layer.copy() for layer in self.estimator.intercepts_],
        )

    def _loss(self, validation: tuple[Any, Any, Any] | None) -> float:
        import numpy as np

        if validation is None:
            return float(self.estimator.loss_)
        X, y, weight = validation
        if self.classes is None:
            losses = (self.estimator.predict(X) - y) ** 2
        else:
            proba = self.estimator.predict_proba(X)
            true_class = proba[np.arange(len(y)), np.searchsorted(self.classes, y)]
            losses = -np.log(np.clip(true_class, 1e-7, 1.0))
        loss = float(np.average(losses, weights=weight))
        return loss if math.isfinite(loss) else float("inf")


MLP = Model(
    name="mlp",
    build=_build,
    fit=_fit,
    space={
        "layers": Int(1, 4, 2),
        "width": Int(16, 512, 128, log=True),
        "activation": Choice(("relu", "tanh"), "relu"),
        "learning_rate": Float(1e-4, 3e-2, 2e-3, log=True),
        "alpha": Float(1e-7, 1.0, 1e-2, log=True),
        "batch_size": Choice(("auto", 32, 128, 512), "auto"),
    },
    tags=Tags(
        accepts_sparse=True,
        needs_scaling=True,
        accepts_sample_weight=True,
        uses_early_stopping=True,
        keeps_deadline=True,
    ),
    portfolio=(
        {"layers": 3, "width": 160, "alpha": 1e-4, "learning_rate": 1e-3},
        {"layers": 1, "width": 160, "alpha": 0.1, "learning_rate": 3e-3},
        {"layers": 3, "width": 176, "activation": "tanh", "alpha": 0.05, "learning_rate": 5e-4},
    ),
    max_classes=1000,
    cost=1.7,
)
