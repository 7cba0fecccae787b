"""Built-in metafeature extractors, one file per group."""

from __future__ import annotations

from metaauto.api import MetafeatureExtractor
from metaauto.builtin.metafeatures import information, landmarks, simple, statistical

__all__ = ["EXTRACTORS"]


EXTRACTORS: tuple[MetafeatureExtractor, ...] = (
    MetafeatureExtractor("simple", simple.simple, simple.KEYS, seconds=0.05),
    MetafeatureExtractor("statistical", statistical.statistical, statistical.KEYS, seconds=0.1),
    MetafeatureExtractor("information", information.information, information.KEYS, seconds=0.15),
    MetafeatureExtractor("landmarks", landmarks.landmarks, landmarks.KEYS, seconds=0.6),
)
