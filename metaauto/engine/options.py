"""Options of a fit."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from metaauto.budget import Budget, available_cores, available_memory, parse_seconds
from metaauto.components import Model
from metaauto.errors import Refused, RunError, SettingError
from metaauto.plugins.hookspecs import hooks_of
from metaauto.plugins.manager import Bundle, PluginSettings
from metaauto.plugins.registry import COMPONENT_TYPES
from metaauto.text import argument

__all__ = ["FitOptions", "included_of", "with_named_options"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_DEFAULT_BUDGET = 300.0
_MEMORY_SHARE = 0.85
_RESERVE_SHARE, _MIN_RESERVE, _MAX_RESERVE = 0.03, 0.4, 6.0


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit; every option has a default.

    Parameters
    ----------
    task : {'auto', 'classification', 'binary', 'multiclass', 'regression'}
        Kind of task.
    metric : str, scorer or callable, optional
        Metric of search, ensemble and leaderboard; by default AUC (binary), log loss (multiclass)
        or RMSE (regression).
    positive : object, optional
        Positive class of a binary task, which F1, precision, recall and average precision score.
        By default the label that is a word such as yes, true, 1 or positive, else the rarer class.
    budget : float or str, optional
        Wall-clock seconds (``"5m"``); 5 minutes if neither budget nor trials are given.
    trials : int, optional
        Number of configurations to try. Without a budget the result is reproducible.
    cores : int, optional
        Worker processes; by default all cores.
    memory : float, optional
        GiB for all workers; by default 85 % of the available memory.
    dask : str, Client or cluster, optional
        Address of a Dask scheduler (``"tcp://host:8786"``), or a client or cluster of Dask: its
        workers run the trials. `cores` then limits the jobs at the same time, by default one for
        each thread of the workers, and `memory` cannot be given, since each job has its share of
        the memory limit of its Dask worker.
    seed : int
        Random seed.
    cv : int, float, str, splitter or iterable
        As in `metaauto.data.plan_splits`.
    holdout : float
        Share of rows for an unbiased final score; they are not used in the search.
    groups, time, weights : str or array, optional
        Columns or values: groups of rows that are not split, order of the rows, sample weights.
    include : sequence of str or component
        Names of models or plugins to use exclusively; a component, such as a `Model` of
        `metaauto.api`, is added and used.
    exclude : sequence of str
        Models or plugins to exclude.
    roles : mapping of str to str
        Column roles that override the inferred ones.
    missing : sequence of str
        Words for missing values, besides empty cells.
    format : str, optional
        Suffix by which the file or pipe of the table is read, such as ``"csv"``, instead of its
        own.
    ensemble_size : int
        Steps of ensemble selection; 1 gives the best single model.
    knowledge : bool or path
        Whether to warm-start from the shipped store, installed packs and the user's own store; a
        path uses one store only.
    strategy : str
        Name of the warm-start strategy: ``"knowledge"`` (results on other datasets),
        ``"portfolio"`` (defaults of the models), or that of a plugin.
    search : str
        Name of the search engine, which proposes configurations after the warm start: ``"smac"``,
        ``"random"``, or that of a plugin.
    start_from : str, Path or FinalModel, optional
        An earlier model, its file or the directory of its run: the configurations of its ensemble
        are tried first, by weight.
    remember : bool
        Whether to add this fit to the user's own store: metafeatures, configurations, losses and
        seconds, but no rows.
    run_dir : str or Path, optional
        Run directory to keep, so that the fit can be resumed.
    plugins : PluginSettings, optional
        Which plugins to load.
    components : sequence
        Plugin objects or components of this process, in addition to installed plugins.
    """

    task: str = "auto"
    metric: Any = None
    positive: Any = None
    budget: float | str | None = None
    trials: int | None = None
    cores: int | None = None
    memory: float | None = None
    dask: Any = None
    seed: int = 0
    cv: Any = "auto"
    holdout: float = 0.0
    groups: Any = None
    time: Any = None
    weights: Any = None
    include: Sequence[Any] = ()
    exclude: Sequence[str] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()
    format: str | None = None
    ensemble_size: int = 50
    knowledge: bool | str | Path = True
    strategy: str = "knowledge"
    search: str = "smac"
    start_from: Any = None
    remember: bool = True
    run_dir: str | Path | None = None
    plugins: PluginSettings | None = None
    components: Sequence[Any] = ()

    def __post_init__(self) -> None:
        # Only plain values are stored in a run directory.
        for item in fields(self):
            object.__setattr__(self, item.name, _plain(getattr(self, item.name)))
        for name, minimum in (("trials", 1), ("cores", 1), ("ensemble_size", 1), ("seed", 0)):
            object.__setattr__(self, name, _integer(name, getattr(self, name), minimum))
        if self.budget is not None:
            object.__setattr__(self, "budget", parse_seconds(self.budget))
        for name in ("knowledge", "start_from"):
            if isinstance(getattr(self, name), Path):
                object.__setattr__(self, name, str(getattr(self, name)))
        if self.memory is not None and not _is_positive(self.memory):
            raise SettingError(
                f"{argument('memory')} must be a positive number of GiB (got {self.memory!r}).",
                hint="Give GiB for all workers together, such as 8.",
            )
        if self.dask is not None and self.memory is not None:
            raise Refused(
                f"{argument('dask')} and {argument('memory')} are mutually exclusive.",
                hint="Set the memory of jobs with the memory limit and the threads of the Dask "
                "workers.",
            )
        names, objects = included_of(self.include)
        object.__setattr__(self, "include", names)
        object.__setattr__(self, "components", (*self.components, *objects))
        for name in ("exclude", "missing"):
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, (value,))

    @property
    def seconds(self) -> float:
        """Wall-clock limit of the fit in seconds; infinite if only trials are limited."""
        if self.budget is not None:
            return float(self.budget)
        return math.inf if self.trials is not None else _DEFAULT_BUDGET

    def named_columns(self, target: Any = None) -> tuple[str, ...]:
        """Return the columns named by these options, and the target if it is a name."""
        named = (target, self.groups, self.time, self.weights, *self.roles)
        return tuple(name for name in named if isinstance(name, str))

    @property
    def for_ensemble(self) -> bool:
        """Whether an ensemble is built, rather than the best single model selected."""
        return self.ensemble_size > 1

    def clock(self) -> Budget:
        """Return the budget of these options, not started yet."""
        seconds = self.seconds
        workers = self.cores or available_cores()
        if self.memory is not None:
            memory = self.memory * 1024
        else:
            memory = _MEMORY_SHARE * available_memory()
        reserve = 0.0
        if seconds != math.inf:
            reserve = min(max(_RESERVE_SHARE * seconds, _MIN_RESERVE), _MAX_RESERVE)
        return Budget(seconds, self.trials, workers, memory, reserve)

    @property
    def plugin_objects(self) -> list[Any]:
        """Plugin objects of this process; bare components are bundled into one plugin."""
        kinds = tuple(COMPONENT_TYPES.values())
        bare = [item for item in self.components if isinstance(item, kinds)]
        plugins = [item for item in self.components if not isinstance(item, kinds)]
        for item in plugins:
            if not hooks_of(item):
                is_class = isinstance(item, type)
                what = item.__name__ if is_class else f"{type(item).__name__} object"
                raise SettingError(
                    f"{what} is not a component: expected the name of a model, a metaauto.api "
                    "component such as Model(...), or an object with hooks.",
                    hint="Wrap an estimator: Model('mine', lambda values, context: MyEstimator()).",
                )
        return [*plugins, Bundle(bare)] if bare else plugins

    def to_json(self) -> dict[str, Any]:
        """Return the options that are plain values, which a resumed run restores."""
        plain = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, (list, tuple)):
                value = (
                    list(value) if all(isinstance(v, (str, int, float)) for v in value) else None
                )
            if value is None or isinstance(value, (str, int, float, bool, list, dict)):
                plain[item.name] = value
        # Another machine may not reach the same cluster.
        for name in ("components", "dask"):
            plain.pop(name, None)
        return plain

    def resumed_from(self, stored: Mapping[str, Any]) -> FitOptions:
        """Return these options, with those that define the trials taken from a stored run.

        Raises
        ------
        RunError
            A stored option has an invalid type.
        """
        kept = {name: stored[name] for name in _DEFINING if stored.get(name) is not None}
        for name in ("metric", "positive", "format", "groups", "time", "weights", "start_from"):
            if getattr(self, name) is None and stored.get(name) is not None:
                kept[name] = stored[name]
        if self.budget is None and self.trials is None:
            kept.update(budget=stored.get("budget"), trials=stored.get("trials"))
        for name, value in kept.items():
            if value is not None and not _is_of_type(value, _STORED_TYPES[name]):
                raise RunError(
                    f"The run directory holds the invalid option {name}={value!r:.80}.",
                    hint="Restore a copy of the directory, or start a new run.",
                )
        return replace(self, **kept)


_NUMBER = (int, float)
_DEFINING: dict[str, Any] = {
    "task": str,
    "seed": int,
    "cv": (str, *_NUMBER),
    "holdout": _NUMBER,
    "include": list,
    "exclude": list,
    "roles": dict,
    "missing": list,
    "knowledge": (bool, str),
    "strategy": str,
    "search": str,
}
_COLUMN = (str, *_NUMBER, list)
_STORED_TYPES: dict[str, Any] = {
    **_DEFINING,
    "metric": str,
    "format": str,
    "positive": (str, *_NUMBER),
    "groups": _COLUMN,
    "time": _COLUMN,
    "weights": _COLUMN,
    "start_from": str,
    "budget": (str, *_NUMBER),
    "trials": int,
}


def _is_of_type(value: Any, kind: Any) -> bool:
    """Return whether a stored value has this type; names in lists and mappings are texts."""
    if kind is list or kind is dict:
        inner = value.values() if isinstance(value, dict) else value
        return isinstance(value, kind) and all(isinstance(item, str) for item in inner)
    is_huge = isinstance(value, int) and abs(value) >= 2**63
    return isinstance(value, kind) and not is_huge


def included_of(include: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return the names to select, and the components that were given as objects."""
    # An estimator may have a length and yet not be a collection.
    if include is None or isinstance(include, str) or not isinstance(include, Collection):
        include = () if include is None else (include,)
    names = [item.name if isinstance(item, Model) else item for item in include]
    objects = tuple(item for item in include if not isinstance(item, str))
    return tuple(name for name in names if isinstance(name, str)), objects


def _plain(value: Any) -> Any:
    """Return a scalar of numpy, and any real number, as a plain value; others are unchanged."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, Real) and not isinstance(value, Integral):
        return float(value)
    return value


def _integer(name: str, value: Any, minimum: int) -> int | None:
    """Return the value as an int; accept any integral type."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise SettingError(
            f"{argument(name)} must be an integer >= {minimum} (got {value!r}).",
            hint=f"Give {minimum} or more.",
        )
    return int(value)


def _is_positive(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0.0 < float(value) < math.inf


def with_named_options(function: _Function) -> _Function:
    """Name the options of a fit in the signature of a function that takes them as ``**options``.

    ``help`` and the completion of notebooks show the signature.
    """
    signature = inspect.signature(function)
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    for option in inspect.signature(FitOptions).parameters.values():
        default = {} if option.name == "roles" else option.default
        named.append(option.replace(kind=option.KEYWORD_ONLY, default=default))
    function.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
    return function
