"""The errors of metaauto; each has a message and a hint on what to do.

MetaautoError
├── DataError (ValueError)            the table cannot be used as it is
│   ├── ReadError                     the source cannot be read as a table
│   ├── TargetError                   the target column is missing, empty or has one class
│   ├── ColumnError                   one column cannot be used
│   ├── SplitError                    the rows cannot be split as requested
│   └── SchemaMismatch                rows to predict do not match the model's columns
├── SettingError (ValueError)         an option is invalid
│   ├── UnknownName                   no metric, component or role of that name
│   └── Refused                       incompatible options or an unsupported request
├── PluginError
│   ├── PluginLoadError               a plugin could not be imported or registered
│   ├── NameClash                     two plugins register the same name
│   └── ComponentError                a component violated its contract
├── SearchError
│   ├── NoModelFitted                 every trial failed
│   └── WorkerError                   worker processes cannot be started or reached
├── RunError                          a run directory cannot be used
├── ModelFileError                    a model file is damaged, of another format, or unsafe
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


_MOST_CHARACTERS = 1000


class MetaautoError(Exception):
    """Base of all errors of metaauto.

    Parameters
    ----------
    message : str
        Description of the error, with the column, value or plugin.
    hint : str, optional
        Instruction on what to do; shown after the message.
    **details
        Objects related to the error, available as ``details``.
    """

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        self.message = _shortened(message)
        super().__init__(self.message)
        self.hint = _shortened(hint)
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.details)


def _shortened(text: str) -> str:
    """Cut the middle out of a long text, such as one that quotes a value from a damaged file."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[: _MOST_CHARACTERS - 300]} [...] {text[-290:]}"


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
    """The rows cannot be split as requested."""


class SchemaMismatch(DataError):
    """The rows to predict do not match the columns of the training table."""


class SettingError(MetaautoError, ValueError):
    """An option is invalid."""


class UnknownName(SettingError):
    """A name of a metric, component, reader, role or column is unknown."""

    @classmethod
    def among(cls, what: str, name: str, known: Iterable[str], hint: str = "") -> UnknownName:
        """Return the error with the closest known names as the hint."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            guess = f"Did you mean {' or '.join(repr(n) for n in near)}?"
        else:
            guess = f"Known: {', '.join(names)}." if names else "None is installed."
        return cls(f"There is no {what} named {name!r}.", hint=f"{guess} {hint}".strip(), name=name)


class Refused(SettingError):
    """Options are incompatible, or the request is not supported."""


class PluginError(MetaautoError):
    """A plugin is broken."""


class PluginLoadError(PluginError):
    """A plugin could not be imported or registered."""


class NameClash(PluginError):
    """Two plugins register a component under the same name."""


class ComponentError(PluginError):
    """A component violated its contract."""


class SearchError(MetaautoError):
    """The search cannot continue."""


class NoModelFitted(SearchError):
    """Every trial failed; the message groups the failures by cause."""


class WorkerError(SearchError):
    """Worker processes cannot be started or reached."""


class RunError(MetaautoError):
    """A run directory cannot be used."""


class ModelFileError(MetaautoError):
    """A model file is damaged, of another format, or unsafe."""


class MissingPlugin(ModelFileError):
    """A model file needs a plugin that is not installed."""


class KnowledgeError(MetaautoError):
    """A knowledge store cannot be used."""
