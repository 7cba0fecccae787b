"""Convert auto-sklearn's classifiers and regressors to metaauto's models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metaauto.api import Scalar
from metaauto_importers.translation import (
    UNBOUNDED_LEAVES,
    NoEquivalent,
    Settings,
    Values,
    knn_values,
    min_samples_leaf,
    nearest_max_features,
    svm_values,
)

__all__ = ["MODELS", "NO_EQUIVALENT", "Equivalent", "Table"]


@dataclass(frozen=True)
class Table:
    """The dataset that a configuration was best on.

    Parameters
    ----------
    columns : float, optional
        Number of its columns, None if unknown.
    is_numeric : bool
        Whether it has no categorical columns; False if unknown.
    """

    columns: float | None
    is_numeric: bool


@dataclass(frozen=True)
class Equivalent:
    """A model of metaauto and the conversion of auto-sklearn's hyperparameters to its values.

    Parameters
    ----------
    name : str
        Name of the model in metaauto.
    translate : callable
        Takes its hyperparameters, the table and the preprocessing values; returns values or raises
        `NoEquivalent`.
    needs_scaling : bool
        Whether the model's pipeline has a scaler in metaauto.
    is_scale_invariant : bool
        Whether shifting and scaling a column leaves the model unchanged.
    uses_class_weights : bool
        Whether auto-sklearn passes class weights to it.
    """

    name: str
    translate: Callable[[Settings, Table, Values], Values]
    needs_scaling: bool = True
    is_scale_invariant: bool = False
    uses_class_weights: bool = False


def _forest(bootstrap: str) -> Callable[[Settings, Table, Values], Values]:
    """Return the conversion of a forest: 512 trees in auto-sklearn, 200 in metaauto.

    A split considers ``columns ** max_features`` columns in classification, that share of them in
    regression. ``min_samples_split`` is ignored where it has little effect. Bootstrapping is fixed
    for each model in metaauto.
    """

    def translate(settings: Settings, table: Table, preprocessing: Values) -> Values:
        settings.require("bootstrap", bootstrap)
        settings.require("min_impurity_decrease", "0.0", "0")
        settings.require("min_weight_fraction_leaf", "0.0", "0")
        settings.require("max_depth")
        settings.require("max_leaf_nodes")
        criterion = settings.text("criterion", "gini")
        given = settings.number("max_features", 0.5)
        values: Values = {
            "min_samples_leaf": min_samples_leaf(settings),
            "max_leaf_nodes": UNBOUNDED_LEAVES,
        }
        if criterion in ("gini", "entropy"):
            values["criterion"] = criterion
            values["max_features"] = _max_features_of_power(given, table.columns)
        elif criterion in ("mse", "friedman_mse"):
            values["max_features"] = nearest_max_features(given)
        else:
            raise NoEquivalent.of(f"criterion={criterion}")
        return values

    return translate


def _max_features_of_power(power: float, columns: float | None) -> Scalar:
    if abs(power - 0.5) <= 0.05:
        return "sqrt"
    if columns is None:
        raise NoEquivalent("max_features cannot be converted: number of columns unknown")
    return nearest_max_features(max(columns, 2.0) ** (power - 1.0), columns)


def _boosting(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert histogram boosting: at most 512 rounds there, early stopping in metaauto."""
    settings.require("loss", "auto", "least_squares")
    settings.require("max_depth")
    settings.require("scoring", "loss")
    settings.ignore("early_stop", "n_iter_no_change", "tol", "validation_fraction")
    return {
        "learning_rate": settings.number("learning_rate", 0.1),
        "max_leaf_nodes": settings.integer("max_leaf_nodes", 31),
        "min_samples_leaf": settings.integer("min_samples_leaf", 20),
        "l2_regularization": max(settings.number("l2_regularization", 0.0), 1e-8),
        "max_bins": settings.integer("max_bins", 255),
        "max_features": 1.0,
    }


def _network(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert a network trained by "adam": at most 512 epochs there, early stopping in metaauto."""
    settings.require("solver", "adam")
    settings.require("batch_size", "auto")
    settings.ignore("beta_1", "beta_2", "epsilon", "shuffle", "tol")
    settings.ignore("early_stopping", "n_iter_no_change", "validation_fraction")
    return {
        "layers": settings.integer("hidden_layer_depth", 1),
        "width": settings.integer("num_nodes_per_layer", 32),
        "activation": settings.text("activation", "relu"),
        "learning_rate": settings.number("learning_rate_init", 1e-3),
        "alpha": max(settings.number("alpha", 1e-4), 1e-7),
        "batch_size": "auto",
    }


def _knn(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert k nearest neighbors, which are equal."""
    return knn_values(settings)


def _naive_bayes(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert naive Bayes; metaauto scales its probabilities, which changes no label."""
    return {"var_smoothing": 1e-9}


def _linear_discriminant(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert linear discriminant analysis, which is equal with a shrunk covariance."""
    settings.ignore("tol")
    shrinkage = settings.text("shrinkage", "None")
    factor = settings.number("shrinkage_factor", 0.5)
    if shrinkage == "auto":
        return {"shrinkage": "auto"}
    if shrinkage != "manual":
        raise NoEquivalent.of("lda without shrinkage")
    return {"shrinkage": "manual", "strength": factor}


def _quadratic_discriminant(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert quadratic discriminant analysis.

    ``reg_param`` shrinks to the identity, metaauto to the multiple of it with the same trace.
    """
    return {"shrinkage": settings.number("reg_param", 0.0)}


def _svm(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert a support vector machine.

    metaauto has ``gamma`` in units of 1 / (columns x their variance), so it can be converted only
    for numeric tables whose columns were standardized and all kept. Both standardize the target in
    regression.
    """
    settings.ignore("tol", "shrinking", "max_iter", "verbose")
    kernel = settings.text("kernel", "rbf")
    c, coef0 = settings.number("C", 1.0), settings.number("coef0", 0.0)
    gamma, degree = settings.number("gamma", 0.1), settings.integer("degree", 3)
    if kernel != "linear":
        is_known = preprocessing.get("scale") == "standard" and preprocessing["reduce"] == "none"
        if table.columns is None or not (is_known and table.is_numeric):
            raise NoEquivalent("gamma cannot be converted: scale of the columns unknown")
        gamma *= table.columns
    values = svm_values(kernel, c, gamma, degree, coef0)
    if "epsilon" in settings:
        values["epsilon"] = settings.number("epsilon", 0.1)
    return values


def _gaussian_process(settings: Settings, table: Table, preprocessing: Values) -> Values:
    """Convert a Gaussian process with an ARD kernel; metaauto learns the noise."""
    settings.ignore("alpha", "thetaL", "thetaU")
    return {"kernel": "rbf", "ard": True}


MODELS = {
    "random_forest": Equivalent(
        "random_forest", _forest("True"), needs_scaling=False, uses_class_weights=True
    ),
    "extra_trees": Equivalent(
        "extra_trees", _forest("False"), needs_scaling=False, uses_class_weights=True
    ),
    "gradient_boosting": Equivalent("hist_gradient_boosting", _boosting, needs_scaling=False),
    "mlp": Equivalent("mlp", _network),
    "k_nearest_neighbors": Equivalent("knn", _knn),
    "gaussian_nb": Equivalent("naive_bayes", _naive_bayes, is_scale_invariant=True),
    "lda": Equivalent("lda", _linear_discriminant),
    "qda": Equivalent("qda", _quadratic_discriminant),
    "libsvm_svc": Equivalent("svm", _svm, uses_class_weights=True),
    "libsvm_svr": Equivalent("svm", _svm),
    "gaussian_process": Equivalent("gaussian_process", _gaussian_process),
}

NO_EQUIVALENT = {
    "adaboost": "AdaBoost",
    "decision_tree": "decision tree",
    "liblinear_svc": "squared hinge loss",
    "liblinear_svr": "squared epsilon-insensitive loss",
    "sgd": "stochastic gradient descent",
}
