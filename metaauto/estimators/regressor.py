"""The estimator for amounts."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, column_or_1d

from metaauto.estimators.base import AutoEstimator

__all__ = ["AutoRegressor"]


class AutoRegressor(RegressorMixin, AutoEstimator):
    """Regression: the best ensemble that the budget allows.

    Parameters
    ----------
    budget : float or str, optional
        Seconds (``90``), a duration (``"5m"``), or a number of trials (``"20 trials"``, ``"20t"``)
        for a fit that `random_state` makes reproducible. 5 minutes by default.
    metric : str, scorer or callable, optional
        What to optimise, such as ``"mae"`` or ``"quantile@0.9"``; the root of the mean squared
        error by default.
    cv : 'auto', 'holdout', int, float, splitter or iterable, default='auto'
        Validation: by table size, a number of folds, the share of one validation part, a
        scikit-learn splitter or pairs of row positions.
    include : sequence of str or component, optional
        Only these models, by name or plugin; `metaauto.api.Model` objects can be given themselves.
    exclude : sequence of str, optional
        Models, plugins or preprocessors to leave out.
    knowledge : bool, str or Path, default=True
        Whether to start from what was learned on other tables: from the shipped store, installed
        packs and your own, or from one store alone if its path is given.
    strategy : str, default='knowledge'
        What is tried first: ``'knowledge'`` by what is known of similar tables, ``'portfolio'`` by
        what the authors of models recommend, or the name of a plugin's.
    ensemble_size : int, default=50
        Steps of ensemble selection; 1 gives the best single model.
    n_jobs : int or None, default=-1
        Worker processes; -1 for all cores, None for one unless a joblib context says otherwise.
    memory : float, optional
        GiB for all workers; most of what is free by default.
    random_state : int, RandomState or None, default=None
        Seed of everything random.
    run_dir : str or Path, optional
        A new directory in which the run is kept.
    verbose : int, default=0
        1 shows what goes on: in one output in a notebook, as lines elsewhere; 2 prints every
        trial.

    Attributes
    ----------
    model_ : FinalModel
        The result; it can be saved, and predicts without this estimator.
    leaderboard_ : DataFrame
        The ensemble and every trial.
    n_features_in_ : int
        Columns at training.
    feature_names_in_ : ndarray of shape (columns,)
        Their names, if they are all texts.

    Notes
    -----
    ``score`` is R2, as of all regressors of scikit-learn.

    Your own knowledge store remembers each fit (metafeatures, configurations, losses and seconds,
    nothing of the rows) unless the environment variable ``METAAUTO_REMEMBER`` is ``0``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from metaauto import AutoRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> auto = AutoRegressor(budget="2 trials", include=["ridge"], n_jobs=1, random_state=0)
    >>> auto.fit(X, y).score(X, y) > 0.4
    True
    """

    _task = "regression"

    def _checked_target(self, y: Any) -> Any:
        values = column_or_1d(y, warn=True)
        return check_array(
            values, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self
        )
