"""The pages of ``metaauto ui``: they read fits, also damaged and forged ones, and change nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx2 as httpx
import pandas as pd
import pytest

pytest.importorskip("metaauto_serve", reason="needs metaauto-serve")
testclient = pytest.importorskip("starlette.testclient", reason="needs starlette")

from metaauto_serve.ui.folders import find_places, identity  # noqa: E402
from metaauto_serve.ui.pages import make_app  # noqa: E402
from metaauto_serve.ui.reader import FitReader  # noqa: E402

import metaauto  # noqa: E402
from metaauto.run import RunDirectory  # noqa: E402

EVIL = "<script>alert(1)</script>"
LIMITS = ("--budget=300s", "--cores=1", "--no-knowledge")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with ``a.metaauto`` and its run directory ``run``, whose names hold HTML."""
    folder = tmp_path_factory.mktemp("fitted")
    table = pd.DataFrame({f"x{EVIL}": range(60), EVIL: [f"<b>{i % 2}" for i in range(60)]})
    settings = {"trials": 1, "cores": 1, "knowledge": False, "remember": False}
    model = metaauto.fit(
        table, target=EVIL, include=["lda"], run_dir=str(folder / "run"), **settings
    )
    model.save(folder / "a.metaauto")
    return folder


@pytest.fixture
def folder(fitted, tmp_path):
    shutil.copytree(fitted, tmp_path / "fits")
    return tmp_path / "fits"


@pytest.fixture(scope="module")
def shared_reader():
    """One child process for all tests: it imports for seconds."""
    reader = FitReader(cpu_seconds=1)
    yield reader
    reader.close()


@pytest.fixture
def client(folder, shared_reader, monkeypatch):
    app = make_app([folder])
    fits = app.state.fits
    monkeypatch.setattr(fits, "_summaries", shared_reader)
    monkeypatch.setattr(fits, "_reports", shared_reader)
    monkeypatch.setattr(fits, "close", lambda: None)
    with testclient.TestClient(app, base_url="http://127.0.0.1") as client:
        client.fits = fits
        yield client


def refresh(client):
    client.fits._scanned = float("-inf")


def listed(client):
    """Return the rows of the list by name, when all are read."""
    refresh(client)
    until = time.monotonic() + 240
    while time.monotonic() < until:
        rows = client.fits.summaries()
        if not any(row.get("pending") for row in rows):
            return {row["name"]: row for row in rows}
        time.sleep(0.05)
    raise AssertionError("not read in time")


def test_the_list_shows_models_and_runs(client):
    rows = listed(client)
    assert set(rows) == {"a.metaauto", "run"}
    for row in rows.values():
        assert (row["state"], row["task"], row["rows"]) == ("finished", "binary", 60)
        assert row["low"] <= row["score"] <= row["high"]
    page = client.get("/")
    assert page.status_code == 200
    assert EVIL not in page.text
    assert f"/fit/{rows['run']['key']}" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "access-control-allow-origin" not in page.headers


@pytest.mark.parametrize("name", ["a.metaauto", "run"])
def test_a_fit_has_its_leaderboard_and_report(client, name):
    key = listed(client)[name]["key"]
    page = client.get(f"/fit/{key}").text
    for words in ("lda-1", "Leaderboard", "Log of trials", "<svg", "Ensemble"):
        assert words in page
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    report = client.get(f"/fit/{key}/report")
    assert report.status_code == 200
    assert "Model report" in report.text
    policy = report.headers["content-security-policy"]
    assert re.search(r"script-src 'sha256-[^']+'", policy)
    assert "sandbox allow-scripts" in policy


def test_fits_are_compared(client):
    rows = listed(client)
    keys = [row["key"] for row in rows.values()]
    page = client.get("/compare", params={"fit": keys}).text
    assert "The best fits have the same score." in page
    assert all(f"/fit/{key}" in page for key in keys)
    assert client.get("/compare", params={"fit": keys[:1]}).status_code == 400


def test_updates_have_the_page_only_if_it_changed(client):
    rows = listed(client)
    for path in ("/list.json", f"/fit/{rows['run']['key']}/updates.json"):
        first = client.get(path).json()
        assert "finished" in first["html"]
        again = client.get(path, params={"version": first["version"]}).json()
        assert "html" not in again
        assert again["seconds"] == 10


def test_a_running_fit_is_followed_until_it_is_killed(client, folder):
    source = json.loads((folder / "run" / "metaauto-run.json").read_text("utf-8"))["settings"]
    trial = {
        "number": 0, "name": "lda-0", "configuration": {"model": "lda"}, "source": "portfolio",
        "why": EVIL, "rows": None, "status": "success", "loss": 0.5, "started": 0.0,
        "finished": 1.0, "error": "",
    }  # fmt: skip
    with RunDirectory.create(folder / "new", {**source, "budget": 600.0}) as run:
        run.record_trial(trial)
        row = listed(client)["new"]
        assert (row["state"], row["trials"]) == ("running", 1)
        path = f"/fit/{row['key']}/updates.json"
        first = client.get(path).json()
        assert first["seconds"] == 2
        assert first["elapsed"].endswith("of 10:00")
        run.record_trial({**trial, "number": 1, "name": "svm-1", "status": "running"})
        second = client.get(path, params={"version": first["version"]}).json()
        assert "Running trials" in second["html"]
        assert "svm-1" in second["html"]
        assert EVIL not in second["html"]
    assert "interrupted" in client.get(path).json()["html"]


def forge_zip(path, manifest):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", manifest)


def forge(folder: Path):
    """Write files and run directories that are not what they say; return their names."""
    (folder / "text.metaauto").write_text("no model")
    forge_zip(folder / "empty.metaauto", "{}")
    manifest = json.loads(zipfile.ZipFile(folder / "a.metaauto").read("manifest.json"))
    manifest["facts"]["rows"] = {"n": EVIL}
    forge_zip(folder / f"{EVIL.replace('/', '_')}.metaauto", json.dumps(manifest))
    forge_zip(folder / "deep.metaauto", "[" * 100_000)
    for name in ("cut", "view", "link", "marker"):
        shutil.copytree(folder / "run", folder / name)
    data = (folder / "cut" / "run.db").read_bytes()
    (folder / "cut" / "run.db").write_bytes(data[: len(data) // 2])
    (folder / "link" / "run.db").unlink()
    (folder / "link" / "run.db").symlink_to(folder / "run" / "run.db")
    (folder / "marker" / "metaauto-run.json").write_text('{"settings": 3}')
    with sqlite3.connect(folder / "view" / "run.db") as db:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        db.executescript(
            f"DROP TABLE state; CREATE VIEW state AS {endless} SELECT i AS key, 1 AS value FROM n"
        )
    db.close()
    return {"text.metaauto", "empty.metaauto", "deep.metaauto", "cut", "view", "link", "marker"} | {
        f"{EVIL.replace('/', '_')}.metaauto"
    }


def test_damaged_and_forged_fits_do_not_break_the_list(folder, client):
    names = forge(folder)
    rows = listed(client)
    assert {name for name, row in rows.items() if "problem" in row} == names
    assert rows["run"]["state"] == rows["a.metaauto"]["state"] == "finished"
    page = client.get("/").text
    assert "<script>alert" not in page
    for name in names - {"view"}:
        assert client.get(f"/fit/{rows[name]['key']}").status_code == 200
    assert client.get(f"/fit/{rows['text.metaauto']['key']}/report").status_code == 422


def test_links_out_of_the_folder_are_not_followed(folder, client, tmp_path):
    (tmp_path / "outside").mkdir()
    shutil.copy(folder / "a.metaauto", tmp_path / "outside" / "secret.metaauto")
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "linked.metaauto").symlink_to(tmp_path / "outside" / "secret.metaauto")
    assert set(listed(client)) == {"a.metaauto", "run"}


def test_a_model_that_becomes_a_link_is_not_read(folder, client, tmp_path):
    row = listed(client)["a.metaauto"]
    (folder / "a.metaauto").replace(tmp_path / "moved.metaauto")
    (folder / "a.metaauto").symlink_to(tmp_path / "moved.metaauto")
    page = client.get(f"/fit/{row['key']}").text
    assert "lda-1" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/fit/../../etc/passwd",
        "/fit/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/fit/a.metaauto",
        "/assets/..%2fpages.py",
        "/assets/list.html",
        "/compare?fit=a&fit=b",
        "/etc/passwd",
    ],
)
def test_paths_are_not_served(client, path):
    assert client.get(path).status_code in (400, 404)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost:1", 200),
        ("[::1]:8765", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost.evil.example:8765", 400),
        ("", 400),
    ],
)
def test_other_hosts_are_refused(client, host, status):
    assert client.get("/assets/pages.css", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_reading_is_possible(client, method):
    answer = client.request(method, "/", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_the_look_is_that_of_the_report(client):
    assert "--s0" in client.get("/assets/report.css").text
    assert client.get("/assets/pages.js").headers["content-type"].startswith("text/javascript")


def test_a_fit_is_read_once_until_it_changes(client, folder, monkeypatch):
    for place in range(200):
        os.link(folder / "a.metaauto", folder / f"{place}.metaauto")
    read = []

    def fake(request, paths, names):
        read.extend(names)
        return {"problem": "none"}

    monkeypatch.setattr(client.fits._summaries, "read", fake)
    assert len(listed(client)) == 202
    assert len(read) == 202
    listed(client)
    assert len(read) == 202
    # A changed time is a changed file, for all of its links.
    os.utime(folder / "run" / "run.db", (1, 1))
    listed(client)
    assert len(read) == 203


def test_nothing_is_written(client, folder):
    def state():
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*")}

    before = state()
    for row in listed(client).values():
        client.get(f"/fit/{row['key']}")
        client.get(f"/fit/{row['key']}/report")
    assert state() == before


def test_folders_are_searched_to_a_depth(tmp_path):
    deep = tmp_path / "/".join("abcdefghijkl")
    deep.mkdir(parents=True)
    for path in (deep / "far.metaauto", tmp_path / "a" / "b" / "near.metaauto"):
        path.write_text("")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "hidden.metaauto").write_text("")
    os.mkfifo(tmp_path / "pipe.metaauto")
    (found,) = find_places([tmp_path]).values()
    assert found.name == os.path.join("a", "b", "near.metaauto")
    assert len(identity(found)) == 1


@pytest.mark.slow
def test_the_command_follows_a_fit_and_ends_cleanly(tmp_path):
    pd.DataFrame({"x": range(300), "y": [i % 7 % 2 for i in range(300)]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    main = [sys.executable, "-m", "metaauto"]
    fit = subprocess.Popen(
        [*main, "fit", "t.csv", "--target=y", *LIMITS, "--run-dir=run", "--out=m.metaauto"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    pages = subprocess.Popen(
        [*main, "ui", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        address = re.search(r"http:\S+", pages.stdout.readline())[0]
        until = time.monotonic() + 200
        html = ""
        while "running" not in html and time.monotonic() < until:
            html = httpx.get(f"{address}list.json", timeout=60).json()["html"]
            time.sleep(0.5)
        key = re.search(r"/fit/(\w+)", html)[1]
        while "-1</th>" not in html and time.monotonic() < until:
            html = httpx.get(f"{address}fit/{key}/updates.json", timeout=60).json()["html"]
            time.sleep(0.5)
        assert "running" in html
        fit.kill()
        fit.wait()
        while "interrupted" not in html and time.monotonic() < until:
            html = httpx.get(f"{address}fit/{key}/updates.json", timeout=60).json()["html"]
            time.sleep(0.5)
        assert "interrupted" in html
        pages.send_signal(signal.SIGINT)
        assert pages.wait(60) == 0
    finally:
        fit.kill()
        pages.kill()
        fit.wait()
        pages.communicate()
