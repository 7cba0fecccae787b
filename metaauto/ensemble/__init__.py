"""Ensembles from out-of-fold predictions: selection, blending, calibration, label decisions."""

from __future__ import annotations

from metaauto.ensemble.anytime import AnytimeEnsemble
from metaauto.ensemble.blend import blend
from metaauto.ensemble.calibration import Calibrator, fit_calibrator
from metaauto.ensemble.selection import Selection, select_ensemble
from metaauto.ensemble.thresholds import Decision, fit_decision, quick_decision

__all__ = [
    "AnytimeEnsemble",
    "Calibrator",
    "Decision",
    "Selection",
    "blend",
    "fit_calibrator",
    "fit_decision",
    "quick_decision",
    "select_ensemble",
]
