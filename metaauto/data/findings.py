"""What was noticed about a table and is worth saying, without stopping the work."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """Something about the table that the user should know.

    Parameters
    ----------
    code : str
        Short stable name of the kind of finding, such as ``"leak"``.
    message : str
        One sentence in plain words.
    column : str, optional
        The column it is about.
    """

    code: str
    message: str
    column: str | None = None

    def __str__(self) -> str:
        return self.message
