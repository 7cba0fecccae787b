"""``metaauto knowledge verify``: evaluate the warm start by simulation on stored results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import json_option, plugins_option
from metaauto.cli.stores import in_use, read_store
from metaauto.cli.terminal import print_json, print_line, print_table, say
from metaauto.errors import KnowledgeError
from metaauto.text import counted

if TYPE_CHECKING:
    from metaauto.warmstart.evaluation import WarmStartEvaluation

__all__ = ["command"]

_METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


@click.command("verify", short_help="Evaluate the warm start by simulation.")
@click.argument("store", required=False, shell_complete=complete_files)
@plugins_option()
@json_option("the results")
@click.pass_context
def command(
    ctx: click.Context, store: str | None, plugin_folders: tuple[str, ...], as_json: bool
) -> None:
    """Evaluate the warm start by simulation on STORE; by default on all stores in use.

    \b
    metaauto knowledge verify
    metaauto knowledge verify team.db --json

    Leave-one-group-out: each dataset is treated as new, knowledge comes from the datasets of other
    groups, and a policy looks up stored results in its own order. Shown is the mean regret after
    numbers of trials and seconds: 0 is the best configuration of a dataset, 1 the median one.
    Policies: random order, cheapest first, one portfolio for all datasets, metaauto's strategy,
    and the oracle that knows the best configuration.

    The result compares metaauto with cheapest first, by a paired bootstrap interval (95 %, over
    datasets) of the difference at each point. The exit status is 0 only if metaauto is
    significantly better at most points for each task type in the store, and 1 otherwise.
    """
    from metaauto.cli.plugins import load_quietly

    registry = load_quietly(plugin_folders).registry
    if store is not None:
        paths = [Path(store).expanduser()]
        with read_store(paths[0]):
            pass
    else:
        paths = [path for _, path in in_use(registry) if path.exists()]
    versions = {extractor.name: extractor.version for extractor in registry.metafeatures()}
    results = []
    for found in _evaluations(paths, versions):
        results.append(found)
        if not as_json:
            for line in _head(found):
                print_line(line)
            print_table(list(_rows(found)), left=("regret",))
    is_good = bool(results) and all(found.is_better for found in results)
    if as_json:
        kinds = [found.to_json() for found in results]
        print_json({"good": is_good, "stores": [str(path) for path in paths], "kinds": kinds})
    elif not results:
        print_line("Result: too few datasets (got none).")
    ctx.exit(0 if is_good else 1)


def _evaluations(paths: list[Path], versions: dict[str, int]) -> Iterator[WarmStartEvaluation]:
    """Yield the evaluation for each task type in the stores."""
    from metaauto.knowledge import load_knowledge
    from metaauto.warmstart.evaluation import evaluate_warm_start

    warned: set[str] = set()
    for kind, metric in _METRICS.items():
        found = load_knowledge(paths, kind, metric, extractors=versions)
        for problem in found.problems:
            if len(paths) == 1:
                raise KnowledgeError(problem)
            if problem not in warned:
                say(f"Warning: {problem} This store is ignored.")
            warned.add(problem)
        if found.matrix is not None:
            yield evaluate_warm_start(found.matrix)


def _head(found: WarmStartEvaluation) -> Iterator[str]:
    words = "leave-one-group-out" if found.is_enough else "too few for leave-one-group-out"
    datasets = counted(found.cases, "dataset")
    yield f"{found.kind}, {found.metric}: {datasets}, {words}"
    yield f"Result: {found.summary}"


def _rows(found: WarmStartEvaluation) -> Iterator[dict[str, str]]:
    if not found.points:
        return
    for name in found.points[0].regrets:
        yield {"regret": name, **{p.label: f"{p.regrets[name]:.3f}" for p in found.points}}
    for title, field in (("gain", "gain"), ("  95 % from", "low"), ("  95 % to", "high")):
        yield {"regret": title, **{p.label: f"{getattr(p, field):+.3f}" for p in found.points}}
