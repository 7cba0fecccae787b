"""auto-sklearn's classifiers and regressors, as our models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metaauto.components.hyperparameters import Scalar
from metaauto.knowledge.importing.translation import (
    UNBOUNDED_LEAVES,
    NoCounterpart,
    Settings,
    Values,
    forest_leaf,
    nearest_features,
    neighbours,
    support_vectors,
)

__all__ = ["MODELS", "NOT_OURS", "Counterpart", "Table"]


@dataclass(frozen=True)
class Table:
    """What a configuration was best on.

    Parameters
    ----------
    columns : float, optional
        Number of its columns, None if not known.
    is_numeric : bool
        Whether it is known to have no categorical columns.
    """

    columns: float | None
    is_numeric: bool


@dataclass(frozen=True)
class Counterpart:
    """One of our models, and how its values follow from auto-sklearn's.

    Parameters
    ----------
    name : str
        Name of our model.
    translate : callable
        From its own settings, the table and the chosen steps to values; raises `NoCounterpart`.
    takes_scale : bool
        Whether our model wants columns on one scale.
    affine : bool
        Whether it is the same for columns of another origin and unit.
    weighs_classes : bool
        Whether auto-sklearn hands it the weights of classes.
    """

    name: str
    translate: Callable[[Settings, Table, Values], Values]
    takes_scale: bool = True
    affine: bool = False
    weighs_classes: bool = False


def _forest(bootstrap: str) -> Callable[[Settings, Table, Values], Values]:
    """Forests of 512 trees there, 200 here.

    Classification looks at ``columns ** max_features`` columns, regression at that share of them.
    A bound on the rows of a split is left out where it hardly binds. Whether rows are drawn with
    replacement is fixed here, and is a matter of the model.
    """

    def translate(settings: Settings, table: Table, steps: Values) -> Values:
        settings.only("bootstrap", bootstrap)
        settings.only("min_impurity_decrease", "0.0", "0")
        settings.only("min_weight_fraction_leaf", "0.0", "0")
        settings.only("max_depth")
        settings.only("max_leaf_nodes")
        criterion = settings.text("criterion", "gini")
        given = settings.number("max_features", 0.5)
        values: Values = {
            "min_samples_leaf": forest_leaf(settings),
            "max_leaf_nodes": UNBOUNDED_LEAVES,
        }
        if criterion in ("gini", "entropy"):
            values["criterion"] = criterion
            values["max_features"] = _features_of_power(given, table.columns)
        elif criterion in ("mse", "friedman_mse"):
            values["max_features"] = nearest_features(given)
        else:
            raise NoCounterpart(f"criterion={criterion} is not ours")
        return values

    return translate


def _features_of_power(power: float, columns: float | None) -> Scalar:
    if abs(power - 0.5) <= 0.05:
        return "sqrt"
    if columns is None:
        raise NoCounterpart("max_features depends on columns that are not known")
    return nearest_features(max(columns, 2.0) ** (power - 1.0), columns)


def _boosting(settings: Settings, table: Table, steps: Values) -> Values:
    """Histogram boosting of at most 512 rounds there, until validation stops it here."""
    settings.only("loss", "auto", "least_squares")
    settings.only("max_depth")
    settings.only("scoring", "loss")
    settings.drop("early_stop", "n_iter_no_change", "tol", "validation_fraction")
    return {
        "learning_rate": settings.number("learning_rate", 0.1),
        "max_leaf_nodes": settings.whole("max_leaf_nodes", 31),
        "min_samples_leaf": settings.whole("min_samples_leaf", 20),
        "l2_regularization": max(settings.number("l2_regularization", 0.0), 1e-8),
        "max_bins": settings.whole("max_bins", 255),
        "max_features": 1.0,
    }


def _network(settings: Settings, table: Table, steps: Values) -> Values:
    """Layers of equal width trained by "adam", at most 512 epochs there; ours keeps the best."""
    settings.only("solver", "adam")
    settings.only("batch_size", "auto")
    settings.drop("beta_1", "beta_2", "epsilon", "shuffle", "tol")
    settings.drop("early_stopping", "n_iter_no_change", "validation_fraction")
    return {
        "layers": settings.whole("hidden_layer_depth", 1),
        "width": settings.whole("num_nodes_per_layer", 32),
        "activation": settings.text("activation", "relu"),
        "learning_rate": settings.number("learning_rate_init", 1e-3),
        "alpha": max(settings.number("alpha", 1e-4), 1e-7),
        "batch_size": "auto",
    }


def _neighbours(settings: Settings, table: Table, steps: Values) -> Values:
    """The same."""
    return neighbours(settings)


def _naive_bayes(settings: Settings, table: Table, steps: Values) -> Values:
    """Ours tempers the probabilities, which changes no label; the smoothing is scikit-learn's."""
    return {"var_smoothing": 1e-9}


def _linear_discriminant(settings: Settings, table: Table, steps: Values) -> Values:
    """The same where the covariance is shrunk."""
    settings.drop("tol")
    shrinkage = settings.text("shrinkage", "None")
    factor = settings.number("shrinkage_factor", 0.5)
    if shrinkage == "auto":
        return {"shrinkage": "auto"}
    if shrinkage != "manual":
        raise NoCounterpart("discriminants without shrinkage are not ours")
    return {"shrinkage": "manual", "strength": factor}


def _quadratic_discriminant(settings: Settings, table: Table, steps: Values) -> Values:
    """``reg_param`` shrinks to the identity, ours to its multiple of the same trace."""
    return {"shrinkage": settings.number("reg_param", 0.0)}


def _support_vectors(settings: Settings, table: Table, steps: Values) -> Values:
    """The same machines; ours take ``gamma`` in units of 1 / (columns times their variance).

    So it can be told only for a table of numbers whose columns were standardised and all kept. In
    regression both put the target on one scale first.
    """
    settings.drop("tol", "shrinking", "max_iter", "verbose")
    kernel = settings.text("kernel", "rbf")
    c, coef0 = settings.number("C", 1.0), settings.number("coef0", 0.0)
    gamma, degree = settings.number("gamma", 0.1), settings.whole("degree", 3)
    if kernel != "linear":
        is_known = steps.get("scale") == "standard" and steps["reduce"] == "none"
        if table.columns is None or not (is_known and table.is_numeric):
            raise NoCounterpart("gamma depends on columns whose scale is not known")
        gamma *= table.columns
    values = support_vectors(kernel, c, gamma, degree, coef0)
    if "epsilon" in settings:
        values["epsilon"] = settings.number("epsilon", 0.1)
    return values


def _gaussian_process(settings: Settings, table: Table, steps: Values) -> Values:
    """A radial kernel with a length for each column; ours learns the noise and has other bounds."""
    settings.drop("alpha", "thetaL", "thetaU")
    return {"kernel": "rbf", "ard": True}


MODELS = {
    "random_forest": Counterpart(
        "random_forest", _forest("True"), takes_scale=False, weighs_classes=True
    ),
    "extra_trees": Counterpart(
        "extra_trees", _forest("False"), takes_scale=False, weighs_classes=True
    ),
    "gradient_boosting": Counterpart("hist_gradient_boosting", _boosting, takes_scale=False),
    "mlp": Counterpart("mlp", _network),
    "k_nearest_neighbors": Counterpart("knn", _neighbours),
    "gaussian_nb": Counterpart("naive_bayes", _naive_bayes, affine=True),
    "lda": Counterpart("lda", _linear_discriminant),
    "qda": Counterpart("qda", _quadratic_discriminant),
    "libsvm_svc": Counterpart("svm", _support_vectors, weighs_classes=True),
    "libsvm_svr": Counterpart("svm", _support_vectors),
    "gaussian_process": Counterpart("gaussian_process", _gaussian_process),
}

NOT_OURS = {
    "adaboost": "AdaBoost is not ours",
    "decision_tree": "a single tree is not ours",
    "liblinear_svc": "squared hinge loss is not ours",
    "liblinear_svr": "squared epsilon-insensitive loss is not ours",
    "sgd": "training by stochastic gradients is not ours",
}
