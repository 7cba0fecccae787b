"""Tables of a PostgreSQL server: fits, predictions, and errors that hide the password."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from command_line import QUICK, Cli, people
from postgres_server import PASSWORD, PostgresServer, postgres_server

pytestmark = pytest.mark.slow

SECRETS = (PASSWORD, quote(PASSWORD, safe=""), "topsecret")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server with the table ``shop.people``."""
    rows = people().astype(object).where(lambda frame: frame.notna(), None)
    values = ", ".join(
        f"({age}, {'NULL' if income is None else income}, '{city}', {house}, '{buys}')"
        for age, income, city, house, buys in rows.itertuples(index=False)
    )
    with postgres_server() as running:
        running.execute(
            "CREATE SCHEMA shop",
            "CREATE TABLE shop.people "
            "(age numeric, income float8, city text, house int, buys varchar(3))",
            f"INSERT INTO shop.people VALUES {values}",
            "CREATE FUNCTION shop.clear() RETURNS int LANGUAGE sql AS "
            "'DELETE FROM shop.people RETURNING 1'",
        )
        yield running


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


def saved_texts(folder: Path) -> Iterator[bytes]:
    """Return the content of all files, and that of the files in models."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
        if path.suffix == ".metaauto":
            with zipfile.ZipFile(path) as archive:
                yield from (archive.read(name) for name in archive.namelist())


def error_line(done) -> str:
    """Return the one line of an error, which shows no password."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert not any(secret in line for secret in SECRETS)
    return line


def test_fit_and_predict(quick_cli: Cli, server, password, tmp_path: Path) -> None:
    query = "SELECT * FROM shop.people WHERE house < 7"
    fit = quick_cli(
        "fit", server.address, "--query", query, "--target", "buys", "--include", "logistic",
        *QUICK, "--run-dir", "run", "--out", "buys.metaauto",
    )  # fmt: skip
    assert fit.returncode == 0, fit.stderr
    selected = people().query("house < 7")
    assert f"{len(selected)} rows" in fit.stderr
    with_password = server.address.replace("owner", f"owner:{quote(PASSWORD, safe='')}")
    predict = quick_cli(
        "predict", "buys.metaauto", with_password, "--table", "shop.people", "--keep", "age"
    )
    assert (predict.returncode, predict.stderr) == (0, "")
    predicted = pd.read_csv(io.StringIO(predict.stdout))
    assert predicted["age"].tolist() == people()["age"].tolist()
    assert (predicted["buys"] == people()["buys"]).mean() > 0.8
    evaluate = quick_cli("evaluate", "buys.metaauto", server.address, "--table", "shop.people")
    report = quick_cli("report", "buys.metaauto", "-o", "report.html")
    assert (evaluate.returncode, report.returncode) == (0, 0)
    for done in (fit, predict, evaluate, report):
        assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    texts = list(saved_texts(tmp_path))
    assert len(texts) > 5
    assert not any(secret.encode() in text for text in texts for secret in SECRETS)


def test_types_of_columns(quick_cli: Cli, server, password) -> None:
    """Numbers of any precision are numbers, and an empty cell is missing."""
    done = quick_cli(
        "fit", server.address, "--table", "shop.people", "--target", "income", "--dry-run"
    )
    assert done.returncode == 0, done.stderr
    roles = dict(line.split()[:2] for line in done.stdout.splitlines() if len(line.split()) > 1)
    assert (roles["age"], roles["city"], roles["house"]) == ("numeric", "categorical", "numeric")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (("--table", "shop.orders"), 'relation "shop.orders" does not exist'),
        (("--query", "SELECT * FROM nowhere"), 'relation "nowhere" does not exist'),
        (("--query", "SELECT size FROM shop.people"), 'column "size" does not exist'),
        (("--query", "SELECT FROM WHERE"), "syntax error"),
        (("--query", "DROP TABLE shop.people"), "is not one SELECT statement"),
        (("--query", "SELECT shop.clear()"), "cannot execute DELETE in a read-only transaction"),
        (("--query", "SELECT * INTO shop.copy FROM shop.people"), "read-only transaction"),
        (("--query", "SELECT * FROM shop.people WHERE age < 0"), "contains only a header"),
        ((), "No table of the database is named."),
    ],
)
def test_errors_of_queries(quick_cli: Cli, server, password, source, words) -> None:
    assert words in error_line(
        quick_cli("fit", server.address, *source, "--target", "buys", "--quiet")
    )


def test_errors_of_connections(quick_cli: Cli, server, monkeypatch) -> None:
    wrong = server.address.replace("owner", "owner:topsecret2")
    for address, words in (
        (server.address, "no password supplied"),
        (wrong, "password authentication failed for user"),
        (server.address.replace("/postgres", "/none"), "password"),
        (server.address.replace(str(server.port), "1"), "onnection refused"),
        (server.address.replace("127.0.0.1", "host.invalid"), "host.invalid"),
    ):
        done = quick_cli("fit", address, "--table", "shop.people", "--target", "buys", "--quiet")
        assert words in error_line(done), done.stderr
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    unknown = server.address.replace("/postgres", "/none")
    done = quick_cli("fit", unknown, "--table", "shop.people", "--target", "buys", "--quiet")
    assert 'database "none" does not exist' in error_line(done)


def test_a_server_that_ends_while_it_answers(quick_cli: Cli, server, password) -> None:
    query = "SELECT *, pg_terminate_backend(pg_backend_pid()) FROM shop.people"
    done = quick_cli("fit", server.address, "--query", query, "--target", "buys", "--quiet")
    assert "terminating connection due to administrator command" in error_line(done)
