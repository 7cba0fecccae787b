"""Portfolios and search pools of FLAML, AutoGluon and TabRepo: what others try, in their words.

They come as JSON files: FLAML's ``lgbm__binary.json`` (a portfolio for each learner and kind of
task), AutoGluon's ``hyperparameter_portfolio_*.json`` (lists by family), TabRepo's
``configs_lightgbm.json`` (random draws by family). None of them says how good an entry was on which
table: they become proposals, without evaluations.

Families that we have no model for are skipped with their names: networks, foundation models, and
boosting of columns that were made from others ("GBM_PREP"). Configurations of LightGBM, XGBoost and
CatBoost are stored whether their plugins are installed or not: they are facts, and the plugin may
come later. What each translation judges equal is said in `metaauto.knowledge.importing.boosters`.

Preparation is ours in all of them, for that is how they will be measured. Limits on rows
(``ag.max_rows``) and what concerns ensembles and names is left out.

References
----------
C. Wang et al. FLAML: a fast and lightweight AutoML library. MLSys 2021. arXiv:1911.04706
M. Kayali, C. Wang. Mining robust default configurations for resource-constrained AutoML. 2022.
arXiv:2202.09927
D. Salinas, N. Erickson. TabRepo: a large scale repository of tabular model evaluations and its
AutoML applications. AutoML 2024. arXiv:2311.02971
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from metaauto.errors import KnowledgeError
from metaauto.knowledge.importing import boosters
from metaauto.knowledge.importing.files import Malformed, blamed, commit, folders, json_document
from metaauto.knowledge.importing.origins import AUTOGLUON, FLAML, TABREPO, Origin
from metaauto.knowledge.importing.proposals import CLASSES, REGRESSION, Proposal, Proposals
from metaauto.knowledge.importing.report import ImportReport
from metaauto.knowledge.importing.translation import (
    UNBOUNDED_LEAVES,
    NoCounterpart,
    Settings,
    Values,
    neighbours,
)
from metaauto.knowledge.store import KnowledgeStore

__all__ = ["import_portfolio", "translate_autogluon", "translate_flaml"]

_FOLDERS = ("flaml_default", "autogluon_portfolios", "tabrepo_configs")
_KIND_OF_FILE = re.compile(r"(?:^|__)(binary|multiclass|regression)$")
_ALL = (*CLASSES, *REGRESSION)


def import_portfolio(path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add the configurations of published portfolios to a store, in one transaction.

    Parameters
    ----------
    path : str or Path
        A JSON file, a folder of them, or one that has such folders as ``flaml_default``,
        ``autogluon_portfolios`` and ``tabrepo_configs``.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        What was read, imported and skipped.

    Raises
    ------
    KnowledgeError
        If there are no such files, or one is not of a published form; then nothing is added.
    """
    found: dict[tuple[Origin, str], Proposals] = {}
    for place in folders(path, _FOLDERS):
        files = [place] if place.is_file() else sorted(place.rglob("*.json"))
        for file in files:
            document = json_document(file)
            origin, entries = _form(file, document)
            version = commit(file.parent if place.is_file() else place)
            proposals = found.setdefault((origin, version), Proposals())
            for name, translate in entries(file, document):
                with blamed(file, f"entry {name!r}"):
                    proposals.offer(translate)
    if not found:
        raise KnowledgeError(
            f"There are no portfolios in {str(path)!r}.",
            hint="Name a JSON file of FLAML, AutoGluon or TabRepo, or a folder of them.",
            path=Path(path),
        )
    report = ImportReport("portfolio")
    with store.transaction():
        for (origin, version), proposals in found.items():
            changed = proposals.write(store, origin.provenance(store, version))
            report += ImportReport("", configurations=proposals.tally, changed=changed)
    return report


_Entries = Iterator[tuple[str, Callable[[], list[Proposal]]]]


def _form(path: Path, document: Any) -> tuple[Origin, Callable[[Path, Any], _Entries]]:
    """Whose form a document has."""
    if isinstance(document, dict) and document:
        if isinstance(document.get("portfolio"), list):
            return FLAML, _of_flaml
        values = list(document.values())
        if all(isinstance(value, list) for value in values):
            return AUTOGLUON, _of_autogluon
        if all(isinstance(value, dict) and "model_type" in value for value in values):
            return TABREPO, _of_tabrepo
    with blamed(path, ""):
        raise Malformed("neither a portfolio of FLAML or AutoGluon nor a pool of TabRepo")


def _of_flaml(path: Path, document: Any) -> _Entries:
    with blamed(path, "its name"):
        named = _KIND_OF_FILE.search(path.stem)
        if named is None:
            raise Malformed("it does not end in binary, multiclass or regression")
    for number, entry in enumerate(document["portfolio"]):
        with blamed(path, f"entry '{number}'"):
            learner, values = entry["class"], dict(entry["hyperparameters"])
        yield str(number), partial(translate_flaml, learner, values, named.group(1))


def _of_autogluon(path: Path, document: Any) -> _Entries:
    for family, entries in document.items():
        for number, entry in enumerate(entries):
            name = f"{family}[{number}]"
            with blamed(path, f"entry {name!r}"):
                values = dict(entry)
            yield name, partial(translate_autogluon, family, values)


def _of_tabrepo(path: Path, document: Any) -> _Entries:
    for name, entry in document.items():
        with blamed(path, f"entry {name!r}"):
            family, values = entry["model_type"], dict(entry["hyperparameters"])
        yield name, partial(translate_autogluon, family, values)


def translate_flaml(learner: str, values: Mapping[str, Any], kind: str) -> list[Proposal]:
    """What one entry of a portfolio of FLAML is here.

    Defaults are those of the library that a learner wraps: rates of 0.1 in LightGBM and 0.3 in
    XGBoost. Its "xgboost" grows by loss to a number of leaves, "xgb_limitdepth" to a depth.

    Parameters
    ----------
    learner : str
        FLAML's name.
    values : mapping of str
        Its hyperparameters.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task that the portfolio is for.

    Raises
    ------
    NoCounterpart
        If it is nothing that we have.
    """
    renamed = {_FLAML_NAMES.get((learner, name), name): value for name, value in values.items()}
    renamed.pop("FLAML_sample_size", None)
    if "log_max_bin" in renamed:
        renamed["max_bin"] = 2 ** Settings(renamed).whole("log_max_bin", 8) - 1
        del renamed["log_max_bin"]
    if learner == "xgboost" and renamed.get("max_leaves"):
        renamed["grow_policy"] = "lossguide"
    if learner not in _FLAML:
        raise NoCounterpart(f"{learner} is not ours")
    model, translate = _FLAML[learner]
    settings = Settings(renamed)
    translated = translate(settings, kind == "regression")
    settings.finish()
    return [Proposal(model, translated, (kind,))]


def translate_autogluon(family: str, values: Mapping[str, Any]) -> list[Proposal]:
    """What one entry of AutoGluon, or of TabRepo, is here, for each kind of task that it is for.

    Parameters
    ----------
    family : str
        AutoGluon's name of the model, as ``"GBM"``.
    values : mapping of str
        Its hyperparameters.

    Raises
    ------
    NoCounterpart
        If it is nothing that we have, for any kind of task.
    """
    if family not in _AUTOGLUON:
        raise NoCounterpart(f"{family} is not ours")
    about = values.get("ag_args") or {}
    kinds = tuple(kind for kind in _ALL if kind in about.get("problem_types", _ALL))
    found: list[Proposal] = []
    reasons: list[NoCounterpart] = []
    for group in (CLASSES, REGRESSION):
        wanted = tuple(kind for kind in kinds if kind in group)
        if not wanted:
            continue
        settings = Settings(values)
        settings.drop("ag_args", "ag_args_ensemble", "ag_args_fit", "ag.max_rows", "ag.min_rows")
        try:
            model, translated = _AUTOGLUON[family](settings, group == REGRESSION)
            settings.finish()
        except NoCounterpart as reason:
            reasons.append(reason)
            continue
        found.append(Proposal(model, translated, wanted))
    if reasons and not found:
        raise reasons[0]
    return found


_Translation = Callable[[Settings, bool], Values]


def _named(model: str, translate: _Translation) -> Callable[[Settings, bool], tuple[str, Values]]:
    return lambda settings, is_regression: (model, translate(settings, is_regression))


def _neighbours(settings: Settings, is_regression: bool) -> Values:
    return neighbours(settings)


_unbounded = partial(boosters.forest, max_leaf_nodes=UNBOUNDED_LEAVES)
_fast = partial(boosters.xgboost, learning_rate=0.3)

_FLAML: Mapping[str, tuple[str, _Translation]] = {
    "lgbm": ("lightgbm", partial(boosters.lightgbm, learning_rate=0.1)),
    "xgboost": ("xgboost", _fast),
    "xgb_limitdepth": ("xgboost", _fast),
    "rf": ("random_forest", _unbounded),
    "extra_tree": ("extra_trees", _unbounded),
}
_FLAML_NAMES = {
    ("lgbm", "min_child_samples"): "min_data_in_leaf",
    ("lgbm", "colsample_bytree"): "feature_fraction",
    ("lgbm", "reg_alpha"): "lambda_l1",
    ("lgbm", "reg_lambda"): "lambda_l2",
    ("rf", "max_leaves"): "max_leaf_nodes",
    ("extra_tree", "max_leaves"): "max_leaf_nodes",
}
_AUTOGLUON: Mapping[str, Callable[[Settings, bool], tuple[str, Values]]] = {
    "GBM": _named("lightgbm", boosters.lightgbm),
    "XGB": _named("xgboost", boosters.xgboost),
    "CAT": _named("catboost", boosters.catboost),
    "RF": _named("random_forest", boosters.forest),
    "XT": _named("extra_trees", boosters.forest),
    "KNN": _named("knn", _neighbours),
    "LR": boosters.linear,
}
