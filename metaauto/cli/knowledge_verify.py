"""``metaauto knowledge verify``: whether a warm start is worth it, by replaying what is stored."""

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
@json_option("the figures and verdicts")
@click.pass_context
def command(
    ctx: click.Context, store: str | None, plugin_folders: tuple[str, ...], as_json: bool
) -> None:
    """Judge the warm start by replaying STORE; without it, all stores that a fit asks.

    \b
    metaauto knowledge verify
    metaauto knowledge verify team.db --json

    Each table is taken for new in turn, beside all tables of other groups, and its stored results
    are handed out in the order in which a policy asks for them. Told is the mean regret after some
    trials and after some seconds: 0 is the best configuration of a table, 1 the median one. The
    policies: at random, the cheapest first, one portfolio for all tables, metaauto's own, and the
    oracle that knows the best.

    The verdict is about metaauto against cheapest first: a paired bootstrap interval (95 %, over
    the tables) of the difference at each point. The exit status is 0 only if metaauto is surely
    better at most points, for each kind of task that is known, and 1 otherwise.
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
    verdicts = []
    for found in _verdicts(paths, versions):
        verdicts.append(found)
        if not as_json:
            for line in _head(found):
                print_line(line)
            print_table(list(_rows(found)), left=("regret",))
    is_good = bool(verdicts) and all(found.is_better for found in verdicts)
    if as_json:
        kinds = [found.to_json() for found in verdicts]
        print_json({"good": is_good, "stores": [str(path) for path in paths], "kinds": kinds})
    elif not verdicts:
        print_line("Verdict: too few datasets, there are none.")
    ctx.exit(0 if is_good else 1)


def _verdicts(paths: list[Path], versions: dict[str, int]) -> Iterator[WarmStartEvaluation]:
    """The verdict on each kind of task that any of the stores knows."""
    from metaauto.knowledge import load_knowledge
    from metaauto.warmstart.evaluation import evaluate_warm_start

    warned: set[str] = set()
    for kind, metric in _METRICS.items():
        found = load_knowledge(paths, kind, metric, extractors=versions)
        for problem in found.problems:
            if len(paths) == 1:
                raise KnowledgeError(problem)
            if problem not in warned:
                say(f"Warning: {problem} It is left out.")
            warned.add(problem)
        if found.matrix is not None:
            yield evaluate_warm_start(found.matrix)


def _head(found: WarmStartEvaluation) -> Iterator[str]:
    words = "each taken for new beside those of other groups" if found.is_enough else "replayed"
    tables = counted(found.cases, "table")
    yield f"{found.kind}, {found.metric}: {tables} {words}"
    yield f"Verdict: {found.summary}"


def _rows(found: WarmStartEvaluation) -> Iterator[dict[str, str]]:
    if not found.points:
        return
    for name in found.points[0].regrets:
        yield {"regret": name, **{p.label: f"{p.regrets[name]:.3f}" for p in found.points}}
    for title, field in (("gain", "gain"), ("  95 % from", "low"), ("  95 % to", "high")):
        yield {"regret": title, **{p.label: f"{getattr(p, field):+.3f}" for p in found.points}}
