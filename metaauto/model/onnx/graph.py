"""Build a graph of ONNX node by node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["IR_VERSION", "OPSETS", "Graph", "NotConvertible"]

# TreeEnsemble is of version 5 of the operators for machine learning.
OPSETS = {"": 18, "ai.onnx.ml": 5}
IR_VERSION = 10


class NotConvertible(Exception):
    """A step, a column or a model has no equivalent in ONNX; the message is a clause."""


class Graph:
    """Nodes and constants of a graph. Arrays given as inputs of a node become constants.

    Parameters
    ----------
    reserved : iterable of str
        Names that are used by the inputs and outputs.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.domains: dict[str, int] = dict(OPSETS)
        self._known: dict[tuple[Any, ...], str] = {}
        self._reserved = set(reserved)
        self._count = 0

    def name(self) -> str:
        """Return a new name."""
        while True:
            self._count += 1
            found = f"_{self._count}"
            if found not in self._reserved:
                return found

    def constant(self, array: Any) -> str:
        """Return the name of a constant; equal ones are stored once."""
        from onnx import numpy_helper

        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes() if array.dtype != object else None)
        if array.dtype == object or key not in self._known:
            self._known[key] = self.name()
            self.constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def add(
        self, kind: str, *inputs: Any, output: str = "", domain: str = "", **settings: Any
    ) -> str:
        """Add a node and return the name of its output.

        Parameters
        ----------
        kind : str
            Operator.
        *inputs : str or array
            Names, or arrays of constants.
        output : str, optional
            Name of the output; a new one by default.
        domain : str, optional
            Domain of the operator.
        **settings
            Attributes.
        """
        from onnx import helper

        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        output = output or self.name()
        self.nodes.append(helper.make_node(kind, names, [output], domain=domain, **settings))
        return output

    def cast(self, name: str, dtype: Any) -> str:
        """Convert to another type, given as numpy's."""
        from onnx import helper

        return self.add("Cast", name, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def gathered(self, name: str, places: Any) -> str:
        """Select columns."""
        return self.add("Gather", name, np.asarray(places, dtype=np.int64), axis=1)

    def joined(self, names: list[str]) -> str:
        """Join arrays along the columns."""
        return names[0] if len(names) == 1 else self.add("Concat", *names, axis=1)

    def summed(self, name: str, keepdims: bool = True) -> str:
        """Return the sums of the rows."""
        return self.add("ReduceSum", name, np.array([1], dtype=np.int64), keepdims=int(keepdims))

    def clipped(self, name: str, limit: float) -> str:
        """Clip to an interval around 0 and keep NaN, unlike the operator Clip."""
        for kind, bound in (("Greater", limit), ("Less", -limit)):
            beyond = self.add(kind, name, np.float64(bound))
            name = self.add("Where", beyond, np.float64(bound), name)
        return name

    def embed(self, model: Any, source: str) -> str:
        """Add the nodes of a ModelProto with one input; return its last output."""
        from onnx import compose

        graph = compose.add_prefix(model, f"{self.name()}_").graph
        self.nodes += graph.node
        self.constants += graph.initializer
        self.domains.update(
            {each.domain: each.version for each in model.opset_import if each.domain not in OPSETS}
        )
        first = graph.input[0].name
        for node in graph.node:
            for place, name in enumerate(node.input):
                if name == first:
                    node.input[place] = source
        return str(graph.output[-1].name)
