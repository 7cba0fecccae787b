"""The `Explainer` component: the contribution of each column to a prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metaauto.errors import ComponentError

__all__ = ["Explainer", "ExplainerInput"]


@dataclass(frozen=True)
class ExplainerInput:
    """The input of an explainer: rows to explain, background rows and a prediction function.

    Parameters
    ----------
    predict : callable
        ``predict(frame) -> ndarray of shape (rows,)``: the predicted value, or the probability of
        the explained class. It accepts any rows with the columns and dtypes of ``X``.
    X : pandas.DataFrame
        Rows to explain, one column for each column of the training table that the model uses:
        float64 numbers, pandas categories, datetime64 or text; values may be missing.
    background : pandas.DataFrame
        Background rows for comparison, in the form of ``X``; at least one.
    seed : int
        Seed for everything random.
    """

    predict: Callable[[Any], Any]
    X: Any
    background: Any
    seed: int = 0


@dataclass(frozen=True)
class Explainer:
    """A method that computes the contribution of each column to a prediction.

    Parameters
    ----------
    name : str
        Unique short name, such as ``"shap"``.
    explain : callable
        ``explain(input: ExplainerInput) -> pandas.DataFrame`` with the index and the columns of
        ``input.X``: the contribution of each value to the prediction of its row, in the unit of the
        prediction. No value may be NaN.
    description : str
        Meaning of a contribution, one sentence for the user.
    requires : tuple of str
        Modules that must be importable.
    """

    name: str
    explain: Callable[[ExplainerInput], Any]
    description: str = ""
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name = self.name
        if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum():
            raise ComponentError(
                f"Invalid name {name!r} of an Explainer.", hint="Use letters, digits, '-' and '_'."
            )
        if not callable(self.explain):
            raise ComponentError(
                f"Explainer {name!r}: explain is not callable.",
                hint="Pass a function of one ExplainerInput as explain.",
            )
