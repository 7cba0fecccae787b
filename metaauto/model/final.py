"""The final model: an ensemble of fold models that predicts tables like the training table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.data.schema import TableSchema
from metaauto.ensemble.calibration import Calibrator
from metaauto.ensemble.thresholds import Decision
from metaauto.errors import Refused, SettingError
from metaauto.model.analyses import ModelAnalyses
from metaauto.model.fit_record import FitRecord, Pruned
from metaauto.model.member import Member
from metaauto.model.prediction import CHUNK_ROWS, average, combine, encoded_chunks
from metaauto.model.updates import ModelUpdates
from metaauto.task import Task
from metaauto.text import counted, metric_label, shortened

__all__ = ["FinalModel", "Member"]

_NAME_WIDTH = 60
_MAX_MEMBERS = 5


@dataclass
class FinalModel(ModelUpdates, ModelAnalyses):
    """The result of a fit: predict, evaluate, explain, report, save, load, export to scikit-learn.

    Parameters
    ----------
    task : Task
        The task.
    schema : TableSchema
        The columns of the training table.
    members : list of Member
        The ensemble, of one member or more.
    metric_name : str
        Metric of the search.
    calibrator : Calibrator, optional
        Calibration of the probabilities.
    decision : Decision, optional
        Decision rule for labels; by default the most probable class.
    leaderboard_rows : list of dict
        One row for the ensemble and each trial; `leaderboard` returns them as a table.
    record : FitRecord
        What is known about the fit: scores, seconds, seed, budget, findings, warnings.
    fallback : float, optional
        Regression: prediction for rows without a finite prediction of any fold model, such as the
        mean target. In classification the class frequencies are used.
    baseline : Member, optional
        The baseline, which `save` writes if it is asked to and no member can be saved.

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
    leaderboard_rows: list[dict[str, Any]] = field(default_factory=list)
    record: FitRecord = field(default_factory=FitRecord)
    fallback: float | None = None
    baseline: Member | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check_weights()
        for member in self.members:
            if not member.estimators and member.weight > 0:
                raise SettingError(
                    f"Member {member.name!r} has no fold model.", hint="Remove the member."
                )

    def _check_weights(self) -> None:
        weights = [member.weight for member in self.members]
        if not all(np.isfinite(w) and w >= 0 for w in weights) or not sum(weights) > 0:
            raise SettingError(
                f"Invalid ensemble weights {weights}: expected finite weights >= 0, one positive.",
                hint="Use non-negative weights, at least one of them positive.",
            )

    def __repr__(self) -> str:
        return _as_line(self)

    def _repr_html_(self) -> str:
        return _as_html(self)

    @property
    def classes_(self) -> np.ndarray:
        """Class labels in the order of the probabilities, in the type of the training target.

        Texts have dtype object. Raises `Refused` in regression.
        """
        self._require_classes("classes_")
        return class_labels(self.task)

    @property
    def metric_label(self) -> str:
        """Name of the metric, with the class that it scores: ``"f1 of 'yes'"``."""
        return metric_label(self.metric_name, self.task.scored_class)

    @property
    def feature_names(self) -> list[str]:
        """Feature columns; other columns may be absent in prediction."""
        return [column.name for column in self.task.features]

    def predict(self, X: Any, chunk_rows: int = CHUNK_ROWS) -> np.ndarray:
        """Predict labels or values.

        Parameters
        ----------
        X : DataFrame, array of shape (n, columns), sparse matrix, dict or list of dicts
            Rows with the columns of the training table, in any order; others are ignored. The
            columns of an array are in the order of the training table. It is not modified.
        chunk_rows : int, default=100000
            Rows predicted at a time, which bounds the memory.

        Returns
        -------
        ndarray of shape (n,)
            Labels of the training target, or float64 values. Empty if there are no rows.

        Raises
        ------
        SchemaMismatch
            Columns are missing, or hold other types of values than the training table.
        """
        return np.concatenate([self.decided(part) for part in self._chunks(X, chunk_rows)])

    def decided(self, prediction: np.ndarray) -> np.ndarray:
        """Return the labels for probabilities from `predict_proba`; values are unchanged."""
        if not self.task.is_classification:
            return prediction
        return self.classes_[(self.decision or Decision()).labels(prediction)]

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
        """Predict the input of metrics: float32 probabilities (n, k), or float64 values (n,)."""
        return self._stored(np.concatenate(list(self._chunks(X, chunk_rows))))

    def predict_typed(self, frame: Any) -> np.ndarray:
        """Predict like `predict_raw` for a frame that is already encoded by the schema."""
        return self._stored(self.predict_frame(frame))

    def predict_frame(self, frame: Any) -> np.ndarray:
        """Predict like `predict_typed`, in float64."""
        part = average(self._parts(), frame, self.task.n_classes, self._fallback())
        return _calibrated(part, self.task.n_classes, self.calibrator)

    def combine(self, parts: Iterable[tuple[np.ndarray, np.ndarray]], rows: int) -> np.ndarray:
        """Return the prediction, like `predict_typed`, from those of the members.

        Parameters
        ----------
        parts : iterable of (ndarray, ndarray)
            Prediction and mask of finite rows of each member, from `mean_of_folds`.
        rows : int
            Number of rows.
        """
        n_classes = self.task.n_classes
        weighted = ((m.weight, *part) for m, part in zip(self.members, parts, strict=True))
        part = combine(weighted, rows, n_classes, self._fallback())
        return self._stored(_calibrated(part, n_classes, self.calibrator))

    def prune(self, members: int | None = None, folds: int | None = None) -> FinalModel:
        """Return a smaller and faster model of the heaviest members; predictions change.

        Parameters
        ----------
        members : int, optional
            Number of members to keep; all of positive weight by default.
        folds : int, optional
            Number of fold models to keep of each member; all by default. With 1, the model trained
            on all rows is kept instead if there is one.

        Returns
        -------
        FinalModel
            Shares the fold models with this one. Without arguments the predictions are the same:
            only members of weight zero are removed.

        Notes
        -----
        Calibration, decision rule and scores remain those of the complete ensemble: evaluate the
        pruned model before using it.
        """
        for name, count in (("members", members), ("folds", folds)):
            if count is not None and count < 1:
                raise SettingError(f"{name} must be >= 1 (got {count}).", hint="Keep at least 1.")
        heaviest = sorted(self.members, key=lambda m: -m.weight)[:members]
        kept = [
            member.of_folds(folds)
            for member in self.members
            if member.weight > 0 and any(member is heavy for heavy in heaviest)
        ]
        record = self.record
        if members is not None or folds is not None:
            pruned = Pruned(len(kept), len(self.members), folds)
            record = dataclasses.replace(record, pruned=pruned)
        return dataclasses.replace(
            self, members=kept, record=record, leaderboard_rows=list(self.leaderboard_rows)
        )

    def to_sklearn(self) -> Any:
        """Return a fitted scikit-learn estimator with the same predictions.

        See `metaauto.model.export`.

        Examples
        --------
        >>> estimator = model.to_sklearn()  # doctest: +SKIP
        >>> sklearn.metrics.get_scorer("accuracy")(estimator, X, y)  # doctest: +SKIP
        """
        from metaauto.model.export import to_sklearn

        return to_sklearn(self)

    def export(self, path: str | Path, to: str = "python", data: Any = None) -> Path:
        """Write the model in another format, atomically.

        Parameters
        ----------
        path : str or Path
            The file; an existing one is replaced.
        to : {'python', 'onnx'}, default='python'
            A Python script that trains the ensemble again; or a model of ONNX that predicts
            (extra ``onnx``), which is compared with this model before it is written.
        data : DataFrame, optional
            With 'onnx': rows for the comparison, by default made from the columns.

        Raises
        ------
        SettingError, Refused
            A library is not installed; a member or column prevents the export; predictions differ.

        Examples
        --------
        >>> model.export("model.onnx", to="onnx", data=table)  # doctest: +SKIP
        PosixPath('model.onnx')
        """
        from metaauto.model.export import export

        return export(self, path, to, data)

    def save(self, path: str | Path, on_unsavable: str = "drop") -> Path:
        """Write the model to one file, atomically.

        Parameters
        ----------
        path : str or Path
            The file; an existing model is replaced when the new one is complete.
        on_unsavable : {'drop', 'baseline', 'raise'}, default='drop'
            Treatment of a member that cannot be saved safely: drop it with a warning, if others
            remain, or raise an error. With ``'baseline'`` a fitted model is saved as its baseline
            if no member remains.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ModelFileError
            The file cannot be written, or no member can be saved.
        """
        from metaauto.model.save import save_model

        return save_model(self, path, on_unsavable)

    @classmethod
    def load(
        cls,
        path: str | Path,
        trust: bool = False,
        registry: Any = None,
        isolated: bool = False,
        timeout: float = 60.0,
        memory: float = 4.0,
    ) -> FinalModel:
        """Read a model file written by `save`.

        Parameters
        ----------
        path : str or Path
            The file.
        trust : bool, default=False
            Also construct types that neither metaauto nor an installed plugin declares as safe.
            Such a file may run arbitrary code: use True only for files from trusted sources.
        registry : Registry, optional
            Installed components; by default the plugins selected by the environment are loaded.
        isolated : bool, default=False
            Load and predict in a child process, with the plugins selected by the environment: for
            files from unknown sources. A crash or an endless loop of a forged model is then an
            error here. The child process has the rights of this user.
        timeout, memory : float
            With ``isolated``: limits of seconds, to load and to predict a chunk of rows, and of
            GiB of memory (on Linux).

        Raises
        ------
        ModelFileError
            The file is damaged, not a model file, from a newer release, or holds untrusted types.
        MissingPlugin
            A required plugin is not installed.
        """
        if isolated:
            if trust or registry is not None:
                raise SettingError(
                    "isolated=True excludes trust=True and registry.", hint="Pass only one of them."
                )
            from metaauto.model.isolated import load_isolated

            return load_isolated(path, timeout, memory)
        from metaauto.model.save import load_model

        return load_model(path, trust=trust, registry=registry)

    def _analyzed(self) -> FinalModel:
        return self

    def _chunks(self, X: Any, chunk_rows: int) -> Iterator[np.ndarray]:
        return predicted_chunks(
            self.schema,
            self._parts(),
            self.task.n_classes,
            self.calibrator,
            self._fallback(),
            X,
            chunk_rows,
        )

    def _parts(self) -> list[tuple[str, float, Sequence[Any]]]:
        return [part for member in self.members for part in member.parts]

    def _stored(self, prediction: np.ndarray) -> np.ndarray:
        """Convert a prediction to the type in which the search stores it."""
        return prediction.astype(np.float32) if self.task.is_classification else prediction

    def _fallback(self) -> Any:
        if not self.task.is_classification:
            return self.fallback
        counts = self.task.class_counts or (1,) * self.task.n_classes
        return np.asarray(counts, dtype=np.float64) / sum(counts)

    def _require_classes(self, what: str) -> None:
        if not self.task.is_classification:
            raise Refused(f"A regression model has no {what}.", hint="Use predict.")


def class_labels(task: Task) -> np.ndarray:
    """Return the class labels as an array: bool, int64, float64, or object for texts."""
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
    """Calibrate probabilities and normalise each row to sum to one; keep values unchanged."""
    if not n_classes:
        return part
    if calibrator is not None and calibrator.kind != "identity" and len(part):
        part = np.asarray(calibrator.apply(part), dtype=np.float64)
    total: np.ndarray = part / part.sum(axis=1, keepdims=True)
    return total


def predicted_chunks(
    schema: TableSchema,
    members: Sequence[tuple[str, float, Sequence[Any]]],
    n_classes: int,
    calibrator: Calibrator | None,
    fallback: Any,
    X: Any,
    chunk_rows: int,
) -> Iterator[np.ndarray]:
    """Yield calibrated float64 predictions in chunks of rows; at least one chunk."""
    for frame in encoded_chunks(X, schema, chunk_rows):
        part = average(members, frame, n_classes, fallback)
        yield _calibrated(part, n_classes, calibrator)


def _as_line(model: FinalModel) -> str:
    """Return one line: target, task type, metric, score and number of models."""
    target = repr(_short(model.task.target))
    score = _number(model.record.score)
    parts = [target, model.task.kind, f"{_short(model.metric_label)}={score}"]
    refitted = ", refitted" if model.record.refit else ""
    return f"FinalModel({', '.join(parts)}, models={len(model.members)}{refitted})"


def _as_html(model: FinalModel) -> str:
    """Return a table in HTML; without colours, for light and dark pages."""
    cell = "text-align:left;padding:.1em 1em .1em 0"
    lines = "".join(
        f'<tr><th scope="row" style="{cell}">{escape(label)}</th>'
        f'<td style="{cell}">{escape(text)}</td></tr>'
        for label, text in _lines(model)
    )
    return f"<table><tbody>{lines}</tbody></table>"


def _lines(model: FinalModel) -> Iterator[tuple[str, str]]:
    task, record = model.task, model.record
    classes = f", {counted(task.n_classes, 'class', 'classes')}" if task.n_classes > 2 else ""
    if task.positive is not None:
        classes = f", positive class {_short(task.positive)}"
    yield "Target", f"{_short(task.target)} ({task.kind}{classes})"
    better = "higher" if record.greater_is_better else "lower"
    metric = _short(model.metric_label)
    yield "Score", f"{metric} {_number(record.score)} out-of-fold, {better} is better"
    if record.holdout_score is not None:
        yield "Holdout", f"{metric} {_number(record.holdout_score)}"
    if record.refit_note:
        yield "Refit", record.refit_note
    total = sum(member.weight for member in model.members)
    heaviest = sorted(model.members, key=lambda member: -member.weight)
    named = [f"{_short(m.name)} {m.weight / total:.0%}" for m in heaviest[:_MAX_MEMBERS]]
    more = len(heaviest) - _MAX_MEMBERS
    named += [f"{more} more"] if more > 0 else []
    yield "Models", f"{len(heaviest)}: {', '.join(named)}"
    size = f"{counted(task.n_rows, 'row')}, {counted(len(model.feature_names), 'column')}"
    yield "Training table", size


def _short(text: Any) -> str:
    return shortened(text, _NAME_WIDTH)


def _number(score: Any) -> str:
    return f"{score:.5g}" if isinstance(score, (int, float)) and score == score else "-"
