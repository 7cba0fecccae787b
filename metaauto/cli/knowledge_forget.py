"""``metaauto knowledge forget``: all that is known of one table."""

from __future__ import annotations

import re
from typing import Any

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import (
    plugin_settings,
    plugins_option,
    read_dataset,
    target_option,
    task_option,
)
from metaauto.cli.stores import named_or_own, read_store, store_option
from metaauto.cli.terminal import print_line
from metaauto.errors import KnowledgeError, SettingError

__all__ = ["command"]


@click.command("forget", short_help="Delete all that is known of one table.")
@click.argument("fingerprint", required=False)
@click.option(
    "--data",
    metavar="DATA",
    shell_complete=complete_files,
    help="The table itself, in place of its fingerprint.",
)
@target_option()
@task_option()
@click.option("--groups", metavar="COL", help="As in the fit that is to be forgotten.")
@click.option("--time", metavar="COL", help="As in the fit that is to be forgotten.")
@click.option("--weights", metavar="COL", help="As in the fit that is to be forgotten.")
@store_option("The store that forgets.")
@plugins_option()
def command(
    fingerprint: str | None,
    data: str | None,
    target: str | None,
    store: str | None,
    plugin_folders: tuple[str, ...],
    **given: Any,
) -> None:
    """Delete all that is known of one table, also from the free space of the file.

    \b
    metaauto knowledge forget --data train.csv --target price
    metaauto knowledge forget 9f86d081884c7d65...

    The table is named by its FINGERPRINT, a digest of its values (`metaauto metafeatures --json`
    tells it), or read again: then name the target, and the columns of groups, time and weights, as
    in the fit. Copies of the store remember.
    """
    if (fingerprint is None) == (data is None):
        raise click.UsageError("Name the table: either its FINGERPRINT, or --data and --target.")
    if fingerprint is not None:
        if target is not None:
            raise click.UsageError("--target requires --data.")
        digest = fingerprint.strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise SettingError(
                f"{fingerprint!r} is no fingerprint.",
                hint="It has 64 hexadecimal digits; or name the table with --data and --target.",
            )
    else:
        settings = plugin_settings(plugin_folders)
        from metaauto.plugins.manager import load_plugins

        registry = load_plugins(settings).registry
        digest = read_dataset(str(data), target, registry, **given).fingerprint
    path = named_or_own(store)
    with read_store(path) as opened:
        is_known = bool(opened.datasets(fingerprint=digest, metafeatures=False))
    if not is_known:
        raise KnowledgeError(
            f"{str(path)!r} knows no table of the fingerprint {digest[:16]}...",
            hint="The rows, their order, the target and the left-out columns must be those of the "
            "fit.",
        )
    from metaauto.knowledge import KnowledgeStore

    with KnowledgeStore.open(path, readonly=False) as opened:
        opened.forget(digest)
    print_line(f"{path} has forgotten the table {digest[:16]}...")
