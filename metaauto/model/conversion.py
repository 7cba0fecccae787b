"""Convert fold models of plugins to the format of model files in a worker process.

Converting runs code of their classes, which may hang or crash: it costs the member, not the model.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from metaauto.errors import ModelFileError, WorkerError
from metaauto.files import TemporaryFolder
from metaauto.model.member import Member
from metaauto.model.packing import PackedModels, SavedModel, pack_estimators
from metaauto.model.serialization import import_skops_alone
from metaauto.plugins.manager import PluginSettings
from metaauto.search import LocalExecutor
from metaauto.search.executors.worker import Setup
from metaauto.search.trial import CallJob, CallResult

__all__ = ["MemberConverter"]

logger = logging.getLogger(__name__)

_LEAST_SECONDS, _LEAST_BYTES_PER_SECOND = 15.0, 5e5
_LEAST_BYTES, _LARGEST_RATIO = 2**26, 8
_POLL_SECONDS = 0.25


class MemberConverter:
    """Converts the members of a model; close it at the end, which ends its worker.

    Members of metaauto's own classes, and those that are loaded already, are converted in this
    process.

    Parameters
    ----------
    row : DataFrame
        One typed row, see `missing_row`.
    """

    def __init__(self, row: pd.DataFrame) -> None:
        self._row = row
        self._executor: LocalExecutor | None = None
        self._plugins: PluginSettings | None = None
        self._late: set[str] = set()

    def __enter__(self) -> MemberConverter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.close()

    def converted(self, member: Member) -> list[SavedModel]:
        """Return the fold models of a member, and its model on all rows if there is one.

        Raises
        ------
        ModelFileError
            They cannot be saved.
        """
        parts = [part for part in (member.estimators, member.all_rows) if len(part)]
        packed = [part for part in parts if isinstance(part, PackedModels)]
        plugins = [part.plugins for part in packed if part.plugins is not None]
        if plugins and len(packed) == len(parts):
            try:
                return self._in_worker(member, packed, plugins[0])
            except WorkerError as error:
                logger.debug("Plugins' models are converted in this process: %s", error)
        models = [model for part in parts for model in part]
        return pack_estimators(member.plugin, models, member.trusted, self._row)

    def _in_worker(
        self, member: Member, packed: Sequence[PackedModels], plugins: PluginSettings
    ) -> list[SavedModel]:
        if member.model in self._late:
            raise ModelFileError(
                "another member with this model took too long.", hint="Exclude the model."
            )
        executor = self._ready(plugins)
        models = [fold.data for part in packed for fold in part.folds]
        size = sum(map(len, models))
        seconds = _LEAST_SECONDS + size / _LEAST_BYTES_PER_SECOND
        with TemporaryFolder() as folder:
            # Through a file: a worker that a model has stopped would block a large message.
            path = Path(folder, "models.pkl")
            path.write_bytes(pickle.dumps((member.plugin, models, member.trusted, self._row)))
            limit = _LEAST_BYTES + _LARGEST_RATIO * size
            executor.submit(CallJob(0, partial(_converted, str(path)), seconds, limit))
            result = _result(executor)
        if isinstance(result.value, list):
            return result.value
        if isinstance(result.value, tuple):
            raise ModelFileError(result.value[0], hint=result.value[1])
        if result.seconds >= seconds:
            self._late.add(member.model)
        raise ModelFileError(
            f"converting it failed: {result.error or 'the worker returned no result.'}",
            hint="Ask the plugin's author to implement __getstate__ and __setstate__.",
        )

    def _ready(self, plugins: PluginSettings) -> LocalExecutor:
        """Return an executor whose worker is ready."""
        if self._executor is None:
            import psutil

            self._executor = LocalExecutor(1, memory=psutil.virtual_memory().available / 2**20)
        if plugins != self._plugins:
            self._executor.set_up(Setup("", plugins))
            self._plugins = plugins
        while not self._executor.free():
            self._executor.wait(_POLL_SECONDS)
        return self._executor


def _result(executor: LocalExecutor) -> CallResult:
    while True:
        for result in executor.wait(_POLL_SECONDS):
            if isinstance(result, CallResult):
                return result


def _converted(path: str, _: Any) -> list[SavedModel] | tuple[str, str]:
    """Convert models in the worker; return the message and hint of an error."""
    import_skops_alone()
    plugin, models, trusted, row = pickle.loads(Path(path).read_bytes())
    try:
        return pack_estimators(plugin, (pickle.loads(data) for data in models), trusted, row)
    except ModelFileError as error:
        return error.message, str(error.hint)
