"""Tables at web addresses and in object storage."""

from __future__ import annotations

import gzip
import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import quote

import pandas as pd
import psutil
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from metaauto.builtin.readers import READERS
from metaauto.components import Reader
from metaauto.data import download, file_sets, lasting_address, read_table
from metaauto.data.chunks import read_chunks
from metaauto.data.download import file_name
from metaauto.errors import ReadError
from metaauto.text import shown_address

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
CSV = FRAME.to_csv(index=False).encode()


def read(source, **options) -> pd.DataFrame:
    return read_table(source, READERS, **options)


class _Handler(BaseHTTPRequestHandler):
    """Serve tables, and answers as hostile servers give them."""

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        path = self.path.partition("?")[0]
        if path in self.server.files:
            self.answer(200, self.server.files[path])
        elif path.startswith("/status/"):
            self.answer(int(path.split("/")[2]), b"<html>")
        elif path.startswith("/to/"):
            self.answer(302, b"", Location=self.server.targets[path])
        elif path == "/short.csv":
            self.answer(200, CSV, **{"Content-Length": str(len(CSV) + 1)})
        elif path == "/packed.csv":
            self.answer(200, gzip.compress(CSV), **{"Content-Encoding": "gzip"})
        elif path == "/twice.csv":
            self.answer(200, b"", **{"Content-Encoding": "gzip, gzip"})
        elif path in ("/endless.csv", "/slow.csv", "/to-endless.csv"):
            self.answer(302 if path == "/to-endless.csv" else 200, None, Location="/t.csv")
            self.stream(path)

    def answer(self, status: int, content: bytes | None, **headers: str) -> None:
        self.send_response(status)
        length = {} if content is None else {"Content-Length": str(len(content))}
        for name, value in {**length, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content or b"")

    def stream(self, path: str) -> None:
        block = b"1\n" if path == "/slow.csv" else b"1\n" * 50_000
        try:
            while not self.server.is_over.is_set():
                self.wfile.write(block)
                self.wfile.flush()
                self.server.is_over.wait(0.05 if path == "/slow.csv" else 0)
        except OSError:
            self.server.is_hung_up.set()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parquet, book = io.BytesIO(), io.BytesIO()
        FRAME.to_parquet(parquet)
        FRAME.to_excel(book, index=False)
        self.files = {
            "/t.csv": CSV,
            "/t.csv.gz": gzip.compress(CSV),
            "/t.parquet": parquet.getvalue(),
            "/t.xlsx": book.getvalue(),
            "/table": CSV,
            "/page.csv": b"\n<!DOCTYPE html><html>",
            "/bad.csv": b"a,b\n1,2\n3\n",
            "/header.csv": b"a,b\n",
        }
        self.targets = {
            "/to/t": "/t.csv",
            "/to/file": "file:///etc/passwd",
            "/to/ftp": "ftp://127.0.0.1/x.csv",
            "/to/self": "/to/self",
        }
        self.requested: list[str] = []
        self.is_over, self.is_hung_up = threading.Event(), threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.is_over.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("t.csv", None),
        ("t.csv?x=1.parquet", None),
        ("t.csv.gz", None),
        ("t.parquet#part", None),
        ("t.xlsx", None),
        ("table", "csv"),
        ("table?id=7", "csv"),
        ("to/t", "csv"),
        ("packed.csv", None),
    ],
)
def test_files_of_a_server(server, path, format):
    if path == "t.xlsx":
        pytest.importorskip("openpyxl")
    frame = read(f"{server.address}/{path}", format=format)
    pd.testing.assert_frame_equal(frame, FRAME, check_dtype=False)


def test_chunks_are_downloaded_once(server):
    chunks = list(read_chunks(f"{server.address}/t.parquet", READERS, rows=1))
    assert [len(frame) for frame, _ in chunks] == [1, 1]
    assert server.requested == ["/t.parquet"]


def test_a_file_without_a_reader_is_not_downloaded(server):
    with pytest.raises(ReadError, match="No reader matches .*/table'"):
        read(f"{server.address}/table")
    assert server.requested == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.csv", "cannot be downloaded: the connection ended early|cannot be reached"),
        ("status/404/x.csv", r"the server answered 404 \(Not Found\). Check the address."),
        ("status/403/x.csv", r"the server answered 403 \(Forbidden\). Check the credentials."),
        ("status/206/x.csv", "the server answered 206"),
        ("to/file/../file", "redirects to another address than http or https://"),
        ("to/ftp", "redirects to another address than http or https://"),
        ("to/self", "redirects more than 10 times"),
        ("short.csv", "cannot be downloaded: the connection ended early"),
        ("twice.csv", "is compressed several times"),
        ("page.csv", "is a web page, not a table"),
        ("bad.csv", r"/bad.csv\?...', line 3: expected 2 fields, got 1"),
        ("header.csv", r"/header.csv\?...' contains only a header: 'a', 'b'"),
    ],
)
def test_answers_that_are_no_table(server, path, words):
    server.targets["/to/file/../file"] = "file:///etc/passwd"
    address = f"http://me:topsecret@127.0.0.1:{server.server_port}/{path}?key=topsecret"
    with pytest.raises(ReadError, match=words) as caught:
        read(address, format="csv")
    assert str(caught.value).startswith(f"'{server.address}/{path}?...'")
    assert "topsecret" not in str(caught.value) + repr(caught.value.details)
    assert caught.value.__cause__ is None


def test_servers_that_are_not_there(server, monkeypatch):
    for address, words in (
        ("http://no-such-host.invalid/x.csv", "the host is unknown"),
        ("http://127.0.0.1:1/x.csv", "the server cannot be reached"),
        ("http://127.0.0.1:x/x.csv", "the address or the answer is invalid"),
        ("http:///x.csv", "the address or the answer is invalid"),
    ):
        with pytest.raises(ReadError, match=words):
            read(address)
    monkeypatch.setattr(download, "_READ_SECONDS", 0.2)
    server.files["/late.csv"] = CSV
    monkeypatch.setattr(_Handler, "answer", lambda *_, **__: time.sleep(1))
    with pytest.raises(ReadError, match=r"the server did not answer within 0.2 s"):
        read(f"{server.address}/late.csv")


def test_endless_answers_end(server, monkeypatch):
    memory = SimpleNamespace(available=3_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(ReadError, match=r"/endless.csv' is too large: expected at most 3 MB"):
        read(f"{server.address}/endless.csv")
    assert server.is_hung_up.wait(5)


def test_content_of_redirections_is_not_read(server):
    assert read(f"{server.address}/to-endless.csv").shape == (2, 2)


def test_slow_answers_end(server, monkeypatch):
    monkeypatch.setattr(download, "_START_SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(ReadError, match=r"/slow.csv' is downloaded too slowly: 0.0 MB in \d s"):
        read(f"{server.address}/slow.csv")
    assert time.monotonic() - start < 5


def test_redirections_of_https_stay_there(monkeypatch):
    answer = requests.Response()
    answer.status_code, answer.headers["Location"] = 302, "http://example.org/x.csv"
    answer.raw = io.BytesIO()
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda *_, **__: answer)
    with pytest.raises(ReadError, match="redirects to another address than https://"):
        read("https://example.org/x.csv")


def test_schemes_are_listed(monkeypatch):
    with pytest.raises(ReadError, match=r"expected one of http://, https://, s3://, gs://"):
        read("ftp://me:topsecret@example.org/x.csv")
    with pytest.raises(ReadError, match="is a URL of a file. Pass the path"):
        read("file:///etc/x.csv")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ReadError, match="requires s3fs.*pip install s3fs"):
        read("s3://bucket/x.csv")


@pytest.fixture
def memory(monkeypatch):
    """Object storage in memory."""
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setitem(download._CLOUDS, "memory", "fsspec")
    system = fsspec.filesystem("memory")
    system.pipe_file("/bucket/t.csv", CSV)
    yield system
    system.rm("/bucket", recursive=True)


def test_files_of_object_storage(memory):
    pd.testing.assert_frame_equal(read("memory://bucket/t.csv"), FRAME, check_dtype=False)
    for address, words in (
        ("memory://bucket/none.csv", "there is no such file"),
        ("memory://me:topsecret@bucket/t.csv", "expected a bucket and a path alone"),
        ("memory://x::file:///etc/x.csv", "expected a bucket and a path alone"),
    ):
        with pytest.raises(ReadError, match=words) as caught:
            read(address)
        assert "topsecret" not in str(caught.value)


def test_patterns_of_object_storage(memory):
    """Files are read in the order of their names; folders and other names do not match."""
    for name, value in (("part-b", 2), ("part-a", 1), ("part-a/part-c", 3), ("other", 4)):
        memory.pipe_file(f"/bucket/in/{name}.csv", f"a\n{value}\n".encode())
    memory.pipe_file("/bucket/in/part-d.csv/x.csv", b"a\n5\n")
    assert read("memory://bucket/in/part-*.csv")["a"].tolist() == [1, 2]
    assert read("memory://bucket/*/*/part-[a-c].csv")["a"].tolist() == [3]
    chunks = read_chunks("memory://bucket/in/part-*.csv", READERS, rows=1)
    assert [frame["a"].tolist() for frame, _ in chunks] == [["1"], ["2"]]
    assert lasting_address("memory://bucket/in/part-*.csv") == "memory://bucket/in/part-*.csv"


def test_patterns_of_object_storage_are_checked(memory, monkeypatch):
    memory.pipe_file("/bucket/u.csv", b"a,c\n1,2\n")
    memory.pipe_file("/bucket/x?key=topsecret.tsv", CSV)
    memory.pipe_file("/bucket/v.txt", b"<html>")
    for address, words in (
        ("memory://bucket/none-*.csv", "No file matches 'memory://bucket/none-"),
        ("memory://none/*.csv", "No file matches"),
        ("memory://*/t.csv", "is a pattern of buckets"),
        ("memory://bucket/*.csv", "'memory://bucket/u.csv' has no column 'b'"),
        ("memory://bucket/*.tsv", "expected a bucket and a path alone"),
        ("memory://bucket/*.txt", "'memory://bucket/v.txt' is a web page"),
        ("memory://bucket/*", "No reader matches|expected a bucket"),
        ("memory://me:topsecret@bucket/*.csv", "expected a bucket and a path alone"),
    ):
        with pytest.raises(ReadError, match=words) as caught:
            read(address)
        assert "topsecret" not in str(caught.value)
    monkeypatch.setattr(file_sets, "_MOST_FILES", 1)
    with pytest.raises(ReadError, match=r"/\*.csv' matches more than 1 files"):
        read("memory://bucket/*.csv")


def test_files_of_a_pattern_share_the_limit_of_size(memory, monkeypatch):
    memory.pipe_file("/bucket/u.csv", CSV)
    free = psutil.virtual_memory()._replace(available=2 * len(CSV) - 1)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert read("memory://bucket/u.csv").shape == (2, 2)
    with pytest.raises(ReadError, match=r"'memory://bucket/\*.csv' is too large"):
        read("memory://bucket/*.csv")


def test_a_listing_must_end(memory, monkeypatch):
    monkeypatch.setattr(download, "_START_SECONDS", 0.1)
    monkeypatch.setattr(type(memory), "glob", lambda *_, **__: threading.Event().wait(3))
    with pytest.raises(ReadError, match=r"/\*.csv' is downloaded too slowly"):
        read("memory://bucket/*.csv")


def test_patterns_of_web_addresses_are_refused():
    for address in ("https://a.org/part-*.csv", "http://me:topsecret@a.org/*/t.csv?x=1"):
        with pytest.raises(ReadError, match="web servers do not list their files") as caught:
            read(address)
        assert "topsecret" not in str(caught.value)


def test_unknown_errors_show_their_type_alone(memory, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("https://host/?sig=topsecret")

    monkeypatch.setattr(type(memory), "open", fail)
    with pytest.raises(ReadError, match="cannot be downloaded: RuntimeError") as caught:
        read("memory://bucket/t.csv")
    assert "topsecret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.fixture(scope="module")
def s3():
    """An S3 service on loopback, with one bucket."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "a")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        system = s3fs.S3FileSystem(skip_instance_cache=True)
        system.mkdir("bucket")
        yield system
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.slow
def test_s3(s3):
    s3.pipe_file("bucket/t.csv", CSV)
    assert read("s3://bucket/t.csv").shape == (2, 2)
    for number in (2, 1):
        file = io.BytesIO()
        pd.DataFrame({"n": [number]}).to_parquet(file)
        s3.pipe_file(f"bucket/in/part-{number}.parquet", file.getvalue())
    assert read("s3://bucket/in/part-*.parquet")["n"].tolist() == [1, 2]
    for pattern in ("s3://bucket/in/*.csv", "s3://none/*.csv"):
        with pytest.raises(ReadError, match="No file matches"):
            read(pattern)
    for address in ("s3://bucket/none.csv", "s3://none/t.csv"):
        with pytest.raises(ReadError, match="there is no such file") as caught:
            read(address)
        assert "topsecret" not in str(caught.value)


def test_readers_of_plugins_come_first():
    own = Reader("own", lambda source: source.startswith("https://own/"), lambda source: FRAME)
    assert read_table("https://own/x.csv", [own, *READERS]).equals(FRAME)

    def fail(source):
        raise ValueError(f"no answer from {source}")

    broken = Reader("own", own.matches, fail)
    with pytest.raises(ReadError, match=r"no answer from https://own/\?\.\.\.") as caught:
        read_table("https://own/?key=topsecret", [broken])
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://a.org/x/Sales%202024.csv.gz?key=a/b.tsv", "Sales_2024.csv.gz"),
        ("https://a.org/x/..", "table"),
        ("https://a.org/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("https://a.org", "table"),
        ("https://a.org/" + "x" * 300 + ".csv", "x" * 96 + ".csv"),
        ("s3://bucket/key/t.parquet", "t.parquet"),
    ],
)
def test_file_names(address, name):
    assert file_name(address) == name


def test_lasting_address_has_no_credentials():
    assert lasting_address("https://a.org/x.csv") == "https://a.org/x.csv"
    for address in ("https://me:pw@a.org/x.csv", "https://a.org/x.csv?sig=1", "s3://a:b@c/x.csv"):
        assert lasting_address(address, READERS) is None


_SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(
    lambda t: f"topsecret{t}"
)


@given(_SECRETS, _SECRETS, st.booleans(), st.sampled_from(["https", "HTTP", "s3", "ftp", "abfs"]))
def test_shown_address_holds_no_secrets(user, key, is_quoted, scheme):
    user = quote(user, safe="") if is_quoted else user
    shown = shown_address(f"{scheme}://me:{user}@example.org/x.csv?sig={key}")
    assert "topsecret" not in shown
    assert shown_address(f"{scheme}://example.org/a@b.csv") == f"{scheme}://example.org/a@b.csv"
