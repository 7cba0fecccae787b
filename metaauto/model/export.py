"""Export the final model as a scikit-learn estimator, or to a file of another format.

`to_sklearn` returns scikit-learn's own ``FrozenEstimator`` around a `BlendedClassifier` or
`BlendedRegressor`, which hold the fold models (scikit-learn pipelines, each frozen), their
weights and the columns of the training table. It takes the raw table, returns the original labels,
and can be cloned, pickled, cross-validated (it is never refitted), calibrated or inspected like
any other estimator.

It requires metaauto (for the columns, and its transformers in the pipelines), numpy, pandas,
scikit-learn, and the libraries of its models; no plugins are discovered.

`exported` returns the content of a file: a Python script that trains the ensemble again, or a model
of ONNX.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.frozen import FrozenEstimator

from metaauto.ensemble.thresholds import Decision
from metaauto.errors import SettingError
from metaauto.files import replacing
from metaauto.model.final import FinalModel, class_labels, predicted_chunks
from metaauto.model.prediction import CHUNK_ROWS

__all__ = ["FORMATS", "BlendedClassifier", "BlendedRegressor", "export", "exported", "to_sklearn"]

FORMATS = ("python", "onnx")


class _Blended(BaseEstimator):
    """Base of both estimators; they are already fitted, so `fit` does nothing."""

    schema: Any
    members: Any

    def fit(self, X: Any, y: Any = None, **_: Any) -> Any:
        """Return itself; the fold models are fitted already."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Feature columns of the fold models."""
        return np.array([column.name for column in self.schema.features], dtype=object)

    def _blend(self, X: Any, n_classes: int, calibrator: Any, fallback: Any) -> np.ndarray:
        parts = predicted_chunks(
            self.schema, self.members, n_classes, calibrator, fallback, X, CHUNK_ROWS
        )
        return np.concatenate(list(parts))


class BlendedClassifier(ClassifierMixin, _Blended):
    """Weighted mean of fitted classifiers, over raw tables.

    Parameters
    ----------
    schema : TableSchema
        The columns of the training table.
    members : list of (str, float, list)
        Name, weight and fold models of each member.
    classes : ndarray of shape (k,)
        Labels in the order of the codes that the fold models predict.
    calibrator : Calibrator, optional
        Calibration of the probabilities.
    decision : Decision, optional
        Decision rule for labels.
    prior : ndarray of shape (k,), optional
        Probabilities for rows without a finite prediction of any fold model.
    """

    def __init__(
        self,
        schema: Any,
        members: Any,
        classes: Any,
        calibrator: Any = None,
        decision: Any = None,
        prior: Any = None,
    ) -> None:
        self.schema = schema
        self.members = members
        self.classes = classes
        self.calibrator = calibrator
        self.decision = decision
        self.prior = prior

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of the probabilities."""
        return np.asarray(self.classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n, k) for a raw table."""
        return self._blend(X, len(self.classes), self.calibrator, self.prior)

    def predict(self, X: Any) -> np.ndarray:
        """Return labels of shape (n,) for a raw table."""
        decision = self.decision or Decision()
        return self.classes_[decision.labels(self.predict_proba(X))]


class BlendedRegressor(RegressorMixin, _Blended):
    """Weighted mean of fitted regressors, over raw tables.

    Parameters
    ----------
    schema : TableSchema
        The columns of the training table.
    members : list of (str, float, list)
        Name, weight and fold models of each member.
    fallback : float, optional
        Value for rows without a finite prediction of any fold model.
    """

    def __init__(self, schema: Any, members: Any, fallback: Any = None) -> None:
        self.schema = schema
        self.members = members
        self.fallback = fallback

    def predict(self, X: Any) -> np.ndarray:
        """Return values of shape (n,) for a raw table."""
        return self._blend(X, 0, None, self.fallback)


def to_sklearn(model: FinalModel) -> FrozenEstimator:
    """Return a final model as a fitted scikit-learn estimator.

    Parameters
    ----------
    model : FinalModel
        The model; its fold models are shared, not copied.

    Returns
    -------
    sklearn.frozen.FrozenEstimator
        With ``predict`` on raw tables and, in classification, ``predict_proba`` and ``classes_``.

    Examples
    --------
    >>> estimator = to_sklearn(model)  # doctest: +SKIP
    >>> estimator.predict(table)  # doctest: +SKIP
    array(['no', 'yes'], dtype=object)
    """
    members = [
        (name, weight, [FrozenEstimator(fitted) for fitted in models])
        for member in model.members
        for name, weight, models in member.parts
    ]
    if model.task.is_classification:
        counts = model.task.class_counts
        return FrozenEstimator(
            BlendedClassifier(
                model.schema,
                members,
                class_labels(model.task),
                model.calibrator,
                model.decision,
                None if counts is None else np.asarray(counts, dtype=np.float64) / sum(counts),
            )
        )
    return FrozenEstimator(BlendedRegressor(model.schema, members, model.fallback))


def exported(model: FinalModel, to: str, data: Any = None) -> bytes:
    """Return a model in another format.

    Parameters
    ----------
    model : FinalModel
        The model.
    to : {'python', 'onnx'}
        A Python script in UTF-8 that trains the ensemble again, or a model of ONNX that predicts.
    data : DataFrame, optional
        With 'onnx': rows for the comparison with the model; by default they are made from the
        columns.

    Raises
    ------
    SettingError
        The format is unknown, or a library is not installed.
    Refused
        A member or a column prevents the export, or the predictions of the file differ.
    """
    if data is not None and to != "onnx":
        raise SettingError("data requires to='onnx'.", hint="Remove data.")
    if to == "python":
        from metaauto.model.python_script import python_script

        return python_script(model).encode("utf-8")
    if to == "onnx":
        from metaauto.model.onnx import onnx_model

        return onnx_model(model, data)
    raise SettingError(f"Unknown export format {to!r}.", hint=f"Use one of {', '.join(FORMATS)}.")


def export(model: FinalModel, path: str | Path, to: str, data: Any = None) -> Path:
    """Write a model in another format, atomically; see `FinalModel.export`."""
    place = Path(path).expanduser()
    content = exported(model, to, data)
    try:
        with replacing(Path(os.path.realpath(place))) as part:
            part.write_bytes(content)
    except OSError as error:
        raise SettingError(
            f"Cannot write {str(place)!r}: {error.strerror or error}.",
            hint="Choose a file in an existing folder that you may write to.",
        ) from error
    return place
