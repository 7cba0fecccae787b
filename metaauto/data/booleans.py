"""Words for true and false in columns of text."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["TRUTH_WORDS", "is_boolean_pair", "truth_table"]

TRUTH_WORDS = {
    "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "y": 1.0, "n": 0.0, "t": 1.0, "f": 0.0,
    "on": 1.0, "off": 0.0, "1": 1.0, "0": 0.0,
}  # fmt: skip
_PAIRS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"})
"""Pairs of words, of which a column is Boolean whatever its name; 1 and 0 are numbers."""


def truth_table(categories: Sequence[str]) -> dict[str, float]:
    """Map the lower-case words of a Boolean column to 0 and 1.

    If the categories are a known pair, every other known pair is accepted too.
    """
    known = [TRUTH_WORDS[word] for word in categories if word in TRUTH_WORDS]
    if len(known) == len(categories) == len(set(known)):
        return dict(TRUTH_WORDS)
    return {word: float(code) for code, word in enumerate(categories)}


def is_boolean_pair(words: Collection[str]) -> bool:
    """Return whether the words are a pair that denotes true and false, whatever the names."""
    return set(words) in _PAIRS
