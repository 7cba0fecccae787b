"""``metaauto knowledge``: what is known of other tables, and how it is made, checked and shared."""

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
    short_help="Show, build, share and check what is known of other tables.",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show, build, share and check what is known of other tables.

    \b
    metaauto knowledge                                 the stores that a fit asks
    metaauto knowledge build --folder tables --target y
    metaauto knowledge build --suite openml-cc18 --budget 8h
    metaauto knowledge verify                          is the warm start worth it?
    metaauto knowledge merge colleague.db
    metaauto knowledge import oboe oboe/oboe/defaults      needs metaauto-importers
    metaauto knowledge forget --data train.csv --target price

    A store is one file of plain facts: which configuration came to which loss in how many seconds,
    on tables that are known by a digest, their shape and their metafeatures. It holds no rows, no
    names of columns and no values. A fit asks the store that comes with metaauto, those of
    installed packs and your own, which it adds to; METAAUTO_KNOWLEDGE names another file for that.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(info)
