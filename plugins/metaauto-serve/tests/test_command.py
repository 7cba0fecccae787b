"""``metaauto serve`` as a process, over sockets."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from forged_models import attack, with_blob

from metaauto.api import MetaautoError, SettingError
from metaauto.cli import command
from metaauto.cli.terminal import run


def test_serve_refuses_other_files(paths, capsys):
    for models, why in (
        (["none.metaauto"], "There is no model file 'none.metaauto'"),
        ([paths["sale"], paths["sale"]], "Two models are named 'sale'"),
    ):
        assert run(command, ["serve", *models]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert why in line


def test_serve_refuses_names_that_are_no_part_of_an_address(tmp_path, capsys):
    model = tmp_path / "a b.metaauto"
    model.touch()
    assert run(command, ["serve", str(model)]) == 1
    assert "Invalid name of a model 'a b'" in capsys.readouterr().err


def test_serve_refuses_a_taken_port(paths, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(command, ["serve", paths["sale"], "--port", str(port)]) == 1
    assert f"Cannot listen at 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.slow
def test_workers_refuse_a_forged_model(paths, tmp_path):
    from metaauto_serve.workers import Workers

    data = attack(tmp_path / "trace")["constructor"]
    forged = with_blob(Path(paths["sale"]), tmp_path / "forged.metaauto", data)
    settings = {"models": {"forged": str(forged)}, "background": None, "max_rows": 1, "memory": 1}
    with pytest.raises(SettingError, match="untrusted types"):
        Workers(settings, 1)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("way", [*attack(Path("unused")), "cut", "folder", "text"])
def test_a_process_loads_no_forged_model(paths, tmp_path, way):
    from metaauto_serve.worker import ModelProcess

    sale, forged = Path(paths["sale"]), tmp_path / "forged.metaauto"
    if way == "cut":
        forged.write_bytes(sale.read_bytes()[:-200])
    elif way == "folder":
        forged.mkdir()
    elif way == "text":
        forged.write_text("no model")
    else:
        with_blob(sale, forged, attack(tmp_path / "trace")[way])
    with pytest.raises(MetaautoError) as raised:
        ModelProcess({"forged": str(forged)}, None, 10)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "trace").exists()


def exchanged(served, sent, seconds=60.0):
    """Send bytes and return all that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as connection:
        connection.sendall(sent)
        found = b""
        while part := connection.recv(2**16):
            found += part
        return found


@pytest.mark.slow
def test_serve_answers_and_ends(served):
    """One server for all, since its start takes seconds: requests, slow clients, SIGTERM."""
    row = {"size": 160.0, served.district: "north", "garden": "no", "sold": "2024-01-01"}
    body = json.dumps([row]).encode()
    request = urllib.request.Request(
        f"{served.address}predict", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=100) as response:
        assert json.load(response)["records"] == [{"sale": "<b>high</b>"}]

    # A header and a body that do not arrive, and a connection without a request.
    host = b"Host: localhost\r\n"
    assert exchanged(served, b"") == b""
    assert exchanged(served, b"GET /health HTTP/1.1\r\nHost: loc") == b""
    head = b"POST /predict HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
    for damaged in (
        b"GET / HTTP/1.1\r\n" + host + host + b"\r\n",
        head + b"Content-Length: -1\r\n\r\n",
        head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n[]",
    ):
        assert exchanged(served, damaged).startswith(b"HTTP/1.1 400 ")
    late = exchanged(served, head + b"Content-Length: 100\r\n\r\n[")
    assert late.startswith(b"HTTP/1.1 408 ")
    assert b'{"error":"The body did not arrive in time."}' in late

    # A request whose body arrives after SIGTERM is answered before the end.
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        connection.sendall(head + length)
        time.sleep(0.5)
        served.process.send_signal(signal.SIGTERM)
        threading.Timer(0.5, connection.sendall, [body]).start()
        found = b""
        while part := connection.recv(2**16):
            found += part
    assert b'"<b>high</b>"' in found
    assert served.process.wait(60) == 0
    assert served.process.stdout.read() == "Stopped.\n"
