"""scikit-learn estimators: `AutoClassifier` and `AutoRegressor`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from metaauto.components import Model
from metaauto.errors import DataError, SettingError
from metaauto.fit import Conductor
from metaauto.model import FinalModel
from metaauto.options import FitOptions
from metaauto.report import Progress

if TYPE_CHECKING:
    from metaauto.search import Event

__all__ = ["AutoClassifier", "AutoRegressor", "load"]

_TRIALS = re.compile(r"(\d+)\s*(?:t|trials?)", re.IGNORECASE)
_MOST_SEEDS = 2**31 - 1
DENSE_CELLS = 2**28
"""Sparse tables of at most so many cells (2 GiB as numbers) are made dense."""


class _AutoEstimator(BaseEstimator):
    """What both estimators share; the parameters are explained there."""

    _task = ""

    def __init__(
        self,
        *,
        budget: float | str | None = None,
        metric: Any = None,
        cv: Any = "auto",
        include: Sequence[Any] | None = None,
        exclude: Sequence[str] | None = None,
        knowledge: bool = True,
        ensemble_size: int = 50,
        n_jobs: int | None = -1,
        memory: float | None = None,
        random_state: Any = None,
        run_dir: str | Path | None = None,
        verbose: int = 0,
    ) -> None:
        self.budget = budget
        self.metric = metric
        self.cv = cv
        self.include = include
        self.exclude = exclude
        self.knowledge = knowledge
        self.ensemble_size = ensemble_size
        self.n_jobs = n_jobs
        self.memory = memory
        self.random_state = random_state
        self.run_dir = run_dir
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Any:
        """Search the best model within the budget.

        Parameters
        ----------
        X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
            Numbers, categories, words, dates; missing values are fine, infinite ones are not.
            Sparse tables are made dense.
        y : array-like of shape (n_samples,)
            Class labels or values, none missing.
        sample_weight : array-like of shape (n_samples,), optional
            Weights for training and scoring, not negative.
        groups : array-like of shape (n_samples,), optional
            Rows of one group stay together in a fold.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            The table or a parameter cannot be used; most are a `metaauto.errors.MetaautoError`.
        NoModelFitted
            Every trial failed.
        """
        table = self._training_table(X, y)
        target = self._checked_target(y)
        check_consistent_length(X, target)
        conductor = Conductor(self._options(sample_weight, groups, len(target)), self._listener())
        self.model_: FinalModel = conductor.run(table, target)
        self.leaderboard_: pd.DataFrame = pd.DataFrame(self.model_.leaderboard)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels or values.

        Parameters
        ----------
        X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
            The columns of training.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        table = self._table(X)
        return self.model_.predict(table)

    def save(self, path: str | Path) -> Path:
        """Write the model into one file that `load` reads; see `FinalModel.save`."""
        check_is_fitted(self)
        return self.model_.save(path)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect of this estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` has been called."""
        return hasattr(self, "model_")

    def _options(self, sample_weight: Any, groups: Any, rows: int) -> FitOptions:
        budget, trials = _budget(self.budget)
        names, components = _included(self.include)
        return FitOptions(
            task=self._task,
            metric=self.metric,
            budget=budget,
            trials=trials,
            cores=_cores(self.n_jobs),
            memory=self.memory,
            seed=_seed(self.random_state),
            cv=self.cv,
            groups=None if groups is None else _one_per_row(groups, "groups", rows),
            weights=None if sample_weight is None else _weights(sample_weight, rows),
            include=names,
            exclude=tuple(self.exclude or ()),
            ensemble_size=self.ensemble_size,
            knowledge=self.knowledge,
            run_dir=self.run_dir,
            components=components,
        )

    def _listener(self) -> Any:
        if not self.verbose:
            return None
        lines = Progress(lambda line: print(line, file=sys.stdout, flush=True))  # noqa: T201

        def listen(event: Event) -> None:
            lines(event)
            if self.verbose > 1 and event.kind in ("trial_started", "trial_finished"):
                print(f"{event.seconds:8.1f} s  {event.message}", flush=True)  # noqa: T201

        return listen

    def _training_table(self, X: Any, y: Any) -> Any:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        return self._checked(X, reset=True)

    def _table(self, X: Any) -> Any:
        """Rows to predict, with the columns of training."""
        check_is_fitted(self)
        table = self._checked(X, reset=False)
        if isinstance(table, pd.DataFrame):
            return table
        names = [column.name for column in self.model_.schema.columns]
        frame = pd.DataFrame(table, columns=names)
        return frame.infer_objects() if table.dtype == object else frame

    def _checked(self, X: Any, reset: bool) -> Any:
        """A DataFrame as it is, anything else as an array; scikit-learn's checks of its shape."""
        X = _dense(X)
        if hasattr(X, "to_pandas"):
            X = X.to_pandas()
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if min(X.shape) < 2:
                check_array(np.empty(X.shape), estimator=self, ensure_min_samples=1 + reset)
            return X
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            ensure_all_finite=False,
            ensure_min_samples=1 + reset,
        )

    def _checked_target(self, y: Any) -> Any:
        raise NotImplementedError


class AutoClassifier(ClassifierMixin, _AutoEstimator):
    """Classification: the best ensemble that the budget allows.

    Parameters
    ----------
    budget : float or str, optional
        Seconds (``90``), a duration (``"5m"``), or a number of trials (``"20 trials"``, ``"20t"``)
        for a fit that `random_state` makes reproducible. 5 minutes by default.
    metric : str, scorer or callable, optional
        What to optimise, such as ``"f1"`` or ``make_scorer(...)``. By default the area under the
        ROC curve for two classes, log loss for more.
    cv : 'auto', 'holdout', int, float, splitter or iterable, default='auto'
        Validation: by table size, a number of folds, the share of one validation part, a
        scikit-learn splitter or pairs of row positions.
    include : sequence of str or component, optional
        Only these models, by name or plugin; `metaauto.api.Model` objects can be given themselves.
    exclude : sequence of str, optional
        Models, plugins or preprocessors to leave out.
    knowledge : bool, default=True
        Whether to start from what was learned on other tables.
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
        1 prints the better answers, 2 every trial.

    Attributes
    ----------
    model_ : FinalModel
        The result; it can be saved, and predicts without this estimator.
    leaderboard_ : DataFrame
        The ensemble and every trial.
    classes_ : ndarray of shape (n_classes,)
        Class labels in the order of the probabilities.
    n_features_in_ : int
        Columns at training.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if they are all texts.

    See Also
    --------
    metaauto.start : The same in the background, with events.

    Notes
    -----
    ``score`` is accuracy, as of all classifiers of scikit-learn. Labels come from a threshold that
    is tuned where the metric is one of labels, such as F1.

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
            The columns of training.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        table = self._table(X)
        return self.model_.predict_proba(table)

    def _checked_target(self, y: Any) -> Any:
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y", estimator_name=type(self).__name__)
        check_classification_targets(labels)
        return labels


class AutoRegressor(RegressorMixin, _AutoEstimator):
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
    knowledge : bool, default=True
        Whether to start from what was learned on other tables.
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
        1 prints the better answers, 2 every trial.

    Attributes
    ----------
    model_ : FinalModel
        The result; it can be saved, and predicts without this estimator.
    leaderboard_ : DataFrame
        The ensemble and every trial.
    n_features_in_ : int
        Columns at training.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if they are all texts.

    Notes
    -----
    ``score`` is R2, as of all regressors of scikit-learn.

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


def load(path: str | Path, trust: bool = False) -> FinalModel:
    """Read a saved model.

    Parameters
    ----------
    path : str or Path
        A file that `FinalModel.save` or ``metaauto fit --out`` wrote.
    trust : bool, default=False
        Also construct types that nothing installed vouches for; such a file may run any code.

    Returns
    -------
    FinalModel

    Raises
    ------
    ModelFileError
        The file is damaged, foreign, from a newer release, or holds untrusted types.

    Examples
    --------
    >>> import metaauto
    >>> model = metaauto.load("house.metaauto")  # doctest: +SKIP
    >>> model.predict("new.csv")  # doctest: +SKIP
    """
    return FinalModel.load(path, trust=trust)


def _budget(budget: Any) -> tuple[float | str | None, int | None]:
    """Seconds and trials of a budget as the estimators take it."""
    if isinstance(budget, str) and (match := _TRIALS.fullmatch(budget.strip())):
        return None, int(match[1])
    if isinstance(budget, np.generic):
        budget = budget.item()
    return budget, None


def _included(include: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Names to select, and the components of this session that were given as objects."""
    if include is None:
        return (), ()
    if isinstance(include, (str, Model)):
        include = (include,)
    objects = tuple(item for item in include if not isinstance(item, str))
    names = [item.name if isinstance(item, Model) else item for item in include]
    return tuple(name for name in names if isinstance(name, str)), objects


def _cores(n_jobs: Any) -> int:
    from joblib import effective_n_jobs

    if isinstance(n_jobs, bool) or not isinstance(n_jobs, (int, np.integer, type(None))):
        raise SettingError(f"n_jobs={n_jobs!r} is no whole number.", hint="Use -1 for all cores.")
    if n_jobs == 0:
        raise SettingError("n_jobs=0 leaves no worker.", hint="Use 1 or more, or -1 for all cores.")
    return int(effective_n_jobs(n_jobs))


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if random_state < 0:
            raise SettingError(f"random_state={random_state} is negative.", hint="Give 0 or more.")
        return int(random_state)
    return int(check_random_state(random_state).randint(_MOST_SEEDS))


def _one_per_row(values: Any, name: str, rows: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{name} must be 1D array or scalar, got {array.ndim} dimensions.")
    if len(array) != rows:
        raise DataError(f"{name} has {len(array):,} values, the table {rows:,} rows.")
    return array


def _weights(values: Any, rows: int) -> np.ndarray:
    weights = _one_per_row(values, "sample_weight", rows)
    if not weights.any():
        raise DataError("Sample weights must contain at least one non-zero number.")
    return weights


def _dense(X: Any) -> Any:
    """Make a sparse matrix dense, if that is no harm."""
    if not hasattr(X, "toarray"):
        return X
    cells = int(np.prod(X.shape))
    if cells > DENSE_CELLS:
        raise DataError(
            f"The sparse table has {cells:,} cells, too many to make it dense.",
            hint="Select or reduce features first, such as by TruncatedSVD.",
        )
    return X.toarray()
