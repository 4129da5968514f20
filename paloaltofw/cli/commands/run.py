"""`run`: the nightly job."""

from __future__ import annotations

from typing import Any

import click

from paloaltofw.cli.options import execution_options, selection_options
from paloaltofw.cli.running import maintain


@click.command()
@selection_options
@execution_options
@click.pass_context
def run(ctx: click.Context, /, **chosen: Any) -> None:
    """The nightly job: collect what is pending, enroll what is missing, renew what is due.

    Example: paloaltoagent run --wait 10m
    """
    maintain(ctx, "run", chosen, enroll=True, renew=True)
