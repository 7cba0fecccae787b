"""Run one fit in its own process; print its test score and learning curve as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import pandas as pd

from metaauto.analysis.evaluation import evaluate
from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions


def main() -> None:
    """Read the options as JSON from the command line."""
    order = json.loads(sys.argv[1])
    curve: list[tuple[float, float]] = []

    def note(event: Any) -> None:
        best = event.data.get("best") if event.kind == "trial_finished" else None
        if best is not None and (not curve or best != curve[-1][1]):
            curve.append((round(event.seconds, 3), best))

    options = FitOptions(remember=False, **order["options"])
    model = FitRunner(options, note).run(order["train"], "target")
    found = evaluate(model, pd.read_parquet(order["test"]))
    record = model.record
    report = {
        "metric": found.metric,
        "greater_is_better": found.greater_is_better[found.metric],
        "score": found.scores[found.metric],
        "baseline": record.baseline_score,
        "out_of_fold": record.score,
        "seconds": record.seconds,
        "trials": record.trials,
        "curve": curve,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
