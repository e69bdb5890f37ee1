"""`twinspan completion`: the script that makes a shell complete commands, options, kinds and names.

In: the name of a shell. Out: the script. Next: nothing; click makes it.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print a script that makes your SHELL complete what you type.

    \b
    Examples:
      source <(twinspan completion bash)
      twinspan completion fish > ~/.config/fish/completions/twinspan.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "twinspan", "_TWINSPAN_COMPLETE").source())
    return 0
