"""Component types that plugins register: models, preprocessors, readers, metafeatures."""

from metaauto.components.context import BuildContext, Deadline, FitContext, FitTask, FittedTask
from metaauto.components.decision_trees import DecisionTrees
from metaauto.components.metafeatures import MetafeatureExtractor, MetafeatureInput
from metaauto.components.model import Model, Tags
from metaauto.components.preprocessor import SLOTS, Preprocessor
from metaauto.components.reader import Reader

__all__ = [
    "SLOTS",
    "BuildContext",
    "Deadline",
    "DecisionTrees",
    "FitContext",
    "FitTask",
    "FittedTask",
    "MetafeatureExtractor",
    "MetafeatureInput",
    "Model",
    "Preprocessor",
    "Reader",
    "Tags",
]
