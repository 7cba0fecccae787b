"""What a fit shows to people and programs."""

from metaauto.report.evaluation import Evaluation, evaluate, usual_metrics
from metaauto.report.facts import (
    failure_causes,
    fit_facts,
    holdout_facts,
    no_model_problem,
    plugin_failure,
)
from metaauto.report.leaderboard import LEADERBOARD_COLUMNS, build_leaderboard
from metaauto.report.narrator import Narrator
from metaauto.report.progress import Progress, format_score, summary_lines

__all__ = [
    "LEADERBOARD_COLUMNS",
    "Evaluation",
    "Narrator",
    "Progress",
    "build_leaderboard",
    "evaluate",
    "failure_causes",
    "fit_facts",
    "format_score",
    "holdout_facts",
    "no_model_problem",
    "plugin_failure",
    "summary_lines",
    "usual_metrics",
]
