"""The classification estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted

from metaauto.data.dtypes import float_cells, storage_of
from metaauto.engine.options import FitOptions
from metaauto.estimators.base import AutoEstimator

__all__ = ["AutoClassifier"]


class AutoClassifier(ClassifierMixin, AutoEstimator):
    """Classifier: search for the best ensemble within a budget.

    Parameters
    ----------
    budget : float or str, optional
        Seconds (``90``), a duration (``"5m"``), or a number of trials (``"20 trials"``, ``"20t"``)
        for a fit that is reproducible with `random_state`. 5 minutes by default.
    metric : str, scorer or callable, optional
        Metric to optimise, such as ``"f1"`` or ``make_scorer(...)``. By default ROC AUC for two
        classes, log loss for more.
    positive : label, optional
        Positive class of two, which F1, precision, recall, average precision and the default
        explanation are about. By default the label that is a word such as yes, true, 1 or
        positive, else the rarer class. The order of ``classes_`` does not depend on it.
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
    classes_ : ndarray of shape (n_classes,)
        Class labels in the order of the probabilities.
    n_features_in_ : int
        Number of columns of the training table.
    feature_names_in_ : ndarray of shape (columns,)
        Their names, if all are texts.

    See Also
    --------
    metaauto.start : A fit in the background, with events.

    Notes
    -----
    ``score`` is accuracy, as for all classifiers of scikit-learn. The decision threshold is tuned
    if the metric depends on labels, such as F1.

    Each fit is added to your own knowledge store (metafeatures, configurations, losses and
    seconds, no rows) unless the environment variable ``METAAUTO_REMEMBER`` is ``0``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from metaauto import AutoClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> auto = AutoClassifier(budget="2 trials", include=["lda"], n_jobs=1, random_state=0)
    >>> auto.fit(X, y).score(X, y) > 0.9
    True
    """

    _task = "classification"

    def __init__(
        self,
        *,
        budget: float | str | None = None,
        metric: Any = None,
        positive: Any = None,
        cv: Any = "auto",
        include: Sequence[Any] | None = None,
        exclude: Sequence[str] | None = None,
        knowledge: bool | str | Path = True,
        strategy: str = "knowledge",
        search: str = "smac",
        ensemble_size: int = 50,
        n_jobs: int | None = -1,
        memory: float | None = None,
        random_state: Any = None,
        run_dir: str | Path | None = None,
        verbose: int = 0,
        missing: Sequence[str] | None = None,
        holdout: float = 0.0,
        time: str | None = None,
        roles: Mapping[str, str] | None = None,
        start_from: Any = None,
        dask: Any = None,
    ) -> None:
        super().__init__(
            budget=budget,
            metric=metric,
            cv=cv,
            include=include,
            exclude=exclude,
            knowledge=knowledge,
            strategy=strategy,
            search=search,
            ensemble_size=ensemble_size,
            n_jobs=n_jobs,
            memory=memory,
            random_state=random_state,
            run_dir=run_dir,
            verbose=verbose,
            missing=missing,
            holdout=holdout,
            time=time,
            roles=roles,
            start_from=start_from,
            dask=dask,
        )
        self.positive = positive

    @property
    def classes_(self) -> np.ndarray:
        """Class labels in the order of the probabilities."""
        check_is_fitted(self)
        return self.model_.classes_

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of the training table.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        table = self._table(X)
        return self.model_.predict_proba(table)

    def _options(self, sample_weight: Any, groups: Any, rows: int) -> FitOptions:
        return replace(super()._options(sample_weight, groups, rows), positive=self.positive)

    def _check_labels(self, values: pd.Series) -> None:
        if storage_of("y", values) == "number":
            numbers = float_cells(values)
            assert_all_finite(numbers, input_name="y", estimator_name=type(self).__name__)
            check_classification_targets(numbers)
