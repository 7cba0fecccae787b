"""The sections of a report: texts and tables from the records of a model file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from metaauto.model.fit_record import FitRecord, ReportRecord, Score, ScoredRows
from metaauto.model.manifest import metric_label_of
from metaauto.text import argument, counted, format_score, metric_label, shortened
from metaauto.warmstart.earlier import EARLIER_MODEL

__all__ = [
    "card",
    "comparison",
    "confusion_table",
    "leaderboard_lines",
    "reproduction",
    "spent",
    "summary",
    "warm_start",
]

_ERROR_WIDTH = 160
_VALUES_WIDTH = 200
_SHOWN_CLASSES = 40
_STAGES = {
    "plugins": "loading plugins",
    "read": "reading the table",
    "split": "splitting the rows",
    "knowledge": "loading knowledge",
    "prepare": "preparing workers and baseline",
    "hooks": "hooks of plugins",
    "ensemble": "selecting the ensemble",
    "assemble": "putting the model together",
    "remember": "updating the knowledge store",
}

Json = Mapping[str, Any]


def summary(manifest: Json, record: FitRecord, examined: Json | None) -> dict[str, Any]:
    """Return the headline score with its rows, and notes on its validity."""
    metric, scored = metric_label_of(manifest), record.report.out_of_fold
    notes = []
    if examined and examined.get("intervals") and not examined["is_training"]:
        name = examined["metric"]
        label = metric_label(name, (examined.get("positive") or {}).get(name))
        found = {**examined["intervals"]["ensemble"], "metric": label}
        where = f"on the {counted(examined['rows'], 'given row')}"
    elif record.holdout_score is not None:
        found = {**_of_ensemble(record.holdout, record.holdout_score), "metric": metric}
        where = f"on a holdout of {counted(record.holdout_rows or 0, 'unseen row')}"
    else:
        found = {**_of_ensemble(scored, record.score), "metric": metric}
        where = "out-of-fold: each row was predicted by models that were not trained on it"
        notes.append(
            "The ensemble was selected on the rows of this score, so it is slightly optimistic. "
            f"Use {argument('holdout')} when fitting, or {argument('data')} for this report, for "
            "an unbiased score."
        )
        notes += record.notes
    if examined and examined["is_training"]:
        notes.insert(
            0,
            "The given rows are the training rows: scores, importance and dependence "
            "on them include overfitting.",
        )
    task = manifest["task"]
    if task.get("groups") or task.get("time"):
        notes.append("Intervals assume independent rows; with groups or time they are too narrow.")
    notes += record.dropped_members
    if record.pruned:
        notes.append("The model was pruned after these scores were computed.")
    if record.refit_note:
        notes.append(record.refit_note)
    direction = "higher" if record.greater_is_better else "lower"
    beats = {} if scored is None else scored.beats
    return {
        **{"low": None, "high": None, **found},
        "where": where,
        "direction": direction,
        "notes": notes,
        "beats": {name: share for name, share in beats.items() if name != "baseline"},
        "findings": record.findings,
        "about": _about(manifest, record),
    }


def _of_ensemble(scored: ScoredRows | None, score: float | None) -> dict[str, Any]:
    """Return score and interval of the ensemble, the score alone without predictions."""
    return vars(Score(score) if scored is None else scored.ensemble)


def _about(manifest: Json, record: FitRecord) -> str:
    task = manifest["task"]
    kind = {
        "binary": "two classes",
        "multiclass": counted(len(task["classes"] or ()), "class", "classes"),
    }
    features = sum(1 for column in task["columns"] if column["role"] not in _UNUSED)
    made = str(record.created or manifest.get("created") or "")[:10]
    version = manifest["versions"].get("metaauto", "")
    positive = task.get("positive")
    about = "" if positive is None else f", positive class {shortened(repr(positive), 40)}"
    return (
        f"{kind.get(task['kind'], 'regression')}{about} · {counted(task['n_rows'], 'row')} · "
        f"{counted(features, 'column')} · created {made} by metaauto {version}"
    )


_UNUSED = ("identifier", "constant")
_FIRST_SOURCES = (EARLIER_MODEL, "knowledge", "portfolio")


def comparison(manifest: Json, record: FitRecord, examined: Json | None) -> list[dict[str, Any]]:
    """Return the scores of ensemble, best single model and baseline."""
    lines = []
    if examined and examined.get("intervals"):
        is_values = manifest["task"]["kind"] == "regression"
        constant = "baseline (training mean)" if is_values else "baseline (training class shares)"
        names = {"ensemble": "ensemble", "baseline": constant}
        where = "given (training rows)" if examined["is_training"] else "given"
        lines += [
            _line(names[name], where, examined["intervals"].get(name))
            for name in ("ensemble", "baseline")
        ]
    if record.holdout_score is not None:
        held = _of_ensemble(record.holdout, record.holdout_score)
        lines.append(_line("ensemble", "holdout", held))
    scored = record.report.out_of_fold
    kept: Mapping[str, Score | None] = {} if scored is None else scored.intervals
    if not kept:
        kept = {
            "ensemble": Score(record.score),
            "best single model": Score(record.single_score),
            "baseline": Score(record.baseline_score),
        }
    for name, found in kept.items():
        words = {"ensemble": "ensemble", "baseline": "baseline (ignores the features)"}
        label = words.get(name, f"best single model, {name}")
        lines.append(_line(label, "out-of-fold", None if found is None else vars(found)))
    return lines


def _line(name: str, where: str, found: Json | None) -> dict[str, Any]:
    return {"name": name, "where": where, "score": None, "low": None, "high": None, **(found or {})}


def leaderboard_lines(rows: Sequence[Json]) -> list[dict[str, Any]]:
    """Return the rows of the leaderboard as texts."""
    return [
        {
            "rank": "" if row.get("rank") is None else str(row["rank"]),
            "name": str(row.get("name", "")),
            "score": format_score(row.get("score")),
            "weight": f"{row['weight']:.0%}" if row.get("weight") else "",
            "seconds": f"{row.get('seconds') or 0.0:.1f}",
            "source": str(row.get("source") or ""),
            "status": str(row.get("status") or ""),
            "error": shortened(str(row.get("error") or ""), _ERROR_WIDTH),
        }
        for row in rows
    ]


def confusion_table(diagnosis: Json) -> dict[str, Any] | None:
    """Return counts with their share of the true class, and recall and precision by class."""
    found = diagnosis.get("confusion")
    if not found:
        return None
    labels, counts = found["labels"], found["counts"]
    columns = [sum(column) for column in zip(*counts, strict=True)]
    lines = []
    for place, (label, line) in enumerate(zip(labels, counts, strict=True)):
        total, right = sum(line), line[place]
        recall = right / total if total else None
        precision = right / columns[place] if columns[place] else None
        lines.append(
            {
                "label": label,
                "cells": [
                    {
                        "count": count,
                        "share": round(count / total, 3) if total else 0.0,
                        "right": at == place,
                    }
                    for at, count in enumerate(line)
                ],
                "rows": total,
                "recall": recall,
                "precision": precision,
            }
        )
    return {"labels": labels, "lines": lines, "rows": sum(columns)}


def warm_start(report: ReportRecord) -> dict[str, Any] | None:
    """Return the similar datasets and the first trials with their reasons."""
    if not report.history:
        return None
    known = report.warm_start
    similar = () if known is None else known.similar
    largest = max([one.weight for one in similar], default=1.0) or 1.0
    firsts = [t for t in report.history if t.source in _FIRST_SOURCES and t.why]
    return {
        "known": known,
        "similar": [{**vars(one), "share": one.weight / largest} for one in similar],
        "firsts": firsts[:10],
    }


def spent(record: FitRecord) -> dict[str, Any]:
    """Return the seconds by stage."""
    total = record.seconds or 0.0
    stages: list[dict[str, Any]] = [
        {"name": _STAGES.get(name, name), "seconds": float(seconds)}
        for name, seconds in record.stages.items()
    ]
    rest = max(total - sum(stage["seconds"] for stage in stages), 0.0)
    stages.append({"name": "search: fitting and evaluating models", "seconds": rest})
    stages.sort(key=lambda stage: -stage["seconds"])
    largest = max([stage["seconds"] for stage in stages], default=0.0) or 1.0
    cores = record.cores or 1
    work = record.work_seconds or 0.0
    return {
        "total": total,
        "budget": record.budget,
        "cores": cores,
        "work": work,
        "work_share": work / (total * cores) if total else None,
        "stages": [{**stage, "share": stage["seconds"] / largest} for stage in stages],
    }


def reproduction(manifest: Json, record: FitRecord) -> dict[str, Any]:
    """Return the command, versions, options and members to reproduce the model."""
    versions = {name: text for name, text in manifest["versions"].items() if text}
    for member in manifest["members"]:
        if member.get("distribution") and member.get("version"):
            versions[member["distribution"]] = member["version"]
        for package in (member.get("packages") or {}).values():
            if package.get("distribution"):
                versions[package["distribution"]] = package["version"]
    return {
        "command": record.report.command,
        "seed": record.seed,
        "fingerprint": record.fingerprint,
        "versions": versions,
        "options": {
            name: value
            for name, value in record.options.items()
            if value not in (None, [], {}, "auto")
        },
        "is_exact": record.budget is None,
        "members": [
            {
                "name": member["name"],
                "weight": f"{member['weight'] / _weights(manifest):.0%}",
                "values": shortened(
                    ", ".join(f"{k}={_value(v)}" for k, v in member["values"].items()),
                    _VALUES_WIDTH * 4,
                ),
                "from": member.get("distribution") or "metaauto",
            }
            for member in sorted(manifest["members"], key=lambda member: -member["weight"])
        ],
    }


def _weights(manifest: Json) -> float:
    return sum(member["weight"] for member in manifest["members"]) or 1.0


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def card(manifest: Json, record: FitRecord, examined: Json | None) -> dict[str, Any]:
    """Return the content of the model card, as far as it can be generated."""
    task = manifest["task"]
    roles = Counter(column["role"] for column in task["columns"])
    used = {role: count for role, count in roles.items() if role not in _UNUSED}
    missing = [c for c in task["columns"] if c["missing"] and c["role"] not in _UNUSED]
    counts = task.get("class_counts") or []
    classes = sorted(
        zip(map(str, task.get("classes") or ()), counts, strict=False), key=lambda one: -one[1]
    )
    unused = [column for column in task["columns"] if column["role"] in _UNUSED]
    limits = []
    if record.holdout_score is None and not (examined and examined.get("scores")):
        limits.append("Not evaluated on rows that were held out of the search.")
    if counts and min(counts) < 30:
        rare = [label for label, count in classes if count < 30]
        limits.append(
            "Predictions for rare classes are unreliable: "
            f"{counted(len(rare), 'class', 'classes')} with fewer than 30 rows."
        )
    if task["n_rows"] < 1000:
        limits.append(f"Trained on only {counted(task['n_rows'], 'row')}.")
    if not task.get("time"):
        limits.append(
            "Evaluated on random splits of the training table: scores do not cover changes of the "
            "data over time."
        )
    if record.refit_note:
        limits.append(record.refit_note)
    limits.append("Unseen categories are treated as missing.")
    limits.append("Associations are not causes.")
    return {
        "roles": used,
        "missing": sorted(missing, key=lambda c: -c["missing"])[:8],
        "n_missing": len(missing),
        "classes": classes[:_SHOWN_CLASSES],
        "n_classes": len(classes),
        "unused": unused[:12],
        "n_unused": len(unused),
        "limits": limits,
        "validation": record.validation,
        "dropped": record.dropped_rows or 0,
        "rows": task["n_rows"],
        "weighted": bool(task.get("weighted")),
        "groups": task.get("groups"),
        "time": task.get("time"),
        "calibrator": (manifest.get("calibrator") or {}).get("kind"),
        "threshold": _threshold(manifest),
        "positive": (examined or {}).get("positive") or {},
        "notes": (examined or {}).get("notes") or {},
        "scores": (examined or {}).get("scores"),
        "greater_is_better": (examined or {}).get("greater_is_better", {}),
        "members": len(manifest["members"]),
    }


def _threshold(manifest: Json) -> str:
    """Return the class that is predicted from a tuned threshold; empty without one."""
    decision, task = manifest.get("decision") or {}, manifest["task"]
    if decision.get("kind") != "threshold" or len(task["classes"] or ()) != 2:
        return ""
    # The rule is stored for the last class, whatever the positive class is.
    bound, label = float(decision["values"][0]), task["classes"][1]
    if task.get("positive") == task["classes"][0]:
        return f"{task['positive']!s} is predicted above a probability of {1.0 - bound:.3f}"
    return f"{label!s} is predicted from a probability of {bound:.3f} upwards"
