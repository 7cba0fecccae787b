"""The trees of a fitted model as arrays, for exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DecisionTrees"]


@dataclass(frozen=True)
class DecisionTrees:
    """Decision trees whose leaf values are added up, as arrays over the nodes of all trees.

    A fitted estimator with a method ``decision_trees`` that returns this can be exported to ONNX.

    Parameters
    ----------
    roots : ndarray of shape (trees,), int
        First node of each tree.
    feature : ndarray of shape (nodes,), int
        Column that the node splits; -1 for a leaf.
    threshold : ndarray of shape (nodes,), float64
        A row goes left if its value is at most the threshold (below it if `strict`).
    left, right : ndarray of shape (nodes,), int
        Child nodes; ignored for a leaf.
    missing_left : ndarray of shape (nodes,), bool
        Whether NaN goes left.
    value : ndarray of shape (nodes, width), float64
        Values of the leaves: of one output (width 1), or of every output.
    outputs : int
        Number of outputs.
    offset : ndarray of shape (outputs,), float64
        Added to the sum of the leaves.
    output : ndarray of shape (trees,), int, optional
        Output of each tree, for a width of 1; 0 by default.
    categories : mapping of int to tuple of int
        Nodes that split category codes: the codes that go left. All other codes go right.
    strict : bool, default=False
        Compare with ``<`` instead of ``<=``.
    single_precision : bool, default=False
        Round the rows to float32 before comparing.
    absent_is_missing : bool, default=False
        Zeros of sparse rows are missing values.
    link : {'identity', 'sigmoid', 'softmax'}, default='identity'
        Conversion of the sums to values or probabilities. The sigmoid of one output is the
        probability of the second class, and so is the one output of a classifier without link.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.api import DecisionTrees
    >>> stump = DecisionTrees(
    ...     roots=np.array([0]),
    ...     feature=np.array([1, -1, -1]),
    ...     threshold=np.array([0.5, 0.0, 0.0]),
    ...     left=np.array([1, 0, 0]),
    ...     right=np.array([2, 0, 0]),
    ...     missing_left=np.array([True, False, False]),
    ...     value=np.array([[0.0], [-1.0], [1.0]]),
    ...     outputs=1,
    ...     offset=np.zeros(1),
    ... )
    >>> stump.sums(np.array([[9.0, 0.5], [9.0, 0.7]]))
    array([[-1.],
           [ 1.]])
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    outputs: int
    offset: np.ndarray
    output: np.ndarray | None = None
    categories: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    strict: bool = False
    single_precision: bool = False
    absent_is_missing: bool = False
    link: str = "identity"

    @classmethod
    def joined(cls, trees: Iterable[Mapping[str, Any]], **settings: Any) -> DecisionTrees:
        """Return the trees of several mappings with the arrays of one tree each.

        Parameters
        ----------
        trees : iterable of mapping
            ``feature``, ``threshold``, ``left``, ``right``, ``missing_left`` and ``value`` of the
            nodes of a tree, the root first, and perhaps its ``categories``.
        **settings
            The other parameters.
        """
        import numpy as np

        parts = list(trees)
        sizes = np.array([len(part["feature"]) for part in parts], dtype=np.int64)
        starts = np.cumsum(sizes) - sizes

        def whole(name: str, dtype: Any, shift: bool = False) -> np.ndarray:
            arrays = [
                np.asarray(part[name], dtype=dtype) + (start if shift else 0)
                for part, start in zip(parts, starts, strict=True)
            ]
            return np.concatenate(arrays) if arrays else np.zeros(0, dtype=dtype)

        value = whole("value", np.float64)
        return cls(
            roots=starts,
            feature=whole("feature", np.int64),
            threshold=whole("threshold", np.float64),
            left=whole("left", np.int64, shift=True),
            right=whole("right", np.int64, shift=True),
            missing_left=whole("missing_left", np.int64).astype(bool),
            value=value.reshape(len(value), -1),
            categories={
                int(node + start): codes
                for part, start in zip(parts, starts, strict=True)
                for node, codes in part.get("categories", {}).items()
            },
            **settings,
        )

    def sums(self, X: Any) -> np.ndarray:
        """Return the sums of the leaves, to compare them with the raw scores of the model.

        Parameters
        ----------
        X : array of shape (rows, columns)
            Prepared rows.

        Returns
        -------
        ndarray of shape (rows, outputs), float64
            Before the link.
        """
        import numpy as np

        X = np.asarray(X, dtype=np.float32 if self.single_precision else np.float64)
        X, rows = X.astype(np.float64), np.arange(len(X))
        found = np.tile(np.asarray(self.offset, dtype=np.float64), (len(X), 1))
        members = np.zeros(len(self.feature), dtype=bool)
        members[list(self.categories)] = True
        for place, root in enumerate(self.roots):
            node = np.full(len(X), root)
            while (inner := self.feature[node] >= 0).any():
                cells, bound = X[rows, np.maximum(self.feature[node], 0)], self.threshold[node]
                goes_left = cells < bound if self.strict else cells <= bound
                for row in np.flatnonzero(inner & members[node]):
                    goes_left[row] = cells[row] in self.categories[int(node[row])]
                goes_left = np.where(np.isnan(cells), self.missing_left[node], goes_left)
                child = np.where(goes_left, self.left[node], self.right[node])
                node = np.where(inner, child, node)
            if self.value.shape[1] > 1:
                found += self.value[node]
            else:
                found[:, 0 if self.output is None else self.output[place]] += self.value[node, 0]
        return found

    def scaled(self, factor: float, offset: float) -> DecisionTrees:
        """Return trees whose outputs are multiplied by a factor and shifted by an offset."""
        return replace(self, value=self.value * factor, offset=self.offset * factor + offset)
