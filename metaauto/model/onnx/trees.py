"""Decision trees as the operator TreeEnsemble."""

from __future__ import annotations

import numpy as np

from metaauto.components import DecisionTrees
from metaauto.model.onnx.graph import Graph, NotConvertible

__all__ = ["summed_trees"]

_LESS_OR_EQUAL, _LESS, _MEMBER = 0, 1, 6
# A node takes about 35 bytes in a file, whose limit is 2 GiB.
_MAX_NODES = 25_000_000


def summed_trees(graph: Graph, rows: str, trees: DecisionTrees) -> str:
    """Add the nodes that compute the sums of the leaves.

    Parameters
    ----------
    graph : Graph
        The graph.
    rows : str
        Name of the prepared rows, float64 of shape (rows, columns).
    trees : DecisionTrees
        The trees.

    Returns
    -------
    str
        Name of the sums, float64 of shape (rows, outputs).
    """
    if len(trees.feature) > _MAX_NODES:
        raise NotConvertible(f"its {len(trees.feature):,} tree nodes exceed the size of a file")
    if trees.single_precision:
        rows = graph.cast(graph.cast(rows, np.float32), np.float64)
    is_leaf = trees.feature < 0
    width = trees.value.shape[1]
    output = np.zeros(len(trees.roots), np.int64) if trees.output is None else trees.output
    offset = trees.offset.astype(np.float64).copy()
    alone = is_leaf[trees.roots]
    for root, place in zip(trees.roots[alone], output[alone], strict=True):
        # The operator has no trees without a split.
        if width > 1:
            offset += trees.value[root]
        else:
            offset[place] += trees.value[root, 0]
    roots = trees.roots[~alone]
    if not len(roots):
        zero = graph.add(
            "Mul", graph.cast(graph.add("IsNaN", graph.gathered(rows, [0])), float), 0.0
        )
        return graph.add("Add", zero, offset)
    if width == 1:
        ends = np.searchsorted(trees.roots, np.arange(len(is_leaf)), side="right") - 1
        targets, weights = output[ends][is_leaf], trees.value[is_leaf, 0]
        sums = _ensemble(graph, rows, trees, roots, trees.outputs, targets, weights)
        return graph.add("Add", sums, offset)
    # A leaf of the operator has one value: let it be the number of the leaf, by tree.
    order = np.searchsorted(roots, np.arange(len(is_leaf)), side="right") - 1
    number = np.arange(int(is_leaf.sum()), dtype=np.float64)
    targets = np.maximum(order[is_leaf], 0)
    leaves = _ensemble(graph, rows, trees, roots, len(roots), targets, number)
    values = graph.add("Gather", trees.value[is_leaf], graph.cast(leaves, np.int64), axis=0)
    return graph.add("Add", graph.summed(values, keepdims=False), offset)


def _ensemble(
    graph: Graph,
    rows: str,
    trees: DecisionTrees,
    roots: np.ndarray,
    n_targets: int,
    targets: np.ndarray,
    weights: np.ndarray,
) -> str:
    """Add the operator; targets and weights are of all leaves, in the order of the nodes."""
    from onnx import numpy_helper

    is_leaf = trees.feature < 0
    inner = ~is_leaf
    place = np.where(is_leaf, np.cumsum(is_leaf), np.cumsum(inner)) - 1
    left, right = trees.left[inner], trees.right[inner]
    modes = np.full(len(is_leaf), _LESS if trees.strict else _LESS_OR_EQUAL, dtype=np.uint8)
    members: list[np.ndarray] = []
    for node in sorted(trees.categories):
        modes[node] = _MEMBER
        members.append(np.append(np.array(trees.categories[node], dtype=np.float64), np.nan))
    sums = graph.add("TreeEnsemble", rows, domain="ai.onnx.ml", n_targets=n_targets)
    arrays = {
        "tree_roots": place[roots],
        "nodes_featureids": trees.feature[inner],
        "nodes_splits": trees.threshold[inner].astype(np.float64),
        "nodes_modes": modes[inner],
        "nodes_truenodeids": place[left],
        "nodes_trueleafs": is_leaf[left],
        "nodes_falsenodeids": place[right],
        "nodes_falseleafs": is_leaf[right],
        "nodes_missing_value_tracks_true": trees.missing_left[inner],
        "leaf_targetids": targets,
        "leaf_weights": weights.astype(np.float64),
    }
    if members:
        arrays["membership_values"] = np.concatenate(members)
    made = graph.nodes[-1]
    for title, array in arrays.items():
        attribute = made.attribute.add(name=title)
        if array.dtype in (np.float64, np.uint8):
            attribute.type = attribute.TENSOR
            attribute.t.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), title))
        else:
            # helper.make_node would check each of the numbers.
            attribute.type = attribute.INTS
            attribute.ints.extend(array.astype(np.int64).tolist())
    return sums
