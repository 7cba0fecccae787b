"""What a fit is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from metaauto.budget import Budget, available_cores, available_memory, parse_seconds
from metaauto.errors import SettingError
from metaauto.plugins.manager import Bundle, PluginSettings
from metaauto.plugins.registry import COMPONENT_TYPES

__all__ = ["FitOptions"]

_DEFAULT_BUDGET = 300.0
_MEMORY_SHARE = 0.85
_RESERVE_SHARE, _LEAST_RESERVE, _MOST_RESERVE = 0.03, 0.4, 6.0


@dataclass(frozen=True)
class FitOptions:
    """What a fit is asked for; everything has a default.

    Parameters
    ----------
    task : {'auto', 'classification', 'binary', 'multiclass', 'regression'}
        Kind of task.
    metric : str, scorer or callable, optional
        Drives search, ensemble and leaderboard; by default AUC (binary), log loss (multiclass) or
        RMSE (regression).
    budget : float or str, optional
        Wall seconds (``"5m"``); 5 minutes if neither budget nor trials are given.
    trials : int, optional
        Number of configurations to try. Without a budget the result is reproducible.
    cores : int, optional
        Worker processes; by default all cores.
    memory : float, optional
        GiB for all workers; by default most of what is free.
    seed : int
        Seed for everything random.
    cv : int, float, str, splitter or iterable
        As in `metaauto.data.plan_splits`.
    holdout : float
        Share of rows set aside for a last honest score.
    groups, time, weights : str or array, optional
        Columns or values: rows that stay together, the order of the rows, sample weights.
    include, exclude : sequence of str
        Models or plugins to use alone, or not at all.
    roles : mapping of str to str
        Column roles that are taken as they are.
    ensemble_size : int
        Steps of ensemble selection; 1 gives the best single model.
    knowledge : bool or path
        Whether to start warm: from the shipped store, installed packs and the user's own; from
        one store alone if its path is given.
    strategy : str
        Name of the strategy that chooses what is tried first: ``"knowledge"`` by what is known of
        other tables, ``"portfolio"`` by the authors of models alone, or that of a plugin.
    remember : bool
        Whether the user's own store learns from this fit: metafeatures, configurations, losses
        and seconds, nothing of the rows.
    run_dir : str or Path, optional
        Where to keep the run, so that it can be resumed.
    plugins : PluginSettings, optional
        Which plugins to load.
    components : sequence
        Plugin objects or components of this process, besides installed plugins.
    """

    task: str = "auto"
    metric: Any = None
    budget: float | str | None = None
    trials: int | None = None
    cores: int | None = None
    memory: float | None = None
    seed: int = 0
    cv: Any = "auto"
    holdout: float = 0.0
    groups: Any = None
    time: Any = None
    weights: Any = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    ensemble_size: int = 50
    knowledge: bool | str | Path = True
    strategy: str = "knowledge"
    remember: bool = True
    run_dir: str | Path | None = None
    plugins: PluginSettings | None = None
    components: Sequence[Any] = ()

    def __post_init__(self) -> None:
        for name, least in (("trials", 1), ("cores", 1), ("ensemble_size", 1), ("seed", 0)):
            object.__setattr__(self, name, _whole(name, getattr(self, name), least))
        if self.budget is not None:
            object.__setattr__(self, "budget", parse_seconds(self.budget))
        if isinstance(self.knowledge, Path):
            object.__setattr__(self, "knowledge", str(self.knowledge))
        if self.memory is not None and not _is_size(self.memory):
            raise SettingError(f"memory={self.memory!r} is no size.", hint="Give GiB above zero.")
        for name in ("include", "exclude"):
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, (value,))

    @property
    def seconds(self) -> float:
        """Wall seconds the fit may take; infinite if only trials count."""
        if self.budget is not None:
            return float(self.budget)
        return math.inf if self.trials is not None else _DEFAULT_BUDGET

    @property
    def for_ensemble(self) -> bool:
        """Whether an ensemble is made, rather than one model chosen."""
        return self.ensemble_size > 1

    def clock(self) -> Budget:
        """A budget for these options, not started yet."""
        seconds = self.seconds
        workers = self.cores or available_cores()
        if self.memory is not None:
            memory = self.memory * 1024
        else:
            memory = _MEMORY_SHARE * available_memory()
        reserve = 0.0
        if seconds != math.inf:
            reserve = min(max(_RESERVE_SHARE * seconds, _LEAST_RESERVE), _MOST_RESERVE)
        return Budget(seconds, self.trials, workers, memory, reserve)

    @property
    def plugin_objects(self) -> list[Any]:
        """Plugin objects of this process; bare components are bundled into one plugin."""
        kinds = tuple(COMPONENT_TYPES.values())
        bare = [item for item in self.components if isinstance(item, kinds)]
        plugins = [item for item in self.components if not isinstance(item, kinds)]
        return [*plugins, Bundle(bare)] if bare else plugins

    def to_json(self) -> dict[str, Any]:
        """Plain values alone, to find them again when a run is resumed."""
        plain = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, (list, tuple)):
                value = (
                    list(value) if all(isinstance(v, (str, int, float)) for v in value) else None
                )
            if value is None or isinstance(value, (str, int, float, bool, list, dict)):
                plain[item.name] = value
        plain.pop("components", None)
        return plain

    def resumed_from(self, stored: Mapping[str, Any]) -> FitOptions:
        """These options over those of an interrupted run: what shapes the trials stays."""
        kept = {
            name: stored[name]
            for name in (
                "task",
                "seed",
                "cv",
                "holdout",
                "include",
                "exclude",
                "roles",
                "knowledge",
                "strategy",
            )
            if stored.get(name) is not None
        }
        for name in ("metric", "groups", "time", "weights"):
            if getattr(self, name) is None and stored.get(name) is not None:
                kept[name] = stored[name]
        if self.budget is None and self.trials is None:
            kept.update(budget=stored.get("budget"), trials=stored.get("trials"))
        return replace(self, **kept)


def _whole(name: str, value: Any, least: int) -> int | None:
    """The value as an int, whatever kind of whole number it is."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise SettingError(
            f"{name}={value!r} is no whole number from {least}.", hint=f"Give {least} or more."
        )
    return int(value)


def _is_size(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0.0 < float(value) < math.inf
