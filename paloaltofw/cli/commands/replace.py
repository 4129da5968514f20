"""`replace`: a new key, CSR and certificate now."""

from __future__ import annotations

from typing import Any

import click

from paloaltofw.cli.options import execution_options, guard_options, predecessor_option, selection_options
from paloaltofw.cli.running import maintain


@click.command()
@selection_options
@execution_options
@predecessor_option
@guard_options
@click.pass_context
def replace(ctx: click.Context, /, revoke_predecessor: bool, **chosen: Any) -> None:
    """Order a new key, CSR and certificate with the profiles' present attributes.

    Needs -p, --firewall or --all, and asks before it orders.

    Example: paloaltoagent replace -p www-example-com
    """
    maintain(ctx, "replace", chosen, replace=True, revoke_predecessor=revoke_predecessor)
