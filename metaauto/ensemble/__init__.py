"""From out-of-fold predictions to one answer: selection, blending, calibration, labels."""

from __future__ import annotations

from metaauto.ensemble.anytime import AnytimeEnsemble
from metaauto.ensemble.blend import blend
from metaauto.ensemble.calibration import Calibrator, fit_calibrator
from metaauto.ensemble.decision import Decision, fit_decision, quick_decision
from metaauto.ensemble.selection import Selection, select_ensemble

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
