"""Write the ensemble as a Python script that trains it again.

The script has one scikit-learn pipeline for each member, with preprocessing and hyperparameters,
the weights, the calibration and the decision rule. Each pipeline is fitted once, on all rows.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np

from metaauto.data.booleans import truth_table
from metaauto.errors import Refused
from metaauto.model.final import FinalModel, Member
from metaauto.model.source_code import WIDTH, Expression, Imports, NotExpressible, value
from metaauto.model.unfitted import template
from metaauto.task import Column, Role

__all__ = ["python_script"]

_UNIX = {"unix s": "s", "unix ms": "ms", "unix us": "us", "unix ns": "ns"}
_NAMES = {
    Role.NUMERIC: "NUMERIC",
    Role.BOOLEAN: "BOOLEAN",
    Role.CATEGORICAL: "CATEGORICAL",
    Role.DATETIME: "DATETIME",
    Role.TEXT: "TEXT",
}
_LIBRARIES = {"sklearn": "scikit-learn"}

_READ = '''

def read(path):
    """Read a csv file with all cells as text."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.mask(table.isin(MISSING), "")


def known(cells, values):
    """Return the cells, spelled like the known values: 1.0 like 1, without spaces."""
    stripped = cells.str.strip().str.replace(r"\\.0+$", "", regex=True)
    return cells.where(cells.isin(values), stripped)


def prepare(table):
    """Return the features in the types that the pipelines take."""
    missing = [name for name in FEATURES if name not in table]
    if missing:
        raise SystemExit(f"Missing columns: {', '.join(missing)}")
    columns = {}
'''

_PREPARE = {
    Role.NUMERIC: """\
    for name in NUMERIC:
        columns[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
""",
    Role.BOOLEAN: """\
    for name, numbers in BOOLEAN.items():
        columns[name] = table[name].str.strip().str.lower().map(numbers).astype(float)
""",
    Role.CATEGORICAL: """\
    for name, values in CATEGORICAL.items():
        # Unknown categories are treated as missing.
        cells = known(table[name], values)
        cells = cells.where(cells.isin(values))
        columns[name] = pd.Categorical(cells, categories=values)
""",
    Role.DATETIME: """\
    for name, options in DATETIME.items():
        cells = table[name]
        if "unit" in options:
            cells = pd.to_numeric(cells, errors="coerce")
        dates = pd.to_datetime(cells, errors="coerce", utc=True, **options)
        columns[name] = dates.dt.tz_localize(None).astype("datetime64[ns]")
""",
    Role.TEXT: """\
    for name in TEXT:
        columns[name] = table[name].astype(object)
""",
}

_FIT_CLASSES = '''

def fit(table):
    """Fit each member on all rows with a known class; return pairs of weight and model."""
    labels = [str(label) for label in CLASSES]
    codes = pd.Index(labels).get_indexer(known(table[TARGET], labels))
    absent = [label for code, label in enumerate(labels) if code not in codes]
    if absent:
        raise SystemExit(f"No rows of the classes: {', '.join(absent)}")
    X, y = prepare(table).loc[codes >= 0], codes[codes >= 0]
    return [(weight, build().fit(X, y)) for weight, build in MEMBERS]


def predict_proba(fitted, table):
    """Return probabilities of shape (rows, classes)."""
    X = prepare(table)
    total = np.zeros((len(X), len(CLASSES)))
    for weight, model in fitted:
        total[:, model.classes_] += weight * model.predict_proba(X)
    return calibrate(total / total.sum(axis=1, keepdims=True))

'''

_CALIBRATE = {
    "identity": '''
def calibrate(probabilities):
    """Return the probabilities: calibration did not improve them."""
    return probabilities

''',
    "temperature": '''
def calibrate(probabilities):
    """Calibrate by temperature scaling."""
    logs = np.log(np.maximum(probabilities, 1e-38)) / TEMPERATURE
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)

''',
    "platt": '''
def calibrate(probabilities):
    """Calibrate by Platt scaling: a logistic function of the log odds."""
    logs = np.log(np.maximum(probabilities, 1e-38))
    odds = SLOPE * (logs[:, 1] - logs[:, 0]) + INTERCEPT
    positive = 1.0 / (1.0 + np.exp(-np.clip(odds, -80.0, 80.0)))
    return np.column_stack([1.0 - positive, positive])

''',
    "beta": '''
def calibrate(probabilities):
    """Calibrate by beta calibration."""
    logs = np.log(np.maximum(probabilities, 1e-38))
    odds = SLOPE * logs[:, 1] - COMPLEMENT_SLOPE * logs[:, 0] + INTERCEPT
    positive = 1.0 / (1.0 + np.exp(-np.clip(odds, -80.0, 80.0)))
    return np.column_stack([1.0 - positive, positive])

''',
}
_CALIBRATION_NAMES = {
    "identity": (),
    "temperature": ("TEMPERATURE",),
    "platt": ("SLOPE", "INTERCEPT"),
    "beta": ("SLOPE", "COMPLEMENT_SLOPE", "INTERCEPT"),
}

_DECIDE = {
    "argmax": '''
def decide(probabilities):
    """Return the most probable class of each row."""
    return np.array(CLASSES, dtype=object)[probabilities.argmax(axis=1)]

''',
    "threshold": '''
def decide(probabilities):
    """Return the second class at or above the threshold, else the first."""
    codes = (probabilities[:, 1] >= THRESHOLD).astype(int)
    return np.array(CLASSES, dtype=object)[codes]

''',
    "multipliers": '''
def decide(probabilities):
    """Return the most probable class after multiplication by the factors of the classes."""
    codes = (probabilities * np.array(CLASS_FACTORS)).argmax(axis=1)
    return np.array(CLASSES, dtype=object)[codes]

''',
}

_FIT_VALUES = '''

def fit(table):
    """Fit each member on all rows with a known target; return pairs of weight and model."""
    y = pd.to_numeric(table[TARGET], errors="coerce")
    if not y.notna().any():
        raise SystemExit(f"Column {TARGET!r} contains no numbers.")
    X, y = prepare(table).loc[y.notna()], y[y.notna()].to_numpy(float)
    return [(weight, build().fit(X, y)) for weight, build in MEMBERS]


def predict(fitted, table):
    """Return one value per row."""
    X = prepare(table)
    return sum(weight * model.predict(X) for weight, model in fitted)

'''

_MAIN = '''
def main():
    """Train on the first file and predict the second one."""
    parser = argparse.ArgumentParser(description="Train the ensemble and predict.")
    parser.add_argument("train", help="csv file with the training rows")
    parser.add_argument("new", help="csv file with the rows to predict")
    parser.add_argument("output", help="csv file to write the predictions to")
    arguments = parser.parse_args()
    table = read(arguments.train)
    if TARGET not in table:
        raise SystemExit(f"{arguments.train} has no column {TARGET!r}.")
    fitted = fit(table)
    new = read(arguments.new)
'''

_WRITE_CLASSES = """\
    probabilities = predict_proba(fitted, new)
    titles = [f"probability of {label}" for label in CLASSES]
    result = pd.DataFrame(probabilities, columns=titles)
    result.insert(0, TARGET, decide(probabilities))
    result.to_csv(arguments.output, index=False)
"""

_WRITE_VALUES = """\
    result = pd.DataFrame({TARGET: predict(fitted, new)})
    result.to_csv(arguments.output, index=False)
"""

_END = """

if __name__ == "__main__":
    main()
"""


def python_script(model: FinalModel) -> str:
    """Return the source of the script.

    Parameters
    ----------
    model : FinalModel
        The ensemble; members of weight zero are left out.

    Raises
    ------
    Refused
        A column or a member cannot be written as source.
    """
    imports = Imports()
    members = [member for member in model.members if member.weight > 0]
    functions, entries, notes = [], [], []
    total = sum(member.weight for member in members)
    for number, member in enumerate(members, 1):
        try:
            estimator, told = template(member, model.task)
            function = f"build_{re.sub(r'[^a-zA-Z0-9]', '_', member.model)}_{number}"
            functions.append(_function(function, member, estimator, model, imports))
        except NotExpressible as error:
            raise Refused(
                f"Member {member.name!r} cannot be written as Python: {error}.",
                hint="Fit again without this model (--exclude), or use model.to_sklearn().",
            ) from error
        entries.append((member.weight / total, function))
        notes += [note for note in told if note not in notes]
    pairs = tuple(
        ("", Expression("(", (("", value(w, imports)), ("", Expression(f))), ")"))
        for w, f in entries
    )
    tail = [""] * 2 + Expression("[", pairs, "]").lines("MEMBERS = ")
    parts = ["\n".join(_header(model, notes, imports)), "\n".join(_constants(model, imports))]
    parts += [_READ.rstrip("\n"), *(_prepare(model)), *functions, "\n".join(tail)]
    parts.append(_main_part(model))
    return "\n".join(parts)


def _function(
    function: str, member: Member, estimator: Any, model: FinalModel, imports: Imports
) -> str:
    source = _pipeline(estimator, model, imports)
    what = " ".join(member.name.split()).replace("\\", "/").replace('"', "'")
    doc = textwrap.shorten(what, 60)
    lines = ["", "", f"def {function}():", f'    """Return the pipeline of {doc}."""']
    return "\n".join([*lines, *source.lines("return ", indent=4)])


def _pipeline(step: Any, model: FinalModel, imports: Imports) -> Expression:
    """Return the source of a pipeline; columns are written as the constants of the script."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline, make_pipeline

    if type(step) is Pipeline:
        imports.modules.setdefault("sklearn.pipeline", set()).add(make_pipeline.__name__)
        parts = tuple(("", _pipeline(part, model, imports)) for _, part in step.steps)
        return Expression("make_pipeline(", parts, ")")
    if type(step) is not ColumnTransformer:
        return value(step, imports)
    branches = []
    for title, branch, columns in step.transformers:
        inside = (
            ("", value(title, imports)),
            ("", _pipeline(branch, model, imports)),
            ("", _columns(columns, model, imports)),
        )
        branches.append(("", Expression("(", inside, ")")))
    keyword = (("sparse_threshold=", value(step.sparse_threshold, imports)),)
    listed = ("", Expression("[", tuple(branches), "]"))
    return Expression(f"{imports.add(ColumnTransformer)}(", (listed, *keyword), ")")


def _columns(columns: Any, model: FinalModel, imports: Imports) -> Expression:
    features = model.schema.features
    if isinstance(columns, (int, np.integer)):
        return value(features[columns].name, imports)
    chosen = features[columns] if isinstance(columns, slice) else [features[i] for i in columns]
    roles = {column.role for column in chosen}
    if len(chosen) == len(features):
        return Expression("FEATURES")
    if len(chosen) == sum(column.role in roles for column in features):
        if len(roles) == 1:
            return Expression(f"list({_NAMES[next(iter(roles))]})")
        names = [_NAMES[role] for role in _NAMES if role in roles]
        union = ", ".join(f"*{each}" for each in names)
        return Expression(f"[c for c in FEATURES if c in {{{union}}}]")
    return value([column.name for column in chosen], imports)


def _header(model: FinalModel, notes: list[str], imports: Imports) -> Iterator[str]:
    libraries = sorted({module.split(".")[0] for module in imports.modules} | {"numpy", "pandas"})
    yield '"""Train and apply the ensemble that metaauto found.'
    yield ""
    yield "    python SCRIPT train.csv new.csv predictions.csv"
    yield ""
    yield from textwrap.wrap(
        f"Written with {', '.join(_versions(libraries))}. Both files have the columns FEATURES, "
        "and the first one also has the column TARGET.",
        WIDTH,
        break_on_hyphens=False,
    )
    yield ""
    yield "Differences from the model of metaauto:"
    yield ""
    for note in [*_differences(model), *notes]:
        yield from textwrap.wrap(note, WIDTH, initial_indent="- ", subsequent_indent="  ")
    yield '"""'
    yield ""
    yield "import argparse"
    yield ""
    if model.task.is_classification:
        yield "import numpy as np"
    yield "import pandas as pd"
    yield from imports.lines()


def _differences(model: FinalModel) -> Iterator[str]:
    folds = max(len(member.estimators) for member in model.members)
    if folds > 1:
        yield (
            f"Each member is fitted once on all rows; the model has the mean of {folds} models, "
            "each fitted on a part of the rows"
            + (", and of one on all rows." if any(m.all_rows for m in model.members) else ".")
        )
    else:
        yield "Each member is fitted on all rows; the model was fitted on a part of them."
    calibrator = model.calibrator is not None and model.calibrator.kind != "identity"
    decision = model.decision is not None and model.decision.kind != "argmax"
    if calibrator or decision:
        what = " and ".join(["calibration"] * calibrator + ["decision rule"] * decision)
        yield f"The {what} is that of the model; it is not tuned again."
    if model.task.weighted:
        yield "Sample weights are not used."
    yield "The time limits of the search are not used, and NaN predictions are not replaced."


def _versions(libraries: list[str]) -> Iterator[str]:
    distributions = metadata.packages_distributions()
    for library in libraries:
        found = _LIBRARIES.get(library, distributions.get(library, [library])[0])
        try:
            yield f"{found} {metadata.version(found)}"
        except metadata.PackageNotFoundError:
            yield found


def _constants(model: FinalModel, imports: Imports) -> Iterator[str]:
    yield ""
    constants: dict[str, Any] = {"TARGET": model.task.target}
    if model.task.is_classification:
        constants["CLASSES"] = list(model.task.classes or ())
    constants["MISSING"] = list(model.schema.missing)
    constants["FEATURES"] = [column.name for column in model.schema.features]
    for role, title in _NAMES.items():
        columns = [column for column in model.schema.features if column.role is role]
        if columns:
            constants[title] = _column_values(role, columns)
    if model.calibrator is not None:
        titles = _CALIBRATION_NAMES[model.calibrator.kind]
        constants.update(zip(titles, model.calibrator.values, strict=True))
    if model.decision is not None and model.decision.kind == "threshold":
        constants["THRESHOLD"] = model.decision.values[0]
    if model.decision is not None and model.decision.kind == "multipliers":
        constants["CLASS_FACTORS"] = list(model.decision.values)
    for title, content in constants.items():
        yield from value(content, imports).lines(f"{title} = ")


def _column_values(role: Role, columns: list[Column]) -> Any:
    if role is Role.BOOLEAN:
        return {c.name: truth_table(c.categories or ()) for c in columns}
    if role is Role.CATEGORICAL:
        return {c.name: list(c.categories or ()) for c in columns}
    if role is Role.DATETIME:
        return {c.name: _date_options(c) for c in columns}
    for column in columns:
        if role is Role.NUMERIC and column.format:
            raise _unsupported(column)
    return [column.name for column in columns]


def _date_options(column: Column) -> dict[str, str]:
    if column.format in _UNIX:
        return {"unit": _UNIX[column.format]}
    if column.format in ("", "ISO8601") or column.format.startswith("%"):
        return {"format": column.format or "ISO8601"}
    raise _unsupported(column)


def _unsupported(column: Column) -> Refused:
    return Refused(
        f"Column {column.name!r} has the format {column.format!r}, which the script cannot read.",
        hint="Convert the column to plain numbers or ISO 8601 dates and fit again.",
    )


def _prepare(model: FinalModel) -> Iterator[str]:
    present = {column.role for column in model.schema.features}
    for role, source in _PREPARE.items():
        if role in present:
            yield source.rstrip("\n")
    yield "    return pd.DataFrame(columns, index=table.index)[FEATURES]"


def _main_part(model: FinalModel) -> str:
    if not model.task.is_classification:
        return _FIT_VALUES + _MAIN + _WRITE_VALUES + _END
    calibration = "identity" if model.calibrator is None else model.calibrator.kind
    decision = "argmax" if model.decision is None else model.decision.kind
    middle = _CALIBRATE[calibration] + "\n" + _DECIDE[decision].lstrip("\n")
    return _FIT_CLASSES + middle + _MAIN + _WRITE_CLASSES + _END
