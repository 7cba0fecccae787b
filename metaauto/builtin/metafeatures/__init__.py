"""What metaauto's own metafeature extractors compute, one file per kind of description."""

from __future__ import annotations

from metaauto.api import Extractor
from metaauto.builtin.metafeatures import information, landmarks, simple, statistical

__all__ = ["EXTRACTORS"]


EXTRACTORS: tuple[Extractor, ...] = (
    Extractor("simple", simple.simple, simple.KEYS, seconds=0.05),
    Extractor("statistical", statistical.statistical, statistical.KEYS, seconds=0.1),
    Extractor("information", information.information, information.KEYS, seconds=0.15),
    Extractor("landmarks", landmarks.landmarks, landmarks.KEYS, seconds=0.6),
)
