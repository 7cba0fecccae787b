"""What translations share: reading foreign hyperparameters, and what several sources have alike.

Each hyperparameter is read, dropped on purpose, or ends the translation, so that none is lost in
silence. Published configurations name scikit-learn's own hyperparameters in most cases; what
differs, such as defaults, is passed in by each source. The scale of a hyperparameter is changed
where ours has another one; a value below the range of something that only damps, such as an L2
penalty, becomes the low end of the range, where nothing is left to damp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metaauto.components.hyperparameters import Scalar
from metaauto.knowledge.importing.files import Malformed

__all__ = [
    "UNBOUNDED_LEAVES",
    "NoCounterpart",
    "Settings",
    "Values",
    "forest_leaf",
    "nearest_features",
    "neighbours",
    "support_vectors",
]

Values = dict[str, Scalar]

#: As good as no bound on the leaves of a tree.
UNBOUNDED_LEAVES = 50_000

_FRACTIONS = (0.25, 0.5, 0.75, 1.0)
_LITTLE = 1.4


class NoCounterpart(Exception):
    """A configuration that means nothing among our components; the message is the reason."""


class Settings:
    """The hyperparameters of one foreign configuration.

    Whatever was neither read nor dropped when `finish` is called is something that we do not
    have, so that a hyperparameter nobody thought of is never lost in silence.

    Parameters
    ----------
    values : mapping of str
        By foreign name. None, ``"None"`` and the empty text stand for "not set".
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {k: v for k, v in values.items() if v is not None and v not in ("", "None")}
        self._left = set(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def is_text(self, name: str) -> bool:
        """Whether it is set to a name."""
        return isinstance(self._values.get(name), str)

    def number(self, name: str, default: float) -> float:
        """A real number."""
        value = self._take(name, default)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not math.isfinite(number):
            raise Malformed(f"{name} is {value!r}, not a number")
        return number

    def whole(self, name: str, default: int) -> int:
        """A whole number; text may write it as ``"13.0"``."""
        number = self.number(name, default)
        if number != int(number):
            raise Malformed(f"{name} is {number!r}, not a whole number")
        return int(number)

    def flag(self, name: str, default: bool) -> bool:
        """True or False, as a boolean or its name."""
        value = self._take(name, default)
        if str(value) not in ("True", "False"):
            raise Malformed(f"{name} is {value!r}, neither True nor False")
        return str(value) == "True"

    def text(self, name: str, default: str) -> str:
        """A name."""
        value = self._take(name, default)
        if not isinstance(value, str):
            raise Malformed(f"{name} is {value!r}, not a name")
        return value

    def choice(self, name: str, known: Mapping[str, str], default: str) -> str:
        """Our name of a choice; ends the translation where we have none for it."""
        value = self.text(name, default)
        if value not in known:
            raise NoCounterpart(f"{name}={value} is not ours")
        return known[value]

    def only(self, name: str, *usual: str) -> None:
        """End the translation unless a choice is the usual one, or not set."""
        if name in self._values and str(self._take(name, None)) not in usual:
            raise NoCounterpart(f"{name}={self._values[name]} is not ours")

    def drop(self, *names: str) -> None:
        """Leave out what matters little."""
        self._left.difference_update(names)

    def finish(self) -> None:
        """End the translation if something is left that was neither read nor dropped."""
        if self._left:
            raise NoCounterpart(f"{min(self._left)} is not ours")

    def _take(self, name: str, default: Any) -> Any:
        self._left.discard(name)
        return self._values.get(name, default)


def neighbours(settings: Settings) -> Values:
    """Nearest neighbours, by scikit-learn's names and defaults."""
    return {
        "n_neighbors": settings.whole("n_neighbors", 5),
        "weights": settings.text("weights", "uniform"),
        "p": settings.whole("p", 2),
    }


def support_vectors(kernel: str, c: float, gamma: float, degree: int, coef0: float) -> Values:
    """A support vector machine; `gamma` is in units of 1 / (columns times their variance).

    Our polynomial kernel is ``(gamma <x, x'> + 1)^degree``. With another positive constant it is
    the same kernel times a number: ``(g t + c)^d = c^d (g t / c + 1)^d``, and a kernel times a
    number is the same machine with C times that number.
    """
    if kernel == "linear":
        return {"kernel": kernel, "C": c}
    if kernel == "rbf":
        return {"kernel": kernel, "C": c, "gamma": gamma}
    if kernel != "poly":
        raise NoCounterpart(f"kernel={kernel} is not ours")
    if coef0 <= 0:
        raise NoCounterpart("a polynomial kernel without a positive constant is not ours")
    scaled: Mapping[str, float] = {"C": c * coef0**degree, "gamma": gamma / coef0}
    return {"kernel": kernel, "degree": degree, **scaled}


def forest_leaf(settings: Settings) -> int:
    """Rows of a leaf; a bound on the rows of a split that hardly binds beside it is left out."""
    leaf = settings.whole("min_samples_leaf", 1)
    if settings.number("min_samples_split", 2) > max(2 * leaf, 4):
        raise NoCounterpart("min_samples_split is not ours")
    return leaf


def nearest_features(share: float, columns: float | None = None) -> Scalar:
    """Our choice of ``max_features`` nearest to a share of the columns.

    Parameters
    ----------
    share : float
        Share of the columns that is looked at for a split.
    columns : float, optional
        Columns of the table; the square root and the logarithm are choices where it is known.
    """
    if share <= 0:
        raise Malformed(f"max_features is {share:g}, not a share of the columns")
    choices: dict[Scalar, float] = {fraction: fraction for fraction in _FRACTIONS}
    if columns is not None and columns > 1:
        choices["sqrt"] = columns**-0.5
        choices["log2"] = math.log2(columns) / columns
    far = {name: abs(math.log(share / of)) for name, of in choices.items()}
    nearest = min(far, key=lambda name: (far[name], str(name)))
    if far[nearest] > math.log(_LITTLE):
        raise NoCounterpart("max_features lies far from our choices")
    return nearest
