"""What must stand ready when the search begins: the table laid out, an ensemble, the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metaauto.budget import Budget
from metaauto.engine.options import FitOptions
from metaauto.ensemble import AnytimeEnsemble, Selection
from metaauto.fit_state import Work
from metaauto.search import Executor, Proposals, Search, Setup, Trial, write_inputs

__all__ = ["holdout_seconds", "lay_out", "new_ensemble", "new_search"]

_MOST_MEMBERS = 15
_DESCRIBE_FROM = 20.0
_DESCRIBE_SECONDS = 1.0
_PREPARATION = 1.5


def lay_out(work: Work, executor: Executor, packed: bytes) -> None:
    """Write the table where workers find it, and tell them of the components of this process."""
    write_inputs(work.run.path / "data", work.inputs)
    executor.set_up(Setup(str(work.run.path), work.plugins.settings, packed))


def new_ensemble(work: Work, options: FitOptions, clock: Budget) -> AnytimeEnsemble:
    """An ensemble of nothing yet, that trials can be offered to."""
    y, weights = work.answers(work.splits.evaluated)
    return AnytimeEnsemble(
        y,
        work.metric,
        weights,
        size=options.ensemble_size,
        max_members=_MOST_MEMBERS,
        seed=options.seed,
        decide=work.metric.needs == "labels",
        # Where only trials count, the result may not depend on when there was time to select.
        keeps_better=clock.is_timed,
    )


def new_search(
    work: Work,
    options: FitOptions,
    clock: Budget,
    executor: Executor,
    on_start: Callable[[Trial], None],
    ensemble: AnytimeEnsemble,
) -> Search:
    """A search that has tried nothing yet, for an ensemble that it will make better."""
    proposals = Proposals(
        work.space,
        work.strategy,
        work.runtime,
        len(work.splits.folds),
        options.seed,
        reproducible=not clock.is_timed,
    )
    return Search(
        proposals=proposals,
        executor=executor,
        budget=clock,
        folder=work.run.path,
        folds=work.splits.folds,
        evaluated=work.splits.evaluated,
        loss=work.loss,
        seed=options.seed,
        recorder=work.run,
        describe_seconds=_describe_seconds(clock),
        on_start=on_start,
        # An error of regression is mostly what no model takes away: its shares say little.
        gain=ensemble.relative_gain
        if options.blends and work.dataset.task.is_classification
        else None,
    )


def holdout_seconds(selection: Selection, trials: Sequence[Trial], work: Work) -> float:
    """What predicting the rows held out may take, by what the folds took."""
    if work.splits.holdout is None:
        return 0.0
    seconds = 0.0
    for number in selection.weights:
        for fold, outcome in trials[number].outcomes.items():
            rows = len(work.splits.folds[fold][1])
            seconds += outcome.predict_seconds * len(work.splits.holdout) / max(rows, 1)
    # The folds were predicted from rows that were prepared already.
    return _PREPARATION * seconds


def _describe_seconds(clock: Budget) -> float:
    """Time that describing the table by numbers may take beside the first trials."""
    return 0.0 if clock.is_timed and clock.seconds < _DESCRIBE_FROM else _DESCRIBE_SECONDS
