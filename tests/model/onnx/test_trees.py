"""The operator TreeEnsemble gives the sums of the trees, for random trees and rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.components import DecisionTrees
from metaauto.model.onnx.graph import IR_VERSION, OPSETS, Graph
from metaauto.model.onnx.trees import summed_trees

onnxruntime = pytest.importorskip("onnxruntime", reason="requires metaauto[onnx]")
onnx = pytest.importorskip("onnx", reason="requires metaauto[onnx]")

CELLS = st.sampled_from([-1.0, 0.0, 0.1, 1.0, 2.0, 70.0, np.nan])
# onnxruntime compares whole numbers with categories.
CODES = CELLS.filter(lambda cell: cell != 0.1)


@st.composite
def trees(draw, width):
    size = draw(st.integers(0, 4))  # inner nodes; the children of i are 2 i + 1 and 2 i + 2
    leaves = range(size, 2 * size + 1)
    inner = [0] * size
    places = st.integers(0, 2)
    arrays = {
        "feature": [draw(places) for _ in inner] + [-1 for _ in leaves],
        "threshold": [draw(CELLS.filter(np.isfinite)) for _ in inner] + [0.0 for _ in leaves],
        "left": [2 * i + 1 for i in range(size)] + [0 for _ in leaves],
        "right": [2 * i + 2 for i in range(size)] + [0 for _ in leaves],
        "missing_left": [draw(st.booleans()) for _ in inner] + [False for _ in leaves],
        "value": np.vstack(
            [
                np.zeros((size, width)),
                np.array([[draw(st.integers(-4, 4)) for _ in range(width)] for _ in leaves]),
            ]
        ),
    }
    if size and draw(st.booleans()):
        node = draw(st.integers(0, size - 1))
        arrays["feature"][node], arrays["categories"] = 2, {node: (0, 2, 70)}
    return arrays


@settings(max_examples=30)
@given(data=st.data(), wide=st.booleans(), strict=st.booleans(), single=st.booleans())
def test_sums(data, wide, strict, single):
    parts = data.draw(st.lists(trees(2 if wide else 1), min_size=1, max_size=4))
    output = (
        None
        if wide
        else data.draw(st.lists(st.integers(0, 1), min_size=len(parts), max_size=len(parts)))
    )
    made = DecisionTrees.joined(
        parts,
        outputs=2,
        offset=np.array([0.5, -1.0]),
        output=None if wide else np.array(output),
        strict=strict,
        single_precision=single,
    )
    rows = np.array(data.draw(st.lists(st.tuples(CELLS, CELLS, CODES), min_size=1, max_size=6)))
    graph = Graph(["rows"])
    name = summed_trees(graph, "rows", made)
    kind, helper = onnx.TensorProto.DOUBLE, onnx.helper
    whole = helper.make_graph(
        graph.nodes,
        "trees",
        [helper.make_tensor_value_info("rows", kind, ["rows", 3])],
        [helper.make_tensor_value_info(name, kind, ["rows", 2])],
        initializer=graph.constants,
    )
    opsets = [helper.make_opsetid(*each) for each in OPSETS.items()]
    model = helper.make_model(whole, opset_imports=opsets, ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    np.testing.assert_array_equal(session.run(None, {"rows": rows})[0], made.sums(rows))
