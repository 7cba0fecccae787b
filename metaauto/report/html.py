"""The report of a model: one self-contained HTML file."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from metaauto.components.report_section import ReportInput
from metaauto.errors import ModelFileError, SettingError
from metaauto.files import replacing
from metaauto.model.fit_record import FitRecord
from metaauto.model.manifest import as_json, metric_label_of
from metaauto.plugins.manager import load_plugins
from metaauto.plugins.registry import Registry
from metaauto.report.figures import dependence_figure, diagnosis_figures, history_figure
from metaauto.report.plugin_sections import plugin_sections
from metaauto.report.sections import (
    card,
    comparison,
    confusion_table,
    leaderboard_lines,
    reproduction,
    spent,
    summary,
    warm_start,
)
from metaauto.report.svg import swatch
from metaauto.text import (
    argument,
    counted,
    format_interval,
    format_score,
    is_shell,
    metric_label,
    shortened,
)

__all__ = ["report_file", "report_html"]

# A list of types for each curve, interval and history would repeat the code that writes them.
_DAMAGE = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    jinja2.UndefinedError,
)
_FIRST_LINES = 15
_BARS = 25


def report_html(
    manifest: Mapping[str, Any],
    examined: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> str:
    """Return the report of a model as the text of an HTML file.

    Parameters
    ----------
    manifest : mapping
        Manifest of the model file, from `read_manifest`.
    examined : mapping, optional
        Result of `examine` on a table; without it the report has no feature importance, partial
        dependence and error analysis, and explains how to add them.
    registry : Registry, optional
        Installed components, for the sections of plugins; by default the plugins selected by the
        environment are loaded.

    Returns
    -------
    str
        HTML without external resources; its only script sorts tables and enlarges figures.

    Raises
    ------
    ModelFileError
        The record of the fit in the manifest is damaged.

    Examples
    --------
    >>> from metaauto.model import read_manifest
    >>> report_html(read_manifest("house.metaauto"))  # doctest: +SKIP
    """
    examined = None if examined is None else as_json(examined, "report")
    registry = load_plugins().registry if registry is None else registry
    try:
        return _page().render(_context(manifest, examined, registry))
    except _DAMAGE as error:
        raise _unreadable(error) from error


@contextmanager
def report_file(path: str | Path) -> Iterator[tuple[Path, Path]]:
    """Yield the path of a report, and a temporary file that replaces it on success.

    Raises
    ------
    SettingError
        The file cannot be written; an existing file is unchanged.
    """
    place = Path(path).expanduser()
    try:
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with replacing(Path(os.path.realpath(place))) as part:
            yield place, part
    except OSError as error:
        raise SettingError(
            f"The report cannot be written to {str(path)!r}: {error.strerror or error}.",
            hint="Choose another path.",
        ) from error


def _unreadable(error: Exception) -> ModelFileError:
    """Return the error for a record in the manifest that is not as a fit writes it."""
    return ModelFileError(
        f"The record of the fit in the model file cannot be shown: {type(error).__name__}: {error}",
        hint="Copy the model file again from its source.",
    )


def _context(
    manifest: Mapping[str, Any], examined: Mapping[str, Any] | None, registry: Registry
) -> dict[str, Any]:
    record = FitRecord.from_json(manifest["facts"])
    task, metric = manifest["task"], metric_label_of(manifest)
    board = leaderboard_lines(manifest.get("leaderboard") or [])
    source = _best_source(record, examined)
    target, script = str(task["target"]), _template("report.js")
    return {
        "css": Markup(_template("report.css")),
        "script": Markup(script),
        # The browser runs this script only.
        "script_digest": _digest(script),
        "target": target,
        "metric": metric,
        "summary": summary(manifest, record, examined),
        "comparison": comparison(manifest, record, examined),
        "board": board[:_FIRST_LINES],
        "rest": board[_FIRST_LINES:],
        "history": history_figure(
            record.report.history, metric, record.score, record.greater_is_better
        ),
        "source": source,
        "figures": diagnosis_figures(source["diagnosis"], target) if source else [],
        "confusion": confusion_table(source["diagnosis"]) if source else None,
        "examined": examined,
        "importance": _importance(examined),
        "dependence": [dependence_figure(item, target) for item in examined["dependence"]]
        if examined
        else [],
        "slices": (examined or {}).get("slices"),
        "added_sections": plugin_sections(registry, ReportInput(record, task, metric, examined)),
        "warm": warm_start(record.report),
        "spent": spent(record),
        "reproduction": reproduction(manifest, record),
        "card": card(manifest, record, examined),
        "is_classification": task["kind"] != "regression",
        "counted": counted,
        "shortened": shortened,
        "metric_label": metric_label,
        "number": format_score,
        "interval": format_interval,
        "argument": argument,
        "report_call": _report_call(),
        "rough": _rough,
        "swatch": swatch,
    }


@cache
def _page() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_template("report.html"))


def _template(name: str) -> str:
    return (files("metaauto.report") / "templates" / name).read_text("utf-8")


def _digest(script: str) -> str:
    """Return the hash of a script as a source expression of a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _best_source(record: FitRecord, examined: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the least biased rows with predictions and targets: given, holdout or out-of-fold."""
    if examined and examined.get("diagnosis") and not examined["is_training"]:
        rows = examined["rows"]
        return _source(examined["diagnosis"], "given", rows, f"the {counted(rows, 'given row')}")
    if record.holdout is not None:
        rows = record.holdout_rows or 0
        words = f"the holdout: {counted(rows, 'row')} not used in training or selection"
        return _source(record.holdout.diagnosis, "holdout", rows, words)
    scored = record.report.out_of_fold
    if scored is not None:
        words = "out-of-fold rows: each was predicted by models that were not trained on it"
        return _source(scored.diagnosis, "out-of-fold", record.rows, words)
    return None


def _source(
    diagnosis: Mapping[str, Any], name: str, rows: int | None, words: str
) -> dict[str, Any]:
    return {"diagnosis": diagnosis, "name": name, "rows": rows, "words": words}


def _report_call() -> str:
    """Return how the caller writes a report of a model on other rows."""
    return "metaauto report MODEL --data TEST" if is_shell() else "model.report(PATH, TEST)"


def _importance(examined: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not examined:
        return None
    found = examined["importance"]
    largest = max([abs(c["importance"] or 0.0) for c in found["columns"]], default=0.0) or 1.0
    lines = [
        {**column, "share": max(column["importance"] or 0.0, 0.0) / largest}
        for column in found["columns"]
    ]
    hidden = len(lines) - _BARS
    return {**found, "columns": lines[:_BARS], "hidden": max(hidden, 0)}


def _rough(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3g}"
