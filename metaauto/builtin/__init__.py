"""Built-in components, registered through the same hooks as those of plugins."""

from __future__ import annotations

from metaauto.api import METRICS, Register, hookimpl

__all__ = [
    "register_explainers",
    "register_metafeatures",
    "register_metrics",
    "register_models",
    "register_preprocessors",
    "register_readers",
    "register_strategies",
]


@hookimpl
def register_models(register: Register) -> None:
    """Register the scikit-learn models."""
    from metaauto.builtin.models import MODELS

    for model in MODELS:
        register.model(model)


@hookimpl
def register_preprocessors(register: Register) -> None:
    """Register the preprocessors."""
    from metaauto.builtin.preprocessors import PREPROCESSORS

    for preprocessor in PREPROCESSORS:
        register.preprocessor(preprocessor)


@hookimpl
def register_metafeatures(register: Register) -> None:
    """Register the metafeature extractors."""
    from metaauto.builtin.metafeatures import EXTRACTORS

    for extractor in EXTRACTORS:
        register.metafeature(extractor)


@hookimpl
def register_metrics(register: Register) -> None:
    """Register the metrics."""
    for metric in METRICS.values():
        register.metric(metric)


@hookimpl
def register_readers(register: Register) -> None:
    """Register the readers of files, SQLite databases, scikit-learn datasets and OpenML."""
    from metaauto.builtin.readers import READERS

    for reader in READERS:
        register.reader(reader)


@hookimpl
def register_explainers(register: Register) -> None:
    """Register the explainers."""
    from metaauto.builtin.explainers import EXPLAINERS

    for explainer in EXPLAINERS:
        register.explainer(explainer)


@hookimpl
def register_strategies(register: Register) -> None:
    """Register the warm-start strategies: knowledge, portfolio and random."""
    from metaauto.builtin.strategies import STRATEGIES

    for strategy in STRATEGIES:
        register.strategy(strategy)
