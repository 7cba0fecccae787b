"""Fill a knowledge store: every configuration on every table, resumable at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product

from threadpoolctl import threadpool_limits

from metaauto.collect.candidates import Candidate, candidates
from metaauto.collect.completed import CompletedEvaluations
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
class BuildPlan:
    """How to measure.

    Parameters
    ----------
    folds : int
        Folds of each table.
    rows : int
        Larger tables are cut to so many rows, drawn at random.
    soft_seconds, hard_seconds : float
        Deadline of one fold for the model itself, and the time after which it is killed.
    expected_seconds : float
        No further configuration is measured of a model whose fits on a table took longer on
        average.
    draws : int
        Random configurations for each model, besides its default and its portfolio.
    published : int
        Configurations of each model that were imported into the store to be measured as well.
    waves : int, optional
        Measure only the first waves of configurations.
    seconds : float
        Stop after this time.
    table_seconds : float
        Worker seconds, those of earlier builds included, after which no further fit is started on a
        table.
    cores : int
        Worker processes.
    memory : float
        MiB for each worker.
    """

    folds: int = 3
    rows: int = 4000
    soft_seconds: float = 8.0
    hard_seconds: float = 20.0
    expected_seconds: float = float("inf")
    draws: int = 2
    published: int = 4
    waves: int | None = None
    seconds: float = float("inf")
    table_seconds: float = float("inf")
    cores: int = 1
    memory: float = 4096.0

    @property
    def protocol(self) -> str:
        """What the store calls these conditions."""
        return f"{self.folds}-fold/seed0/rows<={self.rows}"


@dataclass(frozen=True)
class Progress:
    """How far a build is.

    Parameters
    ----------
    done, total : int
        Evaluations of all tables and configurations.
    label : str
        Table that was just measured.
    seconds : float
        Since this build started.
    fresh : int
        Evaluations made by this build.
    """

    done: int
    total: int
    label: str
    seconds: float
    fresh: int

    @property
    def seconds_left(self) -> float:
        """Expected seconds to the end, at the pace so far."""
        pace = self.seconds / self.fresh if self.fresh else float("nan")
        return pace * (self.total - self.done)


def build_knowledge(
    sources: Sequence[Source],
    store: KnowledgeStore,
    plugins: LoadedPlugins,
    plan: BuildPlan,
    provenance: ProvenanceFact,
    tell: Callable[[Progress], None] = lambda progress: None,
    warn: Callable[[str], None] = lambda message: None,
    executor: Executor | None = None,
) -> int:
    """Measure what the store does not know yet; the number of new evaluations.

    A wave of configurations is measured on all tables before the next one begins, so that the
    store is useful at any time; on large tables on one fold, until all waves are done. Every
    evaluation is stored when it is made: a build that is killed loses what was running, no more.
    A model that ran out of time on a table is not tried there again.

    Parameters
    ----------
    sources : sequence of Source
        The tables, in the order to take them.
    store : KnowledgeStore
        Open for writing.
    plugins : LoadedPlugins
        Whose models are measured.
    plan : BuildPlan
        How.
    provenance : ProvenanceFact
        Recorded with each fact.
    tell, warn : callable
        Told how far it is, and which tables cannot be used.
    executor : Executor, optional
        Where fits run; it is closed at the end. By default worker processes on this machine.
    """
    began = time.monotonic()
    provenance_key = store.add_provenance(provenance)
    chosen = {kind: _chosen(store, plugins.registry, kind, plan) for kind in TASK_KINDS}
    waves = 1 + max((c.wave for found in chosen.values() for c in found), default=-1)
    waves = waves if plan.waves is None else min(waves, plan.waves)
    unusable: set[str] = set()
    fresh = done = 0
    total = _total(sources, chosen, plan, waves)
    workers = executor or LocalExecutor(plan.cores, threads=1, memory=plan.memory)
    # The cores are the workers'; a second thread here would wait for them, spinning.
    with threadpool_limits(limits=1), closing(workers):
        workers.start()
        for is_first, wave in product((True, False), range(waves)):
            if wave == 0:
                # No wave measures what another one does, so the beginning of a pass says it all.
                done_before = CompletedEvaluations(store, plan)
            for source in sources:
                if time.monotonic() - began > plan.seconds:
                    return fresh
                if source.label in unusable:
                    continue
                wanted = [c for c in chosen.get(source.kind, ()) if c.wave == wave]
                if wanted and done_before.has_all(source, wanted, is_first):
                    done += len(wanted) * done_before.folds(source, is_first)
                    continue
                try:
                    table = TableEvaluator(source, store, plugins, plan, provenance_key)
                except Exception as error:
                    unusable.add(source.label)
                    warn(f"{source.label} is left out: {error}")
                    continue
                with table:
                    wanted = [c for c in chosen[table.kind] if c.wave == wave]
                    folds = table.first_folds() if is_first else table.other_folds()
                    fresh += table.measure(wanted, folds, workers)
                done += len(wanted) * len(folds)
                tell(Progress(done, total, source.label, time.monotonic() - began, fresh))
    return fresh


def _chosen(
    store: KnowledgeStore, registry: Registry, kind: str, plan: BuildPlan
) -> list[Candidate]:
    """What to measure: what the models' authors recommend, what others published, and draws."""
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
