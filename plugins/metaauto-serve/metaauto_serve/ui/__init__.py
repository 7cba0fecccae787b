"""``metaauto ui``: pages in the browser that list, follow and compare fits."""

from __future__ import annotations

import socket
import webbrowser
from pathlib import Path

import click

__all__ = ["command"]


@click.command("ui", short_help="Show runs and models in the browser.")
@click.argument(
    "folders",
    metavar="[FOLDER]...",
    nargs=-1,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port; 0 for a free one.",
)
@click.option("--open", "is_opened", is_flag=True, help="Open the pages in the browser.")
def command(folders: tuple[Path, ...], host: str, port: int, is_opened: bool) -> None:
    r"""List the runs and models in each FOLDER, follow a running fit, compare fits.

    By default the current folder. Model files (*.metaauto) and run directories (--run-dir) are
    shown; nothing is changed, no model is loaded, and links out of the folders are not followed.

    \b
    metaauto ui
    metaauto ui runs models --port 0 --open

    The pages are for this computer only: with another --host everybody who reaches the address
    can read them. Ctrl-C ends them.
    """
    # The command line imports this module for every command.
    import uvicorn

    from metaauto_serve.ui.pages import make_app

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host} port {port}: {error.strerror or error}. Choose another "
            "--port, or --port 0 for a free one."
        ) from error
    with listener:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}/"
        click.echo(f"{address}  (Ctrl-C ends)")
        if is_opened:
            webbrowser.open(address)
        app = make_app(folders or (Path(),), host)
        settings = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=1
        )
        try:
            uvicorn.Server(settings).run([listener])
        except KeyboardInterrupt:
            click.echo("Ended.", err=True)
