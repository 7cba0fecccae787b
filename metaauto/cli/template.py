"""What `metaauto plugins new` writes: the files of the package ``metaauto-example``."""

from __future__ import annotations

__all__ = ["FILES"]

FILES: dict[str, str] = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "metaauto-example"
version = "0.1.0"
description = "A plugin for metaauto: the model example"
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["metaauto>=0.1.0", "scikit-learn>=1.6"]

[project.optional-dependencies]
test = ["pytest>=8.2"]

[project.entry-points.metaauto]
example = "metaauto_example"

[tool.setuptools]
packages = ["metaauto_example"]
""",
    "README.md": """\
# metaauto-example

The model `example` for [metaauto](https://pypi.org/project/metaauto).

```
pip install .                              # metaauto finds it by its entry point
metaauto plugins show example              # what it registered, and what is wrong with it
metaauto plugins check metaauto-example    # the contract, as a verdict
pip install pytest && pytest               # the contract, as tests
metaauto fit train.csv --target price      # searches it beside the other models
```

`metaauto_example/__init__.py` is the whole plugin: `SPACE` names the hyperparameters that are
searched, `build` makes an estimator in the style of scikit-learn, and `register_models` offers it
to metaauto. Models say in `Tags` what they take as it is (missing values, categories, sparse
matrices, sample weights); everything else is prepared for them.
""",
    "metaauto_example/__init__.py": '''\
"""A model for metaauto: bagging, trees on samples of the rows and columns."""

from __future__ import annotations

from metaauto.api import Float, Int, Model, Tags, hookimpl

SPACE = {
    "trees": Int(10, 100, 30, log=True),
    "columns": Float(0.3, 1.0, 0.7),
    "leaf_rows": Int(1, 30, 3, log=True),
}


def build(values, context):
    """Return an estimator in the style of scikit-learn; heavy imports belong in here."""
    from sklearn.ensemble import BaggingClassifier, BaggingRegressor
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    bagging, tree = BaggingRegressor, DecisionTreeRegressor
    if context.is_classification:
        bagging, tree = BaggingClassifier, DecisionTreeClassifier
    return bagging(
        tree(min_samples_leaf=values["leaf_rows"]),
        n_estimators=values["trees"],
        max_features=values["columns"],
        random_state=context.seed,
    )


MODEL = Model(
    name="example",
    build=build,
    space=SPACE,
    tags=Tags(accepts_sample_weight=True),
    portfolio=({"trees": 100, "columns": 1.0, "leaf_rows": 1},),
)


@hookimpl
def register_models(register):
    """Offer the model to the search."""
    register.model(MODEL)
''',
    "tests/test_example.py": '''\
"""The model keeps the contract of a model; its checks are inherited."""

from metaauto_example import MODEL

from metaauto.testing import ModelContract


class TestExample(ModelContract):
    model = MODEL
''',
}
"""Texts by path; `render` of ``metaauto.cli.plugin_new`` puts other names into them."""
