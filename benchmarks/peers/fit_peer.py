"""Fit one system on one table, in the environment of the system; write its predictions.

Only the standard library, pandas and the system are imported, since this file runs in the
environment of each system. The order is JSON: `system`, `task`, `train`, `test`, `predicted`,
`budget`, `cores`, `seed`, `folder` and `options`. The clock runs during `fit` alone.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from typing import Any, ClassVar

import numpy as np
import pandas as pd

TARGET = "target"


class System:
    """One system; `fit` and `predict` are measured.

    Parameters
    ----------
    order : dict
        The order, as above.
    """

    distribution = ""
    presets: ClassVar[dict[str, Any]] = {}

    def __init__(self, order: dict[str, Any]) -> None:
        self.task: str = order["task"]
        self.budget: float = order["budget"]
        self.cores: int = order["cores"]
        self.seed: int = order["seed"]
        self.folder: str = order["folder"]
        self.options: dict[str, Any] = {**self.presets, **order.get("options", {})}
        self.is_classification = self.task != "regression"

    def prepare(self) -> None:
        """Import the system."""

    def fit(self, train: pd.DataFrame) -> None:
        """Fit the table with the column `target`."""
        raise NotImplementedError

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the column `target`, or the probabilities with the classes as columns."""
        raise NotImplementedError

    def table(self, values: Any, classes: Any = (TARGET,)) -> pd.DataFrame:
        """Return predictions as a table."""
        return pd.DataFrame(values, columns=[str(label) for label in classes])

    def as_metric(self, **names: str) -> str:
        """Return the name of the metric of the task: AUC, log loss, RMSE."""
        return names[self.task]


class SklearnStyle(System):
    """An estimator with the conventions of scikit-learn."""

    model: Any

    def fit(self, train: pd.DataFrame) -> None:
        """Fit the estimator."""
        self.model.fit(train.drop(columns=TARGET), train[TARGET])

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Predict values, or probabilities by class."""
        if not self.is_classification:
            return self.table(self.model.predict(X))
        return self.table(self.model.predict_proba(X), self.model.classes_)


class Metaauto(SklearnStyle):
    """metaauto."""

    distribution = "metaauto"

    def prepare(self) -> None:
        """Import metaauto."""
        import metaauto

        self.search = metaauto.fit

    def fit(self, train: pd.DataFrame) -> None:
        """Fit within the budget."""
        self.model = self.search(
            train,
            TARGET,
            task=self.task,
            metric=self.as_metric(binary="roc_auc", multiclass="log_loss", regression="rmse"),
            budget=self.budget,
            cores=self.cores,
            seed=self.seed,
            **self.options,
        )


class Flaml(SklearnStyle):
    """FLAML."""

    distribution = "flaml"

    def prepare(self) -> None:
        """Import FLAML."""
        from flaml import AutoML

        self.model = AutoML()

    def fit(self, train: pd.DataFrame) -> None:
        """Fit within the budget."""
        self.model.fit(
            train.drop(columns=TARGET),
            train[TARGET],
            task="classification" if self.is_classification else "regression",
            metric=self.as_metric(binary="roc_auc", multiclass="log_loss", regression="rmse"),
            time_budget=self.budget,
            n_jobs=self.cores,
            seed=self.seed,
            verbose=0,
            **self.options,
        )


class AutoGluon(System):
    """AutoGluon with its best preset."""

    distribution = "autogluon.tabular"
    presets: ClassVar[dict[str, Any]] = {"presets": "best_quality"}

    def prepare(self) -> None:
        """Import AutoGluon."""
        from autogluon.tabular import TabularPredictor

        self.predictor = TabularPredictor(
            label=TARGET,
            path=os.path.join(self.folder, "autogluon"),
            problem_type=self.task,
            eval_metric=self.as_metric(
                binary="roc_auc", multiclass="log_loss", regression="root_mean_squared_error"
            ),
            verbosity=0,
        )

    def fit(self, train: pd.DataFrame) -> None:
        """Fit within the budget."""
        limits = {"time_limit": self.budget, "num_cpus": self.cores, "num_gpus": 0}
        self.predictor.fit(train, **limits, **self.options)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Predict values, or probabilities by class."""
        if not self.is_classification:
            return self.table(self.predictor.predict(X, as_pandas=False))
        found = self.predictor.predict_proba(X, as_multiclass=True)
        return self.table(found.to_numpy(), found.columns)


class AutoGluonMedium(AutoGluon):
    """AutoGluon with its medium preset."""

    presets: ClassVar[dict[str, Any]] = {"presets": "medium_quality"}


class LightAutoML(System):
    """LightAutoML with its preset for a time budget."""

    distribution = "lightautoml"

    def prepare(self) -> None:
        """Import LightAutoML."""
        import torch
        from lightautoml.automl.presets.tabular_presets import TabularUtilizedAutoML
        from lightautoml.tasks import Task

        torch.set_num_threads(self.cores)
        metric = {"metric": "auc"} if self.task == "binary" else {}
        self.model = TabularUtilizedAutoML(
            task=Task({"regression": "reg"}.get(self.task, self.task), **metric),
            timeout=self.budget,
            cpu_limit=self.cores,
            reader_params={"n_jobs": self.cores, "random_state": self.seed},
            random_state=self.seed,
            **self.options,
        )

    def fit(self, train: pd.DataFrame) -> None:
        """Fit with class codes, in the order of the sorted labels."""
        train = train.copy()
        if self.is_classification:
            self.classes = sorted(train[TARGET].unique())
            train[TARGET] = train[TARGET].map(self.classes.index).astype(int)
        for name in train.select_dtypes(include="category"):
            train[name] = train[name].astype(object)
        self.model.fit_predict(train, roles={"target": TARGET}, verbose=0)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Predict values, or probabilities by class."""
        X = X.astype(dict.fromkeys(X.select_dtypes(include="category"), object))
        found = self.model.predict(X).data
        if not self.is_classification:
            return self.table(found[:, 0])
        if self.task == "binary":
            return self.table(np.column_stack([1 - found[:, 0], found[:, 0]]), self.classes)
        # The reader orders the classes by frequency.
        order = self._reader().class_mapping or {n: n for n in range(len(self.classes))}
        codes = sorted(order, key=lambda code: order[code])
        return self.table(found, [self.classes[code] for code in codes])

    def _reader(self) -> Any:
        if hasattr(self.model, "reader"):
            return self.model.reader
        return self.model.outer_pipes[0].ml_algos[0].models[0][0].reader


class Boosting(SklearnStyle):
    """Histogram gradient boosting of scikit-learn, as a reference."""

    distribution = "scikit-learn"

    def prepare(self) -> None:
        """Construct the pipeline."""
        from sklearn.compose import make_column_selector, make_column_transformer
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OrdinalEncoder

        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        kind = HistGradientBoostingRegressor
        if self.is_classification:
            kind = HistGradientBoostingClassifier
        words = make_column_selector(dtype_exclude=["number", "bool"])
        encoded = make_column_transformer((encoder, words), remainder="passthrough")
        self.model = make_pipeline(encoded, kind(random_state=self.seed))


SYSTEMS: dict[str, type[System]] = {
    "metaauto": Metaauto,
    "autogluon-best": AutoGluon,
    "autogluon-medium": AutoGluonMedium,
    "flaml": Flaml,
    "lightautoml": LightAutoML,
    "boosting": Boosting,
}


def main() -> None:
    """Run the order on the command line; print the seconds and the version as JSON."""
    order = json.loads(sys.argv[1])
    system = SYSTEMS[order["system"]](order)
    train, test = pd.read_parquet(order["train"]), pd.read_parquet(order["test"])
    began = time.monotonic()
    system.prepare()
    imported = time.monotonic()
    system.fit(train)
    fitted = time.monotonic()
    predicted = system.predict(test.drop(columns=TARGET))
    ended = time.monotonic()
    predicted.to_parquet(order["predicted"])
    print(
        json.dumps(
            {
                "import_seconds": round(imported - began, 2),
                "seconds": round(fitted - imported, 2),
                "predict_seconds": round(ended - fitted, 2),
                "version": importlib.metadata.version(system.distribution),
            }
        ),
        flush=True,
    )
    # Some systems leave threads or pools behind.
    os._exit(0)


if __name__ == "__main__":
    main()
