"""What stands before the model in auto-sklearn's pipelines, as choices of our slots."""

from __future__ import annotations

from metaauto.knowledge.importing.translation import NoCounterpart, Settings, Values

__all__ = ["prepared"]

_COLUMNS = "data_preprocessor:feature_type:"
_CATEGORIES = f"{_COLUMNS}categorical_transformer:"
_NUMBERS = f"{_COLUMNS}numerical_transformer:"
_SCALE = f"{_NUMBERS}rescaling:"
_FEATURES = "feature_preprocessor:"

_SCALES = {
    "standardize": "standard",
    "robust_scaler": "robust",
    "quantile_transformer": "quantile",
    "none": "none",
}
_OF_TREES = (*_SCALES, "minmax", "power_transformer")
_AFFINE = ("minmax", "robust_scaler", "none")
_SCORES = {"f_classif": "variance_ratio", "f_regression": "variance_ratio"}
# The range of our one-hot encoder's min_frequency, and a little around it.
_RARE = (0.0001, 0.1)


def prepared(settings: Settings, takes_scale: bool, affine: bool) -> Values:
    """Choices of our slots that mean the same as the steps of a pipeline.

    Judged equal
        Imputation by mean or median, and by the most frequent value as by the median. One-hot
        encoding, with rare categories merged below the same share of the rows; categories left as
        numbers are our ordinal encoding by value, which models on scaled columns do not take.
        Standard, robust and quantile scales and none; for a model that does not mind where a column
        starts and how long its unit is, all of the affine ones. Principal components of
        standardised columns, not whitened. The share of columns with the highest F statistic or
        mutual information.

    Parameters
    ----------
    settings : Settings
        All hyperparameters but the model's own.
    takes_scale : bool
        Whether our model wants columns on one scale.
    affine : bool
        Whether the model is the same for columns on another scale and of another origin.

    Raises
    ------
    NoCounterpart
        If a step is nothing that we have.
    """
    settings.only("data_preprocessor:__choice__", "feature_type")
    steps: Values = {}
    imputation = {"mean": "mean", "median": "median", "most_frequent": "median"}
    steps["impute"] = settings.choice(f"{_NUMBERS}imputation:strategy", imputation, "mean")
    _categories(settings, takes_scale, steps)
    _scale(settings, takes_scale, affine, steps)
    _features(settings, steps)
    return steps


def _categories(settings: Settings, takes_scale: bool, steps: Values) -> None:
    encoding = settings.text(f"{_CATEGORIES}categorical_encoding:__choice__", "one_hot_encoding")
    coalescence = f"{_CATEGORIES}category_coalescence:"
    is_merged = settings.text(f"{coalescence}__choice__", "") == "minority_coalescer"
    rare = settings.number(f"{coalescence}minority_coalescer:minimum_fraction", 0.0)
    if encoding == "one_hot_encoding":
        steps["categorical"] = "onehot"
        if is_merged and _RARE[0] <= rare <= _RARE[1]:
            steps["categorical.onehot.min_frequency"] = rare
    elif encoding == "no_encoding":
        if not takes_scale:
            steps.update({"categorical": "ordinal", "categorical.ordinal.order": "value"})
    else:
        raise NoCounterpart(f"categorical_encoding={encoding} is not ours")


def _scale(settings: Settings, takes_scale: bool, affine: bool, steps: Values) -> None:
    scale = settings.text(f"{_SCALE}__choice__", "none")
    settings.drop(
        f"{_SCALE}quantile_transformer:n_quantiles",
        f"{_SCALE}quantile_transformer:output_distribution",
        f"{_SCALE}robust_scaler:q_max",
        f"{_SCALE}robust_scaler:q_min",
    )
    if takes_scale and affine and scale in _AFFINE:
        scale = "standardize"
    if scale not in (_SCALES if takes_scale else _OF_TREES):
        raise NoCounterpart(f"rescaling={scale} is not ours")
    if takes_scale:
        steps["scale"] = _SCALES[scale]
        if scale == "robust_scaler":
            steps["scale.robust.smooth_clip"] = False


def _features(settings: Settings, steps: Values) -> None:
    choice = settings.text(f"{_FEATURES}__choice__", "no_preprocessing")
    own = f"{_FEATURES}{choice}:"
    if choice == "no_preprocessing":
        steps["reduce"] = "none"
    elif choice == "pca":
        if settings.flag(f"{own}whiten", False):
            raise NoCounterpart("feature_preprocessor=pca with whitening is not ours")
        if settings.text(f"{_SCALE}__choice__", "none") != "standardize":
            raise NoCounterpart("feature_preprocessor=pca on other scales is not ours")
        kept = settings.number(f"{own}keep_variance", 0.9999)
        steps.update({"reduce": "pca", "reduce.pca.variance": min(kept, 0.999)})
    elif choice in ("select_percentile_classification", "select_percentile_regression"):
        score = settings.text(f"{own}score_func", "f_classif")
        if not score.startswith("mutual_info") and score not in _SCORES:
            raise NoCounterpart(f"feature_preprocessor=select_percentile by {score} is not ours")
        share = settings.number(f"{own}percentile", 50.0) / 100
        steps.update({"reduce": "select", "reduce.select.share": share})
        steps["reduce.select.score"] = _SCORES.get(score, "mutual_information")
    else:
        raise NoCounterpart(f"feature_preprocessor={choice} is not ours")
