"""Export an ensemble to one file of ONNX, which is compared with the model before it is returned.

Each column of the table is an input. The preprocessing, the fold models, their weighted mean, the
calibration and the decision rule are computed in float64, so that rows on the threshold of a tree
go the same way as in the model.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from metaauto.errors import Refused, SettingError
from metaauto.model.final import FinalModel, class_labels
from metaauto.model.onnx.check import TOLERANCE, compared_rows, difference
from metaauto.model.onnx.columns import InputColumns
from metaauto.model.onnx.ensemble import calibrated, labelled, mean_of_folds, mean_of_members
from metaauto.model.onnx.estimators import predicted
from metaauto.model.onnx.graph import IR_VERSION, Graph, NotConvertible
from metaauto.model.onnx.preprocessing import prepared_rows

__all__ = ["onnx_model"]

_LIBRARIES = ("onnx", "onnxruntime", "skl2onnx")


def onnx_model(model: FinalModel, data: Any = None) -> bytes:
    """Return a model of ONNX with the predictions of an ensemble.

    Inputs have the names of the columns and the shape (rows, 1): float64 for numbers, NaN for
    missing ones; texts for categories and Boolean columns, ``""`` for missing ones. The outputs are
    ``label`` of shape (rows,) and ``probabilities`` of shape (rows, classes), float32; in
    regression ``value`` of shape (rows,), float64.

    Parameters
    ----------
    model : FinalModel
        The ensemble.
    data : DataFrame, optional
        Rows for the comparison with the model; by default they are made from the columns.

    Raises
    ------
    SettingError
        A library is not installed.
    Refused
        A column or a member has no equivalent in ONNX, the file is too large, or the predictions
        differ.
    """
    absent = [library for library in _LIBRARIES if find_spec(library) is None]
    if absent:
        raise SettingError(
            f"The export to ONNX requires {', '.join(absent)}.",
            hint='Install them with: pip install "metaauto[onnx]"',
        )
    content = _serialized(model)
    _check(model, content, compared_rows(model, data))
    return content


def _check(model: FinalModel, content: bytes, typed: Any) -> None:
    """Raise an error that names the members if the predictions of the file differ."""
    largest, wrong = difference(model, content, typed)
    # NaN must not pass.
    if largest <= TOLERANCE and not wrong:
        return
    what = f"The predictions of the exported model differ by up to {largest:.2g}"
    if largest <= TOLERANCE:
        what = f"The labels of the exported model differ in {wrong} rows"
    members, models = [], []
    for member in model.members:
        if member.weight > 0:
            alone = replace(model, members=[member], calibrator=None, decision=None)
            if not difference(alone, _serialized(alone), typed)[0] <= TOLERANCE:
                members.append(member.name)
                models.append(member.model)
    hint = "Report it with the versions of onnx and onnxruntime, or use --to python."
    if models:
        hint = f"Fit again without ({_excluded(models)}), or use --to python."
    raise Refused(
        f"{what} on {len(typed):,} rows (allowed: {TOLERANCE:g}). Members that differ: "
        f"{', '.join(members) or 'none'}.",
        hint=hint,
    )


def _excluded(models: list[str]) -> str:
    return " ".join(f"--exclude {name}" for name in dict.fromkeys(models))


def _serialized(model: FinalModel) -> bytes:
    from google.protobuf.message import EncodeError
    from onnx import TensorProto, helper

    names = {column.name for column in model.schema.features}
    titles = {title: title for title in ("label", "probabilities", "value")}
    for title in titles:
        while titles[title] in names:
            titles[title] += "_"
    graph = Graph([*names, *titles.values()])
    try:
        columns = InputColumns(graph, model.schema)
    except NotConvertible as error:
        raise Refused(
            f"The columns cannot be exported to ONNX: {error}.",
            hint="Fit again without the column (--role COLUMN=identifier), or use --to python.",
        ) from error
    prediction = mean_of_members(graph, model, _members(graph, columns, model))
    outputs = [helper.make_tensor_value_info(titles["value"], TensorProto.DOUBLE, ["rows"])]
    if model.task.is_classification:
        prediction = calibrated(graph, model.calibrator, prediction)
        labelled(graph, model, prediction, titles["label"])
        graph.add("Cast", prediction, to=TensorProto.FLOAT, output=titles["probabilities"])
        types = {"O": TensorProto.STRING, "i": TensorProto.INT64, "b": TensorProto.BOOL}
        kind = types.get(class_labels(model.task).dtype.kind, TensorProto.DOUBLE)
        shape: list[str | int | None] = ["rows", model.task.n_classes]
        outputs = [
            helper.make_tensor_value_info(titles["label"], kind, ["rows"]),
            helper.make_tensor_value_info(titles["probabilities"], TensorProto.FLOAT, shape),
        ]
    else:
        flat = np.array([-1], dtype=np.int64)
        graph.add("Reshape", prediction, flat, output=titles["value"])
    whole = helper.make_graph(
        graph.nodes, "metaauto", columns.declared(), outputs, initializer=graph.constants
    )
    opsets = [helper.make_opsetid(*each) for each in graph.domains.items()]
    made = helper.make_model(
        whole, opset_imports=opsets, ir_version=IR_VERSION, producer_name="metaauto"
    )
    helper.set_model_props(made, _properties(model))
    try:
        return bytes(made.SerializeToString())
    except (ValueError, EncodeError) as error:  # above the 2 GiB of protocol buffers
        raise Refused(
            "The model is too large for a file of ONNX, whose limit is 2 GiB.",
            hint="Make it smaller with metaauto refit or model.prune, and export it again.",
        ) from error


def _members(
    graph: Graph, columns: InputColumns, model: FinalModel
) -> list[tuple[float, str, str]]:
    """Return weight, mean and mask of finite rows of each member; name all that are unsupported."""
    parts, reasons, models = [], [], []
    members = [member for member in model.members if member.weight > 0]
    for member in members:
        try:
            for _, weight, fitted in member.parts:
                folds = [_fold(graph, columns, each, model) for each in fitted]
                parts.append((weight, *mean_of_folds(graph, folds)))
        except NotConvertible as error:
            reasons.append(f"{member.name!r}: {error}")
            models.append(member.model)
    if reasons:
        share = sum(m.weight for m in members if m.model in models) / sum(m.weight for m in members)
        raise Refused(
            f"Members with {share:.0%} of the weight cannot be exported to ONNX: "
            f"{'; '.join(reasons)}.",
            hint=f"Fit again without ({_excluded(models)}), keep other members with model.prune, "
            "or use --to python.",
        )
    return parts


def _fold(graph: Graph, columns: InputColumns, estimator: Any, model: FinalModel) -> str:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if type(estimator) is FrozenEstimator:
        estimator = estimator.estimator
    if type(estimator) is not Pipeline:
        raise NotConvertible("it is not a pipeline")
    steps = [step for _, step in estimator.steps]
    # A constant model has no preprocessing.
    is_constant = type(steps[-1]) in (DummyClassifier, DummyRegressor)
    rows = columns.first() if is_constant else prepared_rows(columns, steps[:-1])
    sparse = bool(getattr(steps[0], "sparse_output_", False))
    return predicted(graph, steps[-1], rows, sparse, model.task.n_classes)


def _properties(model: FinalModel) -> dict[str, str]:
    """Return the description that is stored in the file."""
    found = {"task": model.task.kind, "target": model.task.target}
    if model.task.is_classification:
        found["classes"] = json.dumps(class_labels(model.task).tolist())
    categories = {
        column.name: list(column.categories or ())
        for column in model.schema.features
        if column.categories
    }
    return {**found, "categories": json.dumps(categories)}
