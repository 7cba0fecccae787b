"""What the search tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Event"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Parameters
    ----------
    kind : str
        ``"stage"`` (a stage of the fit begins), ``"table"`` (what the table holds, with its
        ``task``), ``"splits"`` (which rows judge which), ``"warm_start"`` (what is known of such
        tables), ``"trial_started"``, ``"trial_finished"``, ``"incumbent"`` (the current answer got
        better), ``"warning"`` or ``"finished"``.
    seconds : float
        Since the start of the fit.
    message : str
        One line for people.
    data : dict
        The same for programs; ``docs/events.md`` lists what each kind brings.
    """

    kind: str
    seconds: float
    message: str
    data: dict[str, Any] = field(default_factory=dict)
