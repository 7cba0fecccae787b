"""``metaauto plugins show``: the details of one plugin."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaauto.cli.completers import complete_plugins
from metaauto.cli.options import json_option, plugins_option
from metaauto.cli.plugins import load_quietly
from metaauto.cli.terminal import print_json, print_line
from metaauto.components import MetafeatureExtractor, Model, Preprocessor, Reader, Tags
from metaauto.components.hyperparameters import Choice, Range
from metaauto.errors import UnknownName

if TYPE_CHECKING:
    from metaauto.plugins.registry import Plugin, Registered, Registry

__all__ = ["command"]

_SLOT_FLAGS = (
    "passes_nan",
    "outputs_categories",
    "outputs_sparse",
    "needs_dense",
    "outputs_scaled",
)
_DESCRIBED = ("explainer", "search_engine", "splitter", "strategy")
_LIMITS = ("max_rows", "max_features", "max_classes", "max_cells")


@click.command("show", short_help="Show the details of one plugin.")
@click.argument("name", shell_complete=complete_plugins)
@plugins_option()
@json_option("the plugin")
@click.pass_obj
def command(
    folders: tuple[str, ...], name: str, plugin_folders: tuple[str, ...], as_json: bool
) -> None:
    """Show the plugin NAME: source, components with their search spaces, and errors.

    \b
    metaauto plugins show lightgbm
    metaauto plugins show metaauto-lightgbm --json
    """
    loaded = load_quietly((*folders, *plugin_folders))
    plugin = loaded.plugin(name)
    if plugin is None:
        raise UnknownName.among("plugin", name, [p.name for p in loaded.plugins])
    components = [_described(entry) for entry in _entries(plugin, loaded.registry)]
    if as_json:
        record = {**dataclasses.asdict(plugin), "components": components}
        print_json({**record, "disable": _disable_commands(plugin)})
        return
    for line in _lines(plugin, components):
        print_line(line)


def _entries(plugin: Plugin, registry: Registry) -> list[Registered]:
    keys = [component.partition(":") for component in plugin.components]
    return [registry.entry(kind, name) for kind, _, name in keys]


def _described(entry: Registered) -> dict[str, Any]:
    """Return a component as plain values: kind, name, properties and search space."""
    component = entry.component
    facts: dict[str, Any] = {}
    if isinstance(component, (Model, Preprocessor)):
        facts = _of_step(component)
    elif isinstance(component, MetafeatureExtractor):
        facts = {"keys": list(component.keys), "seconds": component.seconds}
    elif isinstance(component, Reader) or entry.kind in _DESCRIBED:
        facts = {"description": component.description}
    elif entry.kind == "metric":
        way = "higher is better" if component.greater_is_better else "lower is better"
        facts = {
            "description": component.description,
            "tasks": list(component.tasks),
            "needs": component.needs,
            "direction": way,
            "optimum": component.optimum if math.isfinite(component.optimum) else None,
        }
    facts = {key: value for key, value in facts.items() if value not in (None, [], "", {})}
    return {"kind": entry.kind, "name": entry.name, **facts}


def _of_step(step: Model | Preprocessor) -> dict[str, Any]:
    facts: dict[str, Any] = {"tasks": list(step.tasks)}
    if isinstance(step, Model):
        set_tags = dataclasses.asdict(step.tags)
        facts["tags"] = [f.name for f in dataclasses.fields(Tags) if set_tags[f.name]]
        facts["cost"] = step.cost
        facts["portfolio"] = [dict(entry) for entry in step.portfolio]
        facts["space"] = _merged({kind: step.space_for(kind) for kind in step.tasks})
    else:
        facts["slot"] = step.slot
        facts["default"] = step.default or None
        facts["tags"] = [name for name in _SLOT_FLAGS if getattr(step, name)]
        facts["space"] = {key: _range(bounds) for key, bounds in step.space.items()}
    limits = {name: getattr(step, name, None) for name in _LIMITS}
    facts["limits"] = {name: limit for name, limit in limits.items() if limit is not None}
    facts["requires"] = list(step.requires)
    facts["trusted"] = list(step.trusted)
    facts["space_version"] = step.space_version
    return facts


def _merged(spaces: Mapping[str, Mapping[str, Range]]) -> dict[str, str]:
    """Merge the ranges of all tasks; a range of some tasks only names them."""
    texts: dict[str, dict[str, list[str]]] = {}
    for kind, space in spaces.items():
        for key, bounds in space.items():
            texts.setdefault(key, {}).setdefault(_range(bounds), []).append(kind)
    merged = {}
    for key, variants in texts.items():
        for text, kinds in variants.items():
            shared = len(kinds) == len(spaces)
            name = key if shared else f"{key} ({', '.join(kinds)})"
            merged[name] = text
    return merged


def _range(bounds: Range) -> str:
    if isinstance(bounds, Choice):
        text = f"one of {', '.join(map(repr, bounds.options))}"
    else:
        scale = ", logarithmic" if bounds.log else ""
        text = f"{bounds.low:g} to {bounds.high:g}{scale}"
    text += f"; default {bounds.default!r}"
    for parent, allowed in bounds.when.items():
        text += f"; if {parent} is {' or '.join(map(repr, allowed))}"
    return text


def _disable_commands(plugin: Plugin) -> list[str]:
    """Return how to disable a plugin: for one fit, for every command, permanently."""
    if plugin.is_own:
        return ["metaauto fit --exclude MODEL"]
    ways = [f"metaauto fit --exclude {plugin.name}", f"METAAUTO_DISABLE_PLUGINS={plugin.name}"]
    if plugin.distribution:
        ways.append(f"pip uninstall {plugin.distribution}")
    elif Path(plugin.source).is_file():
        ways.append(f"remove {plugin.source}")
    return ways


def _lines(plugin: Plugin, components: list[dict[str, Any]]) -> Iterator[str]:
    state = "  (disabled)" if plugin.disabled else ""
    yield f"{plugin.label}{state}"
    for what, value in (
        ("package", plugin.distribution),
        ("source", plugin.source),
        ("hooks", ", ".join(plugin.hooks)),
    ):
        if value:
            yield f"  {what:<13} {value}"
    for error in plugin.errors:
        yield f"  ERROR         {' '.join(error.split())}"
    for component in components:
        facts = dict(component)
        yield f"{facts.pop('kind')} {facts.pop('name')}"
        for key, value in facts.items():
            yield from _fact(key, value)
    yield "To disable it:"
    for way in _disable_commands(plugin):
        yield f"  {way}"


def _fact(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield f"  {key}"
        for name, text in value.items():
            yield f"    {name}: {text}"
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield f"  {key}"
        for entry in value:
            yield f"    {', '.join(f'{k}={v!r}' for k, v in entry.items()) or 'the default'}"
    elif isinstance(value, list):
        yield f"  {key:<13} {', '.join(map(str, value))}"
    else:
        yield f"  {key:<13} {value}"
