"""Choose the configurations that a build of the shipped store evaluates first.

metaauto knowledge import portfolio FOLDER --store imported.db
python -m benchmarks.warmstart.pool choose imported.db --out pool.db
metaauto knowledge build --folder TABLES --store pool.db --configurations 0 --published 1000 \
    --first-folds --rows 5000 --predictions predictions.db
python -m benchmarks.warmstart.pool narrow TABLES pool.db predictions.db --out narrow.db

For each kind of task: the configurations of the models' authors, then imported portfolios, then by
turns other imported configurations and random ones, up to a number for each model. Half of the
random ones of a model with generated features use them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from random import Random

import click

from benchmarks.warmstart.learned_order import Candidates, EnsembleState
from benchmarks.warmstart.recorded_fit import RecordedTable, recorded_tables
from metaauto.collect import PredictionFile, folder_sources, published_candidates
from metaauto.configuration import Configuration
from metaauto.knowledge import ConfigurationFact, KnowledgeStore, here
from metaauto.plugins.manager import load_plugins
from metaauto.plugins.registry import Registry
from metaauto.space import SearchSpace
from metaauto.task import TASK_KINDS, reference_task

WANTED = {
    "lightgbm": 50,
    "mlp": 10,
    "network": 25,
    "catboost": 20,
    "xgboost": 12,
    "hist_gradient_boosting": 12,
    "extra_trees": 10,
    "random_forest": 6,
    "svm": 6,
    "gaussian_process": 3,
    "knn": 4,
    "logistic": 6,
    "elastic_net": 4,
    "ridge": 3,
    "lda": 2,
    "qda": 2,
    "naive_bayes": 1,
}
"""Configurations of each model; about 170 for each kind of task."""
_MOST_DRAWS = 1000


def pool(store: KnowledgeStore, registry: Registry, kind: str) -> list[Configuration]:
    """Return the configurations for a kind of task, model by model."""
    space = SearchSpace(registry, reference_task(kind))
    imported: dict[str, list[Configuration]] = {}
    for candidate in published_candidates(store, registry, kind):
        configuration = candidate.configuration
        imported.setdefault(configuration.model, []).append(configuration)
    chosen: list[Configuration] = []
    for model in space.models:
        published = imported.get(model, [])
        authors = [space.default(model), *space.portfolio(model)]
        # Half of the places, because other imported configurations were drawn at random, too.
        first = published[: WANTED.get(model, 0) // 2]
        mixed = zip_longest(published[len(first) :], _draws(space, model, kind))
        ordered = chain(authors, first, (c for pair in mixed for c in pair if c is not None))
        unique = dict.fromkeys(islice(ordered, _MOST_DRAWS))
        chosen += list(unique)[: WANTED.get(model, 0)]
    return chosen


def _draws(space: SearchSpace, model: str, kind: str) -> Iterator[Configuration]:
    """Yield random configurations, every second without generated features."""
    random = Random(f"{kind}-{model}")
    for number in range(_MOST_DRAWS):
        drawn = space.sample(random, model)
        while "generate" in drawn.values and (drawn.values["generate"] == "none") != number % 2:
            drawn = space.sample(random, model)
        yield drawn


def helpful(tables: Sequence[RecordedTable], most: int) -> list[Configuration]:
    """Return the configurations that help some dataset: at most so many, and all defaults.

    A configuration helps a dataset if a greedy ensemble of all configurations contains it. Those
    that help more datasets come first.
    """
    configurations = list(dict.fromkeys(c for table in tables for c in table.records))
    counts: Counter[Configuration] = Counter()
    for table in tables:
        state = EnsembleState(Candidates.of(table, configurations))
        counts.update(configurations[number] for number in state.members())
    return [configuration for configuration, _ in counts.most_common(most)]


@click.group()
def main() -> None:
    """Choose configurations for a build."""


@main.command("choose")
@click.argument("imported", type=click.Path(exists=True, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path), required=True)
def choose(imported: str, out: Path) -> None:
    """Write the configurations chosen from the store IMPORTED and the models to a store."""
    registry = load_plugins().registry
    with KnowledgeStore.open(imported) as known:
        write({kind: pool(known, registry, kind) for kind in TASK_KINDS}, registry, out)


@main.command("narrow")
@click.argument("tables", type=click.Path(exists=True, file_okay=False))
@click.argument("store", type=click.Path(exists=True, dir_okay=False))
@click.argument("predictions", type=click.Path(exists=True, dir_okay=False))
@click.option("--rows", default=5000, show_default=True, help="Maximum rows of the build.")
@click.option("--most", default=120, show_default=True, help="Configurations of a kind of task.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def narrow(tables: str, store: str, predictions: str, rows: int, most: int, out: Path) -> None:
    """Write the configurations of a build that help some dataset to a store."""
    registry = load_plugins().registry
    with PredictionFile(predictions) as file, KnowledgeStore.open(store) as known:
        found = recorded_tables(folder_sources(tables), file, known, rows)
    chosen = {}
    for kind in TASK_KINDS:
        space = SearchSpace(registry, reference_task(kind))
        helping = helpful([table for table in found if table.predicted.kind == kind], most)
        chosen[kind] = list(dict.fromkeys([*map(space.default, space.models), *helping]))
    write(chosen, registry, out)


def write(chosen: Mapping[str, Sequence[Configuration]], registry: Registry, out: Path) -> None:
    """Write configurations by kind of task to a store, and print their numbers."""
    kinds: dict[Configuration, list[str]] = {}
    for kind, configurations in chosen.items():
        for configuration in configurations:
            kinds.setdefault(configuration, []).append(kind)
    with KnowledgeStore.create(out) as store, store.transaction():
        provenance = store.add_provenance(here("build"))
        for configuration, found in kinds.items():
            entry = registry.entry("model", configuration.model)
            store.add_configuration(
                ConfigurationFact(
                    configuration,
                    provenance,
                    entry.component.space_version,
                    entry.plugin.distribution,
                    entry.plugin.version,
                    proposed_for=tuple(found),
                )
            )
    for kind, configurations in chosen.items():
        counts = Counter(c.model for c in configurations)
        click.echo(f"{kind}: {counts.total()} configurations, {dict(counts)}")


if __name__ == "__main__":
    main()
