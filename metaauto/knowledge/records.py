"""The facts that a store holds: plain, frozen, JSON-ready, rounded by rule when they are made."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metaauto.configuration import Configuration
from metaauto.errors import KnowledgeError
from metaauto.knowledge import validation
from metaauto.metafeatures import Metafeatures

__all__ = [
    "STATUSES",
    "ConfigurationFact",
    "DatasetFact",
    "EvaluationFact",
    "MetafeatureFact",
    "ProvenanceFact",
]

#: How an evaluation ended, in the order in which one replaces another.
STATUSES = ("success", "failed", "memory", "crashed", "timeout")


@dataclass(frozen=True)
class ProvenanceFact:
    """Where facts come from: when, by what, on how fast a machine, under which licence.

    Parameters
    ----------
    created : str
        UTC time as ``2026-01-31T12:00:00Z``.
    source : str
        ``"build"``, ``"fit"``, ``"import:oboe"``.
    metaauto : str
        Version of metaauto.
    versions : mapping of str to str
        Versions of the libraries concerned.
    speed : float, optional
        Seconds of `metaauto.knowledge.provenance.calibrate` on that machine.
    cores : int, optional
        Cores that one fit could use.
    licence : str
        Licence of the facts, as an SPDX name; empty for the user's own.

    Examples
    --------
    >>> ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0").key
    'f7762684827d39f5'
    """

    created: str
    source: str
    metaauto: str
    versions: Mapping[str, str] = field(default_factory=dict)
    speed: float | None = None
    cores: int | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        validation.form("created", self.created)
        validation.form("source", self.source)
        versions = dict(sorted(self.versions.items()))
        for name, text in (*versions.items(), ("metaauto", self.metaauto)):
            validation.text("Library", name)
            validation.text(f"Version of {name}", text)
        validation.text("Licence", self.licence)
        object.__setattr__(self, "versions", versions)
        object.__setattr__(self, "speed", validation.seconds("Speed", self.speed))
        if self.cores is not None:
            object.__setattr__(self, "cores", validation.count("Cores", self.cores))

    @property
    def key(self) -> str:
        """A short digest of all it says."""
        return hashlib.sha256(validation.canonical_json(self.to_json()).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {**self.__dict__, "versions": dict(self.versions)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ProvenanceFact:
        """Rebuild what `to_json` wrote."""
        return validation.build(cls, record)


@dataclass(frozen=True)
class MetafeatureFact:
    """One number that describes a dataset, and the version of the extractor that said it.

    Parameters
    ----------
    extractor : str
        Name of the extractor.
    version : int
        Its version; numbers of different versions are not compared.
    name : str
        Which of its numbers.
    value : float, optional
        None where it cannot be said; NaN becomes None.
    """

    extractor: str
    version: int
    name: str
    value: float | None

    def __post_init__(self) -> None:
        validation.text("MetafeatureExtractor", self.extractor, empty=False)
        validation.text("Metafeature", self.name, empty=False)
        object.__setattr__(self, "version", validation.count("Version", self.version))
        if self.value is not None:
            value = validation.metafeature(f"{self.extractor}.{self.name}", self.value)
            object.__setattr__(self, "value", None if math.isnan(value) else value)

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells it from others of one dataset: extractor, version and name."""
        return self.extractor, self.version, self.name

    @classmethod
    def all_of(cls, metafeatures: Metafeatures) -> tuple[MetafeatureFact, ...]:
        """The facts of what `metaauto.metafeatures.extract` returned, without its notes."""
        found = []
        for name, value in metafeatures.values.items():
            extractor = max(
                (e for e in metafeatures.versions if name.startswith(e + ".")), key=len, default=""
            )
            if not extractor:
                raise KnowledgeError(
                    f"Metafeature {name!r} belongs to no extractor with a version.",
                    hint="Give Metafeatures with `versions`.",
                )
            version = metafeatures.versions[extractor]
            found.append(cls(extractor, version, name[len(extractor) + 1 :], value))
        return tuple(sorted(found, key=lambda fact: fact.key))


@dataclass(frozen=True)
class DatasetFact:
    """A table as the store knows it: a digest, its shape and its metafeatures.

    Parameters
    ----------
    fingerprint : str
        `metaauto.data.fingerprint.fingerprint` of the whole table, 64 hexadecimal digits.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task. One table may be known under two kinds.
    n_rows, n_features, n_classes : int
        Shape of the whole table; no classes in regression.
    rows_used : int
        Rows that were evaluated, where they were capped; the most of all protocols.
    source : str
        Where the table comes from: ``"openml:31"``, ``"folder"``; ``"fit"`` for a user's own.
    provenance : str
        Key of the provenance that said so first.
    metafeatures : tuple of MetafeatureFact
        Sorted; of several versions of one extractor where there are.
    openml_id : int, optional
        Data id at OpenML.
    label, group : str, optional
        Name of a public table, and of the family of near duplicates it belongs to. A user's own
        table has neither.

    Raises
    ------
    KnowledgeError
        If a value cannot be stored, or a user's own table carries a name.
    """

    fingerprint: str
    kind: str
    n_rows: int
    n_features: int
    n_classes: int
    rows_used: int
    source: str
    provenance: str
    metafeatures: tuple[MetafeatureFact, ...] = ()
    openml_id: int | None = None
    label: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        validation.form("fingerprint", self.fingerprint)
        validation.form("source", self.source)
        validation.form("provenance", self.provenance)
        validation.kind(self.kind)
        for name in ("n_rows", "n_features", "n_classes", "rows_used"):
            object.__setattr__(self, name, validation.count(name, getattr(self, name)))
        if self.openml_id is not None:
            object.__setattr__(self, "openml_id", validation.count("openml_id", self.openml_id))
        for name in ("label", "group"):
            text = getattr(self, name)
            if text is not None:
                validation.text(name, text, empty=False)
                if self.source == "fit":
                    raise KnowledgeError(
                        f"A table of a user's own fit carries a {name}.",
                        hint="Only public tables are named in a store; leave it out.",
                    )
        values = {fact.key: fact for fact in self.metafeatures}
        object.__setattr__(self, "metafeatures", tuple(values[key] for key in sorted(values)))

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others: fingerprint and kind."""
        return self.fingerprint, self.kind

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values; metafeatures by ``extractor/version``, NaN as None."""
        record = {**self.__dict__}
        values: dict[str, dict[str, float | None]] = {}
        for fact in self.metafeatures:
            of_extractor = values.setdefault(f"{fact.extractor}/{fact.version}", {})
            of_extractor[fact.name] = fact.value
        return {**record, "metafeatures": values}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> DatasetFact:
        """Rebuild what `to_json` wrote."""
        try:
            found = []
            for name, values in record.get("metafeatures", {}).items():
                extractor, _, version = name.rpartition("/")
                for key, value in values.items():
                    found.append(MetafeatureFact(extractor, int(version), key, value))
        except (AttributeError, TypeError, ValueError):
            raise validation.unreadable(cls, record) from None
        return validation.build(cls, {**record, "metafeatures": tuple(found)})


@dataclass(frozen=True)
class ConfigurationFact:
    """A configuration and the plugin and search space it belongs to.

    Parameters
    ----------
    configuration : Configuration
        Model and values.
    provenance : str
        Key of the provenance that named it first.
    space_version : int, default=1
        Version of the model's space; the same values mean another thing in another version.
    plugin, plugin_version : str
        Distribution that the model comes from.
    proposed_for : tuple of str
        Kinds of task that somebody recommends it for, evaluated or not.
    """

    configuration: Configuration
    provenance: str
    space_version: int = 1
    plugin: str = "metaauto"
    plugin_version: str = ""
    proposed_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        validation.form("provenance", self.provenance)
        validation.text("Model", self.configuration.model, empty=False)
        validation.text("Plugin", self.plugin)
        validation.text("Plugin version", self.plugin_version)
        version = validation.count("space_version", self.space_version)
        object.__setattr__(self, "space_version", version)
        if version < 1:
            raise KnowledgeError("space_version is 0.", hint="Versions start at 1.")
        for name, value in self.configuration.values.items():
            if value is not None and not isinstance(value, str | int | float):
                raise KnowledgeError(
                    f"Value {value!r} of {self.configuration.model}'s {name!r} is no scalar.",
                    hint="Configurations hold text, numbers, booleans or None.",
                )
        validation.canonical_json(self.configuration.to_json())
        for kind in self.proposed_for:
            validation.kind(kind)
        object.__setattr__(self, "proposed_for", tuple(sorted(set(self.proposed_for))))

    @property
    def key(self) -> str:
        """``Configuration.key``, followed by ``@2`` for the second version of the space."""
        suffix = "" if self.space_version == 1 else f"@{self.space_version}"
        return self.configuration.key + suffix

    @property
    def model(self) -> str:
        """Name of the model component."""
        return self.configuration.model

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        record = {**self.__dict__, **self.configuration.to_json()}
        del record["configuration"]
        return {**record, "proposed_for": list(self.proposed_for)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ConfigurationFact:
        """Rebuild what `to_json` wrote."""
        values = dict(record)
        try:
            configuration = Configuration(values.pop("model"), dict(values.pop("values")))
            values["proposed_for"] = tuple(values.get("proposed_for", ()))
        except (KeyError, TypeError, ValueError):
            raise validation.unreadable(cls, record) from None
        return validation.build(cls, {**values, "configuration": configuration})


@dataclass(frozen=True)
class EvaluationFact:
    """What came of one configuration on one fold of one dataset. A time-out is a fact too.

    Parameters
    ----------
    fingerprint, kind : str
        Which dataset.
    configuration : str
        `ConfigurationFact.key`.
    protocol : str
        How the folds were made, as ``"5-fold/seed0/rows<=10000"``.
    fold : int
        Number of the fold, from 0.
    status : {'success', 'failed', 'memory', 'crashed', 'timeout'}
        How it ended.
    provenance : str
        Key of its provenance.
    losses : mapping of str to float
        By metric, minimised; at least one after a success and none otherwise. NaN is left out.
    fit_seconds, predict_seconds : float, optional
        Seconds spent; those until it was stopped if it failed.
    memory : float, optional
        Highest resident memory, MiB.
    limit_seconds : float, optional
        Limit it ran under; None for no limit.
    """

    fingerprint: str
    kind: str
    configuration: str
    protocol: str
    fold: int
    status: str
    provenance: str
    losses: Mapping[str, float] = field(default_factory=dict)
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    memory: int | float | None = None
    limit_seconds: float | None = None

    def __post_init__(self) -> None:
        validation.form("fingerprint", self.fingerprint)
        validation.form("configuration", self.configuration)
        validation.form("provenance", self.provenance)
        validation.kind(self.kind)
        validation.text("Protocol", self.protocol, empty=False)
        object.__setattr__(self, "fold", validation.count("Fold", self.fold))
        if self.status not in STATUSES:
            raise KnowledgeError(
                f"There is no status {self.status!r}.", hint=f"Known: {', '.join(STATUSES)}."
            )
        losses = {}
        for name in sorted(self.losses):
            validation.text("Metric", name, empty=False)
            value = validation.loss(name, self.losses[name])
            if not math.isnan(value):
                losses[name] = value
        if bool(losses) != (self.status == "success"):
            raise KnowledgeError(
                f"A {self.status} evaluation comes with {len(losses)} losses.",
                hint="A success has at least one loss that is no NaN, anything else none.",
            )
        object.__setattr__(self, "losses", losses)
        object.__setattr__(self, "memory", validation.memory("memory", self.memory))
        for name in ("fit_seconds", "predict_seconds", "limit_seconds"):
            object.__setattr__(self, name, validation.seconds(name, getattr(self, name)))

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What tells it from others: fingerprint, kind, configuration, protocol and fold."""
        return self.fingerprint, self.kind, self.configuration, self.protocol, self.fold

    @property
    def seconds(self) -> float:
        """Seconds of fitting and predicting together, as far as they are known."""
        return (self.fit_seconds or 0.0) + (self.predict_seconds or 0.0)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {**self.__dict__, "losses": dict(self.losses)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> EvaluationFact:
        """Rebuild what `to_json` wrote."""
        return validation.build(cls, record)
