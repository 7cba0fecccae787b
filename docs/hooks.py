"""Generate docs/hooks.md from the docstrings of the hooks and of the components."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from metaauto import api
from metaauto.plugins import hookspecs

PAGE = Path(__file__).with_name("hooks.md")
COMPONENTS = (
    "Model", "Tags", "Preprocessor", "MetafeatureExtractor", "Metric", "Reader", "Explainer",
    "Strategy", "BuildContext", "FitContext", "Deadline", "FitTask", "FittedTask", "DecisionTrees",
    "NetworkInputs", "MetafeatureInput",
    "ExplainerInput", "StrategyInput", "SearchEngine", "SearchInput", "Optimizer",
    "Splitter", "SplitInput",
    "ReportSection", "ReportInput", "ReportContent", "ReportTable", "ReportFigure",
    "FitStart", "TrialResult", "FitResult", "FitFailure", "FittedModel",
    "ConfigurationSpace", "RepairedConfiguration", "RuntimePrediction",
    "WarmStart", "WarmStartSummary", "Recommendation", "Observation", "Metafeatures",
    "KnowledgeMatrix", "Configuration", "Float", "Int", "Choice",
    "PluginSettings", "ProvenanceFact", "DatasetFact", "MetafeatureFact", "ConfigurationFact",
    "EvaluationFact", "Task", "Column", "Register", "KnowledgeStore", "load_plugins", "own_store",
    "read_table", "writable_store", "values_out_of_range", "StoredFit", "read_fit", "compare_fits",
)  # fmt: skip
ROLES = textwrap.fill(", ".join(f'`"{role}"`' for role in api.Role), 96, subsequent_indent="  ")
TYPES = f"""\
# Types and constants

- **`Scalar`**: a hyperparameter value, `str | int | float | bool | None`.
- **`Range`**: `Float | Int | Choice`.
- **`Space`**: `Mapping[str, Range]`, the ranges of a component by hyperparameter name; annotate
  spaces with it.
- **`METRICS`**: the built-in metrics by name, a mapping of `Metric`.
- **`REPORT_POSITIONS`**: sections of the report, as in the reference of `ReportSection`.
- **`SLOTS`**: the names of the preprocessing slots, as in the reference of `Preprocessor`.
- **`TASK_KINDS`**: `"binary"`, `"multiclass"` and `"regression"`.
- **`Role`**: the role of a column; `Role.NUMERIC` equals `"numeric"`. The roles are
  {ROLES}.
- **`Registry`**: the loaded components, `load_plugins(...).registry`;
  `registry.entry(kind, name).component` is one of them.

The [errors](api.md#errors) are `MetaautoError`, `ColumnError`, `ComponentError`, `DataError`,
`KnowledgeError`, `ReadError`, `Refused`, `SettingError` and `UnknownName`.
"""
HEADER = """\
# Hooks

Reference of every hook and of the classes that hooks register and receive, for authors of
plugins. The [plugin guide](plugins.md) has complete examples. Generated from the docstrings of
`metaauto/plugins/hookspecs.py` by `python docs/hooks.py`; do not edit.
"""


def hooks() -> dict[str, Any]:
    """Return every hook by name, in the order of the module."""
    return {
        name: item
        for name, item in vars(hookspecs).items()
        if inspect.isfunction(item) and hasattr(item, "metaauto_spec")
    }


def render() -> str:
    """Return the text of the page."""
    parts = [HEADER, _marked(inspect.cleandoc((hookspecs.__doc__ or "").split("\n", 1)[1])), ""]
    for name, function in hooks().items():
        arguments = ", ".join(inspect.signature(function).parameters)
        parts += [f"## `{name}({arguments})`", "", *_section(inspect.getdoc(function) or ""), ""]
    parts += ["# Components and arguments of hooks", ""]
    for name in COMPONENTS:
        item = getattr(api, name)
        parts += [f"## `{name}`", "", *_section(inspect.getdoc(item) or ""), "", *_members(item)]
    parts.append(TYPES)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def members(item: Any) -> dict[str, Any]:
    """Return the public methods and properties that a class defines."""
    return {
        name: member
        for name, member in (vars(item).items() if inspect.isclass(item) else ())
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property | classmethod))
    }


def _members(item: Any) -> Iterator[str]:
    """Yield one line for each method and property of a class."""
    if found := members(item):
        yield "Methods and properties:\n"
    for name, member in found.items():
        function = member.fget if isinstance(member, property) else member
        shown = name
        if not isinstance(member, property):
            shown += f"({', '.join(list(inspect.signature(getattr(item, name)).parameters))})"
            shown = shown.replace("(self, ", "(").replace("(self)", "()")
        text, *sections = re.split(
            r"^([A-Z][a-z]+)\n-{3,}\n", inspect.getdoc(function) or "", flags=re.MULTILINE
        )
        yield f"- `{shown}`: {_marked(' '.join(text.split()))}"
        for title, body in zip(sections[::2], sections[1::2], strict=True):
            if title == "Parameters":
                yield from (f"  {entry}" for entry in _entries(body))
    if found:
        yield ""


def _section(text: str) -> Iterator[str]:
    """Yield the Markdown of a numpydoc text."""
    pieces = re.split(r"^([A-Z][a-z]+)\n-{3,}\n", text, flags=re.MULTILINE)
    yield _marked(pieces[0].rstrip())
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        yield ""
        if title == "Examples":
            yield f"```pycon\n{body.rstrip()}\n```"
        elif title in ("Parameters", "Attributes", "Raises", "Returns"):
            yield f"{title}:\n"
            yield from _entries(body)
        else:
            yield f"{title}:\n"
            yield _marked(body.rstrip())


def _entries(body: str) -> Iterator[str]:
    for entry in re.findall(r"^\S.*(?:\n(?:[ \t]+.*|))*", body, flags=re.MULTILINE):
        head, _, rest = entry.partition("\n")
        name, _, kind = head.partition(" : ")
        words = " ".join(textwrap.dedent(rest).split())
        yield f"- **{name}**" + (f" ({kind})" if kind else "") + f": {_marked(words)}"


def _marked(text: str) -> str:
    """Convert double backticks of numpydoc to Markdown code."""
    return re.sub(r"``(.+?)``", r"`\1`", text)


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
