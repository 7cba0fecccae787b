"""Defaults of commands from ``metaauto.toml`` or ``pyproject.toml`` in the working directory."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from metaauto.errors import SettingError
from metaauto.files import working_directory
from metaauto.text import printable

__all__ = [
    "ALLOWED",
    "OWN_FILE",
    "PROJECT_FILE",
    "REFUSED",
    "from_file",
    "options_from_file",
    "use_defaults",
]

OWN_FILE = "metaauto.toml"
PROJECT_FILE = "pyproject.toml"
_TABLE = "[tool.metaauto]"
_SOURCE = "metaauto.defaults"
# An allow list: the file may come with somebody else's table. A new option is refused until it is
# known to run no code, resume no run and overwrite no file.
_NAMES = """
    append budget budget-per-dataset configurations cores cv dry-run exclude expected-seconds
    explainer first-folds folder format from groups holdout include json keep kind knowledge
    label memory
    metafeatures-only metric missing name no-knowledge positive proba published quiet remember
    role row rows run-dir search seconds seconds-per-fit seed source store strategy suite target
    task tasks time timeout to top trials waves weights
"""
ALLOWED = frozenset(_NAMES.split())
_READS_TABLE = "the address of a table can hold a query"
_WRITES = "it names what is written"
REFUSED = {
    "background": _READS_TABLE,
    "compact": "it rewrites a store",
    "dask": "it connects to a cluster that can run code",
    "data": _READS_TABLE,
    "dir": _WRITES,
    "help": "it is an option of the command line only",
    "out": _WRITES,
    "output": _WRITES,
    "plugins": "plugins run code",
    "predictions": _WRITES,
    "query": _READS_TABLE,
    "resume": "the models of a run directory can run code",
    "table": _READS_TABLE,
}


def use_defaults(ctx: click.Context, name: str, command: click.Command) -> None:
    """Set the defaults of a command's options from the file in the working directory.

    Parameters
    ----------
    ctx : click.Context
        Context of the group that the command belongs to.
    name : str
        Name of the command.
    command : click.Command
        The command that is called.

    Raises
    ------
    SettingError
        The file is not valid TOML, or has an unknown command or option.
    """
    found = _read(Path(working_directory()))
    if found is None:
        return
    file, tables = found
    known = ctx.command.list_commands(ctx) if isinstance(ctx.command, click.Group) else [name]
    for key, table in tables.items():
        if not isinstance(table, Mapping):
            hint = f"Move it to the table of a command, such as {_section(file, 'fit')}."
            raise SettingError(f"{file}: {key!r} is not in the table of a command.", hint=hint)
        if key != name and key not in known and not _is_plugin_command(ctx, key):
            raise _unknown(file, "command", key, known)
    ctx.default_map = {name: _translated(file, name, command, tables.get(name, {}), ctx)}
    ctx.meta[_SOURCE] = file


def from_file(ctx: click.Context, name: str) -> bool:
    """Return whether a parameter has its value from the file."""
    return ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP


def options_from_file(ctx: click.Context) -> tuple[str, list[str]]:
    """Return the name of the file and the options that have their values from it."""
    used = [
        _long(param) for param in ctx.command.params if param.name and from_file(ctx, param.name)
    ]
    return str(ctx.meta.get(_SOURCE, "")), [name for name in used if name]


def _read(folder: Path) -> tuple[str, Mapping[str, Any]] | None:
    """Return the tables of commands from the first file that has any."""
    own = folder / OWN_FILE
    if own.is_file():
        return OWN_FILE, _parsed(own)
    project = folder / PROJECT_FILE
    if project.is_file():
        text = project.read_bytes()
        # An invalid file without settings of metaauto is ignored.
        if b"tool" in text and b"metaauto" in text:
            tables = _parsed(project).get("tool", {}).get("metaauto")
            if isinstance(tables, Mapping):
                return f"{PROJECT_FILE} {_TABLE}", tables
    return None


def _parsed(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise SettingError(
            f"Cannot read {file.name!r}: {error}.", hint="Fix or remove the file."
        ) from error


def _translated(
    file: str, path: str, command: click.Command, table: Mapping[str, Any], ctx: click.Context
) -> dict[str, Any]:
    """Return the defaults in click's format, by parameter name."""
    options = {
        _long(param): param for param in command.get_params(ctx) if isinstance(param, click.Option)
    }
    found: dict[str, Any] = {}
    for key, value in table.items():
        inner = command.get_command(ctx, key) if isinstance(command, click.Group) else None
        if inner is not None and isinstance(value, Mapping):
            found[key] = _translated(file, f"{path} {key}", inner, value, ctx)
            continue
        name = key.replace("_", "-")
        if name not in options:
            raise _unknown(file, f"option of 'metaauto {path}'", key, ALLOWED & set(options))
        if name not in ALLOWED:
            reason = REFUSED.get(name, "its effect is not known to be harmless")
            raise SettingError(
                f"{file}: {key!r} of {path!r} cannot be set in a file: {reason}.",
                hint=f"Remove this key; give --{name} on the command line.",
            )
        option = options[name]
        found[str(option.name)] = _checked(f"{file}: {key!r} of {path!r}", option, value, ctx)
    return found


def _long(param: click.Parameter) -> str:
    """Return the long name of an option without its dashes."""
    return next((opt[2:] for opt in param.opts if opt.startswith("--")), "")


def _checked(where: str, option: click.Option, value: Any, ctx: click.Context) -> Any:
    """Return the value in the form that the option takes."""
    if isinstance(value, Mapping):
        value = [f"{key}={item}" for key, item in value.items()]
    if option.is_flag:
        if not isinstance(value, bool):
            raise SettingError(
                f"{where}: expected true or false, got {value!r}.", hint="Write true or false."
            )
        return value
    if option.multiple:
        values = value if isinstance(value, list) else [value]
        return [_one(where, option, item, ctx) for item in values]
    return _one(where, option, value, ctx)


def _one(where: str, option: click.Option, value: Any, ctx: click.Context) -> Any:
    if isinstance(value, (bool, list, Mapping)):
        raise SettingError(
            f"{where}: expected one number or text, got {value!r}.",
            hint="Write one number or text.",
        )
    # Help texts show defaults, as the only texts that do not pass through `metaauto.cli.terminal`.
    if printable(str(value)) != str(value):
        raise SettingError(
            f"{where}: {value!r} holds a control character.", hint="Give it on the command line."
        )
    try:
        option.type.convert(str(value), option, ctx)
    except click.BadParameter as error:
        raise SettingError(f"{where}: {error.message}", hint="Fix the value.") from error
    return str(value)


def _unknown(file: str, what: str, name: str, known: Iterable[str]) -> SettingError:
    names = sorted(known)
    near = difflib.get_close_matches(name.replace("_", "-"), names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."
    return SettingError(f"{file}: unknown {what}: {name!r}.", hint=hint)


def _section(file: str, command: str) -> str:
    return f"[{command}]" if file == OWN_FILE else f"[tool.metaauto.{command}]"


def _is_plugin_command(ctx: click.Context, name: str) -> bool:
    return isinstance(ctx.command, click.Group) and ctx.command.get_command(ctx, name) is not None
