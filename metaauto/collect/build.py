"""Build a knowledge store: run every configuration on every dataset, resumable at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise, product

from threadpoolctl import threadpool_limits

from metaauto.collect.candidates import Candidate, candidates
from metaauto.collect.completed import CompletedEvaluations
from metaauto.collect.plan import BuildPlan
from metaauto.collect.predictions import PredictionFile
from metaauto.collect.published import published_candidates
from metaauto.collect.sources import Source
from metaauto.collect.table import TableEvaluator
from metaauto.knowledge import KnowledgeStore, ProvenanceFact
from metaauto.plugins.manager import LoadedPlugins
from metaauto.plugins.registry import Registry
from metaauto.search import Executor, LocalExecutor
from metaauto.task import TASK_KINDS

__all__ = ["BuildPlan", "Progress", "build_knowledge"]


@dataclass(frozen=True)
class Progress:
    """Progress of a build.

    Parameters
    ----------
    done, total : int
        Finished evaluations, and evaluations of all datasets and configurations.
    label : str
        Name of the last dataset.
    seconds : float
        Seconds since the start of this build.
    fresh : int
        Evaluations run by this build.
    """

    done: int
    total: int
    label: str
    seconds: float
    fresh: int

    @property
    def seconds_left(self) -> float:
        """Expected remaining seconds at the current rate."""
        seconds_each = self.seconds / self.fresh if self.fresh else float("nan")
        return seconds_each * (self.total - self.done)


def build_knowledge(
    sources: Sequence[Source],
    store: KnowledgeStore,
    plugins: LoadedPlugins,
    plan: BuildPlan,
    provenance: ProvenanceFact,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    warn: Callable[[str], None] = lambda message: None,
    executor: Executor | None = None,
    predictions: PredictionFile | None = None,
) -> int:
    """Run the evaluations that are missing in the store and return their number.

    With ``plan.metafeatures_only`` the number is that of the datasets with new metafeatures.

    A wave of configurations is evaluated on all datasets before the next ones, so that the store is
    useful at any time; later waves are evaluated together, because every dataset is prepared again
    for each group of waves. Large datasets are evaluated on one fold until all waves are done.
    Every evaluation is stored immediately: a killed build loses only the running fits. A model that
    timed out on a dataset is not tried there again.

    Parameters
    ----------
    sources : sequence of Source
        The datasets, in order.
    store : KnowledgeStore
        Open for writing.
    plugins : LoadedPlugins
        Plugins whose models are evaluated.
    plan : BuildPlan
        Settings of the build.
    provenance : ProvenanceFact
        Recorded with each fact.
    on_progress, warn : callable
        Called with the progress, and with a message for each dataset that cannot be used.
    executor : Executor, optional
        Runs the fits and is closed at the end; by default worker processes on this machine.
    predictions : PredictionFile, optional
        Where to keep the predictions.
    """
    began = time.monotonic()
    provenance_key = store.add_provenance(provenance)
    if plan.metafeatures_only:
        return _describe(sources, store, plugins, plan, provenance_key, on_progress, warn)
    chosen = {kind: _candidates(store, plugins.registry, kind, plan) for kind in TASK_KINDS}
    waves = 1 + max((c.wave for found in chosen.values() for c in found), default=-1)
    waves = waves if plan.waves is None else min(waves, plan.waves)
    unusable: set[str] = set()
    fresh = done = 0
    total = _total(sources, chosen, plan, waves)
    workers = executor or LocalExecutor(plan.cores, threads=1, memory=plan.memory)
    # The workers use all cores; further threads of this process would compete with them.
    with threadpool_limits(limits=1), closing(workers):
        workers.start()
        passes = (True,) if plan.only_first else (True, False)
        for is_first, group in product(passes, _groups(waves)):
            if group.start <= 1:
                # Later groups are disjoint; the first shows which models run on a dataset.
                completed = CompletedEvaluations(store, plan)
            for source in sources:
                if time.monotonic() - began > plan.seconds:
                    return fresh
                if source.label in unusable:
                    continue
                selected = [c for c in chosen.get(source.kind, ()) if c.wave in group]
                if selected and completed.has_all(source, selected, is_first):
                    done += len(selected) * completed.folds(source, is_first)
                    continue
                try:
                    table = TableEvaluator(
                        source, store, plugins, plan, provenance_key, predictions
                    )
                except Exception as error:
                    unusable.add(source.label)
                    warn(f"{source.label} is left out: {error}")
                    continue
                with table:
                    selected = [c for c in chosen[table.kind] if c.wave in group]
                    folds = table.first_folds() if is_first else table.other_folds()
                    fresh += table.evaluate(selected, folds, workers)
                done += len(selected) * len(folds)
                on_progress(Progress(done, total, source.label, time.monotonic() - began, fresh))
    return fresh


def _describe(
    sources: Sequence[Source],
    store: KnowledgeStore,
    plugins: LoadedPlugins,
    plan: BuildPlan,
    provenance: str,
    on_progress: Callable[[Progress], None],
    warn: Callable[[str], None],
) -> int:
    """Add the metafeatures that the store lacks; return the number of changed datasets."""
    began = time.monotonic()
    count = 0
    for done, source in enumerate(sources, 1):
        if time.monotonic() - began > plan.seconds:
            break
        try:
            with TableEvaluator(source, store, plugins, plan, provenance) as table:
                count += table.is_described
        except Exception as error:
            warn(f"{source.label} is left out: {error}")
        seconds = time.monotonic() - began
        on_progress(Progress(done, len(sources), source.label, seconds, done))
    return count


def _groups(waves: int) -> list[range]:
    """Return the waves that are evaluated together: the first two alone, then 2, 4, 8 and so on."""
    ends = [0, 1]
    while ends[-1] < waves:
        ends.append(2 * ends[-1])
    return [range(start, min(end, waves)) for start, end in pairwise(ends) if start < waves]


def _candidates(
    store: KnowledgeStore, registry: Registry, kind: str, plan: BuildPlan
) -> list[Candidate]:
    """Return the portfolios of the models, imported configurations and random configurations."""
    found = {
        c.configuration: c for c in published_candidates(store, registry, kind, plan.published)
    }
    found.update((c.configuration, c) for c in candidates(registry, kind, plan.draws))
    return sorted(
        found.values(), key=lambda c: (c.wave, c.configuration.model, c.configuration.key)
    )


def _total(
    sources: Sequence[Source], chosen: dict[str, list[Candidate]], plan: BuildPlan, waves: int
) -> int:
    sizes = {kind: sum(c.wave < waves for c in found) for kind, found in chosen.items()}
    return plan.folds * sum(sizes.get(source.kind, max(sizes.values())) for source in sources)
