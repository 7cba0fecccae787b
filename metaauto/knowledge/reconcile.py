"""Resolve conflicts between facts with the same key, independent of their order.

Evaluations
    A success replaces any other status; of two successes the one with more metrics is kept. Other
    statuses have the order failed, memory, crashed, timeout; of two time-outs the one under the
    larger limit is kept. Ties are broken by the creation time, then by the values, so that the
    result depends on the facts only.
Datasets
    Known values replace unknown ones. Any source replaces ``"fit"``. The shape with more used rows
    is kept. Of other differing values the smaller one is kept; likewise for metafeatures of one
    extractor and version. The provenance created first is kept.
Configurations
    The newer plugin version is kept, the proposed kinds are united, and the provenance created
    first is kept.
Provenance
    Provenances never conflict: the key is the digest of all values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from metaauto.knowledge.records import STATUSES, ConfigurationFact, DatasetFact, MetafeatureFact

__all__ = ["PUT_EVALUATION", "merged_configuration", "merged_dataset"]

T = TypeVar("T", int, float, str)

_KEY = ("dataset", "protocol", "configuration", "fold")
_VALUES = (
    "status", "fit_us", "predict_us", "memory", "limit_us", "metric_set", "losses", "provenance",
)  # fmt: skip


def _rank(row: str) -> str:
    timeout = STATUSES.index("timeout")
    return f"""(
        {row}.status, -length({row}.losses),
        CASE {row}.status WHEN {timeout} THEN -ifnull({row}.limit_us, {2**62}) ELSE 0 END,
        (SELECT created FROM provenance WHERE id = {row}.provenance),
        ifnull({row}.fit_us, -1), ifnull({row}.predict_us, -1), ifnull({row}.memory, -1),
        ifnull({row}.limit_us, -1), {row}.losses,
        (SELECT names FROM metric_set WHERE id = {row}.metric_set),
        (SELECT key FROM provenance WHERE id = {row}.provenance))"""


#: Inserts one evaluation (columns as in the schema), or keeps the stored one by the rules above.
PUT_EVALUATION = f"""
    INSERT INTO evaluation ({", ".join(_KEY + _VALUES)})
    VALUES ({", ".join("?" * len(_KEY + _VALUES))})
    ON CONFLICT ({", ".join(_KEY)}) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in _VALUES)}
    WHERE {_rank("excluded")} < {_rank("evaluation")}
"""


def merged_dataset(one: DatasetFact, other: DatasetFact, created: Mapping[str, str]) -> DatasetFact:
    """Merge two facts of one dataset; `created` is the time of each provenance."""
    values: dict[tuple[str, int, str], MetafeatureFact] = {}
    for fact in (*one.metafeatures, *other.metafeatures):
        known = values.setdefault(fact.key, fact)
        values[fact.key] = replace(fact, value=_known(known.value, fact.value))
    shape = max((f.rows_used, f.n_rows, f.n_features, f.n_classes) for f in (one, other))
    return DatasetFact(
        fingerprint=one.fingerprint,
        kind=one.kind,
        n_rows=shape[1],
        n_features=shape[2],
        n_classes=shape[3],
        rows_used=shape[0],
        source=min(one.source, other.source, key=lambda source: (source == "fit", source)),
        provenance=_first(one, other, created),
        metafeatures=tuple(values.values()),
        openml_id=_known(one.openml_id, other.openml_id),
        label=_known(one.label, other.label),
        group=_known(one.group, other.group),
    )


def merged_configuration(
    one: ConfigurationFact, other: ConfigurationFact, created: Mapping[str, str]
) -> ConfigurationFact:
    """Merge two facts of one configuration."""
    newer = max((one, other), key=_plugin_order)
    return replace(
        newer,
        provenance=_first(one, other, created),
        proposed_for=(*one.proposed_for, *other.proposed_for),
    )


def _known(one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _first(one: Any, other: Any, created: Mapping[str, str]) -> str:
    keys = (one.provenance, other.provenance)
    return min(keys, key=lambda key: (created[key], key))


def _plugin_order(fact: ConfigurationFact) -> tuple[list[int], str, str]:
    numbers = [int(digits) for digits in re.findall(r"[0-9]+", fact.plugin_version)]
    return numbers, fact.plugin_version, fact.plugin
