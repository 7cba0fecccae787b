"""Read the hyperparameters of other systems, and convert those that several sources share.

Each hyperparameter is read, ignored on purpose, or rejects the configuration, so that none is lost
silently. Most published configurations use scikit-learn's names; each source passes in its own
defaults. The scale of a hyperparameter is converted where metaauto has another one. A
regularization strength below the range, such as an L2 penalty, becomes the lower bound, where its
effect is negligible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metaauto.api import Scalar
from metaauto_importers.files import MalformedValue

__all__ = [
    "UNBOUNDED_LEAVES",
    "NoEquivalent",
    "Settings",
    "Values",
    "knn_values",
    "min_samples_leaf",
    "nearest_max_features",
    "svm_values",
]

Values = dict[str, Scalar]

#: In effect no limit on the leaves of a tree.
UNBOUNDED_LEAVES = 50_000

_FRACTIONS = (0.25, 0.5, 0.75, 1.0)
_LARGEST_RATIO = 1.4


class NoEquivalent(Exception):
    """A configuration without an equivalent in metaauto; the message is the reason."""

    @classmethod
    def of(cls, what: str) -> NoEquivalent:
        """Return the error for something that metaauto lacks."""
        return cls(f"no equivalent in metaauto: {what}")


class Settings:
    """The hyperparameters of one configuration of another system.

    A hyperparameter that was neither read nor ignored when `check_all_read` is called has no
    equivalent in metaauto.

    Parameters
    ----------
    values : mapping of str
        By the other system's names. None, ``"None"`` and the empty text mean "not set".
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {k: v for k, v in values.items() if v is not None and v not in ("", "None")}
        self._unread = set(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def is_text(self, name: str) -> bool:
        """Return whether the value is a text."""
        return isinstance(self._values.get(name), str)

    def number(self, name: str, default: float) -> float:
        """Read a real number."""
        value = self._read(name, default)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not math.isfinite(number):
            raise MalformedValue(f"{name} must be a number (got {value!r})")
        return number

    def integer(self, name: str, default: int) -> int:
        """Read an integer; text may write it as ``"13.0"``."""
        number = self.number(name, default)
        if number != int(number):
            raise MalformedValue(f"{name} must be an integer (got {number!r})")
        return int(number)

    def boolean(self, name: str, default: bool) -> bool:
        """Read True or False, as a boolean or its name."""
        value = self._read(name, default)
        if str(value) not in ("True", "False"):
            raise MalformedValue(f"{name} must be True or False (got {value!r})")
        return str(value) == "True"

    def text(self, name: str, default: str) -> str:
        """Read a text."""
        value = self._read(name, default)
        if not isinstance(value, str):
            raise MalformedValue(f"{name} must be a text (got {value!r})")
        return value

    def names(self, name: str) -> set[str]:
        """Read all texts in a nested list."""
        found, waiting = set(), [self._read(name, [])]
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                found.add(value)
            elif isinstance(value, list):
                waiting += value
        return found

    def choice(self, name: str, known: Mapping[str, str], default: str) -> str:
        """Return metaauto's name of a choice; raise `NoEquivalent` if there is none."""
        value = self.text(name, default)
        if value not in known:
            raise NoEquivalent.of(f"{name}={value}")
        return known[value]

    def require(self, name: str, *allowed: str) -> None:
        """Raise `NoEquivalent` unless the value is one of those allowed, or not set."""
        if name in self._values and str(self._read(name, None)) not in allowed:
            raise NoEquivalent.of(f"{name}={self._values[name]}")

    def ignore(self, *names: str) -> None:
        """Mark hyperparameters with little effect as read."""
        self._unread.difference_update(names)

    def check_all_read(self) -> None:
        """Raise `NoEquivalent` if a hyperparameter was neither read nor ignored."""
        if self._unread:
            raise NoEquivalent.of(min(self._unread))

    def _read(self, name: str, default: Any) -> Any:
        self._unread.discard(name)
        return self._values.get(name, default)


def knn_values(settings: Settings) -> Values:
    """Convert k nearest neighbors, by scikit-learn's names and defaults."""
    return {
        "n_neighbors": settings.integer("n_neighbors", 5),
        "weights": settings.text("weights", "uniform"),
        "p": settings.integer("p", 2),
    }


def svm_values(kernel: str, c: float, gamma: float, degree: int, coef0: float) -> Values:
    """Convert a support vector machine; `gamma` is in units of 1 / (columns x their variance).

    metaauto's polynomial kernel is ``(gamma <x, x'> + 1)^degree``. A kernel with another positive
    constant is a multiple of it, ``(g t + c)^d = c^d (g t / c + 1)^d``, and a kernel times a number
    equals C times that number.
    """
    if kernel == "linear":
        return {"kernel": kernel, "C": c}
    if kernel == "rbf":
        return {"kernel": kernel, "C": c, "gamma": gamma}
    if kernel != "poly":
        raise NoEquivalent.of(f"kernel={kernel}")
    if coef0 <= 0:
        raise NoEquivalent.of("kernel=poly with coef0 <= 0")
    scaled: Mapping[str, float] = {"C": c * coef0**degree, "gamma": gamma / coef0}
    return {"kernel": kernel, "degree": degree, **scaled}


def min_samples_leaf(settings: Settings) -> int:
    """Return ``min_samples_leaf``; raise if ``min_samples_split`` limits the tree further."""
    leaf = settings.integer("min_samples_leaf", 1)
    if settings.number("min_samples_split", 2) > max(2 * leaf, 4):
        raise NoEquivalent.of("min_samples_split")
    return leaf


def nearest_max_features(share: float, columns: float | None = None) -> Scalar:
    """Return metaauto's choice of ``max_features`` nearest to a share of the columns.

    Parameters
    ----------
    share : float
        Share of the columns that a split considers.
    columns : float, optional
        Number of columns; if known, ``"sqrt"`` and ``"log2"`` are choices too.
    """
    if share <= 0:
        raise MalformedValue(f"max_features must be > 0 (got {share:g})")
    choices: dict[Scalar, float] = {fraction: fraction for fraction in _FRACTIONS}
    if columns is not None and columns > 1:
        choices["sqrt"] = columns**-0.5
        choices["log2"] = math.log2(columns) / columns
    distances = {name: abs(math.log(share / of)) for name, of in choices.items()}
    nearest = min(distances, key=lambda name: (distances[name], str(name)))
    if distances[nearest] > math.log(_LARGEST_RATIO):
        raise NoEquivalent.of("max_features far from every choice")
    return nearest
