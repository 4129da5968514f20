"""`check`: files, addresses, credentials and permissions are proven."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.options import selection_options
from paloaltofw.cli.running import open_session


@click.command()
@selection_options
@click.option("--offline", is_flag=True, help="Only validate the files; call nobody.")
@click.pass_context
def check(
    ctx: click.Context, profiles: tuple[str, ...], firewalls: tuple[str, ...], is_json: bool, offline: bool
) -> None:
    """Validate every file, and prove that each address, credential and permission works. Changes nothing.

    Example: paloaltoagent check --offline
    """
    from paloaltofw.configuration.advice import advice
    from paloaltofw.reporting.report import report_check

    session = open_session(ctx, "check", profiles, firewalls, is_json, is_offline=offline)
    # On a terminal the session has told the files' warnings.
    told = () if sys.stderr.isatty() else session.configuration.warnings
    warnings = (*told, *session.leftovers, *advice(session.configuration, session.profiles))
    if offline:
        ctx.exit(report_check([], session.profiles, is_json, warnings))
    from paloaltofw.workflows.check import check_everything

    ctx.exit(report_check(check_everything(session), session.profiles, is_json, warnings))
