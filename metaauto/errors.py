"""Every error metaauto raises on purpose; each says what happened and what to try next.

MetaautoError
├── DataError (ValueError)            the table cannot be used as it is
│   ├── ReadError                     the source cannot be read as a table
│   ├── TargetError                   the target column is missing, empty or has one class
│   ├── ColumnError                   one column cannot be used
│   ├── SplitError                    the rows cannot be split as asked
│   └── SchemaMismatch                rows to predict do not fit the model's columns
├── SettingError (ValueError)         an option cannot be honoured
│   ├── UnknownName                   no metric, component or role of that name
│   └── Refused                       two things that do not go together
├── PluginError
│   ├── PluginLoadError               a plugin could not be imported or registered
│   ├── NameClash                     two plugins register the same name
│   └── ComponentError                a component broke its contract
├── SearchError
│   ├── NoModelFitted                 every trial failed
│   └── WorkerError                   worker processes cannot be started or talked to
├── RunError                          a run directory cannot be used
├── ModelFileError                    a model file is corrupt, foreign or unsafe
│   └── MissingPlugin                 a model file needs a plugin that is not installed
└── KnowledgeError                    a knowledge store cannot be used
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "ColumnError",
    "ComponentError",
    "DataError",
    "KnowledgeError",
    "MetaautoError",
    "MissingPlugin",
    "ModelFileError",
    "NameClash",
    "NoModelFitted",
    "PluginError",
    "PluginLoadError",
    "ReadError",
    "Refused",
    "RunError",
    "SchemaMismatch",
    "SearchError",
    "SettingError",
    "SplitError",
    "TargetError",
    "UnknownName",
    "WorkerError",
]


class MetaautoError(Exception):
    """Base of all errors that metaauto raises on purpose.

    Parameters
    ----------
    message : str
        What happened, to which column, value or plugin.
    hint : str, optional
        What to do next; shown after the message.
    **details
        The objects concerned, kept in ``details`` for programs.
    """

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.details)


def _rebuild(kind: type[MetaautoError], message: str, hint: str, details: dict[str, Any]) -> Any:
    return kind(message, hint=hint, **details)


class DataError(MetaautoError, ValueError):
    """The table cannot be used as it is."""


class ReadError(DataError):
    """The source cannot be read as a table."""


class TargetError(DataError):
    """The target column is missing, empty or has one class."""


class ColumnError(DataError):
    """One column cannot be used."""


class SplitError(DataError):
    """The rows cannot be split as asked."""


class SchemaMismatch(DataError):
    """The rows to predict do not fit the columns that the model was trained on."""


class SettingError(MetaautoError, ValueError):
    """An option cannot be honoured."""


class UnknownName(SettingError):
    """There is no such metric, component, reader or role."""

    @classmethod
    def among(cls, what: str, name: str, known: Iterable[str], hint: str = "") -> UnknownName:
        """Build the error with the nearest known names as the hint."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            guess = f"Did you mean {' or '.join(repr(n) for n in near)}?"
        else:
            guess = f"Known: {', '.join(names)}." if names else "None is installed."
        return cls(f"There is no {what} named {name!r}.", hint=f"{guess} {hint}".strip(), name=name)


class Refused(SettingError):
    """Two things that do not go together were asked for."""


class PluginError(MetaautoError):
    """Something is wrong with a plugin."""


class PluginLoadError(PluginError):
    """A plugin could not be imported or registered."""


class NameClash(PluginError):
    """Two plugins register a component under the same name."""


class ComponentError(PluginError):
    """A component broke its contract."""


class SearchError(MetaautoError):
    """The search cannot go on."""


class NoModelFitted(SearchError):
    """Every trial failed; the message groups the failures by cause."""


class WorkerError(SearchError):
    """Worker processes cannot be started or talked to."""


class RunError(MetaautoError):
    """A run directory cannot be used."""


class ModelFileError(MetaautoError):
    """A model file is corrupt, foreign or unsafe."""


class MissingPlugin(ModelFileError):
    """A model file needs a plugin that is not installed."""


class KnowledgeError(MetaautoError):
    """A knowledge store cannot be used."""
