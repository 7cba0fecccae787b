"""Metafeatures: a few dozen numbers that describe a dataset.

Examples
--------
>>> from metaauto.metafeatures import Metafeatures
>>> Metafeatures({"simple.log_rows": 5.0}).vector(["simple.log_rows", "simple.classes"])
array([ 5., nan])
"""

from metaauto.metafeatures.extract import Metafeatures, describe

__all__ = ["Metafeatures", "describe"]
