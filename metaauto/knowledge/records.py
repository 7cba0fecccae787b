"""The facts in a store: frozen, JSON-ready, validated and rounded when they are created."""

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

#: Statuses of evaluations; earlier ones replace later ones.
STATUSES = ("success", "failed", "memory", "crashed", "timeout")


@dataclass(frozen=True)
class ProvenanceFact:
    """Provenance of facts: time, source, versions, speed of the machine, licence.

    Parameters
    ----------
    created : str
        UTC time as ``2026-01-31T12:00:00Z``.
    source : str
        ``"build"``, ``"fit"``, ``"import:oboe"``.
    metaauto : str
        Version of metaauto.
    versions : mapping of str to str
        Versions of libraries.
    speed : float, optional
        Result of `metaauto.knowledge.provenance.calibrate` on the machine.
    cores : int, optional
        Cores per fit.
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
        """Short digest of all values."""
        return hashlib.sha256(validation.canonical_json(self.to_json()).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {**self.__dict__, "versions": dict(self.versions)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ProvenanceFact:
        """Create a fact from the output of `to_json`."""
        return validation.build(cls, record)


@dataclass(frozen=True)
class MetafeatureFact:
    """One metafeature of a dataset, with the version of its extractor.

    Parameters
    ----------
    extractor : str
        Name of the extractor.
    version : int
        Version of the extractor; values of different versions are not comparable.
    name : str
        Key of the value in the extractor.
    value : float, optional
        The value; None if undefined. NaN becomes None.
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
        """Extractor, version and name; unique within one dataset."""
        return self.extractor, self.version, self.name

    @classmethod
    def all_of(cls, metafeatures: Metafeatures) -> tuple[MetafeatureFact, ...]:
        """Return the facts of all values of `metafeatures`."""
        facts = []
        for name, value in metafeatures.values.items():
            extractor = max(
                (e for e in metafeatures.versions if name.startswith(e + ".")), key=len, default=""
            )
            if not extractor:
                raise KnowledgeError(
                    f"The extractor of metafeature {name!r} has no version.",
                    hint="Give Metafeatures with `versions`.",
                )
            version = metafeatures.versions[extractor]
            facts.append(cls(extractor, version, name[len(extractor) + 1 :], value))
        return tuple(sorted(facts, key=lambda fact: fact.key))


@dataclass(frozen=True)
class DatasetFact:
    """A dataset in a store: fingerprint, shape and metafeatures.

    Parameters
    ----------
    fingerprint : str
        `metaauto.data.fingerprint.fingerprint` of the full table, 64 hexadecimal digits.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task. One table may be stored under several kinds.
    n_rows, n_features, n_classes : int
        Shape of the full table; 0 classes in regression.
    rows_used : int
        Rows used for evaluations, if subsampled; the maximum over the protocols.
    source : str
        Origin of the table: ``"openml:31"``, ``"folder"``; ``"fit"`` for a user's own.
    provenance : str
        Key of the first provenance.
    metafeatures : tuple of MetafeatureFact
        Sorted; possibly of several versions of an extractor.
    openml_id : int, optional
        Data id at OpenML.
    label, group : str, optional
        Name of a public dataset, and of its group of near duplicates. Not allowed for a user's own
        dataset.

    Raises
    ------
    KnowledgeError
        A value cannot be stored, or a user's own dataset has a label or group.
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
                        f"A dataset of a user's own fit must not have a {name}.",
                        hint="Omit it; only public datasets have names in a store.",
                    )
        values = {fact.key: fact for fact in self.metafeatures}
        object.__setattr__(self, "metafeatures", tuple(values[key] for key in sorted(values)))

    @property
    def key(self) -> tuple[str, str]:
        """Fingerprint and kind; unique within a store."""
        return self.fingerprint, self.kind

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values; metafeatures by ``extractor/version``, NaN as None."""
        record = {**self.__dict__}
        values: dict[str, dict[str, float | None]] = {}
        for fact in self.metafeatures:
            of_extractor = values.setdefault(f"{fact.extractor}/{fact.version}", {})
            of_extractor[fact.name] = fact.value
        return {**record, "metafeatures": values}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> DatasetFact:
        """Create a fact from the output of `to_json`."""
        try:
            metafeatures = []
            for name, values in record.get("metafeatures", {}).items():
                extractor, _, version = name.rpartition("/")
                for key, value in values.items():
                    metafeatures.append(MetafeatureFact(extractor, int(version), key, value))
        except (AttributeError, TypeError, ValueError):
            raise validation.unreadable(cls, record) from None
        return validation.build(cls, {**record, "metafeatures": tuple(metafeatures)})


@dataclass(frozen=True)
class ConfigurationFact:
    """A configuration with its plugin and the version of its search space.

    Parameters
    ----------
    configuration : Configuration
        Model and values.
    provenance : str
        Key of the first provenance.
    space_version : int, default=1
        Version of the model's space; values of different versions are not comparable.
    plugin, plugin_version : str
        Distribution of the model.
    proposed_for : tuple of str
        Kinds of task that a published portfolio proposes it for, evaluated or not.
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
            raise KnowledgeError("space_version must be >= 1 (got 0).", hint="Give 1 or more.")
        for name, value in self.configuration.values.items():
            if value is not None and not isinstance(value, str | int | float):
                raise KnowledgeError(
                    f"Invalid value of {self.configuration.model}'s {name!r}: expected a scalar, "
                    f"got {value!r}.",
                    hint="Use text, numbers, booleans or None.",
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
        """Return JSON-ready values."""
        record = {**self.__dict__, **self.configuration.to_json()}
        del record["configuration"]
        return {**record, "proposed_for": list(self.proposed_for)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ConfigurationFact:
        """Create a fact from the output of `to_json`."""
        values = dict(record)
        try:
            configuration = Configuration(values.pop("model"), dict(values.pop("values")))
            values["proposed_for"] = tuple(values.get("proposed_for", ()))
        except (KeyError, TypeError, ValueError):
            raise validation.unreadable(cls, record) from None
        return validation.build(cls, {**values, "configuration": configuration})


@dataclass(frozen=True)
class EvaluationFact:
    """Result of one configuration on one fold of one dataset, with any status.

    Parameters
    ----------
    fingerprint, kind : str
        Key of the dataset.
    configuration : str
        `ConfigurationFact.key`.
    protocol : str
        Evaluation protocol, as ``"5-fold/seed0/rows<=10000"``.
    fold : int
        Number of the fold, from 0.
    status : {'success', 'failed', 'memory', 'crashed', 'timeout'}
        Status of the evaluation.
    provenance : str
        Key of its provenance.
    losses : mapping of str to float
        Losses by metric, to be minimised; at least one for a success, otherwise none. NaN is
        dropped.
    fit_seconds, predict_seconds : float, optional
        Seconds of fitting and predicting; after a failure those until it.
    memory : float, optional
        Peak resident memory, MiB.
    limit_seconds : float, optional
        Time limit; None for no limit.
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
                f"Invalid status {self.status!r}.", hint=f"Use one of {', '.join(STATUSES)}."
            )
        losses = {}
        for name in sorted(self.losses):
            validation.text("Metric", name, empty=False)
            value = validation.loss(name, self.losses[name])
            if not math.isnan(value):
                losses[name] = value
        if bool(losses) != (self.status == "success"):
            raise KnowledgeError(
                f"An evaluation with status {self.status!r} has {len(losses)} losses.",
                hint="Give at least one loss other than NaN for a success, otherwise none.",
            )
        object.__setattr__(self, "losses", losses)
        object.__setattr__(self, "memory", validation.memory("memory", self.memory))
        for name in ("fit_seconds", "predict_seconds", "limit_seconds"):
            object.__setattr__(self, name, validation.seconds(name, getattr(self, name)))

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """Fingerprint, kind, configuration, protocol and fold; unique within a store."""
        return self.fingerprint, self.kind, self.configuration, self.protocol, self.fold

    @property
    def seconds(self) -> float:
        """Total seconds of fitting and predicting; unknown ones count as 0."""
        return (self.fit_seconds or 0.0) + (self.predict_seconds or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {**self.__dict__, "losses": dict(self.losses)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> EvaluationFact:
        """Create a fact from the output of `to_json`."""
        return validation.build(cls, record)
