"""Forged model files, whose entries ask for code to be run."""

from __future__ import annotations

import io
import itertools
import json
import os
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skops.io._protocol import PROTOCOL

from metaauto.model import archive
from metaauto.model.archive import Entry
from metaauto.model.serialization import dump_estimator


def touch(path):
    """Leave a trace that code of the file has run."""
    Path(path).write_text("it ran")


def with_blob(source: Path, target: Path, data: bytes) -> Path:
    """A model file whose first fold model is replaced, with a manifest that agrees."""
    with zipfile.ZipFile(source) as file:
        record = json.loads(file.read("manifest.json"))
        blobs = {name: file.read(name) for name in file.namelist()[1:]}
    first = record["members"][0]["entries"][0]
    blobs[first["path"]] = data
    entry = Entry.of(first["path"], data)
    first.update(sha256=entry.sha256, size=entry.size)
    return archive.write_archive(target, record, blobs)


_ids = itertools.count(1)


def node(module: str, name: str, loader: str, **more) -> dict:
    """One object in the JSON of skops."""
    place = {"__module__": module, "__class__": name, "__loader__": loader, "__id__": next(_ids)}
    return {**place, **more}


def skops_bytes(schema: dict, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
        schema = {**schema, "protocol": PROTOCOL, "_skops_version": skops.__version__}
        file.writestr("schema.json", json.dumps(schema))
    return buffer.getvalue()


def attack(trace: Path) -> dict[str, bytes]:
    """Ways in which bytes may ask for code to be run."""
    command = f"echo it ran > {trace}"
    text = node("builtins", "str", "JsonNode", content=json.dumps(command), is_json=True)
    arguments = node("builtins", "tuple", "TupleNode", content=[text])
    system = node("os", "system", "FunctionNode")
    nothing = node("builtins", "dict", "DictNode", content={}, key_types=listed())
    tree = dump_estimator(Pipeline([("model", FunctionTransformer(partial(touch, str(trace))))]))
    return {
        "constructor": skops_bytes(
            node("os", "system", "ConstructorFromReduceNode", content=arguments)
        ),
        "popen": skops_bytes(
            node("subprocess", "Popen", "ConstructorFromReduceNode", content=arguments)
        ),
        "partial": skops_bytes(
            node(
                "functools",
                "partial",
                "PartialNode",
                content={"func": system, "args": arguments, "kwds": nothing, "namespace": nothing},
            )
        ),
        "key type": skops_bytes(
            node("builtins", "dict", "DictNode", content={command: text}, key_types=listed(system))
        ),
        "operator": skops_bytes(node("operator", "methodcaller", "OperatorFuncNode", attrs=text)),
        "method": skops_bytes(
            node("builtins", "str", "MethodNode", content={"func": "format", "obj": text})
        ),
        "object": skops_bytes(node("os", "_wrap_close", "ObjectNode", content=nothing)),
        "own function": skops_bytes(node("metaauto.builtin.models", "importlib", "FunctionNode")),
        "own module": skops_bytes(node("metaauto.plugins.manager", "_import_file", "FunctionNode")),
        "transformer": tree,
        "pickle": b"cos\nsystem\n(S'" + command.encode() + b"'\ntR.",
        "pickled array": skops_bytes(
            node("numpy", "ndarray", "NdArrayNode", type="numpy", file="a.npy"),
            **{"a.npy": pickled_array(command)},
        ),
    }


def listed(*nodes: dict) -> dict:
    return node("builtins", "list", "ListNode", content=list(nodes))


class Shell:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def pickled_array(command: str) -> bytes:
    buffer = io.BytesIO()
    array = np.empty(1, dtype=object)
    array[0] = Shell(command)
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()
