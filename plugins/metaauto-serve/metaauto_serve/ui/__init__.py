"""``metaauto ui``: pages in the browser that list, follow and compare fits."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from metaauto_serve.address import address_options, listen

__all__ = ["command"]

_IDLE_SECONDS, _SECONDS = 10.0, 5.0


@click.command("ui", short_help="Show runs and models in the browser.")
@click.argument(
    "folders",
    metavar="[FOLDER]...",
    nargs=-1,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@address_options(8765)
@click.option("--open", "is_opened", is_flag=True, help="Open the pages in the browser.")
def command(
    folders: tuple[Path, ...], host: str, port: int, hosts: tuple[str, ...], is_opened: bool
) -> None:
    """Show the runs and models in each FOLDER: a list, running fits, comparisons, reports.

    \b
    metaauto ui
    metaauto ui runs models --port 0 --open

    By default the current FOLDER. Model files (*.metaauto) and run directories (--run-dir) are
    shown. Nothing is changed, no model is loaded, and symbolic links are not followed. Ctrl-C ends
    the pages.
    """  # noqa: D301 (click takes a backspace for "do not wrap")
    from metaauto_serve.server import run_app
    from metaauto_serve.ui.pages import make_app

    listening, address = listen(host, port, "read the pages")

    def start() -> None:
        click.echo(f"Showing fits at {address} (Ctrl-C ends it)")
        if is_opened:
            webbrowser.open(address)

    app = make_app(folders or (Path(),), [*hosts, host])
    run_app(app, listening, idle=_IDLE_SECONDS, seconds=_SECONDS, started=start)
    click.echo("Stopped.")
