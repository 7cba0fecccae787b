"""Account for the core-seconds of a fit.

python -m benchmarks.overhead --rows 10000 --features 20 --budget 60
python -m benchmarks.overhead --table FILE.parquet --target target --budget 60
"""

from __future__ import annotations

import json
import time

import click


@click.command()
@click.option("--table", type=click.Path(exists=True, dir_okay=False))
@click.option("--target", default="target", show_default=True)
@click.option("--rows", default=10_000, show_default=True, help="Rows of a synthetic table.")
@click.option("--features", default=20, show_default=True)
@click.option("--budget", default=60.0, show_default=True, help="Seconds.")
@click.option("--cores", default=None, type=int)
@click.option("--json", "as_json", is_flag=True)
def main(
    table: str | None,
    target: str,
    rows: int,
    features: int,
    budget: float,
    cores: int | None,
    as_json: bool,
) -> None:
    """Fit once and account for every core-second between the start and the model."""
    data = table or _made_up(rows, features)
    marks: dict[str, float] = {}

    def note(event: object) -> None:
        kind = f"{event.kind}:{event.message}" if event.kind == "stage" else event.kind
        marks.setdefault(kind, event.seconds)

    began = time.monotonic()
    from metaauto.engine.fit_runner import FitRunner
    from metaauto.engine.options import FitOptions

    imported = time.monotonic() - began
    model = FitRunner(FitOptions(budget=budget, cores=cores), note).run(data, target)
    record = model.record
    total = record.seconds * record.cores
    search_from, search_to = marks["stage:Searching"], marks["stage:Assembling the model"]
    report = {
        "core_seconds": total,
        "fitting and predicting": record.work_seconds,
        "worker bookkeeping": record.worker_seconds - record.work_seconds,
        "before the search": search_from * record.cores,
        "after the search": (record.seconds - search_to) * record.cores,
    }
    report["idle or waiting in the search"] = total - sum(list(report.values())[1:])
    report["overhead"] = 1 - record.work_seconds / total
    report["import of metaauto.fit, seconds"] = imported
    report["first model, seconds"] = marks.get("trial_finished", float("nan"))
    report["trials"] = record.trials
    report["score"] = record.score
    if as_json:
        click.echo(json.dumps({**report, "stages": record.stages}))
        return
    for name, value in report.items():
        share = f"{100 * value / total:6.1f} %" if name not in _NOT_SHARES else ""
        click.echo(f"{name:32s} {value:10.3f} {share}")
    for name, value in record.stages.items():
        click.echo(f"  parent, {name:22s} {value:10.3f} s")


_NOT_SHARES = (
    "overhead",
    "import of metaauto.fit, seconds",
    "first model, seconds",
    "trials",
    "score",
)


def _made_up(rows: int, features: int) -> object:
    import pandas as pd
    from sklearn.datasets import make_classification

    X, y = make_classification(
        rows, features, n_informative=features // 2, n_clusters_per_class=4, random_state=0
    )
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(features)])
    frame["target"] = y
    return frame


if __name__ == "__main__":
    main()
