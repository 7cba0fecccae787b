"""``metaauto serve``: answer predictions of saved models over HTTP."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("serve", short_help="Serve saved models over HTTP.")
@click.argument("models", nargs=-1, required=True, type=click.Path())
def command(models: tuple[str, ...]) -> None:
    """Answer predictions of each MODEL over HTTP."""
    raise click.ClickException("not available")
