"""What a fit shows to people and programs."""

from metaauto.report.leaderboard import LEADERBOARD_COLUMNS, build_leaderboard

__all__ = ["LEADERBOARD_COLUMNS", "build_leaderboard"]
