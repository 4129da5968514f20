"""Guard rails: what costs orders for certificates that are in order needs a selection, and a person's word."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from paloaltofw.errors import UsageError

if TYPE_CHECKING:
    from paloaltofw.lifecycle.inputs import RunRequest
    from paloaltofw.workflows.session import Session


def ensure_selected(command: str, chosen: Mapping[str, Any]) -> None:
    """See that the certificates to be ordered anew are named; raises UsageError."""
    is_named = bool(chosen["profiles"] or chosen["firewalls"])
    if is_named and chosen["is_all"]:
        raise UsageError("--all and a selection exclude each other", remedy="leave out --all, or -p and --firewall")
    if not is_named and not chosen["is_all"]:
        what = f"{command} orders new certificates, so it needs to be told for which ones"
        raise UsageError(what, remedy="give -p NAME, --firewall NAME or --all")


def ensure_can_ask(is_yes: bool, is_json: bool = False) -> None:
    """See that somebody can answer, or has answered; raises UsageError."""
    if not is_yes and is_json:
        raise UsageError("with --json nobody is asked", remedy="give --yes")
    if not is_yes and not sys.stdin.isatty():
        raise UsageError("without a terminal to confirm on, --yes is needed", remedy="give --yes")


def confirm_orders(session: Session, request: RunRequest) -> None:
    """Say which orders will be made, by a plan of the same request, and ask; ends the command if the answer is no."""
    from paloaltofw.reporting.plan_text import question
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows.maintain import plan

    for line in question(plan(session, request), session.profiles):
        say(line, sys.stderr)
    click.confirm("Go on?", abort=True, err=True)
