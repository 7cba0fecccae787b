"""Fit metaauto on one job of the AutoML Benchmark."""

from typing import Any

import pandas as pd
from frameworks.shared.callee import call_run, measure_inference_times, result
from frameworks.shared.utils import Timer

import metaauto

METRICS = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "balacc": "balanced_accuracy",
    "f1": "f1",
    "logloss": "log_loss",
    "mae": "mae",
    "mse": "rmse",
    "rmse": "rmse",
    "r2": "r2",
}
_SAMPLES = 100


def run(dataset: Any, config: Any) -> Any:
    """Fit, predict and return the result of a job."""
    is_classification = config.type == "classification"
    options = {k: v for k, v in config.framework_params.items() if not k.startswith("_")}
    y = dataset.train.y.squeeze()
    with Timer() as training:
        model = metaauto.fit(
            dataset.train.X,
            y.to_numpy(),
            task="auto" if is_classification else "regression",
            metric=METRICS.get(config.metric),
            budget=float(config.max_runtime_seconds),
            cores=int(config.cores),
            memory=config.max_mem_size_mb / 1024,
            seed=int(config.seed),
            remember=False,
            **options,
        )

    def infer(data: Any) -> Any:
        rows = pd.read_parquet(data) if isinstance(data, str) else data
        return model.predict_proba(rows) if is_classification else model.predict(rows)

    times = {}
    if config.measure_inference_time:
        single = [(1, dataset.test.X.sample(1, random_state=i)) for i in range(_SAMPLES)]
        times["file"] = measure_inference_times(infer, dataset.inference_subsample_files)
        times["df"] = measure_inference_times(infer, single)
    X, truth = dataset.test.X, dataset.test.y.squeeze()
    with Timer() as predicting:
        predictions = model.predict(X)
    return result(
        output_file=config.output_predictions_file,
        predictions=predictions,
        truth=truth,
        probabilities=model.predict_proba(X) if is_classification else None,
        probabilities_labels=[str(label) for label in model.classes_]
        if is_classification
        else None,
        models_count=len(model.leaderboard_rows),
        training_duration=training.duration,
        predict_duration=predicting.duration,
        inference_times=times,
    )


if __name__ == "__main__":
    call_run(run)
