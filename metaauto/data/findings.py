"""Remarks and warnings about a table that do not stop a fit."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """A remark or warning about the table.

    Parameters
    ----------
    code : str
        Stable name of the kind of finding, such as ``"leak"``.
    message : str
        One sentence.
    column : str, optional
        The column concerned.
    """

    code: str
    message: str
    column: str | None = None

    def __str__(self) -> str:
        return self.message
