"""scikit-learn estimators: `AutoClassifier` and `AutoRegressor`; and `load` for their models."""

from metaauto.estimators.classifier import AutoClassifier
from metaauto.estimators.loading import load
from metaauto.estimators.regressor import AutoRegressor

__all__ = ["AutoClassifier", "AutoRegressor", "load"]
