"""Methods of a final model that train it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

__all__ = ["ModelUpdates"]


class ModelUpdates:
    """Methods that train the ensemble of a final model again."""

    def refit(
        self,
        data: Any,
        target: Any = None,
        *,
        weights: Any = None,
        format: str | None = None,
        budget: float | str | None = None,
        cores: int | None = None,
        memory: float | None = None,
        components: Sequence[Any] = (),
    ) -> Self:
        """Train each member again on all rows: one model instead of the fold models.

        Configurations, weights, calibration, decision rule, column roles and classes are kept.
        Models are fitted in worker processes. Those with early stopping train as many rounds as the
        fold models on average, or stop early on a validation part of a tenth of the rows.

        Parameters
        ----------
        data : str, Path, DataFrame, array, dict or list of dicts
            The training table or new rows, with the columns of the training table; or the address
            of such a table. Rows without a target are dropped.
        target : str or array of shape (rows,), optional
            Name of the target column, or the targets; by default the column of the training table.
        weights : str or array of shape (rows,), optional
            Column of sample weights, or the weights; by default the column of the fit.
        format : str, optional
            Suffix by which a file is read, such as ``"csv"``, instead of its own.
        budget : float or str, optional
            Wall-clock seconds (``"5m"``); by default the time is not limited. Members that are not
            fitted in time are dropped.
        cores : int, optional
            Worker processes; by default all cores.
        memory : float, optional
            GiB for all workers; by default 85 % of the available memory.
        components : sequence
            Components that were passed to the fit and are not installed.

        Returns
        -------
        FinalModel
            A smaller and faster model. Its scores are those of the fold models, which
            ``record.refit_note`` says: it was not scored itself.

        Raises
        ------
        TargetError
            A class of the model has no row, or a class is unknown to the model.
        SchemaMismatch
            Columns are missing, or hold other types of values than the training table.
        MissingPlugin
            The model of a member is not installed.
        NoModelFitted
            No member could be refitted.

        Examples
        --------
        >>> import metaauto
        >>> model = metaauto.fit("sklearn:wine", trials=1, include=["lda"], cores=1)
        >>> small = model.refit("sklearn:wine", cores=1)
        >>> len(model.members[0].estimators) > 1, len(small.members[0].estimators)
        (True, 1)
        """
        from metaauto.engine.refit import refit, refit_options

        options = refit_options(budget, cores, memory, components=components)
        found = refit(cast(Any, self), data, options, target=target, weights=weights, format=format)
        return cast(Self, found)
