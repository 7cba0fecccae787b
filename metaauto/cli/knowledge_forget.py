"""``metaauto knowledge forget``: delete all records of one dataset."""

from __future__ import annotations

import re
from typing import Any

import click

from metaauto.cli.completers import complete_files
from metaauto.cli.options import (
    plugin_settings,
    plugins_option,
    source_options,
    target_option,
    task_option,
)
from metaauto.cli.stores import named_or_own, read_store, store_option
from metaauto.cli.terminal import print_line
from metaauto.errors import KnowledgeError, SettingError

__all__ = ["command"]


@click.command("forget", short_help="Delete all records of one dataset.")
@click.argument("fingerprint", required=False)
@click.option(
    "--data",
    metavar="DATA",
    shell_complete=complete_files,
    help="The table, in place of its fingerprint.",
)
@target_option()
@source_options("--data")
@task_option()
@click.option("--groups", metavar="COL", help="As in the fit to delete.")
@click.option("--time", metavar="COL", help="As in the fit to delete.")
@click.option("--weights", metavar="COL", help="As in the fit to delete.")
@store_option("Store to delete from.")
@plugins_option()
def command(
    fingerprint: str | None,
    data: str | None,
    target: str | None,
    store: str | None,
    plugin_folders: tuple[str, ...],
    **given: Any,
) -> None:
    """Delete all records of one dataset, also from the free space of the file.

    \b
    metaauto knowledge forget --data train.csv --target price
    metaauto knowledge forget 9f86d081884c7d65...

    The dataset is given by its FINGERPRINT, a digest of its values (see `metaauto metafeatures
    --json`), or by its table: then name the target, and the columns of groups, time and weights,
    as in the fit. Copies of the store are not changed.
    """
    if (fingerprint is None) == (data is None):
        raise click.UsageError("Give either the FINGERPRINT of a dataset, or --data and --target.")
    if fingerprint is not None:
        for name, value in (("--target", target), ("--format", given["format"])):
            if value is not None:
                raise click.UsageError(f"{name} requires --data.")
        digest = fingerprint.strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise SettingError(
                f"Invalid fingerprint {fingerprint!r}: expected 64 hexadecimal digits.",
                hint="Copy all digits, or name the table with --data and --target.",
            )
    else:
        settings = plugin_settings(plugin_folders)
        from metaauto.engine.options import FitOptions
        from metaauto.engine.setup import read_dataset
        from metaauto.plugins.manager import load_plugins

        registry = load_plugins(settings).registry
        digest = read_dataset(data, target, FitOptions(**given), registry)[0].fingerprint
    path = named_or_own(store)
    with read_store(path) as opened:
        is_known = bool(opened.datasets(fingerprint=digest, metafeatures=False))
    if not is_known:
        raise KnowledgeError(
            f"{str(path)!r} has no dataset with the fingerprint {digest[:16]}...",
            hint="Use the same rows, row order, target and excluded columns as in the fit.",
        )
    from metaauto.knowledge import KnowledgeStore

    with KnowledgeStore.open(path, readonly=False) as opened:
        opened.forget(digest)
    print_line(f"Deleted the dataset {digest[:16]}... from {path}")
