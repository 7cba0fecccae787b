"""A loopback server with OpenML's protocol and injectable faults.

It serves what the real client (`openml`) requests for datasets, qualities, tasks with their official
splits, and suites. While it is open, the client uses it and a temporary cache directory; there is no
access to the network.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import tempfile
import threading
import urllib.parse
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openml_forms as forms
from openml_host import Answer, OpenmlHost

__all__ = ["FAULTS", "OpenmlServer"]

_API = "/api/v1/xml/"
FAULTS = {
    "slow": "responds after `seconds`",
    "drop": "closes the connection midway through the response",
    "corrupt": "changes a digit of the response; its length stays the same",
    "truncate": "omits the last lines without an error",
    "fail": "HTTP status 500 with an HTML page",
    "refuse": "HTTP status 412 with OpenML's error `code` and `message`",
}
"""Kinds of faults in a response."""


@dataclass(frozen=True)
class _Fault:
    kind: str
    times: float
    seconds: float
    code: int
    message: str


class OpenmlServer(OpenmlHost):
    """OpenML on a free port of this machine, open within a ``with`` block.

    Inside the block ``openml.config`` has this server, no API key, one attempt for each request and
    an empty cache directory; afterwards it is restored. Only one server can be open at a time,
    because the client has one configuration.

    Examples
    --------
    >>> import openml
    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1.5, None, 3.0, 4.0] * 5, "sold": [True, False] * 10})
    >>> with OpenmlServer() as server:
    ...     sales = server.add_dataset(table, name="sales", target="sold")
    ...     frame = openml.datasets.get_dataset(sales).get_data()[0]
    ...     task = openml.tasks.get_task(server.add_task(sales, folds=2))
    ...     server.requests
    ['data/1', 'data/v1/download/1/sales.arff', 'task/1', 'data/features/1']
    >>> frame.shape, int(frame["size"].isna().sum()), task.target_name, task.class_labels
    ((20, 2), 5, 'sold', ['False', 'True'])
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        """Requested paths in order: ``"data/1"``, ``"study/99"``, or a file's path."""
        self._faults: dict[str, _Fault] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http: _Http | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._before: dict[str, Any] = {}

    @property
    def cache(self) -> Path:
        """The cache directory of the client, while the server is open."""
        from openml import config

        if self._http is None:
            raise RuntimeError("The server is open only inside its with block.")
        return Path(config.get_cache_directory())

    def fault(
        self,
        path: str,
        kind: str,
        *,
        times: int | None = None,
        seconds: float = 1.0,
        code: int = 100,
        message: str = "Function not available",
    ) -> None:
        """Inject a fault into the responses at a path.

        Parameters
        ----------
        path : str
            Such as ``"data/1"``, ``"task/3"``, or the return value of `file_of` or `splits_of`.
        kind : {'slow', 'drop', 'corrupt', 'truncate', 'fail', 'refuse'}
            Kind of the fault; see `FAULTS`.
        times : int, optional
            Number of responses with the fault, by default all.
        seconds : float, default=1
            Delay of a slow response.
        code, message : int, str
            OpenML's error, for 'refuse'.
        """
        if kind not in FAULTS:
            raise ValueError(f"Unknown fault {kind!r}: expected one of {', '.join(FAULTS)}.")
        left = float("inf") if times is None else times
        with self._lock:
            self._faults[path] = _Fault(kind, left, seconds, code, message)

    def repair(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def __enter__(self) -> OpenmlServer:
        self._closing.clear()
        self._http = _Http(self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self._folder = tempfile.TemporaryDirectory(prefix="openml-cache-")
        self._point_client(self._folder.name)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._http is not None
        assert self._folder is not None
        self._restore_client()
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._http = None
        self._folder.cleanup()

    def _point_client(self, folder: str) -> None:
        from openml import config

        names = ("server", "apikey", "retry_policy", "connection_n_retries")
        self._before = {name: getattr(config, name) for name in names}
        self._before["cachedir"] = config.get_config_as_dict()["cachedir"]
        self._before["proxies"] = {n: os.environ.get(n) for n in ("no_proxy", "NO_PROXY")}
        os.environ.update(dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1"))
        config.server = self.url + _API.rstrip("/")
        config.apikey = ""
        config.set_retry_policy("human", 1)
        config.set_root_cache_directory(folder)

    def _restore_client(self) -> None:
        from openml import config

        before = self._before
        config.server, config.apikey = before["server"], before["apikey"]
        config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])
        config.set_root_cache_directory(before["cachedir"])
        for name, value in before["proxies"].items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def _respond(self, address: str) -> Answer:
        path = address.partition("?")[0]
        path = path.removeprefix(_API).lstrip("/")
        with self._lock:
            self.requests.append(path)
            fault = self._faults.get(path)
            if fault is not None:
                if fault.times > 1:
                    self._faults[path] = replace(fault, times=fault.times - 1)
                else:
                    del self._faults[path]
        answer = self.answer(urllib.parse.unquote(path))
        return answer if fault is None else self._spoil(answer, fault)

    def _spoil(self, answer: Answer, fault: _Fault) -> Answer:
        if fault.kind == "slow":
            self._closing.wait(fault.seconds)
            return answer
        if fault.kind == "fail":
            page = "<html><head><title>500 Internal Server Error</title></head><body><hr></html>"
            return Answer(500, page.encode(), "text/html")
        if fault.kind == "refuse":
            return Answer(412, forms.error(fault.code, fault.message).encode())
        if fault.kind == "drop":
            return replace(answer, dropped=True)
        if fault.kind == "truncate":
            kept = answer.body[: len(answer.body) * 3 // 5]
            return replace(answer, body=kept[: kept.rindex(b"\n") + 1])
        *_, last = re.finditer(rb"[0-9]", answer.body)
        other = b"7" if last[0] != b"7" else b"3"
        body = answer.body[: last.start()] + other + answer.body[last.end() :]
        return replace(answer, body=body)


class _Http(ThreadingHTTPServer):
    """HTTP server on a free port of this machine."""

    daemon_threads = True

    def __init__(self, server: OpenmlServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.openml = server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that closed the connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def do_GET(self) -> None:
        answer = self.server.openml._respond(self.path)
        # The client logs a warning for each response that is not compressed.
        body = gzip.compress(answer.body, mtime=0)
        self.send_response(answer.status)
        self.send_header("Content-Type", f"{answer.kind}; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.dropped else body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
