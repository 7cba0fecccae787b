"""Which way of writing dates a column of text follows."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from metaauto.data.parsing import MISSING_WORDS, as_date_list

__all__ = ["date_format"]

DAYS = (
    ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y"),
    ("%d.%m.%Y", "%d.%m.%y", "%Y.%m.%d"),
    ("%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y"),
    ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
)
HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_LOOKS = re.compile(r"\d.*[-/. ].*\d")
SAMPLE = 200
FIRST, LAST = np.datetime64("1850-01-01"), np.datetime64("2150-01-01")
"""The middle date must lie between these, else the texts are codes that look like dates."""


def date_format(texts: Sequence[str]) -> tuple[str | None, bool]:
    """Find the format that reads all of a column's distinct texts as dates.

    Parameters
    ----------
    texts : sequence of str
        Distinct values; words for missing values are passed over.

    Returns
    -------
    style : str or None
        ``"ISO8601"`` or a `strptime` format; None if they are no dates.
    ambiguous : bool
        Whether day and month could as well be the other way round; month first is taken.
    """
    real = [t.strip() for t in texts if t.strip().lower() not in MISSING_WORDS]
    if not real or not all(6 <= len(t) <= 40 and _LOOKS.search(t) for t in real[:SAMPLE]):
        return None, False
    sample = real[:: max(1, len(real) // SAMPLE)]
    fitting = [s for s in ("ISO8601", *_candidates(sample[0])) if _reads(sample, s)]
    fitting = [s for s in fitting if _reads(real, s)]
    ambiguous = any(s.startswith("%d/%m") for s in fitting) and fitting[0].startswith("%m/%d")
    return (fitting[0], ambiguous) if fitting else (None, False)


def _candidates(text: str) -> list[str]:
    styles = [day + hour for group in DAYS for day in group for hour in HOURS]
    styles.append("%a %b %d %H:%M:%S %Y")  # what ctime() writes
    return [style for style in styles if _reads([text], style)]


def _reads(texts: Sequence[str], style: str) -> bool:
    stamps, wrong = as_date_list(texts, style)
    if wrong.any():
        return False
    middle = np.sort(stamps)[len(stamps) // 2]  # NaT sorts last, and compares as False
    return bool(FIRST <= middle <= LAST)
