"""`notify`: a test message through every channel."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.application import options_of


@click.command()
@click.option("--test", "is_test", is_flag=True, required=True, help="Send a test message through every channel.")
@click.pass_context
def notify(ctx: click.Context, is_test: bool) -> None:
    """Send a test message through every channel of config.yaml, and say which of them took it.

    Example: paloaltoagent notify --test
    """
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows.after_run import try_channels

    findings = try_channels(options_of(ctx))
    for finding in findings:
        say(
            f"{'ok  ' if finding.is_ok else 'FAIL'}  {finding.subject}: {finding.text}",
            sys.stdout if finding.is_ok else sys.stderr,
        )
    ctx.exit(0 if all(finding.is_ok for finding in findings) else 1)
