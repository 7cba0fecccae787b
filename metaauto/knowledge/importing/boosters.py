"""LightGBM, XGBoost, CatBoost, forests and linear models by the names of their own libraries.

Published portfolios (`metaauto.knowledge.importing.portfolio`) name these hyperparameters; what
they leave out has the library's default, which is written down here where ours is another one. How
many rounds or trees are grown is left out: boosting stops here when validation does, forests are
large enough in both. So is what only matters to categories with many values.
"""

from __future__ import annotations

from metaauto.components.hyperparameters import Scalar
from metaauto.knowledge.importing.translation import (
    NoCounterpart,
    Settings,
    Values,
    forest_leaf,
    nearest_features,
)

__all__ = ["catboost", "forest", "lightgbm", "linear", "xgboost"]

# Low ends of ranges where nothing is left to damp.
_NO_PENALTY = 1e-3
_NO_SMOOTHING = 0.1
# An L1 penalty on a leaf of at most this much gradient matters little beside the others.
_LITTLE_L1 = 1.0
_FEWEST_BINS = 63
_MOST_COLUMNS_LEFT_OUT = 0.2


def lightgbm(settings: Settings, is_regression: bool, learning_rate: float = 0.05) -> Values:
    """LightGBM.

    Judged equal with up to 1 of L1 penalty, which ours has not, and with 63 bins or more. Bagging
    counts where it is done in some round and leaves out rows.
    """
    for name in ("boosting", "boosting_type"):
        settings.only(name, "gbdt")
    settings.drop("n_estimators", "num_boost_round", "cat_l2", "max_cat_to_onehot")
    if settings.number("lambda_l1", 0.0) > _LITTLE_L1:
        raise NoCounterpart("lambda_l1 is not ours")
    if settings.whole("max_bin", 255) < _FEWEST_BINS:
        raise NoCounterpart("max_bin is not ours")
    share = settings.number("bagging_fraction", 1.0)
    is_bagged = settings.whole("bagging_freq", 0) > 0 and share < 1
    values: Values = {
        "learning_rate": settings.number("learning_rate", learning_rate),
        "num_leaves": settings.whole("num_leaves", 31),
        "min_data_in_leaf": settings.whole("min_data_in_leaf", 20),
        "feature_fraction": settings.number("feature_fraction", 1.0),
        "bagging": is_bagged,
        "lambda_l2": max(settings.number("lambda_l2", 0.0), _NO_PENALTY),
        "extra_trees": settings.flag("extra_trees", False),
        "cat_smooth": max(settings.number("cat_smooth", 10.0), _NO_SMOOTHING),
        "min_data_per_group": settings.whole("min_data_per_group", 100),
    }
    if is_bagged:
        values["bagging_fraction"] = share
    return values


def xgboost(settings: Settings, is_regression: bool, learning_rate: float = 0.1) -> Values:
    """XGBoost with trees.

    Judged equal with columns drawn per level instead of per node, which happens as often, and with
    a depth beside a number of leaves where such trees hardly grow that deep. Below the weight of
    one row ``min_child_weight`` forbids nothing.
    """
    settings.only("booster", "gbtree")
    settings.only("tree_method", "hist", "auto")
    settings.drop("n_estimators")
    columns = settings.number("colsample_bylevel", 1.0) * settings.number("colsample_bynode", 1.0)
    one_row = 0.5 if is_regression else 0.1
    values: Values = {
        "learning_rate": settings.number("learning_rate", learning_rate),
        "min_child_weight": max(settings.number("min_child_weight", 1.0), one_row),
        "subsample": settings.number("subsample", 1.0),
        "colsample_bytree": settings.number("colsample_bytree", 1.0),
        "colsample_bynode": columns,
        "reg_lambda": max(settings.number("reg_lambda", 1.0), _NO_PENALTY),
        "reg_alpha": max(settings.number("reg_alpha", 0.0), _NO_PENALTY),
        **_growth(settings),
    }
    if "enable_categorical" in settings:
        is_native = settings.flag("enable_categorical", False)
        values["categorical"] = "native" if is_native else "onehot"
    if "max_cat_to_onehot" in settings:
        values["max_cat_to_onehot"] = settings.whole("max_cat_to_onehot", 4)
    return values


def _growth(settings: Settings) -> Values:
    policy = settings.text("grow_policy", "depthwise")
    leaves = settings.whole("max_leaves", 0)
    is_deep = "max_depth" in settings
    depth = settings.whole("max_depth", 6)
    if policy == "lossguide" and leaves > 0:
        if is_deep and depth > 0 and 2**depth < 2 * leaves:
            raise NoCounterpart("max_depth beside max_leaves is not ours")
        return {"grow_policy": policy, "max_leaves": leaves}
    if policy != "depthwise" or leaves > 0:
        raise NoCounterpart(f"grow_policy={policy} without or beside its bound is not ours")
    return {"grow_policy": policy, "max_depth": depth}


def catboost(settings: Settings, is_regression: bool, learning_rate: float = 0.05) -> Values:
    """CatBoost with plain boosting.

    Judged equal with rows drawn at random ("Bernoulli") where ours prefers those of large
    gradients, with at most a fifth of the columns left out per level, and with other numbers of
    steps for a leaf's value.
    """
    settings.only("boosting_type", "Plain")
    settings.drop("iterations", "leaf_estimation_iterations", "model_size_reg")
    if settings.number("colsample_bylevel", 1.0) < 1 - _MOST_COLUMNS_LEFT_OUT:
        raise NoCounterpart("colsample_bylevel is not ours")
    values: Values = {
        "learning_rate": settings.number("learning_rate", learning_rate),
        "grow_policy": settings.text("grow_policy", "SymmetricTree"),
        "depth": settings.whole("depth", 6),
        "l2_leaf_reg": settings.number("l2_leaf_reg", 3.0),
        "random_strength": settings.number("random_strength", 1.0),
        "border_count": settings.whole("max_bin", 254),
        "max_ctr_complexity": settings.whole("max_ctr_complexity", 4),
    }
    if "one_hot_max_size" in settings:
        values["one_hot_max_size"] = settings.whole("one_hot_max_size", 2)
    if values["grow_policy"] == "Depthwise":
        values["min_data_in_leaf"] = settings.whole("min_data_in_leaf", 1)
    if "bootstrap_type" in settings or "subsample" in settings:
        kinds = {"Bernoulli": "MVS", "MVS": "MVS"}
        values["bootstrap_type"] = settings.choice("bootstrap_type", kinds, "MVS")
        values["subsample"] = settings.number("subsample", 0.8)
    return values


def forest(settings: Settings, is_regression: bool, max_leaf_nodes: int = 15_000) -> Values:
    """Random forests and extremely randomised trees, by scikit-learn's names and defaults."""
    settings.drop("n_estimators")
    values: Values = {
        "min_samples_leaf": forest_leaf(settings),
        "max_leaf_nodes": settings.whole("max_leaf_nodes", max_leaf_nodes),
        "max_features": _features(settings, 1.0 if is_regression else "sqrt"),
    }
    criterion = settings.text("criterion", "squared_error" if is_regression else "gini")
    if (criterion == "squared_error") != is_regression:
        raise NoCounterpart(f"criterion={criterion} is for other tasks")
    if not is_regression:
        values["criterion"] = criterion
        values["class_weight"] = None
    return values


def _features(settings: Settings, default: Scalar) -> Scalar:
    if "max_features" not in settings:
        return default
    if settings.is_text("max_features"):
        return settings.choice("max_features", {"sqrt": "sqrt", "log2": "log2"}, "sqrt")
    return nearest_features(settings.number("max_features", 1.0))


def linear(settings: Settings, is_regression: bool) -> tuple[str, Values]:
    """Logistic regression, and ridge regression for numbers, where alpha is 1 / C.

    Judged equal whichever skewed columns are made normal first. Lasso there sees the target in its
    own unit, ours standardised.
    """
    settings.drop("proc.skew_threshold")
    values: Values = {"scale": "standard", "categorical": "onehot"}
    if "proc.impute_strategy" in settings:
        known = {"mean": "mean", "median": "median"}
        values["impute"] = settings.choice("proc.impute_strategy", known, "median")
    penalty = settings.choice("penalty", {"L1": "l1", "L2": "l2"}, "L2")
    c = settings.number("C", 1.0)
    if not is_regression:
        return "logistic", {**values, "C": c, "penalty": penalty, "class_weight": None}
    if penalty != "l2" or c <= 0:
        raise NoCounterpart("the lasso of a target in its own unit is not ours")
    return "ridge", {**values, "alpha": 1 / c}
