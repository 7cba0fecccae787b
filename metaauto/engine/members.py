"""Select the final ensemble of members that workers have checked."""

from __future__ import annotations

from dataclasses import replace

from metaauto.analysis.report_record import holdout_parts
from metaauto.budget import Budget
from metaauto.components import Deadline
from metaauto.ensemble import AnytimeEnsemble, Selection
from metaauto.errors import WorkerError
from metaauto.fit_state import FitState
from metaauto.model import pack_members
from metaauto.model.build import GRACE_SECONDS, Packing, pack_here
from metaauto.model.packing import missing_row
from metaauto.progress.reporter import EventReporter
from metaauto.search import Executor, Search, Setup
from metaauto.search.evaluate import Evaluator
from metaauto.text import counted

__all__ = ["PackedEnsemble"]

_BASELINE = 0
_AFTER_SHARE = 0.5
_RESELECT_SHARE = 0.5


class PackedEnsemble:
    """Lets workers check the members of a selection, and replaces those that cannot be loaded.

    Parameters
    ----------
    search : Search
        The trials.
    state : FitState
        State of the fit.
    ensemble : AnytimeEnsemble
        The candidates.
    clock : Budget
        Budget.
    report : EventReporter
        For warnings.
    packing : Packing
        Members that were packed before; new ones are added to it.
    """

    def __init__(
        self,
        search: Search,
        state: FitState,
        ensemble: AnytimeEnsemble,
        clock: Budget,
        report: EventReporter,
        packing: Packing,
    ) -> None:
        self._search = search
        self._state = state
        self._ensemble = ensemble
        self._clock = clock
        self._report = report
        self._packing = packing
        self._row = missing_row(state.dataset.schema)
        self._parts = holdout_parts(state.splits.holdout, clock.is_timed)

    def select(
        self, selection: Selection, executor: Executor, setup: Setup | None = None
    ) -> tuple[Selection, Packing]:
        """Return the final selection and its packed members; at least the baseline.

        Parameters
        ----------
        selection : Selection
            Selected members; those for which there is no time are dropped.
        executor : Executor
            Workers without a running job.
        setup : Setup, optional
            Setup of the workers if they are new.
        """
        if set(selection.weights) == {_BASELINE}:
            return self._baseline(), self._packing
        try:
            if setup is not None:
                executor.set_up(setup)
            found = self._pack_all(selection, executor)
        except WorkerError as error:
            self._report.warn(f"The models cannot be checked: {error}")
            found = None
        if found is None:
            self._report.warn("No other model can be loaded; the final model is the baseline.")
            found = self._baseline()
        return found, self._packing

    def _pack_all(self, selection: Selection, executor: Executor) -> Selection | None:
        """Pack a selection; select again without the members that fail. None if nothing is left."""
        last = Deadline(self._deadline(1.0).at + GRACE_SECONDS)
        while True:
            failures = self._pack(selection, executor)
            kept = [number for number in selection.weights if number in self._packing.members]
            is_late = self._deadline(1.0).passed()
            if not failures or (kept and is_late) or last.passed():
                break
            self._ensemble.update(self._deadline(_RESELECT_SHARE), force=not is_late)
            found = self._ensemble.current
            if found is None or found.weights.keys() <= failures.keys():
                return None
            selection = found
        if late := len(selection.weights) - len(kept) - len(failures):
            members = counted(late, "ensemble member")
            self._report.warn(f"Time limit reached: {members} dropped.")
        return self._ensemble.restricted_to(selection, kept) if kept else None

    def _pack(self, selection: Selection, executor: Executor) -> dict[int, str]:
        """Pack new members; discard those that fail, and return the causes."""
        known = self._packing.members
        waiting = {n: weight for n, weight in selection.weights.items() if n not in known}
        if not waiting:
            return {}
        # The rest of the reserve is for the steps after this one.
        seconds = self._clock.remaining() - _AFTER_SHARE * self._clock.reserve
        found = pack_members(
            self._search.trials,
            replace(selection, weights=waiting),
            self._state.registry,
            self._state.run.path,
            executor,
            self._row,
            Deadline.after(max(seconds, 0.0)) if self._clock.is_timed else Deadline(),
            self._parts,
            max(self._state.dataset.task.n_classes, 1),
        )
        self._packing.update(found)
        for number, cause in found.failures.items():
            self._report.warn(f"{self._search.trials[number].name} is dropped: {cause}")
            self._ensemble.discard(number)
        return found.failures

    def _baseline(self) -> Selection:
        """Pack the baseline in this process: it is metaauto's own code and needs no worker."""
        state, baseline = self._state, self._search.trials[_BASELINE]
        evaluator = Evaluator(state.inputs, state.registry, state.run.path)
        self._packing.update(pack_here(baseline, evaluator, self._row, self._parts))
        loss = float("inf") if baseline.loss is None else baseline.loss
        return Selection({baseline.number: 1.0}, loss, loss)

    def _deadline(self, share: float) -> Deadline:
        if not self._clock.is_timed:
            return Deadline()
        return Deadline.after(max(share * self._clock.remaining(), 0.0))
