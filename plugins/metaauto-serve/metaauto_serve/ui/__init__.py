"""``metaauto ui``: pages in the browser that list, follow and compare fits."""

from __future__ import annotations

import ipaddress
import webbrowser
from pathlib import Path

import click

__all__ = ["command"]

_IDLE_SECONDS, _SECONDS = 10.0, 5.0


@click.command("ui", short_help="Show runs and models in the browser.")
@click.argument(
    "folders",
    metavar="[FOLDER]...",
    nargs=-1,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen at; the default answers this machine alone.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port; 0 is any free one, which is printed.",
)
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Name in addresses of this server, besides localhost. Repeatable.",
)
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
    from metaauto_serve.server import bind, run_app
    from metaauto_serve.ui.pages import make_app

    listening = bind(host, port)
    address, chosen = listening.getsockname()[:2]
    if not ipaddress.ip_address(address).is_loopback:
        click.echo(
            f"Warning: everyone who can reach {address} can read the pages: there are no passwords "
            "and no encryption.",
            err=True,
        )
    shown = f"http://{f'[{address}]' if ':' in address else address}:{chosen}/"

    def start() -> None:
        click.echo(f"Showing fits at {shown} (Ctrl-C ends it)")
        if is_opened:
            webbrowser.open(shown)

    app = make_app(folders or (Path(),), [*hosts, host])
    run_app(app, listening, idle=_IDLE_SECONDS, seconds=_SECONDS, started=start)
    click.echo("Stopped.")
