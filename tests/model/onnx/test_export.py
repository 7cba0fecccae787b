"""The exported model is run with raw cells and compared with the predictions of the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaauto.ensemble import Calibrator, Decision
from metaauto.errors import Refused, SettingError
from metaauto.model.onnx import export as module
from metaauto.model.onnx import onnx_model

# Of the libraries of the export.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def runtime():
    """The module onnxruntime."""
    for library in ("onnx", "skl2onnx", "onnxruntime"):
        found = pytest.importorskip(library, reason="requires metaauto[onnx]")
    return found


@pytest.fixture(scope="module")
def rows(table):
    """Raw rows, also with categories that no model has seen."""
    frame = table("binary", 60, seed=9).drop(columns=["notes", "target"])
    frame.loc[::7, "district"] = "somewhere else"
    frame.loc[::5, "planted"] = pd.NaT
    return frame


@pytest.fixture
def maker(table, maker_of):
    """A function that returns the makers of a table without texts."""
    return lambda kind: maker_of(table(kind).drop(columns="notes"))


def run(runtime, content: bytes, frame: pd.DataFrame) -> list[np.ndarray]:
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds = {}
    for given in session.get_inputs():
        cells = frame[given.name]
        if given.type == "tensor(string)":
            array = np.array(["" if pd.isna(cell) else str(cell) for cell in cells], dtype=object)
        elif given.type == "tensor(int64)":
            array = cells.to_numpy("datetime64[ns]").astype(np.int64)
        else:
            array = cells.to_numpy(np.float64)
        feeds[given.name] = array[:, None]
    return session.run(None, feeds)


def assert_equal_predictions(runtime, model, frame):
    outputs = run(runtime, onnx_model(model), frame)
    if model.task.is_classification:
        labels, probabilities = outputs
        np.testing.assert_allclose(probabilities, model.predict_proba(frame), atol=1e-6)
        np.testing.assert_array_equal(labels, model.predict(frame))
    else:
        np.testing.assert_allclose(outputs[0], model.predict(frame), rtol=1e-5)


def test_binary_with_threshold(runtime, maker, rows):
    makers = maker("binary")
    model = makers.model(
        makers.member("hist_gradient_boosting", 2.0, categorical="native"),
        makers.member("extra_trees", 1.0, categorical="ordinal"),
        makers.member("naive_bayes", 0.5),
        makers.member("dummy", 0.1),
        calibrator=Calibrator("beta", (0.9, 1.2, 0.1)),
        decision=Decision("threshold", (0.3,)),
    )
    assert_equal_predictions(runtime, model, rows)


def test_multiclass_with_class_factors(runtime, maker, rows):
    makers = maker("multiclass")
    model = makers.model(
        makers.member("random_forest", 2.0),
        makers.member("knn", 1.0, p=2),
        makers.member("qda", 0.5),
        makers.member("mlp", 0.5, width=16),
        makers.member("network", 0.5, width=32, members=1),
        calibrator=Calibrator("temperature", (1.7,)),
        decision=Decision("multipliers", (1.0, 2.0, 0.7)),
    )
    assert_equal_predictions(runtime, model, rows)


def test_classification_by_a_kernel(runtime, maker, rows):
    makers = maker("binary")
    assert_equal_predictions(runtime, makers.model(makers.member("svm")), rows)
    with pytest.raises(Refused, match="no operator for GaussianProcessClassifier"):
        onnx_model(makers.model(makers.member("gaussian_process")))


def test_regression(runtime, maker, rows):
    makers = maker("regression")
    model = makers.model(
        makers.member("random_forest", 2.0),
        makers.member("network", 1.0, activation="selu", encoding="periodic"),
        makers.member("svm", 1.0),
        makers.member("knn", 1.0),
    )
    assert_equal_predictions(runtime, model, rows)


@pytest.mark.parametrize(
    "values",
    [
        {"scale": "quantile", "categorical": "target"},
        {"scale": "robust", "categorical": "frequency", "datetime.parts.cyclical": True},
        {"scale": "none", "impute": "mean", "impute.mean.indicator": True, "reduce": "pca"},
        {"generate": "all", "reduce": "select"},
    ],
    ids=lambda values: "-".join(map(str, values.values())),
)
def test_preprocessing(runtime, maker, rows, values):
    makers = maker("regression")
    assert_equal_predictions(runtime, makers.model(makers.member("ridge", **values)), rows)


def test_predictions_that_are_not_finite_are_left_out(runtime, maker, rows):
    makers = maker("binary")
    broken, sound = makers.member("logistic", 3.0), makers.member("logistic", 1.0, C=0.01)
    broken.estimators[0].steps[-1][1].coef_[:] = np.inf
    assert_equal_predictions(runtime, makers.model(broken, sound), rows)
    assert_equal_predictions(runtime, makers.model(broken), rows)


def test_names_of_columns_and_outputs_do_not_collide(runtime, maker_of, table):
    frame = table("binary")[["size", "width", "age", "target"]].set_axis(
        ["label", "_1", "probabilities", "target"], axis=1
    )
    makers = maker_of(frame)
    model = makers.model(makers.member("logistic"))
    assert_equal_predictions(runtime, model, frame.drop(columns="target"))


def test_columns_and_members_without_equivalent_are_named(runtime, models, maker, monkeypatch):
    with pytest.raises(Refused, match="'notes' is a text column"):
        onnx_model(models["binary"])
    makers = maker("binary")
    model = makers.model(makers.member("logistic", 3.0), makers.member("gaussian_process", 1.0))

    class Unknown:
        classes_ = np.arange(2)

    model.members[1].estimators[0].steps[-1] = ("model", Unknown())
    with pytest.raises(Refused, match="25% .*'gaussian_process-1': Unknown is not") as caught:
        onnx_model(model)
    assert "--exclude gaussian_process" in caught.value.hint
    monkeypatch.setattr("metaauto.model.onnx.trees._MAX_NODES", 10)
    with pytest.raises(Refused, match="tree nodes exceed"):
        onnx_model(makers.model(makers.member("random_forest")))


def test_other_predictions_and_labels_are_an_error(runtime, maker, rows, monkeypatch):
    makers = maker("binary")
    model = makers.model(makers.member("logistic"), calibrator=Calibrator("temperature", (3.0,)))
    wrong = makers.model(*model.members, calibrator=Calibrator("temperature", (3.1,)))
    serialized = module._serialized
    monkeypatch.setattr(module, "_serialized", lambda _: serialized(wrong))
    with pytest.raises(Refused, match=r"up to 0\.\d+ on 500 rows \(allowed: 0\.0001\)"):
        onnx_model(model)
    with pytest.raises(Refused, match="on 60 rows"):
        onnx_model(model, rows)
    wrong = makers.model(*model.members, decision=Decision("threshold", (0.9,)))
    right = makers.model(*model.members)
    with pytest.raises(Refused, match="labels of the exported model differ"):
        onnx_model(right)


def test_absent_libraries_are_named(models, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_LIBRARIES", ("no_such_library",))
    with pytest.raises(SettingError, match=r"requires no_such_library.*metaauto\[onnx\]"):
        models["binary"].export(tmp_path / "model.onnx", to="onnx")
    assert not list(tmp_path.iterdir())
