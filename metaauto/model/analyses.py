"""Analyses of a fitted model: methods that final models and estimators have in common.

The commands of the same names call the same functions of `metaauto.analysis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from metaauto.plugins.manager import load_plugins

__all__ = ["ModelAnalyses"]

_BUDGET = "60s"


class ModelAnalyses:
    """Methods that evaluate, explain and report a fitted model."""

    def _analyzed(self) -> Any:
        """Return the `FinalModel`."""
        raise NotImplementedError

    def evaluate(
        self,
        data: Any,
        target: Any = None,
        metrics: str | Sequence[Any] = (),
        *,
        format: str | None = None,
    ) -> dict[str, float]:
        """Score the model on rows with the target.

        Parameters
        ----------
        data : str, Path, DataFrame, array, dict or list of dicts
            Rows that the model was not trained on, with the columns of the training table, or the
            address of such a table. Rows without a target are dropped.
        target : str or array of shape (rows,), optional
            Name of the target column, or the targets; by default the column of the training table.
        metrics : str, or sequence of str, scorer or callable, optional
            Metrics; by default the one that the fit optimised and the common ones of the task.
        format : str, optional
            Suffix by which a file is read, such as ``"csv"``, instead of its own.

        Returns
        -------
        dict of str to float
            Score by metric, in the direction of the metric; NaN where it is undefined, with a
            warning in the log that says why.

        Raises
        ------
        TargetError
            There is no target, or a class is unknown to the model.
        SchemaMismatch
            Columns are missing, or hold other types of values than the training table.
        UnknownName, Refused
            A metric is unknown, or does not support this task type.

        Examples
        --------
        >>> import metaauto
        >>> model = metaauto.fit("sklearn:wine", trials=1, include=["lda"], cores=1)
        >>> scores = model.evaluate("sklearn:wine", metrics=["accuracy", "log_loss"])
        >>> list(scores), scores["accuracy"] > 0.9
        (['accuracy', 'log_loss'], True)
        """
        from metaauto.analysis.evaluation import evaluate, log_notes
        from metaauto.analysis.input_table import input_table

        model, registry = self._analyzed(), load_plugins().registry
        frame, name = input_table(model, data, target, registry, format)
        chosen = (metrics,) if isinstance(metrics, str) or callable(metrics) else metrics
        found = evaluate(model, frame, target=name, metrics=chosen, registry=registry)
        log_notes(found)
        return found.scores

    def importance(
        self,
        data: Any,
        target: Any = None,
        *,
        budget: float | str = _BUDGET,
        seed: int = 0,
        format: str | None = None,
    ) -> pd.DataFrame:
        """Compute the permutation importance of the columns.

        Parameters
        ----------
        data, target
            As in `evaluate`; without a target the importance is the mean change of the predictions.
        budget : float or str, default="60s"
            Wall time, in seconds or as ``"30s"``.
        seed : int, default=0
            Seed of the permutations, and of the sample of more than 2,000 rows.
        format : str, optional
            As in `evaluate`.

        Returns
        -------
        DataFrame
            ``importance``, the worsening of the score when the column is permuted, with the ends
            ``low`` and ``high`` of its 95 % interval; indexed by column, the most important first.
            Columns that were not evaluated, for lack of time or effect, are NaN. ``attrs`` has the
            ``metric`` (empty without a target), its ``positive`` class, ``rows`` and ``repeats``.

        Notes
        -----
        The importance of correlated columns is underestimated. Associations are not causes.

        Examples
        --------
        >>> import metaauto
        >>> model = metaauto.fit("sklearn:iris", trials=1, include=["lda"], cores=1)
        >>> model.importance("sklearn:iris").index[0]
        'petal length (cm)'
        """
        from metaauto.analysis.examine import importance_of, known_rows
        from metaauto.analysis.input_table import input_table
        from metaauto.budget import parse_seconds
        from metaauto.components import Deadline

        model, registry, seconds = self._analyzed(), load_plugins().registry, parse_seconds(budget)
        frame, name = input_table(model, data, target, registry, format)
        rows = known_rows(model, frame, name)
        deadline = Deadline.after(seconds)
        return importance_of(model, rows, registry, seed=seed, deadline=deadline).to_frame()

    def leaderboard(
        self,
        data: Any = None,
        target: Any = None,
        *,
        metric: Any = None,
        top: int | None = None,
        format: str | None = None,
    ) -> pd.DataFrame:
        """Return the leaderboard of the fit, or score each member of the ensemble on other rows.

        Parameters
        ----------
        data, target
            As in `evaluate`. Without `data` the lines are the ensemble and all trials, with their
            out-of-fold scores; with it the ensemble and its members, scored on these rows.
        metric : str, scorer or callable, optional
            With `data`: metric of the scores, by default that of the fit.
        top : int, optional
            Number of lines; all by default.
        format : str, optional
            As in `evaluate`.

        Returns
        -------
        DataFrame
            One row per model, best first: ``rank``, ``name``, ``score`` in the direction of the
            metric, ``weight``, ``fit_seconds``, ``predict_seconds``, ``configuration`` and others.
            With `data`, ``predict_seconds`` are those for its rows; without, for the validation
            rows.

        Examples
        --------
        >>> import metaauto
        >>> model = metaauto.fit("sklearn:iris", trials=1, include=["lda"], cores=1)
        >>> model.leaderboard("sklearn:iris", top=1)["score"].item() < 0.5
        True
        """
        from metaauto.analysis.input_table import input_table
        from metaauto.analysis.leaderboard import LEADERBOARD_COLUMNS, leaderboard_frame
        from metaauto.analysis.member_scores import SCORED_COLUMNS, member_scores

        model = self._analyzed()
        if data is None:
            return leaderboard_frame(model.leaderboard_rows, LEADERBOARD_COLUMNS, top)
        registry = load_plugins().registry
        frame, name = input_table(model, data, target, registry, format)
        found = member_scores(model, frame, target=name, metric=metric, registry=registry)
        return leaderboard_frame(found.lines, SCORED_COLUMNS, top)

    def report(
        self,
        path: str | Path,
        data: Any = None,
        target: Any = None,
        *,
        budget: float | str = _BUDGET,
        seed: int = 0,
        format: str | None = None,
    ) -> Path:
        """Write a report of the model as one HTML file without external resources.

        Parameters
        ----------
        path : str or Path
            The file; an existing one is replaced when the new one is complete.
        data, target
            As in `evaluate`: rows for scores, curves, feature importance and error analysis.
            Without them the report has the out-of-fold results of the fit.
        budget : float or str, default="60s"
            Wall time for feature importance and partial dependence.
        seed : int, default=0
            Seed for everything random.
        format : str, optional
            As in `evaluate`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingError
            The file cannot be written.

        Examples
        --------
        >>> model.report("report.html", X_test, y_test)  # doctest: +SKIP
        PosixPath('report.html')
        """
        from metaauto.analysis.examine import examine
        from metaauto.analysis.input_table import input_table
        from metaauto.budget import parse_seconds
        from metaauto.model.save import describe
        from metaauto.report.html import report_file, report_html

        model, seconds, examined = self._analyzed(), parse_seconds(budget), None
        registry = load_plugins().registry
        with report_file(path) as (place, part):
            if data is not None:
                frame, name = input_table(model, data, target, registry, format)
                examined = examine(
                    model, frame, target=name, registry=registry, seconds=seconds, seed=seed
                )
            text = report_html(describe(model), examined, registry)
            part.write_text(text, "utf-8", newline="\n")
        return place

    def explain(
        self,
        X: Any,
        background: Any = None,
        explainer: str | None = None,
        *,
        label: Any = None,
        seed: int = 0,
        registry: Any = None,
    ) -> pd.DataFrame:
        """Return the contribution of each column to each prediction.

        Parameters
        ----------
        X : DataFrame, array, dict or list of dicts
            Rows to explain.
        background : DataFrame, array, dict or list of dicts, optional
            Background rows, such as the training table; `X` by default. Of more than 200 rows a
            sample is used.
        explainer : str, optional
            Name of an installed explainer; by default ``"shap"`` if it is installed, else
            ``"permutation"``.
        label : object, optional
            Class whose probability is explained; by default the positive of two classes, else the
            predicted class of each row.
        seed : int, default=0
            Seed for everything random.
        registry : Registry, optional
            Installed components; by default the plugins selected by the environment are loaded.

        Returns
        -------
        DataFrame of shape (rows, columns)
            In the unit of the prediction.

        Raises
        ------
        UnknownName
            The explainer or class is unknown.
        """
        from metaauto.model.explain import explain

        return explain(
            self._analyzed(),
            X,
            background,
            explainer=explainer,
            label=label,
            seed=seed,
            registry=registry,
        )
