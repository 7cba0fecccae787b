"""Built-in models, based on scikit-learn and NumPy."""

from __future__ import annotations

from metaauto.api import Model
from metaauto.builtin.models.baseline import DUMMY
from metaauto.builtin.models.boosting import HIST_GRADIENT_BOOSTING
from metaauto.builtin.models.discriminant import LDA, NAIVE_BAYES, QDA
from metaauto.builtin.models.forest import EXTRA_TREES, RANDOM_FOREST
from metaauto.builtin.models.kernel import GAUSSIAN_PROCESS, SVM
from metaauto.builtin.models.linear import ELASTIC_NET, LOGISTIC, RIDGE
from metaauto.builtin.models.neighbours import KNN
from metaauto.builtin.models.network import NETWORK
from metaauto.builtin.models.neural import MLP

__all__ = ["MODELS"]

MODELS: tuple[Model, ...] = (
    DUMMY,
    ELASTIC_NET,
    EXTRA_TREES,
    GAUSSIAN_PROCESS,
    HIST_GRADIENT_BOOSTING,
    KNN,
    LDA,
    LOGISTIC,
    MLP,
    NAIVE_BAYES,
    NETWORK,
    QDA,
    RANDOM_FOREST,
    RIDGE,
    SVM,
)
