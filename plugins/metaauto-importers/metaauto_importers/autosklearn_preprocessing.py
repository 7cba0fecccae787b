"""Convert the preprocessing steps of auto-sklearn's pipelines to metaauto's slots."""

from __future__ import annotations

from metaauto_importers.translation import NoEquivalent, Settings, Values

__all__ = ["preprocessing_values"]

_COLUMNS = "data_preprocessor:feature_type:"
_CATEGORIES = f"{_COLUMNS}categorical_transformer:"
_NUMBERS = f"{_COLUMNS}numerical_transformer:"
_SCALE = f"{_NUMBERS}rescaling:"
_FEATURES = "feature_preprocessor:"

_SCALERS = {
    "standardize": "standard",
    "robust_scaler": "robust",
    "quantile_transformer": "quantile",
    "none": "none",
}
_TREE_SCALERS = (*_SCALERS, "minmax", "power_transformer")
_AFFINE = ("minmax", "robust_scaler", "none")
_SCORES = {"f_classif": "variance_ratio", "f_regression": "variance_ratio"}
# The range of min_frequency in metaauto's one-hot encoder, with a tolerance.
_MIN_FREQUENCY = (0.0001, 0.1)


def preprocessing_values(
    settings: Settings, needs_scaling: bool, is_scale_invariant: bool
) -> Values:
    """Return the values of metaauto's slots that are equivalent to the steps of a pipeline.

    Treated as equal
        Imputation by mean or median, and by the most frequent value as by the median. One-hot
        encoding, with rare categories merged below the same share of the rows; categories left as
        numbers are metaauto's ordinal encoding by value, which models that need scaling do not
        accept. The standard, robust and quantile scalers and none; for a scale-invariant model all
        affine scalers. PCA of standardized columns without whitening. The share of columns with the
        highest F statistic or mutual information.

    Parameters
    ----------
    settings : Settings
        All hyperparameters except the model's own.
    needs_scaling, is_scale_invariant : bool
        As in `autosklearn_models.Equivalent`.

    Raises
    ------
    NoEquivalent
        If a step has no equivalent.
    """
    settings.require("data_preprocessor:__choice__", "feature_type")
    steps: Values = {}
    imputation = {"mean": "mean", "median": "median", "most_frequent": "median"}
    steps["impute"] = settings.choice(f"{_NUMBERS}imputation:strategy", imputation, "mean")
    _categories(settings, needs_scaling, steps)
    _scale(settings, needs_scaling, is_scale_invariant, steps)
    _features(settings, steps)
    return steps


def _categories(settings: Settings, needs_scaling: bool, steps: Values) -> None:
    encoding = settings.text(f"{_CATEGORIES}categorical_encoding:__choice__", "one_hot_encoding")
    coalescence = f"{_CATEGORIES}category_coalescence:"
    is_merged = settings.text(f"{coalescence}__choice__", "") == "minority_coalescer"
    rare = settings.number(f"{coalescence}minority_coalescer:minimum_fraction", 0.0)
    if encoding == "one_hot_encoding":
        steps["categorical"] = "onehot"
        if is_merged and _MIN_FREQUENCY[0] <= rare <= _MIN_FREQUENCY[1]:
            steps["categorical.onehot.min_frequency"] = rare
    elif encoding == "no_encoding":
        if not needs_scaling:
            steps.update({"categorical": "ordinal", "categorical.ordinal.order": "value"})
    else:
        raise NoEquivalent.of(f"categorical_encoding={encoding}")


def _scale(
    settings: Settings, needs_scaling: bool, is_scale_invariant: bool, steps: Values
) -> None:
    scale = settings.text(f"{_SCALE}__choice__", "none")
    settings.ignore(
        f"{_SCALE}quantile_transformer:n_quantiles",
        f"{_SCALE}quantile_transformer:output_distribution",
        f"{_SCALE}robust_scaler:q_max",
        f"{_SCALE}robust_scaler:q_min",
    )
    if needs_scaling and is_scale_invariant and scale in _AFFINE:
        scale = "standardize"
    if scale not in (_SCALERS if needs_scaling else _TREE_SCALERS):
        raise NoEquivalent.of(f"rescaling={scale}")
    if needs_scaling:
        steps["scale"] = _SCALERS[scale]
        if scale == "robust_scaler":
            steps["scale.robust.smooth_clip"] = False


def _features(settings: Settings, steps: Values) -> None:
    choice = settings.text(f"{_FEATURES}__choice__", "no_preprocessing")
    own = f"{_FEATURES}{choice}:"
    if choice == "no_preprocessing":
        steps["reduce"] = "none"
    elif choice == "pca":
        if settings.boolean(f"{own}whiten", False):
            raise NoEquivalent.of("feature_preprocessor=pca with whitening")
        if settings.text(f"{_SCALE}__choice__", "none") != "standardize":
            raise NoEquivalent.of("feature_preprocessor=pca without standardize")
        kept = settings.number(f"{own}keep_variance", 0.9999)
        steps.update({"reduce": "pca", "reduce.pca.variance": min(kept, 0.999)})
    elif choice in ("select_percentile_classification", "select_percentile_regression"):
        score = settings.text(f"{own}score_func", "f_classif")
        if not score.startswith("mutual_info") and score not in _SCORES:
            raise NoEquivalent.of(f"feature_preprocessor=select_percentile by {score}")
        share = settings.number(f"{own}percentile", 50.0) / 100
        steps.update({"reduce": "select", "reduce.select.share": share})
        steps["reduce.select.score"] = _SCORES.get(score, "mutual_information")
    else:
        raise NoEquivalent.of(f"feature_preprocessor={choice}")
