"""`sandbox`: simulated systems to try everything with."""

from __future__ import annotations

import click


@click.command()
@click.option("--serve", is_flag=True, help="Keep the simulated systems running and print how to reach them.")
@click.option("--folder", metavar="DIR", help="Where to write the configuration (default: a new temporary folder).")
@click.option("--firewalls", "count", type=click.IntRange(2, 20), default=3, show_default=True, help="How many.")
@click.pass_context
def sandbox(ctx: click.Context, serve: bool, folder: str | None, count: int) -> None:
    """Try everything without a firewall or an SCM account: simulated ones, on loopback HTTPS.

    Example: paloaltoagent sandbox
    """
    from paloaltofw.sandbox.tour import serve_until_stopped, show_tour

    ctx.exit(serve_until_stopped(folder, count) if serve else show_tour(folder, count))
