"""`completion`: the script by which a shell completes commands, options and names."""

from __future__ import annotations

import click

from paloaltofw.cli.application import PROGRAM

SHELLS = ("bash", "zsh", "fish")
# click's script for fish cuts a line `plain,VALUE` at every comma, so that of `-p one,two` only `one` would be left.
_FISH_SPLIT = ('string split "," $completion', 'string split --max 1 "," $completion')


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), metavar="|".join(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, profiles and firewalls in a shell.

    Example: paloaltoagent completion bash > /etc/bash_completion.d/paloaltoagent
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"this version of click completes nothing in {shell}; upgrade click.")
    script = found(ctx.find_root().command, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source()
    click.echo(script.replace(*_FISH_SPLIT) if shell == "fish" else script)
