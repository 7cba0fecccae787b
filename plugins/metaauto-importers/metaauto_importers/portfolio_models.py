"""Convert LightGBM, XGBoost, CatBoost, forests and linear models from their libraries' names.

Published portfolios (`metaauto_importers.portfolio`) use these names. A hyperparameter that they
omit has the library's default, which is repeated here where metaauto's default differs. The number
of rounds or trees is ignored: boosting stops early in metaauto, and forests are large enough in
both.
"""

from __future__ import annotations

from metaauto.api import Scalar
from metaauto_importers.translation import (
    NoEquivalent,
    Settings,
    Values,
    min_samples_leaf,
    nearest_max_features,
)

__all__ = ["catboost", "forest", "lightgbm", "lightgbm_with_features", "linear", "xgboost"]

# Lower bounds of ranges at which regularization has a negligible effect.
_NO_PENALTY = 1e-3
_NO_L1_PENALTY = 1e-6
_NO_CATEGORY_PENALTY = 5e-3
_NO_SMOOTHING = 1e-3
_MIN_BINS = 63
_ARITHMETIC = "ArithmeticFeatureGenerator"
_OF_CATEGORIES = {"CategoricalInteractionFeatureGenerator", "OOFTargetEncodingFeatureGenerator"}
_LARGEST_DROPPED_SHARE = 0.2


def lightgbm(settings: Settings, is_regression: bool, learning_rate: float = 0.05) -> Values:
    """Convert LightGBM.

    Ignored: the number of bins from 63. Bagging is on if ``bagging_freq > 0`` and
    ``bagging_fraction < 1``.
    """
    for name in ("boosting", "boosting_type"):
        settings.require(name, "gbdt")
    settings.ignore("n_estimators", "num_boost_round")
    if settings.integer("max_bin", 255) < _MIN_BINS:
        raise NoEquivalent.of("max_bin")
    share = settings.number("bagging_fraction", 1.0)
    is_bagged = settings.integer("bagging_freq", 0) > 0 and share < 1
    values: Values = {
        "learning_rate": settings.number("learning_rate", learning_rate),
        "num_leaves": settings.integer("num_leaves", 31),
        "min_data_in_leaf": settings.integer("min_data_in_leaf", 20),
        "feature_fraction": settings.number("feature_fraction", 1.0),
        "bagging": is_bagged,
        "lambda_l1": max(settings.number("lambda_l1", 0.0), _NO_L1_PENALTY),
        "lambda_l2": max(settings.number("lambda_l2", 0.0), _NO_PENALTY),
        "extra_trees": settings.boolean("extra_trees", False),
        "cat_l2": max(settings.number("cat_l2", 10.0), _NO_CATEGORY_PENALTY),
        "cat_smooth": max(settings.number("cat_smooth", 10.0), _NO_SMOOTHING),
        "max_cat_to_onehot": max(settings.integer("max_cat_to_onehot", 4), 2),
        "min_data_per_group": settings.integer("min_data_per_group", 100),
    }
    if is_bagged:
        values["bagging_fraction"] = share
    return values


def lightgbm_with_features(settings: Settings, is_regression: bool) -> Values:
    """Convert LightGBM with AutoGluon's generated features; their own settings are ignored."""
    generators = settings.names("ag.prep_params")
    settings.ignore("ag.prep_params.passthrough_types")
    if generators - {_ARITHMETIC, *_OF_CATEGORIES}:
        raise NoEquivalent.of("ag.prep_params")
    choices = {
        (True, True): "all",
        (True, False): "arithmetic",
        (False, True): "groups",
        (False, False): "none",
    }
    generate = choices[_ARITHMETIC in generators, bool(generators & _OF_CATEGORIES)]
    return {**lightgbm(settings, is_regression), "generate": generate}


def xgboost(settings: Settings, is_regression: bool, learning_rate: float = 0.1) -> Values:
    """Convert XGBoost with trees.

    Columns sampled per level are treated as sampled per node. ``max_depth`` beside ``max_leaves``
    is ignored if trees of that many leaves rarely reach it. ``min_child_weight`` below the weight
    of one row has no effect.
    """
    settings.require("booster", "gbtree")
    settings.require("tree_method", "hist", "auto")
    settings.ignore("n_estimators")
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
        is_native = settings.boolean("enable_categorical", False)
        values["categorical"] = "native" if is_native else "onehot"
    if "max_cat_to_onehot" in settings:
        values["max_cat_to_onehot"] = settings.integer("max_cat_to_onehot", 4)
    return values


def _growth(settings: Settings) -> Values:
    policy = settings.text("grow_policy", "depthwise")
    leaves = settings.integer("max_leaves", 0)
    is_deep = "max_depth" in settings
    depth = settings.integer("max_depth", 6)
    if policy == "lossguide" and leaves > 0:
        if is_deep and depth > 0 and 2**depth < 2 * leaves:
            raise NoEquivalent.of("max_depth with max_leaves")
        return {"grow_policy": policy, "max_leaves": leaves}
    if policy != "depthwise" or leaves > 0:
        raise NoEquivalent.of(f"grow_policy={policy} with max_leaves={leaves}")
    return {"grow_policy": policy, "max_depth": depth}


def catboost(settings: Settings, is_regression: bool, learning_rate: float = 0.05) -> Values:
    """Convert CatBoost with plain boosting.

    "Bernoulli" row sampling is treated as "MVS", which prefers rows with large gradients. Ignored:
    column sampling per level that drops at most a fifth of the columns, and the number of leaf
    estimation iterations.
    """
    settings.require("boosting_type", "Plain")
    settings.ignore("iterations", "leaf_estimation_iterations", "model_size_reg")
    if settings.number("colsample_bylevel", 1.0) < 1 - _LARGEST_DROPPED_SHARE:
        raise NoEquivalent.of("colsample_bylevel")
    values: Values = {
        "learning_rate": settings.number("learning_rate", learning_rate),
        "grow_policy": settings.text("grow_policy", "SymmetricTree"),
        "depth": settings.integer("depth", 6),
        "l2_leaf_reg": settings.number("l2_leaf_reg", 3.0),
        "random_strength": settings.number("random_strength", 1.0),
        "border_count": settings.integer("max_bin", 254),
        "max_ctr_complexity": settings.integer("max_ctr_complexity", 4),
    }
    if "one_hot_max_size" in settings:
        values["one_hot_max_size"] = settings.integer("one_hot_max_size", 2)
    if values["grow_policy"] == "Depthwise":
        values["min_data_in_leaf"] = settings.integer("min_data_in_leaf", 1)
    if "bootstrap_type" in settings or "subsample" in settings:
        kinds = {"Bernoulli": "MVS", "MVS": "MVS"}
        values["bootstrap_type"] = settings.choice("bootstrap_type", kinds, "MVS")
        values["subsample"] = settings.number("subsample", 0.8)
    return values


def forest(settings: Settings, is_regression: bool, max_leaf_nodes: int = 15_000) -> Values:
    """Convert random forests and extra trees, by scikit-learn's names and defaults."""
    settings.ignore("n_estimators")
    values: Values = {
        "min_samples_leaf": min_samples_leaf(settings),
        "max_leaf_nodes": settings.integer("max_leaf_nodes", max_leaf_nodes),
        "max_features": _features(settings, 1.0 if is_regression else "sqrt"),
    }
    criterion = settings.text("criterion", "squared_error" if is_regression else "gini")
    if (criterion == "squared_error") != is_regression:
        raise NoEquivalent(f"wrong task kind: criterion={criterion}")
    if not is_regression:
        values["criterion"] = criterion
        values["class_weight"] = None
    return values


def _features(settings: Settings, default: Scalar) -> Scalar:
    if "max_features" not in settings:
        return default
    if settings.is_text("max_features"):
        return settings.choice("max_features", {"sqrt": "sqrt", "log2": "log2"}, "sqrt")
    return nearest_max_features(settings.number("max_features", 1.0))


def linear(settings: Settings, is_regression: bool) -> tuple[str, Values]:
    """Convert logistic regression, or ridge regression with ``alpha = 1 / C``.

    Ignored: which skewed columns are transformed first. Lasso has no equivalent: AutoGluon fits the
    target as it is, metaauto a standardized target.
    """
    settings.ignore("proc.skew_threshold")
    values: Values = {"scale": "standard", "categorical": "onehot"}
    if "proc.impute_strategy" in settings:
        known = {"mean": "mean", "median": "median"}
        values["impute"] = settings.choice("proc.impute_strategy", known, "median")
    penalty = settings.choice("penalty", {"L1": "l1", "L2": "l2"}, "L2")
    c = settings.number("C", 1.0)
    if not is_regression:
        return "logistic", {**values, "C": c, "penalty": penalty, "class_weight": None}
    if penalty != "l2" or c <= 0:
        raise NoEquivalent.of("lasso of a target that is not standardized")
    return "ridge", {**values, "alpha": 1 / c}
