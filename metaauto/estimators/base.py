"""The base of the estimators: fit, predict, save, and scikit-learn's checks of a table."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from metaauto.analysis.importance import IMPORTANCE_ROWS
from metaauto.data import as_table
from metaauto.data.checks import check_names
from metaauto.data.dataset import as_series
from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions, included_of
from metaauto.errors import TargetError
from metaauto.estimators.arguments import (
    budget_of,
    cores_of,
    dense,
    knowledge_of,
    one_per_row,
    remembers,
    seed_of,
    target_name,
    weights_of,
)
from metaauto.model import FinalModel
from metaauto.model.analyses import ModelAnalyses
from metaauto.progress.listeners import show_progress
from metaauto.text import caller, counted

__all__ = ["AutoEstimator"]


class AutoEstimator(ModelAnalyses, BaseEstimator):
    """Base of both estimators, which document the parameters."""

    _task = ""

    def __init__(
        self,
        *,
        budget: float | str | None = None,
        metric: Any = None,
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
        self.budget = budget
        self.metric = metric
        self.cv = cv
        self.include = include
        self.exclude = exclude
        self.knowledge = knowledge
        self.strategy = strategy
        self.search = search
        self.ensemble_size = ensemble_size
        self.n_jobs = n_jobs
        self.memory = memory
        self.random_state = random_state
        self.run_dir = run_dir
        self.verbose = verbose
        self.missing = missing
        self.holdout = holdout
        self.time = time
        self.roles = roles
        self.start_from = start_from
        self.dask = dask

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Any:
        """Search for the best model within the budget.

        Parameters
        ----------
        X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
            Numbers, categories, texts, dates. Missing values are allowed, and infinite ones are
            missing. Sparse tables are converted to dense.
        y : array-like of shape (n_samples,)
            Class labels or values, read as by `metaauto.fit`, but none missing. The name of a
            Series is used as the name of the target in summaries and reports, unless a column of
            `X` has it.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights for training and scoring.
        groups : array-like of shape (n_samples,), optional
            Groups: rows of one group stay in one fold.

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
        target = self._target(y, as_table(table[:1]).columns, len(table))
        with caller("estimator"):
            runner = FitRunner(self._options(sample_weight, groups, len(target)), self._listener())
            self.model_: FinalModel = runner.run(table, target)
        self.leaderboard_: pd.DataFrame = self.model_.leaderboard()
        self._importance_rows = self._sampled(table, target, runner.holdout_rows)
        self._importances: np.ndarray | None = None
        return self

    def refit(
        self, X: Any, y: Any, sample_weight: Any = None, budget: float | str | None = None
    ) -> Any:
        """Train the ensemble that `fit` found again on all rows, or on new ones.

        Each member becomes one model instead of the fold models; see `FinalModel.refit`. The
        leaderboard and the scores of ``model_.record`` remain those of the fit.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`: its table or new rows, with a row of each class.
        budget : float or str, optional
            Wall-clock seconds (``"5m"``); by default the time is not limited.

        Returns
        -------
        self
        """
        table = self._table(X)
        target = self._target(y, as_table(table[:1]).columns, len(table))
        with caller("estimator"):
            self.model_ = self.model_.refit(
                table,
                target,
                weights=None if sample_weight is None else weights_of(sample_weight, len(target)),
                budget=budget,
                cores=cores_of(self.n_jobs),
                memory=self.memory,
                components=included_of(self.include)[1],
            )
        self._importance_rows, self._importances = self._sampled(table, target, None), None
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels or values.

        Parameters
        ----------
        X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of the training table.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        table = self._table(X)
        return self.model_.predict(table)

    @property
    def feature_importances_(self) -> np.ndarray:
        """Permutation importance of the columns, in the order of the training table.

        The worsening of the metric when the column is permuted, in the unit of the metric, on up
        to 2,000 rows: of the holdout if there is one, else of the training table, which includes
        overfitting. `importance` evaluates other rows. Columns that no model uses, and those of
        the least effect in tables of more than 40 columns, have 0. It is computed when it is first
        read, within a minute.
        """
        check_is_fitted(self)
        if self._importances is None:
            rows, target = self._importance_rows
            found = self.model_.importance(rows, target, seed=self.model_.record.seed or 0)
            values = found["importance"].reindex(map(str, rows.columns)).fillna(0.0)
            self._importances = values.to_numpy()
        return self._importances.copy()

    def save(self, path: str | Path) -> Path:
        """Write the model to one file for `load`; see `FinalModel.save`."""
        check_is_fitted(self)
        return self.model_.save(path)

    def export(self, path: str | Path, to: str = "python", data: Any = None) -> Path:
        """Write the model as a Python script or as ONNX; see `FinalModel.export`."""
        check_is_fitted(self)
        return self.model_.export(path, to, data)

    def __sklearn_tags__(self) -> Any:
        """Return the estimator tags of scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` has been called."""
        return hasattr(self, "model_")

    def _options(self, sample_weight: Any, groups: Any, rows: int) -> FitOptions:
        budget, trials = budget_of(self.budget)
        return FitOptions(
            task=self._task,
            metric=self.metric,
            budget=budget,
            trials=trials,
            cores=cores_of(self.n_jobs, self.dask),
            memory=self.memory,
            dask=self.dask,
            missing=self.missing or (),
            holdout=self.holdout,
            time=self.time,
            roles=dict(self.roles or {}),
            seed=seed_of(self.random_state),
            cv=self.cv,
            groups=None if groups is None else one_per_row(groups, "groups", rows),
            weights=None if sample_weight is None else weights_of(sample_weight, rows),
            include=() if self.include is None else self.include,
            exclude=tuple(self.exclude or ()),
            ensemble_size=self.ensemble_size,
            knowledge=knowledge_of(self.knowledge),
            strategy=self.strategy,
            search=self.search,
            start_from=self.start_from,
            remember=remembers(),
            run_dir=self.run_dir,
        )

    def _analyzed(self) -> FinalModel:
        check_is_fitted(self)
        return self.model_

    def _sampled(
        self, table: Any, target: pd.Series, holdout: np.ndarray | None
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the rows and targets of the feature importances."""
        rows = np.arange(len(target)) if holdout is None else holdout
        if len(rows) > IMPORTANCE_ROWS:
            random = np.random.default_rng(self.model_.record.seed)
            rows = np.sort(random.choice(rows, IMPORTANCE_ROWS, replace=False))
        chosen = table.iloc[rows] if isinstance(table, pd.DataFrame) else table[rows]
        return as_table(chosen).reset_index(drop=True), target.iloc[rows].to_numpy()

    def _listener(self) -> Any:
        return show_progress(self.verbose) if self.verbose else None

    def _training_table(self, X: Any, y: Any) -> Any:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        return self._checked(X, reset=True)

    def _table(self, X: Any) -> Any:
        """Return the rows to predict, with the columns of the training table."""
        check_is_fitted(self)
        return self._checked(X, reset=False)

    def _checked(self, X: Any, reset: bool) -> Any:
        """Return a DataFrame unchanged, anything else as an array, with scikit-learn's checks."""
        X = dense(X)
        if hasattr(X, "to_pandas") or _has_names(X):
            X = as_table(X)
        if isinstance(X, pd.DataFrame):
            check_names(X.columns)
            validate_data(self, X, reset=reset, skip_check_array=True)
            if min(X.shape) < 2:
                check_array(np.zeros(X.shape), estimator=self, ensure_min_samples=1 + reset)
            return X
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            ensure_all_finite=False,
            ensure_min_samples=1 + reset,
        )

    def _target(self, y: Any, columns: Iterable[Any], rows: int) -> pd.Series:
        """Return the target as `metaauto.fit` takes it, with scikit-learn's checks."""
        if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
            warnings.warn(
                "A column-vector y was passed when a 1d array was expected. Please change the "
                "shape of y to (n_samples,).",
                DataConversionWarning,
                stacklevel=3,
            )
        values = as_series(y, "y", rows, TargetError)
        missing = int(values.isna().sum())
        if missing:
            raise TargetError(
                f"Input y contains NaN: the target is missing in {counted(missing, 'row')}.",
                hint="Drop these rows, or use metaauto.fit, which drops them.",
            )
        self._check_labels(values)
        return values.rename(target_name(y, columns))

    def _check_labels(self, values: pd.Series) -> None:
        """Raise an error for values that scikit-learn does not accept in this task."""


def _has_names(X: Any) -> bool:
    """Return whether it is a table with column names other than a DataFrame."""
    rows = isinstance(X, (list, tuple)) and bool(X) and isinstance(X[0], Mapping)
    return rows or isinstance(X, Mapping) or bool(getattr(getattr(X, "dtype", None), "names", None))
