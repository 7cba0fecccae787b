"""A PostgreSQL server on loopback that asks for a password, from the package pgserver."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "topsecret/@:%"
_START_SECONDS = 60


class PostgresServer:
    """A cluster in a temporary folder; its only user is ``owner``."""

    def __init__(self, programs: Path, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"postgresql+psycopg://owner@127.0.0.1:{self.port}/postgres"
        self._programs, self._folder = programs, folder
        # A server refuses to run as root. Its own folder is the only one that it needs.
        self._account = {"user": "nobody"} if os.geteuid() == 0 else {}
        if self._account:
            shutil.chown(folder, **self._account)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-U", "owner", f"--pwfile={password}", "--auth=scram-sha-256", "-N")
        # With Unix sockets in its own folder, their name could be too long.
        settings = f"-F -h 127.0.0.1 -p {self.port} -c unix_socket_directories=''"
        self._run(
            "pg_ctl", "-w", "-t", _START_SECONDS, "-l", folder / "log", "-o", settings, "start"
        )

    def execute(self, *statements: str) -> None:
        """Run statements as the owner."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="owner", password=PASSWORD, dbname="postgres"
        ) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        """End the server, and every session."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: Any) -> None:
        command = [self._programs / program, "-D", self._folder / "data", *map(str, arguments)]
        # The server keeps the streams of pg_ctl open.
        with open(self._folder.with_suffix(".out"), "a+") as output:
            done = subprocess.run(
                command, stdout=output, stderr=output, cwd=self._folder, check=False,
                stdin=subprocess.DEVNULL, **self._account,
            )  # fmt: skip
            output.seek(0)
            assert done.returncode == 0, output.read()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server; skip the test where a package for it is missing."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = Path(pgserver.__file__).parent / "pginstall" / "bin"
    with tempfile.TemporaryDirectory(prefix="postgres-") as place:
        # The account of the server may not enter the folders of pytest.
        Path(place).chmod(0o755)
        folder = Path(place, "server")
        folder.mkdir()
        server = PostgresServer(programs, folder)
        try:
            yield server
        finally:
            server.stop()
