"""What commands share: open a session, carry out a request, end with its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from paloaltofw.cli.application import JSON_COMMAND, options_of
from paloaltofw.cli.prompts import eula_prompt

if TYPE_CHECKING:
    from paloaltofw.workflows.session import Session


def open_session(
    ctx: click.Context,
    command: str,
    profiles: tuple[str, ...],
    firewalls: tuple[str, ...],
    is_json: bool,
    is_offline: bool = False,
) -> Session:
    """Load everything and see that the licence terms are accepted."""
    if is_json:
        ctx.meta[JSON_COMMAND] = command
    from paloaltofw.workflows import session as workflow
    from paloaltofw.workflows.eula import ensure_eula

    options = options_of(ctx)
    session = workflow.open_session(options, profiles, firewalls)
    if not is_offline:
        ensure_eula(session.store, options, eula_prompt(is_json))
    return session


def maintain(ctx: click.Context, command: str, chosen: dict[str, Any], **wanted: bool) -> None:
    """Load, execute or plan, report, exit."""
    from paloaltofw.reporting.report import report
    from paloaltofw.workflows.maintain import carry_out, make_request, parse_wait, plan

    is_json, is_dry = chosen["is_json"], chosen["dry_run"]
    session = open_session(ctx, command, chosen["profiles"], chosen["firewalls"], is_json)
    request = make_request(session, **wanted)
    wait = parse_wait(chosen["wait"], session)
    outcomes = plan(session, request) if is_dry else carry_out(session, request, wait)
    ctx.exit(report(command, outcomes, session.clock.now(), is_json, is_dry))
