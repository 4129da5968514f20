"""`enroll`: whatever is missing, expired or revoked is requested."""

from __future__ import annotations

from typing import Any

import click

from paloaltofw.cli.options import execution_options, selection_options
from paloaltofw.cli.running import maintain


@click.command()
@selection_options
@execution_options
@click.option("--resubmit", is_flag=True, help="Order again what was declined, or held after a lost answer (needs -p).")
@click.pass_context
def enroll(ctx: click.Context, /, resubmit: bool, **chosen: Any) -> None:
    """Request, collect, import and commit whatever is missing, expired or revoked.

    Example: paloaltoagent enroll -p www-example-com
    """
    if resubmit and not chosen["profiles"]:
        raise click.UsageError("--resubmit needs -p NAME: it may order a certificate a second time.")
    maintain(ctx, "enroll", chosen, enroll=True, resubmit=resubmit)
