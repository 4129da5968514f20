"""`forget`: what the state folder knows of one profile is dropped."""

from __future__ import annotations

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.guard import ensure_can_ask
from paloaltofw.cli.options import profile_option


@click.command()
@profile_option("The profile; its file may be gone.")
@click.option("--order", "only_order", is_flag=True, help="Drop only the open order; all else stays.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_context
def forget(ctx: click.Context, profile: str, only_order: bool, yes: bool) -> None:
    """Say what the state folder knows of a profile, and drop it. Nothing changes on a firewall or at SCM.

    Example: paloaltoagent forget -p www-example-com --order
    """
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows import forget as workflow

    store = workflow.open_store(options_of(ctx))
    known = workflow.what_is_known(store, profile, only_order)
    if not known.files:
        say(workflow.nothing_known(store, known))
        return
    for line in known.lines:
        say(line)
    if not yes:
        ensure_can_ask(yes)
        click.confirm(f"Forget this of {known.profile}?", abort=True, err=True)
    workflow.forget(store, known)
