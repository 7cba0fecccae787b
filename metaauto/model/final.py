"""The final model: an ensemble of fold models that predicts tables like the training table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.data.schema import TableSchema
from metaauto.ensemble.calibration import Calibrator
from metaauto.ensemble.thresholds import Decision
from metaauto.errors import Refused, SettingError
from metaauto.model.prediction import CHUNK_ROWS, average, encoded_chunks
from metaauto.task import Task
from metaauto.text import counted, shortened

__all__ = ["FinalModel", "Member"]

_LONGEST_NAME = 60
_MOST_MEMBERS = 5


@dataclass
class Member:
    """One configuration of the ensemble, with a fitted model for each fold.

    Parameters
    ----------
    name : str
        Name on the leaderboard, such as ``"lightgbm-12"``.
    model : str
        Name of the model component.
    values : dict
        Configuration values, JSON-ready.
    weight : float
        Weight in the ensemble; weights need not sum to one.
    estimators : list of sklearn.pipeline.Pipeline
        Fold models, taking typed frames; a fold may miss a class.
    plugin, distribution, version : str
        Where the component comes from: plugin, what pip calls it, its version.
    """

    name: str
    model: str
    values: dict[str, Any]
    weight: float
    estimators: list[Any]
    plugin: str = "builtin"
    distribution: str = ""
    version: str = ""


@dataclass
class FinalModel:
    """The result of a fit: predicts, saves, loads, and can be handed on as scikit-learn object.

    Parameters
    ----------
    task : Task
        What was learned.
    schema : TableSchema
        The columns of the training table.
    members : list of Member
        The ensemble; one member alone is fine.
    metric_name : str
        Metric that drove the search.
    calibrator : Calibrator, optional
        Correction of the probabilities.
    decision : Decision, optional
        How labels come from probabilities; by default the most probable class.
    leaderboard : list of dict
        One row per trial, for people.
    facts : dict
        Versions, seconds, score estimates, seed, budget, findings: anything JSON can hold.
    fallback : float, optional
        Regression: prediction for rows on which no fold model is finite, such as the mean target.
        In classification the class frequencies serve.

    Examples
    --------
    >>> model = FinalModel.load("house.metaauto")  # doctest: +SKIP
    >>> model.predict({"size": 120, "district": "north"})  # doctest: +SKIP
    array([412000.])
    """

    task: Task
    schema: TableSchema
    members: list[Member]
    metric_name: str
    calibrator: Calibrator | None = None
    decision: Decision | None = None
    leaderboard: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    fallback: float | None = None

    def __post_init__(self) -> None:
        weights = [member.weight for member in self.members]
        if not all(np.isfinite(w) and w >= 0 for w in weights) or not sum(weights) > 0:
            raise SettingError(
                f"The ensemble has the weights {weights}.",
                hint="Give members of weights that are not negative, one of them positive.",
            )
        for member in self.members:
            if not member.estimators and member.weight > 0:
                raise SettingError(
                    f"Member {member.name!r} has no fold model.", hint="Leave it out."
                )

    def __repr__(self) -> str:
        return _as_line(self)

    def _repr_html_(self) -> str:
        return _as_html(self)

    @property
    def classes_(self) -> np.ndarray:
        """Class labels in the order of the probabilities, in the type of the training target.

        Texts are of dtype object. Raises `Refused` in regression.
        """
        self._require_classes("classes_")
        return class_labels(self.task)

    @property
    def feature_names(self) -> list[str]:
        """Columns that the models see; any others may be absent."""
        return [column.name for column in self.task.features]

    def predict(self, X: Any, chunk_rows: int = CHUNK_ROWS) -> np.ndarray:
        """Predict labels or values.

        Parameters
        ----------
        X : DataFrame, array of shape (n, columns), sparse matrix, dict or list of dicts
            Rows with the columns of the training table, in any order; others are ignored. Arrays
            are taken where the training table was one. It is not modified.
        chunk_rows : int, default=100000
            Rows predicted at a time; bounds the memory.

        Returns
        -------
        ndarray of shape (n,)
            Labels of the training target, or float64 values. Empty for no rows.

        Raises
        ------
        SchemaMismatch
            Columns are missing, or hold other kinds of values than at training.
        """
        if not self.task.is_classification:
            return np.concatenate(list(self._chunks(X, chunk_rows)))
        labels = self.classes_
        decide = (self.decision or Decision()).labels
        return np.concatenate([labels[decide(part)] for part in self._chunks(X, chunk_rows)])

    def predict_proba(self, X: Any, chunk_rows: int = CHUNK_ROWS) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X, chunk_rows
            As in `predict`.

        Returns
        -------
        ndarray of shape (n, classes), float64
            In the order of ``classes_``; rows sum to one.

        Raises
        ------
        Refused
            In regression.
        """
        self._require_classes("predict_proba")
        return np.concatenate(list(self._chunks(X, chunk_rows)))

    def predict_raw(self, X: Any, chunk_rows: int = CHUNK_ROWS) -> np.ndarray:
        """What metrics take: float32 probabilities of shape (n, classes), or values (n,)."""
        return np.concatenate(list(self._chunks(X, chunk_rows))).astype(np.float32)

    def predict_typed(self, frame: Any) -> np.ndarray:
        """Like `predict_raw`, of a frame that the schema has encoded already."""
        members = [(m.name, m.weight, m.estimators) for m in self.members]
        part = average(members, frame, self.task.n_classes, self._fallback())
        return _calibrated(part, self.task.n_classes, self.calibrator).astype(np.float32)

    def explain(self, X: Any, background: Any, explainer: str = "permutation", **more: Any) -> Any:
        """Say how much each column adds to each prediction; see `metaauto.model.explain`.

        Parameters
        ----------
        X : DataFrame, array, dict or list of dicts
            Rows to explain.
        background : DataFrame, array, dict or list of dicts
            Rows to compare with, such as the training table.
        explainer : str, default="permutation"
            Name of an installed explainer.
        **more
            ``label`` of the class to explain, ``seed``.

        Returns
        -------
        DataFrame of shape (rows, columns)
            In the unit of the prediction.
        """
        from metaauto.model.explain import explain

        return explain(self, X, background, explainer=explainer, **more)

    def prune(self, members: int | None = None, folds: int | None = None) -> FinalModel:
        """A smaller and faster model of the heaviest members; predictions change.

        Parameters
        ----------
        members : int, optional
            Keep so many members; all of positive weight by default.
        folds : int, optional
            Keep so many fold models of each; all by default.

        Returns
        -------
        FinalModel
            Shares the fold models with this one. Without arguments it predicts alike: only
            members of weight zero are left out.

        Notes
        -----
        Calibration and decision stay those of the whole ensemble, and so do the scores in
        ``facts`` and on the leaderboard: measure the smaller model anew before relying on it.
        """
        for name, count in (("members", members), ("folds", folds)):
            if count is not None and count < 1:
                raise SettingError(f"prune({name}={count}) keeps nothing.", hint="Keep at least 1.")
        heaviest = sorted(self.members, key=lambda m: -m.weight)[:members]
        kept = [
            dataclasses.replace(member, estimators=list(member.estimators[:folds]))
            for member in self.members
            if member.weight > 0 and any(member is heavy for heavy in heaviest)
        ]
        facts = dict(self.facts)
        if members is not None or folds is not None:
            facts["pruned"] = {"members": len(kept), "of": len(self.members), "folds": folds}
        return dataclasses.replace(
            self, members=kept, facts=facts, leaderboard=list(self.leaderboard)
        )

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn estimator with the same predictions; see `metaauto.model.export`.

        Examples
        --------
        >>> estimator = model.to_sklearn()  # doctest: +SKIP
        >>> sklearn.metrics.get_scorer("accuracy")(estimator, X, y)  # doctest: +SKIP
        """
        from metaauto.model.export import to_sklearn

        return to_sklearn(self)

    def save(self, path: str | Path, on_unsavable: str = "drop") -> Path:
        """Write the model into one file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file; a model there is replaced once the new one is complete.
        on_unsavable : {'drop', 'raise'}, default='drop'
            What to do about a member that a safe file cannot hold: leave it out, with a warning,
            if others remain, or raise.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ModelFileError
            If the file cannot be written, or no member can be saved.
        """
        from metaauto.model.save import save_model

        return save_model(self, path, on_unsavable)

    @classmethod
    def load(cls, path: str | Path, trust: bool = False, registry: Any = None) -> FinalModel:
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.
        trust : bool, default=False
            Also construct types that neither metaauto nor an installed plugin vouches for. Such
            a file may run any code: say True only for files from people you trust.
        registry : Registry, optional
            Installed components; by default the plugins are loaded as the environment says.

        Raises
        ------
        ModelFileError
            The file is damaged, foreign, from a newer release, or holds untrusted types.
        MissingPlugin
            A plugin that it needs is not installed.
        """
        from metaauto.model.save import load_model

        return load_model(path, trust=trust, registry=registry)

    def _chunks(self, X: Any, chunk_rows: int) -> Iterator[np.ndarray]:
        return predicted_chunks(
            self.schema,
            [(m.name, m.weight, m.estimators) for m in self.members],
            self.task.n_classes,
            self.calibrator,
            self._fallback(),
            X,
            chunk_rows,
        )

    def _fallback(self) -> Any:
        if not self.task.is_classification:
            return self.fallback
        counts = self.task.class_counts or (1,) * self.task.n_classes
        return np.asarray(counts, dtype=np.float64) / sum(counts)

    def _require_classes(self, what: str) -> None:
        if not self.task.is_classification:
            raise Refused(f"A regression model has no {what}.", hint="Use predict for the values.")


def class_labels(task: Task) -> np.ndarray:
    """The class labels as an array: bool, int64, float64, or object for texts."""
    classes = list(task.classes or ())
    for kind, dtype in ((bool, np.bool_), (int, np.int64), (float, np.float64)):
        if all(type(label) is kind for label in classes):
            return np.array(classes, dtype=dtype)
    if all(type(label) in (int, float) for label in classes):
        return np.array(classes, dtype=np.float64)
    labels = np.empty(len(classes), dtype=object)
    labels[:] = classes
    return labels


def _calibrated(part: np.ndarray, n_classes: int, calibrator: Calibrator | None) -> np.ndarray:
    """Calibrate probabilities and let each row sum to one; values stay as they are."""
    if not n_classes:
        return part
    if calibrator is not None and calibrator.kind != "identity" and len(part):
        part = np.asarray(calibrator.apply(part), dtype=np.float64)
    total: np.ndarray = part / part.sum(axis=1, keepdims=True)
    return total


def predicted_chunks(
    schema: TableSchema,
    members: list[tuple[str, float, list[Any]]],
    n_classes: int,
    calibrator: Calibrator | None,
    fallback: Any,
    X: Any,
    chunk_rows: int,
) -> Iterator[np.ndarray]:
    """Calibrated float64 predictions, a chunk of rows at a time; at least one chunk."""
    for frame in encoded_chunks(X, schema, chunk_rows):
        part = average(members, frame, n_classes, fallback)
        yield _calibrated(part, n_classes, calibrator)


def _as_line(model: FinalModel) -> str:
    """Target, kind of task, metric, score and number of models."""
    target = repr(_short(model.task.target))
    score = _number(model.facts.get("score"))
    parts = [target, model.task.kind, f"{_short(model.metric_name)}={score}"]
    return f"FinalModel({', '.join(parts)}, models={len(model.members)})"


def _as_html(model: FinalModel) -> str:
    """The same and a little more; without colours of its own, for light and dark pages."""
    cell = "text-align:left;padding:.1em 1em .1em 0"
    lines = "".join(
        f'<tr><th scope="row" style="{cell}">{escape(label)}</th>'
        f'<td style="{cell}">{escape(text)}</td></tr>'
        for label, text in _lines(model)
    )
    return f"<table><tbody>{lines}</tbody></table>"


def _lines(model: FinalModel) -> Iterator[tuple[str, str]]:
    task, facts = model.task, model.facts
    classes = f", {counted(task.n_classes, 'class', 'classes')}" if task.n_classes > 2 else ""
    yield "Model of", f"{_short(task.target)} ({task.kind}{classes})"
    better = "higher" if facts.get("greater_is_better", True) else "lower"
    metric = _short(model.metric_name)
    yield "Score", f"{metric} {_number(facts.get('score'))} out of fold, {better} is better"
    if facts.get("holdout_score") is not None:
        yield "Holdout", f"{metric} {_number(facts['holdout_score'])}"
    total = sum(member.weight for member in model.members)
    heaviest = sorted(model.members, key=lambda member: -member.weight)
    named = [f"{_short(m.name)} {m.weight / total:.0%}" for m in heaviest[:_MOST_MEMBERS]]
    more = len(heaviest) - _MOST_MEMBERS
    named += [f"{more} more"] if more > 0 else []
    yield "Models", f"{len(heaviest)}: {', '.join(named)}"
    size = f"{counted(task.n_rows, 'row')}, {counted(len(model.feature_names), 'column')}"
    yield "Learned from", size


def _short(text: Any) -> str:
    return shortened(text, _LONGEST_NAME)


def _number(score: Any) -> str:
    return f"{score:.5g}" if isinstance(score, (int, float)) and score == score else "-"
