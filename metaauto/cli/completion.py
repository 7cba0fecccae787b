"""``metaauto completion``: print the script for shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from metaauto.cli.completers import COMPLETE_VARIABLE
from metaauto.cli.terminal import print_document

__all__ = ["command"]

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print shell completion.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options and their values.

    \b
    bash  metaauto completion bash > ~/.metaauto-complete.bash
          echo '. ~/.metaauto-complete.bash' >> ~/.bashrc
    zsh   metaauto completion zsh > ~/.metaauto-complete.zsh
          echo '. ~/.metaauto-complete.zsh' >> ~/.zshrc
    fish  metaauto completion fish > ~/.config/fish/completions/metaauto.fish

    Then start a new shell. Names of plugin commands are not completed, their options are.
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell!r}.")
    root = ctx.find_root().command
    print_document(found(root, {}, "metaauto", COMPLETE_VARIABLE).source().rstrip())
