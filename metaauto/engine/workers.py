"""The workers of a fit: on this machine, or on a Dask cluster for its trials."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaauto.budget import Budget, available_cores
from metaauto.engine.options import FitOptions
from metaauto.plugins.manager import PluginSettings
from metaauto.progress.reporter import EventReporter
from metaauto.search import Executor, LocalExecutor, Setup

if TYPE_CHECKING:
    from metaauto.search import DaskExecutor

__all__ = ["FitWorkers"]

_MAX_MEMBER_WORKERS = 8


@dataclass(frozen=True)
class FitWorkers:
    """The workers of a fit; those of this machine for all steps, unless a cluster runs the trials.

    Parameters
    ----------
    members : LocalExecutor
        Workers of this machine, which check the members of the final ensemble at the end and
        predict the holdout.
    cluster : DaskExecutor, optional
        Runs the trials in their place, and trains the models on all rows.
    """

    members: LocalExecutor
    cluster: DaskExecutor | None = None

    @classmethod
    def start(cls, options: FitOptions, clock: Budget, report: EventReporter) -> FitWorkers:
        """Start the workers; they import libraries while the table is read.

        With a cluster, the clock takes its number of cores, and for each the memory of a worker of
        this machine, which holds the table, too.
        """
        if options.dask is None:
            members = LocalExecutor(clock.cores, memory=clock.memory / clock.cores)
            members.start()
            return cls(members)
        from metaauto.search import DaskExecutor

        with ExitStack() as undo:
            cluster = undo.enter_context(
                DaskExecutor(
                    options.dask,
                    cores=options.cores,
                    plugins=options.plugins or PluginSettings.from_environment(),
                    warn=report.warn,
                )
            )
            cores = min(available_cores(), _MAX_MEMBER_WORKERS)
            members = LocalExecutor(cores, memory=clock.memory / cores)
            members.start()
            undo.pop_all()
        clock.cores = cluster.workers or options.cores or 1
        clock.memory = members.memory * clock.cores
        return cls(members, cluster)

    @property
    def trials(self) -> Executor:
        """The workers that run the trials."""
        return self.members if self.cluster is None else self.cluster

    @property
    def setup_seconds(self) -> float:
        """Seconds that a worker of this machine needed to become ready for jobs."""
        if self.cluster is not None:
            # It does not run trials, which would continue its setup.
            self.members.free()
        return self.members.setup_seconds

    @property
    def speed(self) -> float | None:
        """Speed of the machines of the cluster; None for this machine."""
        return None if self.cluster is None else self.cluster.speed

    def set_up(self, setup: Setup) -> None:
        """Send the workers the setup of a fit."""
        self.members.set_up(setup)
        if self.cluster is not None:
            self.cluster.set_up(setup)

    def close(self) -> None:
        """Stop everything; a cluster keeps running."""
        with ExitStack() as stack:
            stack.enter_context(closing(self.members))
            if self.cluster is not None:
                stack.enter_context(closing(self.cluster))
