"""The response formats of OpenML's API: XML descriptions, ARFF files and errors.

Each function returns the text of one response; `openml_server` sends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import arff
import numpy as np
import pandas as pd
import xmltodict

__all__ = [
    "Fold",
    "HostedDataset",
    "HostedSuite",
    "HostedTask",
    "dataset_description",
    "dataset_file",
    "dataset_list",
    "error",
    "features",
    "qualities",
    "qualities_of",
    "splits_file",
    "suite_description",
    "task_description",
]

_NAMESPACE = {"@xmlns:oml": "http://openml.org/openml"}
_TASK_TYPES = {True: (1, "Supervised Classification"), False: (2, "Supervised Regression")}


@dataclass(frozen=True)
class HostedDataset:
    """A dataset on the server.

    Parameters
    ----------
    number : int
        Its id.
    name : str
        Its name; versions of one dataset share it.
    version : int
        Counted from 1.
    frame : pandas.DataFrame
        Numeric columns become numeric attributes, categories and booleans nominal ones, the rest
        text.
    target : str, optional
        Default target.
    row_id : str, optional
        Column with row identifiers.
    ignore : tuple of str
        Columns that are not features.
    status : {'active', 'deactivated', 'in_preparation'}
        Only active datasets are listed by default.
    checksum : bool
        Whether the description has the MD5 of the file.
    has_qualities : bool
        Whether its qualities were computed.
    sparse : bool
        Whether the file is sparse ARFF.
    """

    number: int
    name: str
    version: int
    frame: pd.DataFrame
    target: str | None = None
    row_id: str | None = None
    ignore: tuple[str, ...] = ()
    status: str = "active"
    checksum: bool = True
    has_qualities: bool = True
    sparse: bool = False


@dataclass(frozen=True)
class Fold:
    """One split of a task: its indices, and the training and test rows."""

    repeat: int
    fold: int
    sample: int
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class HostedTask:
    """A task on the server.

    Parameters
    ----------
    number : int
        Its id.
    dataset : HostedDataset
        Its dataset.
    target : str
        The target column.
    is_classification : bool
        Whether it is a classification task.
    procedure : str
        ``"crossvalidation"``, ``"holdout"``, ``"learningcurve"``.
    folds : tuple of Fold
        The official splits.
    """

    number: int
    dataset: HostedDataset
    target: str
    is_classification: bool
    procedure: str
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class HostedSuite:
    """A suite on the server: a named list of tasks."""

    number: int
    alias: str
    name: str
    tasks: tuple[HostedTask, ...]


def _xml(root: str, content: Mapping[str, Any]) -> str:
    return str(xmltodict.unparse({f"oml:{root}": {**_NAMESPACE, **content}}))


def _oml(**content: Any) -> dict[str, Any]:
    """Return XML elements by name, without those that are None."""
    return {f"oml:{name}": value for name, value in content.items() if value is not None}


def _is_nominal(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(column)


def _labels(column: pd.Series) -> list[str]:
    values = column.astype("category").cat.categories
    return [str(value) for value in values]


def _kind(column: pd.Series) -> str:
    if _is_nominal(column):
        return "nominal"
    return "numeric" if pd.api.types.is_numeric_dtype(column) else "string"


def dataset_description(dataset: HostedDataset, url: str, md5: str) -> str:
    """Return the description of a dataset with the address of its file."""
    ignore = list(dataset.ignore)
    content = _oml(
        id=dataset.number,
        name=dataset.name,
        version=dataset.version,
        description=f"{dataset.name}, served for a test",
        format="Sparse_ARFF" if dataset.sparse else "ARFF",
        upload_date="2014-04-06T23:19:24",
        licence="Public",
        url=url,
        file_id=dataset.number,
        default_target_attribute=dataset.target,
        row_id_attribute=dataset.row_id,
        ignore_attribute=ignore or None,
        visibility="public",
        status=dataset.status,
        md5_checksum=md5 if dataset.checksum else None,
    )
    return _xml("data_set_description", content)


def features(dataset: HostedDataset) -> str:
    """Return the descriptions of all columns."""
    described = []
    for index, name in enumerate(dataset.frame.columns):
        column = dataset.frame[name]
        described.append(
            _oml(
                index=index,
                name=name,
                data_type=_kind(column),
                nominal_value=_labels(column) if _is_nominal(column) else None,
                is_target=str(name == dataset.target).lower(),
                is_ignore=str(name in dataset.ignore).lower(),
                is_row_identifier=str(name == dataset.row_id).lower(),
                number_of_missing_values=int(column.isna().sum()),
            )
        )
    return _xml("data_features", _oml(feature=described))


def qualities_of(dataset: HostedDataset) -> dict[str, float]:
    """Return the qualities that OpenML computes for every dataset."""
    frame = dataset.frame
    kinds = [_kind(frame[name]) for name in frame.columns]
    classes = 0
    if dataset.target is not None and _is_nominal(frame[dataset.target]):
        classes = len(_labels(frame[dataset.target]))
    missing = frame.isna()
    return {
        "NumberOfInstances": len(frame),
        "NumberOfFeatures": frame.shape[1],
        "NumberOfClasses": classes,
        "NumberOfMissingValues": int(missing.to_numpy().sum()),
        "NumberOfInstancesWithMissingValues": int(missing.any(axis=1).sum()),
        "NumberOfNumericFeatures": kinds.count("numeric"),
        "NumberOfSymbolicFeatures": kinds.count("nominal"),
    }


def qualities(dataset: HostedDataset) -> str:
    """Return the qualities of a dataset as XML."""
    elements = [_oml(name=name, value=float(v)) for name, v in qualities_of(dataset).items()]
    return _xml("data_qualities", _oml(quality=elements))


def dataset_list(datasets: Iterable[HostedDataset]) -> str:
    """Return a list of datasets with their qualities."""
    listed = []
    for dataset in datasets:
        elements = [
            {"@name": name, "#text": str(float(v))} for name, v in qualities_of(dataset).items()
        ]
        listed.append(
            _oml(
                did=dataset.number,
                name=dataset.name,
                version=dataset.version,
                status=dataset.status,
                format="Sparse_ARFF" if dataset.sparse else "ARFF",
                file_id=dataset.number,
                quality=elements,
            )
        )
    return _xml("data", _oml(dataset=listed))


def dataset_file(dataset: HostedDataset) -> str:
    """Return the table as ARFF."""
    frame = dataset.frame
    attributes = []
    columns = []
    for name in frame.columns:
        column = frame[name]
        kind = _kind(column)
        form: Any = _labels(column) if kind == "nominal" else "STRING"
        if kind == "numeric":
            form = "INTEGER" if pd.api.types.is_integer_dtype(column) else "REAL"
        attributes.append((str(name), form))
        written: Any = {"INTEGER": int, "REAL": float}.get(str(form), str)
        columns.append([None if pd.isna(value) else written(value) for value in column.array])
    rows: list[Any] = [list(row) for row in zip(*columns, strict=True)]
    if dataset.sparse:
        rows = [{place: value for place, value in enumerate(row) if value != 0} for row in rows]
    relation = re.sub(r"[^A-Za-z0-9_-]", "_", dataset.name)
    return str(arff.dumps({"relation": relation, "attributes": attributes, "data": rows}))


def _parameters(task: HostedTask) -> list[dict[str, str]]:
    is_folded = task.procedure != "holdout"
    percentage = ""
    if not is_folded:
        rows = len(task.folds[0].train) + len(task.folds[0].test)
        percentage = str(round(100 * len(task.folds[0].test) / rows))
    values = {
        "number_repeats": str(len({fold.repeat for fold in task.folds})),
        "number_folds": str(len({fold.fold for fold in task.folds})) if is_folded else "",
        "percentage": percentage,
        "stratified_sampling": str(task.is_classification).lower(),
    }
    return [
        {"@name": name, **({"#text": value} if value else {})} for name, value in values.items()
    ]


def task_description(task: HostedTask, url: str) -> str:
    """Return the description of a task with the address of its splits."""
    type_id, type_name = _TASK_TYPES[task.is_classification]
    if task.procedure == "learningcurve":
        type_id, type_name = 3, "Learning Curve"
    measure = "predictive_accuracy" if task.is_classification else "root_mean_squared_error"
    source = _oml(data_set_id=task.dataset.number, target_feature=task.target)
    procedure = _oml(id=1, type=task.procedure, data_splits_url=url, parameter=_parameters(task))
    inputs: list[dict[str, Any]] = [
        {"@name": "source_data", **_oml(data_set=source)},
        {"@name": "estimation_procedure", **_oml(estimation_procedure=procedure)},
        {
            "@name": "evaluation_measures",
            **_oml(evaluation_measures=_oml(evaluation_measure=measure)),
        },
    ]
    content = _oml(
        task_id=task.number,
        task_name=f"Task {task.number}: {task.dataset.name} ({type_name})",
        task_type_id=type_id,
        task_type=type_name,
        input=inputs,
    )
    return _xml("task", content)


def splits_file(task: HostedTask) -> str:
    """Return the official splits as ARFF: a line for each row of the table in each fold."""
    has_samples = any(fold.sample for fold in task.folds)
    lines = [
        f"@relation {re.sub(r'[^A-Za-z0-9_-]', '_', task.dataset.name)}_splits",
        "",
        "@attribute type {TRAIN,TEST}",
        "@attribute rowid numeric",
        "@attribute repeat numeric",
        "@attribute fold numeric",
        *(["@attribute sample numeric"] if has_samples else []),
        "",
        "@data",
    ]
    for fold in task.folds:
        place = f"{fold.repeat},{fold.fold}" + (f",{fold.sample}" if has_samples else "")
        for side, rows in (("TRAIN", fold.train), ("TEST", fold.test)):
            lines += [f"{side},{row},{place}" for row in rows]
    return "\n".join(lines) + "\n"


def suite_description(suite: HostedSuite) -> str:
    """Return the description of a suite with its tasks and their datasets."""
    datasets = sorted({task.dataset.number for task in suite.tasks})
    tasks = [task.number for task in suite.tasks]
    content = _oml(
        id=suite.number,
        alias=suite.alias,
        main_entity_type="task",
        name=suite.name,
        description=f"{suite.name}, served for a test",
        status="active",
        creation_date="2019-02-21 18:47:13",
        creator=1,
        data=_oml(data_id=datasets) if datasets else None,
        tasks=_oml(task_id=tasks) if tasks else None,
    )
    return _xml("study", content)


def error(code: int, message: str, more: str | None = None) -> str:
    """Return one of OpenML's errors, which have HTTP status 412."""
    return _xml("error", _oml(code=code, message=message, additional_information=more))
