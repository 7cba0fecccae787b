"""Check that the indices in the arrays of loaded models are within bounds.

scikit-learn does not check the node indices of a fitted tree and the counts of a support vector
machine: in a forged file they could point anywhere in memory. A list of trusted types does not
prevent that, so the values are checked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaauto.errors import ModelFileError
from metaauto.model.estimator_checks import check_outputs, check_parts, require

__all__ = ["check_indices"]


@dataclass(frozen=True)
class _Columns:
    """The columns that the trees of an estimator may use."""

    count: int
    categorical: frozenset[int] = frozenset()


def check_indices(estimator: Any) -> None:
    """Raise `ModelFileError` if an estimator holds an index out of bounds or parts that do not fit.

    Parameters
    ----------
    estimator : object
        A loaded object; decision trees, forests, (histogram) gradient boosting, neighbour trees,
        support vector machines and sparse matrices are checked at any depth.
    """
    from sklearn.base import BaseEstimator

    # Objects may be shared by several owners, and must be valid for each of them.
    seen: dict[tuple[int, _Columns | None], Any] = {}
    pending: list[tuple[Any, _Columns | None]] = [(estimator, None)]
    estimators: dict[int, Any] = {}
    while pending:
        item, columns = pending.pop()
        if isinstance(item, (str, bytes, int, float, type(None))) or (id(item), columns) in seen:
            continue
        seen[id(item), columns] = item
        check = _CHECKS.get(type(item).__name__)
        if check is not None and type(item).__module__.startswith("sklearn."):
            check(item, columns)
            continue
        if hasattr(item, "check_format"):
            _check_sparse(item)
            continue
        if isinstance(item, BaseEstimator):
            estimators[id(item)] = item
            columns = _columns_below(item, columns)
        pending.extend((part, columns) for part in _parts(item))
    for item in estimators.values():
        check_outputs(item)


def _parts(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, (list, tuple, set)):
        yield from item
    elif isinstance(item, np.ndarray):
        if item.dtype == object:
            yield from item.ravel()
    elif hasattr(item, "__dict__"):
        yield from vars(item).values()


def _columns_below(item: Any, outer: _Columns | None) -> _Columns | None:
    from sklearn.tree import BaseDecisionTree

    check_parts(item)
    state = vars(item)
    own = state.get("n_features_in_")
    if "_n_support" in state:
        _check_machine(item, state)
    if own is None:
        return None
    if isinstance(item, BaseDecisionTree) and outer is not None:
        # A forest validates its rows once; its trees use them unchecked.
        return _Columns(min(int(own), outer.count))
    categorical = _check_binning(state["_bin_mapper"], own) if "_bin_mapper" in state else ()
    return _Columns(int(own), frozenset(categorical)) if _is_unchecked(item) else None


def _is_unchecked(item: Any) -> bool:
    """Return whether the trees of the item get the rows without further checks."""
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.tree import BaseDecisionTree

    kinds = (BaseForest, BaseGradientBoosting, BaseDecisionTree)
    return isinstance(item, kinds) or "_bin_mapper" in vars(item)


def _check_tree(tree: Any, columns: _Columns | None) -> None:
    require(0 < tree.node_count <= tree.capacity, "the nodes of a tree")
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    inner = left != -1
    _check_children(left, right, inner)
    _check_features(np.asarray(tree.feature)[inner], columns)


def _check_children(left: np.ndarray, right: np.ndarray, inner: np.ndarray) -> None:
    """Require children to have larger indices than their parent, so that traversals terminate."""
    place = np.arange(len(left))[inner]
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        require(((child > place) & (child < len(left))).all(), "the nodes of a tree")


def _check_features(feature: np.ndarray, columns: _Columns | None) -> None:
    count = columns.count if columns is not None else 0
    require(((feature >= 0) & (feature < count)).all(), "the columns of a tree")


def _check_predictor(predictor: Any, columns: _Columns | None) -> None:
    nodes = predictor.nodes
    require(len(nodes) > 0, "the nodes of a tree")
    inner = nodes["is_leaf"] == 0
    _check_children(nodes["left"], nodes["right"], inner)
    _check_features(nodes["feature_idx"][inner], columns)
    split = inner & (nodes["is_categorical"] != 0)
    known = columns.categorical if columns is not None else frozenset()
    require(set(nodes["feature_idx"][split].tolist()) <= known, "the categories of a tree")
    for bits in (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets):
        require(bits.ndim == 2 and bits.shape[1] == 8, "the categories of a tree")
        require((nodes["bitset_idx"][split] < len(bits)).all(), "the categories of a tree")


def _check_binning(binning: Any, width: Any) -> list[int]:
    """Check the bins of a histogram gradient boosting; return its categorical columns."""
    categorical = np.asarray(binning.is_categorical_)
    bins = binning.bin_thresholds_
    require(len(categorical) == int(width) == len(bins), "the bins of a model")
    found = np.flatnonzero(categorical).tolist()
    for column in found:
        values = np.asarray(bins[column])
        within = len(values) == 0 or (values.min() >= 0 and values.max() < 256)
        require(within, "the categories of a model")
    return found


def _check_neighbours(tree: Any, columns: _Columns | None) -> None:
    data, index, nodes, bounds = (np.asarray(part) for part in tree.get_arrays())
    what = "the rows of a neighbour tree"
    require(data.ndim == 2 and len(index) == len(data), what)
    require(((index >= 0) & (index < len(data))).all(), what)
    what = "the nodes of a neighbour tree"
    require(bounds.ndim == 3 and bounds.shape[1:] == (len(nodes), data.shape[1]), what)
    start, end = nodes["idx_start"], nodes["idx_end"]
    require(((start >= 0) & (start <= end) & (end <= len(data))).all(), what)
    # The indices of the two children follow from that of the node.
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    require((2 * inner + 2 < len(nodes)).all(), what)
    _check_distance(tree.__getstate__()[_PLACE_OF_METRIC], data.shape[1])


# In the state of scikit-learn's neighbour trees.
_PLACE_OF_METRIC = 11


def _check_distance(metric: Any, width: int) -> None:
    """Check that a distance has as many weights as there are columns, if it has any."""
    n_weights = len(metric.__getstate__()[1])
    name = type(metric).__name__
    is_weighted = name.startswith("SEuclidean") or (name.startswith("Minkowski") and n_weights)
    require(not is_weighted or n_weights == width, "the weights of a distance")


def _check_machine(item: Any, state: Mapping[str, Any]) -> None:
    """Check that a support vector machine has coefficients for all its support vectors."""
    from sklearn.base import ClassifierMixin

    what = "the support vectors of a model"
    counts, n_vectors = np.asarray(state["_n_support"]), state["support_vectors_"].shape[0]
    pairs = len(counts) * (len(counts) - 1) // 2
    # A regressor stores the number of its vectors twice.
    stated = counts.sum() if isinstance(item, ClassifierMixin) else counts.max()
    require((counts >= 0).all() and stated <= n_vectors, what)
    support = np.asarray(state["support_"])
    require(len(support) == n_vectors, what)
    require(((support >= 0) & (support < state["shape_fit_"][0])).all(), what)
    require(state["support_vectors_"].shape[1] == state["n_features_in_"], what)
    coefficients = state["_dual_coef_"]
    require(coefficients.shape == (len(counts) - 1, n_vectors), what)
    # The compiled code reads the values of a sparse matrix as if they were a dense one.
    stored = coefficients.nnz if hasattr(coefficients, "nnz") else coefficients.size
    require(stored == (len(counts) - 1) * n_vectors, what)
    require(len(state["_intercept_"]) >= max(pairs, 1), what)
    for name in ("_probA", "_probB"):
        require(len(state.get(name, ())) in (0, pairs), what)


def _check_sparse(matrix: Any) -> None:
    try:
        matrix.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise ModelFileError(
            f"the indices of a sparse matrix are out of bounds: {error}",
            hint="Do not use the file: it is forged or damaged.",
        ) from error


_CHECKS = {"Tree": _check_tree, "TreePredictor": _check_predictor}
for _name in ("KDTree", "BallTree"):
    _CHECKS.update({f"{_name}{_bits}": _check_neighbours for _bits in ("", "32", "64")})
