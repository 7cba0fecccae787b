"""Serialise fold models with skops, and define the types that are loaded as trusted.

skops writes objects as JSON and arrays. Reading constructs only types on a list: the names below,
metaauto's own classes and the types that installed plugins declare. Nothing in the file can add to
the list.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import itertools
import json
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from metaauto.errors import ModelFileError
from metaauto.model.array_checks import check_indices
from metaauto.model.schema_limits import check_schema
from metaauto.plugins.registry import SAVED_MODEL, Registry

__all__ = [
    "TRUSTED_TYPES",
    "declared_types",
    "dump_estimator",
    "import_skops_alone",
    "load_estimator",
    "modules_in",
    "trusted_types",
]

_NEIGHBOURS = tuple(
    f"sklearn.neighbors.{module}.{name}{bits}"
    for module, name in (("_kd_tree", "KDTree"), ("_ball_tree", "BallTree"))
    for bits in ("", "32", "64")
)
_DISTANCES = tuple(
    f"sklearn.metrics._dist_metrics.{name}Distance{bits}"
    for name in ("Chebyshev", "Euclidean", "Manhattan", "Minkowski", "SEuclidean")
    for bits in ("", "32", "64")
)
# Newer releases of skops trust these by default.
_LOSSES = (
    *(
        f"sklearn._loss.link.{name}"
        for name in (
            "HalfLogitLink",
            "IdentityLink",
            "Interval",
            "LogLink",
            "LogitLink",
            "MultinomialLogit",
        )
    ),
    *(
        f"{module}{name}"
        for name in (
            "AbsoluteError",
            "ExponentialLoss",
            "HalfBinomialLoss",
            "HalfGammaLoss",
            "HalfMultinomialLoss",
            "HalfPoissonLoss",
            "HalfSquaredError",
            "HuberLoss",
            "PinballLoss",
        )
        for module in ("sklearn._loss.loss.", "sklearn._loss._loss.Cy", "_loss.Cy")
    ),
)
_SPARSE = tuple(
    f"scipy.sparse._{kind}.{kind}_{form}"
    for kind in ("coo", "csc", "csr")
    for form in ("array", "matrix")
)
TRUSTED_TYPES: tuple[str, ...] = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Matern",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.gaussian_process.kernels.Sum",
    "sklearn.gaussian_process.kernels.WhiteKernel",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.utils._bunch.Bunch",
    "metaauto.search.rescaled_regressor.RescaledRegressor",
    "numpy.dtype",
    # Used by histogram gradient boosting with categories, to check an array.
    "functools.partial",
    "sklearn.utils.validation.check_array",
    *_NEIGHBOURS,
    *_DISTANCES,
    *_LOSSES,
    *_SPARSE,
)
"""Types in fitted scikit-learn models, besides the estimators and arrays that skops trusts."""

# Higher levels double the time for a 10 % smaller file.
_COMPRESSION, _LEVEL = zipfile.ZIP_DEFLATED, 3
MAX_UNPACKED_RATIO = 500
FREE_UNPACKED_BYTES = 64 * 2**20
_MODULE = re.compile(rb'"__module__": "([A-Za-z_][\w.]*)"')
_TEXT = re.compile(rb'": "([^"]+)"')
_OWN_MODULES = "metaauto.builtin."
_SKLEARN = "sklearn."
_NOT_PUBLIC = {"tests", "externals", "conftest", "experimental"}
_NAMES = "feature_names_in_"
_PLACES = "_transformer_to_input_indices"
_BRANCHES = ("transformers", "transformers_", "_columns")


def trusted_types(registry: Registry) -> list[str]:
    """Return the names of the types that are loaded as trusted here, besides metaauto's own."""
    return sorted({*TRUSTED_TYPES, *declared_types(registry)})


def declared_types(registry: Registry) -> tuple[str, ...]:
    """Return the names of the types that components declare as trusted."""
    return tuple(
        name
        for kind in ("model", SAVED_MODEL, "preprocessor")
        for entry in registry.entries(kind)
        for name in entry.component.trusted
    )


@functools.cache
def _own_types(module: str) -> tuple[str, ...]:
    """Return the names of the estimator classes in one of metaauto's modules of components."""
    return tuple(f"{module}.{name}" for name, _ in _estimators_in(module))


@functools.cache
def _sklearn_types(module: str) -> tuple[str, ...]:
    """Return the names of the estimator classes in a module that scikit-learn exports."""
    parts = module.split(".")
    found = [] if _NOT_PUBLIC & {*parts} else _estimators_in(module)
    public = ".".join(itertools.takewhile(lambda part: not part.startswith("_"), parts))
    exported = vars(importlib.import_module(public)) if found else {}
    return tuple(
        f"{module}.{name}"
        for name, value in found
        if exported.get(name) is value
        and not name.startswith("_")
        and not inspect.isabstract(value)
    )


def _universal_functions(module: str) -> tuple[str, ...]:
    """Return the names of the universal functions in a module of numpy or scipy, such as log1p."""
    if module.partition(".")[0] not in ("numpy", "scipy") or module not in sys.modules:
        return ()
    found = vars(sys.modules[module])
    return tuple(f"{module}.{name}" for name in found if isinstance(found[name], np.ufunc))


def _estimators_in(module: str) -> list[tuple[str, type]]:
    """Return the estimator classes that a module defines, by name."""
    from sklearn.base import BaseEstimator

    try:
        members = vars(importlib.import_module(module))
    except ModuleNotFoundError:
        return []
    return [
        (value.__name__, value)
        for value in members.values()
        if inspect.isclass(value)
        and value.__module__ == module
        and issubclass(value, BaseEstimator)
    ]


def import_skops_alone() -> None:
    """Import `skops.io` without its lists of trusted types, in a process of metaauto's own.

    For its list of estimators skops imports every module of scikit-learn, and for each universal
    function of numpy and scipy it searches all modules: both take longer than loading a model.
    `_named_in` looks up those that a file names. Other users of skops in the same process would
    miss the lists.
    """
    import sklearn.utils

    def none_listed() -> list[Any]:
        # skops calls this while it imports the module that makes both lists.
        module = sys.modules.get("skops.io._trusted_types")
        if module is not None:
            vars(module)["get_public_type_names"] = lambda module, oftype: []
        return []

    listed = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = none_listed
    try:
        importlib.import_module("skops.io")
    finally:
        sklearn.utils.all_estimators = listed


def dump_estimator(estimator: Any) -> bytes:
    """Serialise a fitted estimator with skops.

    Raises
    ------
    ModelFileError
        skops cannot serialise it.
    """
    try:
        with _compacted(estimator):
            return _dumps(estimator)
    except Exception as error:
        # A plugin's object may raise anything from __reduce__ or __getstate__.
        raise ModelFileError(
            f"skops cannot serialise it: {type(error).__name__}: {str(error)[:300]}",
            hint="Ask the plugin's author to implement __getstate__ and __setstate__.",
        ) from error


def _dumps(estimator: Any) -> bytes:
    """Return what `skops.io.dumps` does, without the indentation of its schema.

    Python indents JSON without its C encoder, which takes most of the time for a forest.
    """
    import skops.io

    try:
        from skops.io._utils import SaveContext, get_state
    except ImportError:
        return bytes(skops.io.dumps(estimator, compression=_COMPRESSION, compresslevel=_LEVEL))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", _COMPRESSION, compresslevel=_LEVEL) as archive:
        context = SaveContext(zip_file=archive)
        state = get_state(estimator, context)
        context.clear_memo()
        state["protocol"] = context.protocol
        state["_skops_version"] = skops.__version__
        archive.writestr("schema.json", json.dumps(state))
    return buffer.getvalue()


def modules_in(data: bytes) -> list[str]:
    """Return the top-level modules of the types in skops bytes, sorted."""
    return sorted({name.split(".")[0] for name in _modules(_schema(data))})


def _modules(schema: bytes) -> set[str]:
    return {name.decode() for name in _MODULE.findall(schema)}


def _schema(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("schema.json")


def load_estimator(data: bytes, trusted: Collection[str], *, trust: bool = False) -> Any:
    """Load an estimator from skops bytes if all its types are trusted.

    Parameters
    ----------
    data : bytes
        Output of `dump_estimator`, or bytes from an untrusted source.
    trusted : collection of str
        Names of types that may be constructed, besides metaauto's own components.
    trust : bool, default=False
        Construct every type that the bytes name; as unsafe as a pickle.

    Raises
    ------
    ModelFileError
        A type is not trusted (listed in ``details["types"]``), references repeat its objects too
        often, an array holds an index out of bounds, or the bytes cannot be read.
    """
    try:
        _check_unpacked_size(data)
        schema = _schema(data)
        check_schema(schema)
        with warnings.catch_warnings():
            # Versions are compared once per file, from its manifest.
            warnings.simplefilter("ignore")
            estimator = _construct(data, _named_in(schema, trusted), trust)
        _restore_names(estimator)
        if not trust:
            check_indices(estimator)
    except ModelFileError:
        raise
    except Exception as error:
        # Damaged or malicious bytes raise many types of errors in zipfile, json, numpy and skops.
        raise ModelFileError(
            f"it cannot be read: {type(error).__name__}: {str(error)[:300]}",
            hint="Install the versions in the manifest, or copy the file again.",
        ) from error
    return estimator


def _named_in(schema: bytes, trusted: Collection[str]) -> list[str]:
    """Return the trusted types that a schema may name; skops compares each object with all."""
    own = {
        name
        for module in _modules(schema)
        for prefix, types in (
            (_OWN_MODULES, _own_types),
            (_SKLEARN, _sklearn_types),
            ("numpy", _universal_functions),
            ("scipy.special", _universal_functions),
        )
        if module.startswith(prefix)
        for name in types(module)
    }
    last_parts = {text.decode().rpartition(".")[2] for text in {*_TEXT.findall(schema)}}
    return [name for name in {*trusted, *own} if _last_part(name) in last_parts]


@functools.cache
def _last_part(name: str) -> str:
    """Return the name of a type without its module, as JSON in ASCII writes it."""
    return json.dumps(name.rpartition(".")[2])[1:-1]


def _construct(data: bytes, trusted: Collection[str], trust: bool) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.loads(data, trusted=list(trusted))
    except UntrustedTypesFoundException:
        unknown = set(skops.io.get_untrusted_types(data=data)) - set(trusted)
        if not trust:
            raise _untrusted(sorted(unknown)) from None
    return skops.io.loads(data, trusted=[*trusted, *unknown])


def _untrusted(types: list[str]) -> ModelFileError:
    return ModelFileError(
        f"it holds untrusted types: {', '.join(types)}.",
        hint="If you trust its source, load it in Python with metaauto.load(FILE, trust=True); it "
        "may then run arbitrary code.",
        types=types,
    )


def _check_unpacked_size(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > FREE_UNPACKED_BYTES and unpacked > MAX_UNPACKED_RATIO * len(data):
        raise ModelFileError(
            f"it claims to unpack from {len(data):,} to {unpacked:,} bytes.",
            hint="Do not load this file: it is not a model.",
        )


@contextmanager
def _compacted(estimator: Any) -> Iterator[None]:
    """Convert names and positions to arrays while an estimator is written.

    A model file has an entry for each item of a list, and one for an array.
    """
    kept: list[tuple[Any, str, Any]] = []
    for step in _steps(estimator):
        names, places = vars(step).get(_NAMES), vars(step).get(_PLACES)
        if _are_texts(names):
            kept.append((step, _NAMES, names))
            step.__dict__[_NAMES] = names.astype(str)
        if isinstance(places, dict):
            kept.append((step, _PLACES, places))
            step.__dict__[_PLACES] = {
                name: np.asarray(indices, dtype=np.int64) for name, indices in places.items()
            }
        for attribute in _BRANCHES:
            if attribute in vars(step):
                kept.append((step, attribute, vars(step)[attribute]))
                _convert_positions(step, attribute, _as_array)
    try:
        yield
    finally:
        for step, attribute, value in kept:
            step.__dict__[attribute] = value


def _restore_names(estimator: Any) -> None:
    """Convert names and positions of a loaded estimator to the types that scikit-learn expects."""
    for step in _steps(estimator):
        names, places = vars(step).get(_NAMES), vars(step).get(_PLACES)
        if isinstance(names, np.ndarray) and names.dtype.kind == "U":
            step.__dict__[_NAMES] = names.astype(object)
        if isinstance(places, dict):
            step.__dict__[_PLACES] = {
                name: indices.tolist() if isinstance(indices, np.ndarray) else indices
                for name, indices in places.items()
            }
        for attribute in _BRANCHES:
            if attribute in vars(step):
                _convert_positions(step, attribute, _as_list)


def _convert_positions(step: Any, attribute: str, convert: Callable[[Any], Any]) -> None:
    """Convert the columns of each branch: they stand alone, or last in a tuple."""
    step.__dict__[attribute] = [
        (*branch[:-1], convert(branch[-1])) if isinstance(branch, tuple) else convert(branch)
        for branch in vars(step)[attribute]
    ]


def _as_array(columns: Any) -> Any:
    are_positions = isinstance(columns, list) and all(type(column) is int for column in columns)
    return np.array(columns, dtype=np.int64) if are_positions else columns


def _as_list(columns: Any) -> Any:
    return columns.tolist() if isinstance(columns, np.ndarray) else columns


def _steps(estimator: Any) -> Iterator[Any]:
    """Yield the estimator, the steps of pipelines and the branches of column transformers."""
    if not hasattr(estimator, "__dict__"):
        return
    yield estimator
    for _, step in vars(estimator).get("steps") or ():
        yield from _steps(step)
    for _, branch, _ in vars(estimator).get("transformers_") or ():
        yield from _steps(branch)


def _are_texts(names: Any) -> bool:
    """Return whether names survive a text array, which drops trailing NULs."""
    if not isinstance(names, np.ndarray) or names.dtype != object:
        return False
    return all(isinstance(name, str) and not name.endswith("\0") for name in names)
