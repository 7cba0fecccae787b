"""Entry points of the AutoML Benchmark for metaauto."""

from typing import Any

from amlb.utils import call_script_in_same_dir


def setup(*args: Any, **kwargs: Any) -> None:
    """Install metaauto in the virtual environment of the framework."""
    call_script_in_same_dir(__file__, "setup.sh", *args, **kwargs)


def run(dataset: Any, config: Any) -> Any:
    """Run one job in this environment."""
    from frameworks.shared.caller import run_in_venv

    data = {
        "train": {"X": dataset.train.X, "y": dataset.train.y},
        "test": {"X": dataset.test.X, "y": dataset.test.y},
    }
    if config.measure_inference_time:
        data["inference_subsample_files"] = dataset.inference_subsample_files(fmt="parquet")
    options = {"serialization": {"sparse_dataframe_deserialized_format": "dense"}}
    return run_in_venv(
        __file__, "exec.py", input_data=data, dataset=dataset, config=config, options=options
    )
