"""Portfolios and configuration pools of FLAML, AutoGluon and TabRepo.

They are JSON files: FLAML's ``lgbm__binary.json`` (a portfolio for each learner and task kind),
AutoGluon's ``hyperparameter_portfolio_*.json`` (lists by model family), TabRepo's
``configs_lightgbm.json`` (random configurations by model family). None has losses by dataset, so
they become recommendations without evaluations.

Families without an equivalent are skipped by name: neural networks, foundation models, and boosting
of generated features ("GBM_PREP"). Configurations of LightGBM, XGBoost and CatBoost are stored
whether their plugins are installed or not; the plugin may be installed later.
`metaauto_importers.portfolio_models` says which differences each conversion ignores.

Preprocessing is metaauto's, because that is how the configurations will be evaluated. Row limits
(``ag.max_rows``) and options of ensembles and names are ignored.

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

from metaauto.api import KnowledgeError, KnowledgeStore
from metaauto_importers import portfolio_models
from metaauto_importers.files import (
    MalformedValue,
    error_context,
    json_document,
    source_commit,
    source_folders,
)
from metaauto_importers.proposals import CLASSIFICATION, REGRESSION, Proposal, Proposer
from metaauto_importers.provenance import AUTOGLUON, FLAML, TABREPO, PublishedSource
from metaauto_importers.report import ImportReport
from metaauto_importers.translation import (
    UNBOUNDED_LEAVES,
    NoEquivalent,
    Settings,
    Values,
    knn_values,
)

__all__ = ["import_portfolio", "translate_autogluon", "translate_flaml"]

_FOLDERS = ("flaml_default", "autogluon_portfolios", "tabrepo_configs")
_KIND_IN_NAME = re.compile(r"(?:^|__)(binary|multiclass|regression)$")
_ALL = (*CLASSIFICATION, *REGRESSION)


def import_portfolio(path: str | Path, store: KnowledgeStore) -> ImportReport:
    """Add the configurations of published portfolios to a store, in one transaction.

    Parameters
    ----------
    path : str or Path
        A JSON file, a folder of them, or a folder with the subfolders ``flaml_default``,
        ``autogluon_portfolios`` and ``tabrepo_configs``.
    store : KnowledgeStore
        Open for writing.

    Returns
    -------
    ImportReport
        Configurations read, imported and skipped.

    Raises
    ------
    KnowledgeError
        If there are no such files, or one is malformed; then nothing is added.
    """
    found: dict[tuple[PublishedSource, str], Proposer] = {}
    for place in source_folders(path, _FOLDERS):
        files = [place] if place.is_file() else sorted(place.rglob("*.json"))
        for file in files:
            document = json_document(file)
            source, entries = _detect_format(file, document)
            version = source_commit(file.parent if place.is_file() else place)
            proposals = found.setdefault((source, version), Proposer())
            for name, translate in entries(file, document):
                with error_context(file, f"entry {name!r}"):
                    proposals.add(translate)
    if not found:
        raise KnowledgeError(
            f"No portfolios in {str(path)!r}.",
            hint="Name a JSON file of FLAML, AutoGluon or TabRepo, or a folder of them.",
            path=Path(path),
        )
    report = ImportReport("portfolio")
    with store.transaction():
        for (source, version), proposals in found.items():
            changed = proposals.write(store, source.provenance(store, version))
            report += ImportReport("", configurations=proposals.tally, changed=changed)
    return report


_Entries = Iterator[tuple[str, Callable[[], list[Proposal]]]]


def _detect_format(
    path: Path, document: Any
) -> tuple[PublishedSource, Callable[[Path, Any], _Entries]]:
    """Return the source of a document and the function that yields its entries."""
    if isinstance(document, dict) and document:
        if isinstance(document.get("portfolio"), list):
            return FLAML, _flaml_entries
        values = list(document.values())
        if all(isinstance(value, list) for value in values):
            return AUTOGLUON, _autogluon_entries
        if all(isinstance(value, dict) and "model_type" in value for value in values):
            return TABREPO, _tabrepo_entries
    with error_context(path, ""):
        raise MalformedValue("expected a file of FLAML, AutoGluon or TabRepo")


def _flaml_entries(path: Path, document: Any) -> _Entries:
    with error_context(path, "file name"):
        named = _KIND_IN_NAME.search(path.stem)
        if named is None:
            raise MalformedValue("must end in binary, multiclass or regression")
    for number, entry in enumerate(document["portfolio"]):
        with error_context(path, f"entry '{number}'"):
            learner, values = entry["class"], dict(entry["hyperparameters"])
        yield str(number), partial(translate_flaml, learner, values, named.group(1))


def _autogluon_entries(path: Path, document: Any) -> _Entries:
    for family, entries in document.items():
        for number, entry in enumerate(entries):
            name = f"{family}[{number}]"
            with error_context(path, f"entry {name!r}"):
                values = dict(entry)
            yield name, partial(translate_autogluon, family, values)


def _tabrepo_entries(path: Path, document: Any) -> _Entries:
    for name, entry in document.items():
        with error_context(path, f"entry {name!r}"):
            family, values = entry["model_type"], dict(entry["hyperparameters"])
        yield name, partial(translate_autogluon, family, values)


def translate_flaml(learner: str, values: Mapping[str, Any], kind: str) -> list[Proposal]:
    """Convert one entry of a portfolio of FLAML.

    Defaults are those of the library that a learner wraps: learning rates of 0.1 in LightGBM and
    0.3 in XGBoost. "xgboost" grows trees leaf-wise to a number of leaves, "xgb_limitdepth"
    depth-wise.

    Parameters
    ----------
    learner : str
        FLAML's name of the model.
    values : mapping of str
        Its hyperparameters.
    kind : {'binary', 'multiclass', 'regression'}
        Task kind of the portfolio.

    Raises
    ------
    NoEquivalent
        If metaauto has no equivalent.
    """
    renamed = {_FLAML_NAMES.get((learner, name), name): value for name, value in values.items()}
    renamed.pop("FLAML_sample_size", None)
    if "log_max_bin" in renamed:
        renamed["max_bin"] = 2 ** Settings(renamed).integer("log_max_bin", 8) - 1
        del renamed["log_max_bin"]
    if learner == "xgboost" and renamed.get("max_leaves"):
        renamed["grow_policy"] = "lossguide"
    if learner not in _FLAML:
        raise NoEquivalent.of(learner)
    model, translate = _FLAML[learner]
    settings = Settings(renamed)
    translated = translate(settings, kind == "regression")
    settings.check_all_read()
    return [Proposal(model, translated, (kind,))]


def translate_autogluon(family: str, values: Mapping[str, Any]) -> list[Proposal]:
    """Convert one entry of AutoGluon or TabRepo for each of its task kinds.

    Parameters
    ----------
    family : str
        AutoGluon's name of the model, such as ``"GBM"``.
    values : mapping of str
        Its hyperparameters.

    Raises
    ------
    NoEquivalent
        If metaauto has no equivalent for any task kind.
    """
    if family not in _AUTOGLUON:
        raise NoEquivalent.of(family)
    about = values.get("ag_args") or {}
    kinds = tuple(kind for kind in _ALL if kind in about.get("problem_types", _ALL))
    found: list[Proposal] = []
    reasons: list[NoEquivalent] = []
    for group in (CLASSIFICATION, REGRESSION):
        wanted = tuple(kind for kind in kinds if kind in group)
        if not wanted:
            continue
        settings = Settings(values)
        settings.ignore("ag_args", "ag_args_ensemble", "ag_args_fit", "ag.max_rows", "ag.min_rows")
        try:
            model, translated = _AUTOGLUON[family](settings, group == REGRESSION)
            settings.check_all_read()
        except NoEquivalent as reason:
            reasons.append(reason)
            continue
        found.append(Proposal(model, translated, wanted))
    if reasons and not found:
        raise reasons[0]
    return found


_Converter = Callable[[Settings, bool], Values]


def _named(model: str, translate: _Converter) -> Callable[[Settings, bool], tuple[str, Values]]:
    return lambda settings, is_regression: (model, translate(settings, is_regression))


def _knn(settings: Settings, is_regression: bool) -> Values:
    return knn_values(settings)


_unbounded = partial(portfolio_models.forest, max_leaf_nodes=UNBOUNDED_LEAVES)
_fast = partial(portfolio_models.xgboost, learning_rate=0.3)

_FLAML: Mapping[str, tuple[str, _Converter]] = {
    "lgbm": ("lightgbm", partial(portfolio_models.lightgbm, learning_rate=0.1)),
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
    "GBM": _named("lightgbm", portfolio_models.lightgbm),
    "GBM_PREP": _named("lightgbm", portfolio_models.lightgbm_with_features),
    "XGB": _named("xgboost", portfolio_models.xgboost),
    "CAT": _named("catboost", portfolio_models.catboost),
    "RF": _named("random_forest", portfolio_models.forest),
    "XT": _named("extra_trees", portfolio_models.forest),
    "KNN": _named("knn", _knn),
    "LR": portfolio_models.linear,
}
