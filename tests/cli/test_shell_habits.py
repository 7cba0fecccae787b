"""Standard streams, completion and exit statuses."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from command_line import QUICK, Cli, command_line, environment, people
from imported import ImportedProgram

from metaauto.cli.exit_status import ExitStatus

Piped = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def piped(tmp_path: Path, imported: ImportedProgram) -> Piped:
    """Call ``metaauto`` in a process whose standard streams are pipes."""

    def call(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            imported.command(*arguments),
            check=False,
            cwd=tmp_path,
            env=environment(tmp_path),
            input=stdin,
            capture_output=True,
            timeout=200,
        )

    return call


@pytest.mark.slow
def test_a_model_goes_through_standard_streams(piped: Piped, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--target", "buys", *QUICK, "--include", "lda", "--out", "-")
    made = piped("fit", "t.csv", *arguments)
    assert made.returncode == 0, made.stderr
    assert b"Saved        the standard output" in made.stderr
    assert b"metaauto predict MODEL NEW.csv" in made.stderr
    board = piped("leaderboard", "-", stdin=made.stdout)
    assert board.returncode == 0, board.stderr
    assert b"lda-1" in board.stdout
    predicted = piped("predict", "-", "t.csv", stdin=made.stdout)
    assert len(predicted.stdout.splitlines()) == 121
    scored = piped("evaluate", "-", "t.csv", "--metric", "f1", stdin=made.stdout)
    assert b"f1" in scored.stdout
    assert not list((tmp_path / "temporary").glob("metaauto-*"))
    assert not (tmp_path / "model.metaauto").exists()


@pytest.mark.slow
def test_tables_and_models_to_look_at_go_through_standard_streams(
    piped: Piped, quick_cli: Cli, trained: Path, tmp_path: Path
) -> None:
    model, new = str(trained / "buys.metaauto"), str(trained / "new.csv")
    table, packed = Path(new).read_bytes(), Path(model).read_bytes()
    by_row = ("--row", "0", "--explainer", "permutation", "--json")
    wanted = quick_cli("explain", model, new, *by_row)
    assert wanted.returncode == 0, wanted.stderr
    for stdin, arguments in ((packed, ("-", new)), (table, (model, new, "--background", "-"))):
        done = piped("explain", *arguments, *by_row, stdin=stdin)
        assert (done.returncode, done.stdout.decode()) == (0, wanted.stdout), done.stderr
    few = ("--budget", "1s")
    told = piped("report", model, "--data", "-", "-o", "-", *few, stdin=table)
    assert told.returncode == 0, told.stderr
    assert b"the 40 given rows" in told.stdout
    # A model without a name gives its report no name either.
    told = piped("report", "-", stdin=packed)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(b"<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]
    assert not list((tmp_path / "temporary").glob("metaauto-*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "-", "-"),
        ("explain", "-", "-"),
        ("explain", "m.metaauto", "-", "--row", "0", "--background", "-"),
        ("report", "-", "--data", "-"),
    ],
)
def test_one_stream_cannot_be_two_sources(arguments: tuple[str, ...], quick_cli: Cli) -> None:
    both = quick_cli(*arguments)
    assert (both.returncode, both.stdout) == (ExitStatus.USAGE, "")
    assert "cannot both come from the standard input" in both.stderr


def test_one_stream_cannot_be_two_results(quick_cli: Cli) -> None:
    fit = quick_cli("fit", "t.csv", "--out", "-", "--json")
    assert fit.returncode == ExitStatus.USAGE


def test_every_exit_status_is_in_the_help(quick_cli: Cli) -> None:
    lines = [line.strip() for line in quick_cli("--help").stdout.splitlines()]
    for status in ExitStatus:
        assert f"{status.value:<5}{status.meaning}" in lines


def test_exit_statuses_are_those_that_are_told(quick_cli: Cli) -> None:
    assert quick_cli("--version").returncode == ExitStatus.DONE
    assert quick_cli("predict", "missing.metaauto", "t.csv").returncode == ExitStatus.ERROR
    assert quick_cli("predict").returncode == ExitStatus.USAGE


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str, quick_cli: Cli) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("needs bash")
    done = quick_cli("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{shell}_complete" in done.stdout


def test_an_unknown_shell_is_refused(quick_cli: Cli) -> None:
    assert quick_cli("completion", "tcsh").returncode == ExitStatus.USAGE


@pytest.mark.parametrize("arguments", [(), ("knowledge",), ("plugins",)])
def test_a_group_without_a_command_is_never_an_error(
    arguments: tuple[str, ...], quick_cli: Cli
) -> None:
    done = quick_cli(*arguments)
    assert done.returncode == ExitStatus.DONE
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) > 1


def test_no_arguments_show_the_help(quick_cli: Cli) -> None:
    assert quick_cli().stdout.strip() == quick_cli("--help").stdout.strip()


def test_usual_names_of_help_and_version_work(quick_cli: Cli) -> None:
    version = quick_cli("--version").stdout
    assert version == quick_cli("-V").stdout == quick_cli("version").stdout
    assert quick_cli("help").stdout == quick_cli("--help").stdout
    assert quick_cli("help", "knowledge", "merge").stdout == (
        quick_cli("knowledge", "merge", "--help").stdout
    )
    assert quick_cli("help", "nonsense").returncode == ExitStatus.USAGE


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_a_table_in_place_of_the_model_is_named(
    command: str, trained: Path, quick_cli: Cli
) -> None:
    done = quick_cli(command, str(trained / "people.csv"), str(trained / "buys.metaauto"))
    assert done.returncode == ExitStatus.ERROR
    assert "Give the model first, then the table." in done.stderr
    assert "people.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_replaced_model_is_mentioned(tmp_path: Path, quick_cli: Cli) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    arguments = (
        "fit",
        "t.csv",
        "--target",
        "buys",
        *QUICK,
        "--include",
        "lda",
        "--out",
        "m.metaauto",
    )
    first, second = quick_cli(*arguments), quick_cli(*arguments)
    assert "MB)" in first.stderr
    assert "MB, replaced)" in second.stderr


@pytest.mark.slow
def test_a_pipe_is_read_by_its_format(trained: Path, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_inheritable(read, True)
    with open(write, "wb") as file:
        file.write((trained / "new.csv").read_bytes())
    model = str(trained / "buys.metaauto")
    done = subprocess.run(
        command_line("predict", model, f"/dev/fd/{read}", "--format", "csv"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        pass_fds=[read],
    )
    os.close(read)
    assert (done.returncode, done.stderr) == (0, "")
    rows = len((trained / "new.csv").read_text().splitlines())
    assert len(done.stdout.splitlines()) == rows


def test_credentials_of_an_address_are_not_stored(
    tmp_path: Path, quick_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Log nothing."""

    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://me:topsecret@127.0.0.1:{server.server_port}/t.csv?key=topsecret"
        arguments = ("--target", "buys", *QUICK, "--include", "lda", "--run-dir", "run", "--json")
        fitted = quick_cli("fit", address, *arguments, "--out", "a.metaauto")
        assert fitted.returncode == 0, fitted.stderr
        evaluated = quick_cli("leaderboard", "a.metaauto", "--data", address)
        compared = quick_cli("compare", "a.metaauto", "a.metaauto", "--data", address)
        resumed = quick_cli(
            "fit", address, "--resume", "run", "--trials", "3", "--out", "b.metaauto"
        )
        server.shutdown()
    assert (evaluated.returncode, compared.returncode, resumed.returncode) == (0, 0, 0)
    report = quick_cli("report", "a.metaauto", "-o", "a.html")
    assert report.returncode == 0, report.stderr
    (tmp_path / "t.csv").unlink()
    for done in (
        fitted,
        evaluated,
        compared,
        resumed,
        quick_cli("fit", address, "--out", "c.metaauto"),
    ):
        assert "topsecret" not in done.stdout + done.stderr
        assert "127.0.0.1" in done.stderr + done.stdout
    with zipfile.ZipFile(tmp_path / "a.metaauto") as archive:
        archive.extractall(tmp_path / "unpacked")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"run.db", "a.html", "a.metaauto"} <= {file.name for file in files}
    assert not [file.name for file in files if b"topsecret" in file.read_bytes()]


def test_format_requires_a_table(quick_cli: Cli) -> None:
    for arguments in (("report", "m"), ("leaderboard", "m"), ("knowledge", "forget", "a")):
        done = quick_cli(*arguments, "--format", "csv")
        assert done.returncode == 2
        assert done.stderr.startswith("Error: --format requires --data.")


def test_a_fit_by_format_is_resumed_and_repeated(tmp_path: Path, quick_cli: Cli) -> None:
    people().to_csv(tmp_path / "table", index=False)
    arguments = ("--target", "buys", *QUICK, "--include", "lda", "--run-dir", "run")
    done = quick_cli("fit", "table", "--format", "csv", *arguments, "--out", "a.metaauto")
    assert done.returncode == 0, done.stderr
    assert "metaauto explain a.metaauto table --format csv" in done.stderr
    done = quick_cli("fit", "--resume", "run", "--trials", "3", "--out", "b.metaauto")
    assert done.returncode == 0, done.stderr
    done = quick_cli("evaluate", "b.metaauto", "table", "--format", "csv")
    assert done.returncode == 0, done.stderr


def test_tables_and_queries_of_a_database(tmp_path: Path, quick_cli: Cli) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        people().to_sql("people", connection, index=False)
        people(40).to_sql("other", connection, index=False)
    arguments = ("--target", "buys", "--json", "--seconds", "0.1")
    for source in ("shop.db", "sqlite:shop.db", "sqlite:///shop.db"):
        done = quick_cli("metafeatures", source, "--table", "other", *arguments)
        assert json.loads(done.stdout)["rows"] == 40, done.stderr
    query = "SELECT age AS 'a & b', buys FROM people WHERE city LIKE '%m'"
    done = quick_cli("metafeatures", "shop.db", "--query", query, *arguments)
    assert json.loads(done.stdout)["columns"] == 1, done.stderr
    for options, words in (
        (("shop.db", "--table", "a", "--query", "SELECT 1"), "are mutually exclusive"),
        (("t.csv", "--table", "a"), "--table requires a database, such as sqlite:shop.db"),
        (("t.csv", "--query", "SELECT 1"), "--query requires a database"),
    ):
        done = quick_cli("metafeatures", *options)
        assert done.returncode == 2
        assert words in done.stderr
