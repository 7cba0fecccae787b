"""``metaauto serve``: answer predictions of saved models over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import click

from metaauto.api import SettingError
from metaauto_serve.address import address_options, listen

__all__ = ["command"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@click.command("serve", short_help="Serve saved models over HTTP.")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@address_options(8000)
@click.option(
    "--background",
    metavar="TABLE",
    help="Rows of the training table, for explanations and the defaults of the form.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Processes that predict; each holds the models.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(1),
    default=64 * 2**20,
    show_default=True,
    help="Bytes of a request, also decompressed.",
)
@click.option(
    "--max-rows",
    type=click.IntRange(1),
    default=100_000,
    show_default=True,
    help="Rows of a request.",
)
@click.option(
    "--max-requests",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Requests at a time; more are refused.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds from the header of a request to its answer.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds until a connection without a request is closed.",
)
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    default=4.0,
    show_default=True,
    help="GiB that the rows of a request may take (on Linux).",
)
@click.option("--access-log", is_flag=True, help="Print a line for each request.")
def command(
    models: tuple[str, ...],
    host: str,
    port: int,
    hosts: tuple[str, ...],
    background: str | None,
    workers: int,
    max_bytes: int,
    max_rows: int,
    max_requests: int,
    timeout: float,
    idle_timeout: float,
    memory: float,
    access_log: bool,
) -> None:
    """Answer predictions of the saved MODEL over HTTP, with a form for one row at /.

    \b
    metaauto serve price.metaauto
    metaauto serve price.metaauto --background train.csv
    curl -H 'Content-Type: text/csv' --data-binary @new.csv http://127.0.0.1:8000/predict

    The first MODEL answers at /predict; of several, each also at /models/NAME/predict with the
    name of its file. Rows are JSON, CSV or Parquet, and so are answers; ?proba=true adds class
    probabilities. /openapi.json describes the columns. There are no passwords and no encryption.
    Ctrl-C ends the server when the running requests are done.
    """  # noqa: D301 (click takes a backspace for "do not wrap")
    paths = _named(models)
    from metaauto_serve.app import Limits, create_app
    from metaauto_serve.server import run_app
    from metaauto_serve.workers import Workers

    listening, address = listen(host, port, "use the models")
    settings = {
        "models": paths, "background": background, "max_rows": max_rows, "memory": memory,
    }  # fmt: skip
    limits = Limits(max_bytes, timeout, max_requests)
    app = create_app(Workers(settings, workers), limits, [*hosts, host])

    def say() -> None:
        click.echo(f"Serving {', '.join(paths)} at {address} (Ctrl-C ends it)")

    run_app(app, listening, idle=idle_timeout, seconds=timeout, access_log=access_log, started=say)
    click.echo("Stopped.")


def _named(models: Iterable[str]) -> dict[str, str]:
    """Return the paths of model files by name."""
    paths: dict[str, str] = {}
    for model in models:
        path = Path(model).expanduser().absolute()
        if not path.is_file():
            raise SettingError(f"There is no model file {model!r}.", hint="Check the path.")
        name = path.stem
        if not _NAME.fullmatch(name):
            raise SettingError(
                f"Invalid name of a model {name!r}: expected letters, digits, '.', '_' and '-'.",
                hint="Rename the file.",
            )
        if name in paths:
            raise SettingError(f"Two models are named {name!r}.", hint="Rename one of the files.")
        paths[name] = str(path)
    return paths
