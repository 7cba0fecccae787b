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
    "register_report_sections",
    "register_search_engines",
    "register_splitters",
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


@hookimpl
def register_report_sections(register: Register) -> None:
    """Register the section of generated features."""
    from metaauto.builtin.report_sections import REPORT_SECTIONS

    for section in REPORT_SECTIONS:
        register.report_section(section)


@hookimpl
def register_search_engines(register: Register) -> None:
    """Register SMAC and random search."""
    from metaauto.builtin.random_search import SEARCH_ENGINES

    for engine in SEARCH_ENGINES:
        register.search_engine(engine)


@hookimpl
def register_splitters(register: Register) -> None:
    """Register the splitters."""
    from metaauto.builtin.splitters import SPLITTERS

    for splitter in SPLITTERS:
        register.splitter(splitter)
