"""What a fit shows to people and programs."""

from metaauto.report.evaluation import Evaluation, evaluate, usual_metrics
from metaauto.report.facts import (
    failure_causes,
    fit_facts,
    no_model_problem,
    plugin_failure,
)
from metaauto.report.leaderboard import LEADERBOARD_COLUMNS, build_leaderboard
from metaauto.report.narrator import Narrator
from metaauto.report.outcome import answer_of, outcome_facts
from metaauto.report.progress import Progress
from metaauto.report.summary import summary_lines
from metaauto.report.words import format_score

__all__ = [
    "LEADERBOARD_COLUMNS",
    "Evaluation",
    "Narrator",
    "Progress",
    "answer_of",
    "build_leaderboard",
    "evaluate",
    "failure_causes",
    "fit_facts",
    "format_score",
    "no_model_problem",
    "outcome_facts",
    "plugin_failure",
    "summary_lines",
    "usual_metrics",
]
