"""How a person completes a firewall profile: `trust`, `keygen`, and `init`, which offers both."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from paloaltofw.workflows.session import Access


def complete_trust(access: Access, expected: str | None) -> None:
    """Show the TLS certificate that the firewall presents, and pin the expected one, or after confirmation.

    Ends the command if the answer is no; raises NotTrusted if it is not the expected one.
    """
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows import trust as workflow

    presented = workflow.look_at_certificate(access.file)
    if sys.stdout.isatty() or expected is None:
        say(presented.text)
    workflow.ensure_expected(access, presented, expected)
    if access.file.profile.trust.pin == presented.fingerprint:
        return
    if expected is None:
        click.echo("Compare the fingerprint with the firewall's console, or over a path that you trust.", err=True)
        click.confirm(f"Write it into {access.file.name}?", abort=True, err=True)
    done = workflow.pin(access, presented.fingerprint)
    if sys.stdout.isatty():
        say(done)


def complete_key(access: Access) -> None:
    """Ask for the administrator's password, and write the API key that the firewall gives for it."""
    from paloaltofw.workflows import keygen as workflow

    admin = access.file.profile.admin
    click.echo(workflow.KEYGEN_EFFECT.format(admin=admin), err=True)
    user = click.prompt("User name", default=admin, err=True)
    if user != admin:
        what = f"{access.file.name}: admin is {admin}, and commits are limited to its changes"
        raise click.UsageError(f"{what}; correct admin first, or give its password.")
    password = click.prompt(f"Password of {user} on {access.file.profile.url}", hide_input=True, err=True)
    click.echo(workflow.keygen(access, password))
