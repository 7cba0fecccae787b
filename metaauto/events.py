"""Events of a running fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Event"]


@dataclass(frozen=True)
class Event:
    """An event of a running fit.

    Parameters
    ----------
    kind : str
        ``"stage"`` (a stage of the fit begins), ``"table"`` (the table was read, with its
        ``task``), ``"splits"`` (the validation scheme), ``"warm_start"`` (the loaded knowledge),
        ``"trial_started"``, ``"trial_finished"``, ``"incumbent"`` (the best model so far
        improved), ``"warning"`` or ``"finished"``.
    seconds : float
        Seconds since the start of the fit.
    message : str
        One line of text.
    data : dict
        The values for programs; ``docs/events.md`` lists the keys of each kind.
    """

    kind: str
    seconds: float
    message: str
    data: dict[str, Any] = field(default_factory=dict)
