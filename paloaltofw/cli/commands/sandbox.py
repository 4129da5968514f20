"""`sandbox`: simulated systems to try everything with."""

from __future__ import annotations

import click

from paloaltofw.cli.offers import a_file, a_folder


def a_release(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """One release of PAN-OS that the sandbox plays."""
    from paloaltofw.sandbox.panos.releases import RELEASES

    return [release for release in RELEASES if release.startswith(incomplete)]


@click.command()
@click.option("--serve", is_flag=True, help="Keep the simulated systems running and print how to reach them.")
@click.option(
    "--folder",
    metavar="DIR",
    shell_complete=a_folder,
    help="Where to write the configuration (default: a new temporary folder).",
)
@click.option("--firewalls", "count", type=click.IntRange(2, 20), default=3, show_default=True, help="How many.")
@click.option(
    "--switch",
    "switches",
    metavar="NAME=VALUE",
    multiple=True,
    help="With --serve: let them behave otherwise; repeatable.",
)
@click.option(
    "--with",
    "extras",
    metavar="WHAT[,WHAT]",
    default="",
    help="With --serve: what else is there: panorama (two templates, a stack, two managed firewalls), ha (an HA pair).",
)
@click.option(
    "--like",
    metavar="FILE",
    shell_complete=a_file,
    help="With --serve: let the firewalls behave as the report of a `probe` says; --switch wins.",
)
@click.option(
    "--release",
    metavar="VERSION",
    shell_complete=a_release,
    help="With --serve: let the firewalls behave like this release of PAN-OS: 10.1, 10.2, 11.1, 11.2 or 12.1.",
)
@click.option("--list-switches", is_flag=True, help="Show every switch with its default and its positions.")
@click.pass_context
def sandbox(
    ctx: click.Context,
    serve: bool,
    folder: str | None,
    count: int,
    switches: tuple[str, ...],
    extras: str,
    like: str | None,
    release: str | None,
    list_switches: bool,
) -> None:
    """Try everything without a firewall or an SCM account: simulated ones, on loopback HTTPS.

    Example: paloaltoagent sandbox
    """
    if switches and not serve:
        raise click.UsageError("--switch needs --serve")
    if extras and not serve:
        raise click.UsageError("--with needs --serve")
    if like and not serve:
        raise click.UsageError("--like needs --serve")
    if release and not serve:
        raise click.UsageError("--release needs --serve")
    if release and like:
        raise click.UsageError("--release and --like are two answers to one question")
    if list_switches:
        from paloaltofw.sandbox.switchboard import list_switches as listed

        click.echo(listed())
        return
    from paloaltofw.sandbox.likeness import BadReport, read_likeness
    from paloaltofw.sandbox.tour import serve_until_stopped, show_tour

    try:
        more = [extra.strip() for extra in extras.split(",") if extra.strip()]
        likeness = read_likeness(like) if like else None
        if not serve:
            ctx.exit(show_tour(folder, count))
        ctx.exit(serve_until_stopped(folder, count, switches, more, likeness, release))
    except BadReport as error:
        raise click.BadParameter(str(error), param_hint="--like") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--switch, --with or --release") from None
