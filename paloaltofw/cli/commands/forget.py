"""`forget`: what the state folder knows of one profile is dropped."""

from __future__ import annotations

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.guard import ensure_can_ask
from paloaltofw.cli.offers import known_profile
from paloaltofw.cli.options import json_option, profile_option
from paloaltofw.cli.running import expect_json


@click.command()
@profile_option("The profile; its file may be gone.", known_profile)
@click.option("--order", "only_order", is_flag=True, help="Drop only the open order; all else stays.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@click.pass_context
def forget(ctx: click.Context, profile: str, only_order: bool, yes: bool, is_json: bool) -> None:
    """Say what the state folder knows of a profile, and drop it. Nothing changes on a firewall or at SCM.

    Example: paloaltoagent forget -p www-example-com --order
    """
    expect_json(ctx, "forget", is_json)
    from paloaltofw.reporting.json_document import json_document
    from paloaltofw.reporting.terminal import emit, say
    from paloaltofw.workflows import forget as workflow

    store = workflow.open_store(options_of(ctx))
    known = workflow.what_is_known(store, profile, only_order)
    if is_json:
        if known.files:
            ensure_can_ask(yes, is_json)
            workflow.forget(store, known)
        emit(json_document("forget", 0, forgotten=known.lines))
        return
    if not known.files:
        say(workflow.nothing_known(store, known))
        return
    for line in known.lines:
        say(line)
    if not yes:
        ensure_can_ask(yes)
        click.confirm(f"Forget this of {known.profile}?", abort=True, err=True)
    workflow.forget(store, known)
