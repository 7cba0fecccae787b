"""The regression estimator."""

from __future__ import annotations

from sklearn.base import RegressorMixin

from metaauto.estimators.base import AutoEstimator

__all__ = ["AutoRegressor"]


class AutoRegressor(RegressorMixin, AutoEstimator):
    """Regressor: search for the best ensemble within a budget.

    Parameters
    ----------
    budget : float or str, optional
        Seconds (``90``), a duration (``"5m"``), or a number of trials (``"20 trials"``, ``"20t"``)
        for a fit that is reproducible with `random_state`. 5 minutes by default.
    metric : str, scorer or callable, optional
        Metric to optimise, such as ``"mae"`` or ``"quantile@0.9"``; the root mean squared error by
        default.
    cv : 'auto', 'holdout', int, float, splitter or iterable, default='auto'
        Validation scheme: ``'auto'`` chooses by table size; the number of folds, the share of one
        validation part, a scikit-learn splitter or pairs of row positions.
    include : sequence of str or component, optional
        Use only these models, by name or plugin, or as `metaauto.api.Model` objects.
    exclude : sequence of str, optional
        Models, plugins or preprocessors to exclude.
    knowledge : bool, str or Path, default=True
        Whether to use a warm start from the shipped store, installed packs and your own store; or
        the path of one store to use in place of these.
    strategy : str, default='knowledge'
        Order of the first configurations: ``'knowledge'`` by results on similar datasets,
        ``'portfolio'`` by the portfolios of the models, or the name of a plugin's strategy.
    search : str, default='smac'
        Search engine, which proposes configurations after the first ones: ``'smac'``,
        ``'random'``, or the name of a plugin's engine.
    ensemble_size : int, default=50
        Number of steps of ensemble selection; 1 gives the best single model.
    n_jobs : int or None, default=-1
        Worker processes; -1 for all cores, None for one unless a joblib context sets the number.
    memory : float, optional
        GiB for all workers; most of the free memory by default.
    random_state : int, RandomState or None, default=None
        Seed of all random numbers.
    run_dir : str or Path, optional
        New directory for the run, which can be resumed from it.
    verbose : int, default=0
        1 shows the progress: as one output in a notebook, as lines elsewhere; 2 prints every
        trial.
    missing : sequence of str, optional
        Words for missing values, besides empty cells.
    holdout : float, default=0.0
        Share of rows held out of the search for an unbiased final score, which is in the summary
        and in ``model_.record.holdout_score``.
    time : str, optional
        Column of `X` with the time of each row: folds validate on later rows. It is not a feature.
    roles : mapping of str to str, optional
        Roles of columns that override the inferred ones: ``"numeric"``, ``"categorical"``,
        ``"boolean"``, ``"datetime"``, ``"text"``, or ``"identifier"`` to exclude a column.
    start_from : str, Path or FinalModel, optional
        An earlier model, its file or the directory of its run: the configurations of its ensemble
        are tried first, by weight.
    dask : str, Client or cluster, optional
        Address of a Dask scheduler (``"tcp://host:8786"``), or a client or cluster of Dask, whose
        workers run the trials; `n_jobs` then limits the jobs at the same time, and `memory` cannot
        be given. To clone the estimator, as cross-validation does, pass an address.

    Attributes
    ----------
    model_ : FinalModel
        The final model; it can be saved, and predicts without this estimator.
    leaderboard_ : DataFrame
        The ensemble and every trial, as from ``leaderboard()``.
    feature_importances_ : ndarray of shape (features,)
        Permutation importance of each column of the training table, in its order: the worsening of
        the metric, on rows of the holdout if there is one, else on training rows.
    n_features_in_ : int
        Number of columns of the training table.
    feature_names_in_ : ndarray of shape (columns,)
        Their names, if all are texts.

    Notes
    -----
    ``score`` is R2, as for all regressors of scikit-learn.

    Each fit is added to your own knowledge store (metafeatures, configurations, losses and
    seconds, no rows) unless the environment variable ``METAAUTO_REMEMBER`` is ``0``.

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
