"""``metaauto knowledge``: show, build, share and check knowledge stores."""

from __future__ import annotations

import click

from metaauto.cli.group import LazyGroup
from metaauto.cli.knowledge_info import command as info

__all__ = ["command"]

_COMMANDS = {
    "info": "metaauto.cli.knowledge_info",
    "build": "metaauto.cli.knowledge_build",
    "merge": "metaauto.cli.knowledge_merge",
    "export": "metaauto.cli.knowledge_export",
    "check": "metaauto.cli.knowledge_check",
    "verify": "metaauto.cli.knowledge_verify",
    "forget": "metaauto.cli.knowledge_forget",
}
_PACKAGES = {"import": "metaauto-importers"}


@click.group(
    "knowledge",
    cls=LazyGroup,
    modules=_COMMANDS,
    packages=_PACKAGES,
    invoke_without_command=True,
    short_help="Show, build, share and check knowledge stores.",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show, build, share and check knowledge stores.

    \b
    metaauto knowledge                                 show the stores in use
    metaauto knowledge build --folder tables --target y
    metaauto knowledge build --suite openml-cc18 --budget 8h
    metaauto knowledge verify                          evaluate the warm start
    metaauto knowledge merge colleague.db
    metaauto knowledge import oboe oboe/oboe/defaults      needs metaauto-importers
    metaauto knowledge forget --data train.csv --target price

    A store is one file with the losses and seconds of configurations on datasets. A dataset is
    described by a digest, its shape and its metafeatures. A store holds no rows, column names or
    values. A fit uses the shipped store, those of installed packs and your own, to which it adds
    its results; METAAUTO_KNOWLEDGE sets the path of your own.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(info)
