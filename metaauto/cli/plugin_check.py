"""``metaauto plugins check``: run the contract tests on all components of a plugin."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from metaauto.cli.completers import complete_folders
from metaauto.cli.options import json_option
from metaauto.cli.terminal import print_json, print_line
from metaauto.errors import SettingError
from metaauto.text import counted

if TYPE_CHECKING:
    from metaauto.testing.check import CheckResult

__all__ = ["command"]


@click.command("check", short_help="Run the contract tests on a plugin.")
@click.argument("package", shell_complete=complete_folders)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=float,
    default=600.0,
    show_default=True,
    help="Timeout for the checks of one component.",
)
@json_option("the results")
@click.pass_context
def command(ctx: click.Context, package: str, timeout: float, as_json: bool) -> None:
    """Run the contract tests of `metaauto.testing` on each component of PACKAGE; needs pytest.

    \b
    metaauto plugins check metaauto-fancy      an installed package, or the name of its plugin
    metaauto plugins check ./metaauto-fancy    a project with a pyproject.toml, installed or not
    metaauto plugins check plugins/fancy.py    a plugin file, or a folder of them

    Each component is checked in its own process, so that a hang or crash is attributed to it. The
    checks of a model take about a minute, more if one fit takes longer than a second; those of
    other components take seconds.
    The exit status is 0 if all checks pass and 1 otherwise.
    """
    if not timeout > 0:
        raise SettingError(
            f"--timeout must be > 0 seconds (got {timeout:g}).", hint="For example: --timeout 600."
        )
    from metaauto.testing.check import check_component, find_target, plugins_of

    logging.getLogger("metaauto.plugins").setLevel(logging.ERROR)
    target = find_target(package)
    found = plugins_of(target)
    results: list[CheckResult] = []
    for plugin in found:
        if not as_json:
            print_line(f"{target.labels.get(plugin.name, plugin.label)}  {plugin.source}")
            for error in plugin.errors:
                print_line(f"  ERROR  {' '.join(error.split())}")
        for component in plugin.components:
            result = check_component(target, component, timeout)
            results.append(result)
            if not as_json:
                for line in _lines(result):
                    print_line(line)
    is_good = bool(found) and all(not p.errors for p in found) and all(v.is_good for v in results)
    if as_json:
        print_json(
            {
                "good": is_good,
                "plugins": [dataclasses.asdict(plugin) for plugin in found],
                "results": [{**dataclasses.asdict(v), "good": v.is_good} for v in results],
            }
        )
    elif not found:
        print_line(f"There is no plugin in {package!r}.")
    else:
        print_line("All checks passed." if is_good else "Some checks failed; see above.")
    ctx.exit(0 if is_good else 1)


def _lines(result: CheckResult) -> Iterator[str]:
    if result.remark:
        yield f"  {result.component}  not checked: {result.remark}"
        return
    count = counted(result.passed + len(result.failures), "check")
    skipped = f", {result.skipped} skipped (not claimed)" if result.skipped else ""
    if result.is_good:
        yield f"  {result.component}  passed: {count}{skipped}"
        return
    yield f"  {result.component}  FAILED {len(result.failures)} of {count}{skipped}"
    for failure in result.failures:
        yield f"    {failure.check}: {failure.message}"
