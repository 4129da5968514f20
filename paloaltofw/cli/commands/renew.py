"""`renew`: certificates inside their renewal window are renewed."""

from __future__ import annotations

from typing import Any

import click

from paloaltofw.cli.options import execution_options, guard_options, predecessor_option, selection_options
from paloaltofw.cli.running import maintain


@click.command()
@selection_options
@execution_options
@click.option("--force", is_flag=True, help="Renew now, due or not (needs -p, --firewall or --all).")
@predecessor_option
@guard_options
@click.pass_context
def renew(ctx: click.Context, /, force: bool, revoke_predecessor: bool, **chosen: Any) -> None:
    """Renew certificates that are inside their renewal window.

    Example: paloaltoagent renew --force -p www-example-com
    """
    maintain(ctx, "renew", chosen, renew=True, force=force, revoke_predecessor=revoke_predecessor)
