"""A configuration: one model with the values of its hyperparameters and preprocessing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaauto.components.hyperparameters import Scalar

__all__ = ["Configuration"]


@dataclass(frozen=True)
class Configuration:
    """One point of the search space.

    Parameters
    ----------
    model : str
        Name of the model component.
    values : mapping of str to scalar
        Hyperparameters of the model by name, the choice of each preprocessing slot
        (``"categorical": "onehot"``) and the hyperparameters of these preprocessors
        (``"categorical.onehot.min_frequency": 0.01``).

    Examples
    --------
    >>> Configuration("knn", {"n_neighbors": 5}).to_json()
    {'model': 'knn', 'values': {'n_neighbors': 5}}
    """

    model: str
    values: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", dict(sorted(self.values.items())))

    @property
    def key(self) -> str:
        """Short digest, equal for equal configurations."""
        text = json.dumps(self.to_json(), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        return hash(self.key)

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as JSON-ready values."""
        return {"model": self.model, "values": dict(self.values)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Configuration:
        """Return a configuration from the values of `to_json`."""
        return cls(record["model"], dict(record["values"]))

    def describe(self) -> str:
        """Return the configuration as one line of text."""
        inner = ", ".join(f"{k}={_short(v)}" for k, v in self.values.items())
        return f"{self.model}({inner})"


def _short(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
