"""Draw the figures of the pages from benchmarks/results: ``python docs/figures.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

HOME = Path(__file__).parents[1]
sys.path.insert(0, str(HOME))

from benchmarks.tables import over_splits, read_rows, relative_gain  # noqa: E402

RESULTS = HOME / "benchmarks" / "results"
IMAGES = Path(__file__).with_name("images")
BETTER, WORSE, INK = "#2b6cb0", "#c05621", "#333333"
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "metaauto", "font.family": "sans-serif",
         "font.size": 9, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
         "ytick.color": INK}  # fmt: skip


def gain(row: dict) -> float:
    """Return the relative gain of metaauto over boosting in per cent."""
    return 100.0 * relative_gain(row["score"], row["boosting"], row["greater_is_better"])


def versus_boosting(name: str = "versus_boosting_30s") -> Path:
    """Draw the gain over histogram gradient boosting on held-out rows, one bar per dataset."""
    rows = over_splits(read_rows(RESULTS / f"{name}.jsonl"), ("score", "boosting"))
    found = sorted(rows, key=gain)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 0.22 * len(found) + 1.1))
        gains = [gain(row) for row in found]
        axes.barh(
            range(len(found)), gains, color=[BETTER if g > 0 else WORSE for g in gains], height=0.7
        )
        for place, value in enumerate(gains):
            side = "left" if value >= 0 else "right"
            axes.text(
                value + (1 if value >= 0 else -1), place, f"{value:+.1f} %", va="center", ha=side,
                fontsize=8,
            )  # fmt: skip
        axes.set_yticks(range(len(found)), [f"{r['table']}  ({r['metric']})" for r in found])
        axes.set_ylim(-0.7, len(found) - 0.3)
        axes.set_xlim(min(gains) - 15, max(gains) + 15)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_xlabel("gain on held-out rows over histogram gradient boosting, % of its score")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.tight_layout()
        path = IMAGES / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None}, transparent=False)
        plt.close(figure)
    return path


def main() -> None:
    """Draw every figure."""
    IMAGES.mkdir(exist_ok=True)
    versus_boosting()


if __name__ == "__main__":
    main()
