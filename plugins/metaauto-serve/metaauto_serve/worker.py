"""A process that predicts: it holds the models, and can be killed.

It reads one JSON line per request on its standard input, and answers with a JSON line and bytes on
its standard output. The server reads no pickles of it, since a model file may be forged.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from typing import Any

import pandas as pd

import metaauto
from metaauto.api import DataError, MetaautoError, SettingError, load_plugins, read_table
from metaauto_serve.description import describe
from metaauto_serve.formats import RequestError, parse_json, write_table

__all__ = ["ModelProcess", "main"]

_SAMPLE_ROWS = 1000
_BACKGROUND_ROWS = 20
_EXPLAINER = "permutation"  # one prediction of the background rows per column: soon enough
_MAX_WARNINGS = 20


class ModelProcess:
    """The models of a server, and the requests that they answer.

    Parameters
    ----------
    models : dict of str to str
        Paths of model files by name.
    background : str, optional
        A table with rows like those of training, for explanations and the defaults of forms.
    max_rows : int
        Rows of a request.
    """

    def __init__(self, models: dict[str, str], background: str | None, max_rows: int) -> None:
        self.registry = load_plugins().registry
        self.models = {name: metaauto.load(path) for name, path in models.items()}
        self.max_rows = max_rows
        self.backgrounds: dict[str, pd.DataFrame] = {}
        self.descriptions: dict[str, Any] = {}
        for name, model in self.models.items():
            rows = None if background is None else self._sample(model, background)
            self.descriptions[name] = describe(name, model, rows)
            if rows is None:
                rows = pd.DataFrame([dict.fromkeys(model.feature_names)], dtype=object)
            self.backgrounds[name] = rows.head(_BACKGROUND_ROWS)

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return the header and the body of an answer."""
        frame = self._rows(request)
        if len(frame) > self.max_rows:
            raise RequestError(413, f"Expected at most {self.max_rows:,} rows, got {len(frame):,}.")
        name = request["model"]
        if request["action"] == "explain":
            return {}, json.dumps(self._explained(name, frame), allow_nan=False).encode()
        model = self.models[name]
        table = predictions(model, frame, request["name"] or model.task.target, request["proba"])
        return {}, write_table(table, request["answer"], request.get("by_column", False))

    def _rows(self, request: dict[str, Any]) -> pd.DataFrame:
        if "rows" in request:
            return pd.DataFrame(request["rows"], dtype=object)
        path, kind = request["path"], request["format"]
        if kind == "json":
            with open(path, "rb") as file:
                frame, request["by_column"] = parse_json(file.read())
            return frame
        if kind == "parquet":
            self._check_parquet(path)
        model = self.models[request["model"]]
        try:
            return read_table(
                path, self.registry.readers(), columns=model.feature_names, format=kind
            )
        except DataError as error:
            message = str(error).replace(repr(path), "the body")
            raise RequestError(400, message[:1].upper() + message[1:]) from error

    def _check_parquet(self, path: str) -> None:
        """Refuse a file that claims too many rows, before its values are read."""
        import pyarrow
        import pyarrow.parquet

        try:
            rows = pyarrow.parquet.read_metadata(path).num_rows
        except (pyarrow.ArrowInvalid, OSError) as error:
            why = str(error).split("\n")[0]
            raise RequestError(400, f"The body is not a valid Parquet file: {why}") from error
        if rows > self.max_rows:
            raise RequestError(413, f"Expected at most {self.max_rows:,} rows, got {rows:,}.")

    def _sample(self, model: Any, source: str) -> pd.DataFrame:
        rows = read_table(source, self.registry.readers(), columns=model.feature_names)
        rows = model.schema.named(rows)
        rows.columns = rows.columns.map(str)
        model.schema.encode(rows.head(1))  # checks the columns
        rows = rows[model.feature_names]
        return rows.sample(min(len(rows), _SAMPLE_ROWS), random_state=0, ignore_index=True)

    def _explained(self, name: str, row: pd.DataFrame) -> dict[str, Any]:
        """Return the contributions of the cells of one row, the largest first."""
        model, background = self.models[name], self.backgrounds[name]
        label, code = None, 0
        found, usual = model.predict_raw(row), model.predict_raw(background)
        if model.task.is_classification:
            code = model.task.positive_code if model.task.n_classes == 2 else int(found[0].argmax())
            label = model.classes_[code]
            found, usual = found[:, code], usual[:, code]
        parts = model.explain(
            row, background, _EXPLAINER, label=label, registry=self.registry
        ).iloc[0]
        return {
            "explained": None if label is None else str(label),
            "value": float(found[0]),
            "usual": float(usual.mean()),
            "cells": [
                {"column": str(column), "contribution": float(parts[column])}
                for column in parts.abs().sort_values(ascending=False, kind="stable").index
            ],
        }


def predictions(model: Any, frame: pd.DataFrame, name: str, proba: bool) -> pd.DataFrame:
    """Return the columns that ``metaauto predict`` writes."""
    if not proba:
        return pd.DataFrame({name: model.predict(frame)})
    probabilities = model.predict_proba(frame)
    labels = [str(label) for label in model.classes_]
    if name in labels:
        raise RequestError(
            422, f"The answer would have two columns {name!r}. Name the prediction with ?name=."
        )
    table = pd.DataFrame({name: model.decided(probabilities)})
    return pd.concat([table, pd.DataFrame(probabilities, columns=labels)], axis=1)


class _Warnings(logging.Handler):
    """Keep the warnings of a request."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning, up to a number."""
        if len(self.messages) < _MAX_WARNINGS:
            self.messages.append(record.getMessage())


def _error(error: Exception, memory: float) -> dict[str, Any]:
    """Return the header of an answer to a request that failed."""
    if isinstance(error, RequestError):
        return {"status": error.status, "error": str(error)}
    if isinstance(error, MemoryError):
        return {"status": 413, "error": f"The rows need more than {memory:g} GiB of memory."}
    if isinstance(error, (DataError, SettingError)):
        return {"status": 422, "error": str(error)}
    logging.getLogger(__name__).exception("A request failed.")
    what = str(error) if isinstance(error, MetaautoError) else "Internal error; see the server log."
    return {"status": 500, "error": what}


def main() -> None:
    """Load the models and answer requests until the standard input ends."""
    # The server ends this process; the signals of its terminal or service must not.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as answers:
        # Output of libraries must not get between the answers.
        os.dup2(2, 1)
        settings = json.loads(sys.stdin.buffer.readline())
        memory = float(settings.pop("memory"))
        try:
            process = ModelProcess(**settings)
        except Exception as error:
            hint = str(error) if isinstance(error, MetaautoError) else f"{error!r}"
            _send(answers, {"status": 500, "error": hint})
            return
        _limit_memory(memory)
        _send(answers, {}, json.dumps(process.descriptions, allow_nan=False).encode())
        kept = _Warnings()
        logging.getLogger("metaauto").addHandler(kept)
        for line in sys.stdin.buffer:
            kept.messages = []
            try:
                header, body = process.answer(json.loads(line))
            except Exception as error:
                header, body = _error(error, memory), b""
            _send(answers, {"warnings": kept.messages, **header}, body)


def _send(answers: Any, header: dict[str, Any], body: bytes = b"") -> None:
    answers.write(json.dumps({**header, "bytes": len(body)}).encode() + b"\n" + body)
    answers.flush()


def _limit_memory(memory: float) -> None:
    """Limit the memory (GiB) that requests take beside the models, where the platform can."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + int(memory * 2**30)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    main()
