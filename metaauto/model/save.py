"""Save a final model to one file and load it without running code from the file."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaauto.data.schema import TableSchema
from metaauto.ensemble.calibration import Calibrator
from metaauto.ensemble.thresholds import Decision
from metaauto.errors import MetaautoError, ModelFileError, Refused
from metaauto.model import manifest as words
from metaauto.model.archive import Entry, ModelArchive, write_archive
from metaauto.model.conversion import MemberConverter
from metaauto.model.final import FinalModel, Member
from metaauto.model.fit_record import FitRecord, FitWarning, ReportRecord
from metaauto.model.manifest_schema import check_manifest
from metaauto.model.packing import missing_row
from metaauto.model.serialization import load_estimator, trusted_types
from metaauto.plugins.manager import SESSION, PluginSettings, load_plugins
from metaauto.plugins.registry import SAVED_MODEL, Registry
from metaauto.task import Task

__all__ = ["describe", "load_model", "parts_of", "read_manifest", "read_parts", "save_model"]

logger = logging.getLogger(__name__)

Blobs = dict[str, bytes]

_ON_UNSAVABLE = ("drop", "baseline", "raise")
_NO_MEMBER = "No member can be saved; the saved model is the baseline, which ignores the features."
_BASELINE_ADVICE = "Fix the models, or exclude them."
_KEPT = (
    *("greater_is_better", "findings", "roles", "left_out", "rows", "dropped_rows", "fingerprint"),
    *("validation", "trials", "failures", "skipped", "budget", "seconds", "search_seconds"),
    *("stages", "work_seconds", "worker_seconds", "cores", "seed", "options", "metafeatures"),
    "created",
)
"""Fields of a record that do not depend on the ensemble."""


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read the manifest of a model file, without loading its models.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        ``format``, ``format_version``, ``created``, ``versions``, ``task``, ``schema``,
        ``metric``, ``classes``, ``members`` (configuration, weight, plugin, entries with size and
        hash), ``calibrator``, ``decision``, ``fallback``, ``leaderboard`` and
        ``facts`` (see `FitRecord`).

    Raises
    ------
    ModelFileError
        It is damaged, not a model file, or from a newer release.

    Examples
    --------
    >>> read_manifest("house.metaauto")["versions"]["metaauto"]  # doctest: +SKIP
    '0.1.0'
    """
    with ModelArchive(path) as archive:
        _check_manifest(archive, path)
        return archive.manifest


def read_parts(path: str | Path) -> dict[str, Any]:
    """Return the arguments of `FinalModel` from a model file, with members without fold models."""
    with ModelArchive(path) as archive:
        _check_manifest(archive, path)
        with archive.guard():
            return parts_of(archive.manifest)


def parts_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `FinalModel` from a checked manifest, see `read_parts`."""
    members = [_member(_checked_member(record), []) for record in manifest["members"]]
    return {"members": members, **_read_parts(manifest)}


def _check_manifest(archive: ModelArchive, path: str | Path) -> None:
    words.check_format(archive.manifest, str(path))
    with archive.guard():
        check_manifest(archive.manifest, str(path))


def save_model(model: FinalModel, path: str | Path, on_unsavable: str = "drop") -> Path:
    """Write a model file; see `FinalModel.save`."""
    if on_unsavable not in _ON_UNSAVABLE:
        expected = " or ".join(map(repr, _ON_UNSAVABLE))
        raise Refused(
            f"Invalid on_unsavable={on_unsavable!r}: expected {expected}.", hint=f"Use {expected}."
        )
    records: list[dict[str, Any]] = []
    blobs: Blobs = {}
    problems: list[ModelFileError] = []
    with MemberConverter(missing_row(model.schema)) as converter:
        for member in model.members:
            try:
                record, packed = _pack(member, len(records), converter)
            except ModelFileError as error:
                problem = ModelFileError(
                    f"Member {member.name!r} cannot be saved: {error.message}", hint=error.hint
                )
                if on_unsavable == "raise":
                    raise problem from error
                problems.append(problem)
                continue
            records.append(record)
            blobs.update(packed)
    if not any(record["weight"] > 0 for record in records):
        if on_unsavable != "baseline" or model.baseline is None:
            raise problems[0]
        for problem in problems:
            logger.warning("%s", problem)
        logger.warning("%s %s", _NO_MEMBER, _BASELINE_ADVICE)
        return save_model(_as_baseline(model, model.baseline, problems), path, "raise")
    for problem in problems:
        logger.warning("%s It is dropped; the weights of the other members are rescaled.", problem)
    manifest = _describe(model, records, [str(problem) for problem in problems])
    check_manifest(manifest, str(path))
    return write_archive(path, manifest, blobs)


def _as_baseline(
    model: FinalModel, baseline: Member, problems: Sequence[ModelFileError]
) -> FinalModel:
    """Return the baseline of a model, with the record and the leaderboard of the baseline."""
    fit, rows = model.record, []
    score = fit.baseline_score
    for row in model.leaderboard_rows:
        is_ensemble = row["name"] == "ensemble"
        found = {**row, "weight": float(is_ensemble or row["name"] == baseline.name)}
        rows.append({**found, "score": score} if is_ensemble else found)
    sign = -1 if fit.greater_is_better else 1
    rows.sort(key=lambda row: float("inf") if row["score"] is None else sign * row["score"])
    for place, row in enumerate(rows, start=1):
        row["rank"] = None if row["score"] is None else place
    # Curves, intervals and the holdout are those of the ensemble.
    record = FitRecord(
        score=score,
        single_score=fit.single_score,
        baseline_score=score,
        warnings=(FitWarning("no-model", _NO_MEMBER, _BASELINE_ADVICE), *fit.warnings),
        dropped_members=tuple(map(str, problems)),
        report=ReportRecord(warm_start=fit.report.warm_start, command=fit.report.command),
        **{name: getattr(fit, name) for name in _KEPT},
    )
    return replace(
        model,
        members=[replace(baseline, weight=1.0)],
        calibrator=None,
        decision=None,
        leaderboard_rows=rows,
        record=record,
    )


def _pack(member: Member, number: int, converter: MemberConverter) -> tuple[dict[str, Any], Blobs]:
    """Return the record of a member and its serialised fold models, checked to load."""
    names = [f"fold-{fold}" for fold in range(len(member.estimators))] + ["all-rows"]
    packed: Blobs = {}
    entries: list[dict[str, Any]] = []
    modules: set[str] = set()
    for name, model in zip(names, converter.converted(member), strict=False):
        path = f"members/{number}/{name}.skops"
        packed[path] = model.data
        modules.update(model.modules)
        entry = Entry.of(path, model.data)
        entries.append({"path": path, "sha256": entry.sha256, "size": entry.size})
    return _record(member, words.packages_of(modules), entries), packed


def _record(member: Member, packages: Any, entries: list[dict[str, Any]]) -> dict[str, Any]:
    folds = len(member.estimators)
    return {
        "name": member.name,
        "model": member.model,
        "values": member.values,
        "weight": member.weight,
        "plugin": member.plugin,
        "distribution": member.distribution,
        "version": member.version,
        "rounds": member.rounds,
        "packages": packages,
        "entries": entries[:folds],
        "all_rows": entries[folds:],
    }


def describe(model: FinalModel) -> dict[str, Any]:
    """Return the manifest of a model in memory; its members have no entries."""
    return _describe(model, [_record(member, {}, []) for member in model.members], [])


def _describe(
    model: FinalModel, records: list[dict[str, Any]], left_out: list[str]
) -> dict[str, Any]:
    record = model.record
    if left_out:
        record = replace(record, dropped_members=tuple(left_out))
    return {
        "format": words.FORMAT,
        "format_version": words.FORMAT_VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": words.installed_versions(),
        "task": words.as_json(model.task.to_json(), "task"),
        "schema": words.as_json(model.schema.to_json(), "schema"),
        "metric": model.metric_name,
        "classes": words.as_json(model.task.classes, "classes"),
        "members": [words.as_json(record, "members") for record in records],
        "calibrator": None if model.calibrator is None else model.calibrator.to_json(),
        "decision": None if model.decision is None else model.decision.to_json(),
        "fallback": words.as_json(model.fallback, "fallback"),
        "leaderboard": words.as_json(model.leaderboard_rows, "leaderboard"),
        "facts": words.as_json(record.to_json(), "facts"),
    }


def load_model(
    path: str | Path, *, trust: bool = False, registry: Registry | None = None
) -> FinalModel:
    """Read a model file; see `FinalModel.load`."""
    with ModelArchive(path) as archive:
        record = archive.manifest
        _check_manifest(archive, path)
        with archive.guard():
            records = [_checked_member(member) for member in record["members"]]
            parts = _read_parts(record)
        registry = registry or _registry_for(records)
        words.check_modules(record)
        if not trust:
            _check_plugins(records, registry)
        with archive.guard():
            words.compare_versions(record, str(path))
        trusted = trusted_types(registry)
        members = [_load_member(archive, member, trusted, trust) for member in records]
        with archive.guard():
            model = FinalModel(members=members, **parts)
    return model


def _read_parts(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the final model without its members."""
    calibrator, decision = record["calibrator"], record["decision"]
    fallback = record["fallback"]
    return {
        "task": Task.from_json(record["task"]),
        "schema": TableSchema.from_json(record["schema"]),
        "metric_name": str(record["metric"]),
        "calibrator": None if calibrator is None else Calibrator.from_json(calibrator),
        "decision": None if decision is None else Decision.from_json(decision),
        "fallback": None if fallback is None else float(fallback),
        "leaderboard_rows": list(record["leaderboard"]),
        "record": FitRecord.from_json(record["facts"]),
    }


def _checked_member(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a member's record with checked types."""
    texts = ("name", "model", "plugin", "distribution", "version")
    checked: dict[str, Any] = {key: str(record[key]) for key in texts}
    checked["values"] = dict(record["values"])
    checked["weight"] = float(record["weight"])
    checked["rounds"] = record.get("rounds")
    checked["packages"] = {
        str(module): {key: str(package[key]) for key in ("distribution", "version")}
        for module, package in dict(record["packages"]).items()
    }
    for key in ("entries", "all_rows"):
        checked[key] = [
            Entry(str(e["path"]), str(e["sha256"]), int(e["size"])) for e in record.get(key, ())
        ]
    return checked


def _registry_for(records: list[dict[str, Any]]) -> Registry:
    """Return the installed components; import third-party plugins only if a member needs one."""
    foreign = any(r["plugin"] != "builtin" or r["packages"] for r in records)
    return load_plugins(None if foreign else PluginSettings(only=())).registry


def _check_plugins(records: list[dict[str, Any]], registry: Registry) -> None:
    """Raise `MissingPlugin` if the plugin that declares a member's types is not loaded."""
    known = {*registry.names("model"), *registry.names(SAVED_MODEL)}
    for record in records:
        if record["plugin"] not in ("builtin", SESSION) and record["model"] not in known:
            raise words.missing_plugin(record)


def _load_member(
    archive: ModelArchive, record: dict[str, Any], trusted: Collection[str], trust: bool
) -> Member:
    models = []
    for entry in [*record["entries"], *record["all_rows"]]:
        data = archive.read(entry)
        try:
            models.append(_fold_model(load_estimator(data, trusted, trust=trust)))
        except MetaautoError as error:
            raise ModelFileError(
                f"Member {record['name']!r} of {str(archive.path)!r} cannot be loaded: "
                f"{error.message}",
                hint=error.hint,
                **error.details,
            ) from error
    return _member(record, models)


def _member(record: Mapping[str, Any], models: list[Any]) -> Member:
    folds = len(record["entries"])
    return Member(
        name=record["name"],
        model=record["model"],
        values=record["values"],
        weight=record["weight"],
        estimators=models[:folds],
        plugin=record["plugin"],
        distribution=record["distribution"],
        version=record["version"],
        rounds=record["rounds"],
        all_rows=tuple(models[folds:]),
    )


def _fold_model(estimator: Any) -> Any:
    if not callable(getattr(estimator, "predict", None)):
        raise ModelFileError(
            f"it is a {type(estimator).__name__} without a predict method.",
            hint="Copy the file again from its source.",
        )
    return estimator
