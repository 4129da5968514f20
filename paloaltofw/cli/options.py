"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from paloaltofw.cli.offers import certificate_profile, certificate_profiles, firewall_profile, firewall_profiles

F = Callable[..., Any]
Offer = Callable[[click.Context, click.Parameter, str], list[str]]
REVOKE_HELP = "Revoke the predecessor at SCM once its successor is in service."


def _names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Several names may stand in one value, with commas. A value without any name does not select everything."""
    parts = [[name.strip() for name in value.split(",") if name.strip()] for value in values]
    if not all(parts):
        raise click.BadParameter("holds no name.", ctx, param)
    return tuple(dict.fromkeys(name for names in parts for name in names))


def json_option(command: F) -> F:
    """Add --json."""
    return click.option("--json", "is_json", is_flag=True, help="Print one JSON document and nothing else.")(command)


def selection_options(command: F) -> F:
    """Add -p, --firewall and --json."""
    command = json_option(command)
    command = click.option(
        "--firewall",
        "firewalls",
        multiple=True,
        metavar="NAME[,NAME]",
        callback=_names,
        shell_complete=firewall_profiles,
        help="Only these firewalls' certificates (repeatable).",
    )(command)
    return click.option(
        "-p",
        "--profile",
        "profiles",
        multiple=True,
        metavar="NAME[,NAME]",
        callback=_names,
        shell_complete=certificate_profiles,
        help="Only these profiles (repeatable).",
    )(command)


def execution_options(command: F) -> F:
    """Add --dry-run and --wait."""
    command = click.option(
        "--wait", metavar="DURATION", help="How long to wait for issuance, e.g. 90s or 5m (default: config.yaml)."
    )(command)
    return click.option("--dry-run", is_flag=True, help="Show every step and change nothing anywhere.")(command)


def guard_options(command: F) -> F:
    """Add --all and --yes, for commands that order what nobody has to replace."""
    command = click.option("--yes", "is_yes", is_flag=True, help="Do not ask for confirmation.")(command)
    return click.option("--all", "is_all", is_flag=True, help="All certificates, where nothing is selected.")(command)


def predecessor_option(command: F) -> F:
    """Add --revoke-predecessor."""
    return click.option("--revoke-predecessor", is_flag=True, help=REVOKE_HELP)(command)


def firewall_option(command: F) -> F:
    """Add --firewall for the one profile that a command completes."""
    option = click.option(
        "--firewall",
        metavar="NAME",
        required=True,
        shell_complete=firewall_profile,
        help="The firewall profile to complete.",
    )
    return option(command)


def ha_peer_option(command: F) -> F:
    """Add --ha-peer."""
    text = "Complete the other unit of the HA pair, which `ha_peer` names."
    return click.option("--ha-peer", "is_peer", is_flag=True, help=text)(command)


def profile_option(help_text: str, offers: Offer = certificate_profile) -> Callable[[F], F]:
    """Add -p for the one profile that a command is about; `offers` are what a shell completes."""
    return click.option(
        "-p",
        "--profile",
        "profile",
        metavar="NAME",
        required=True,
        shell_complete=offers,
        help=help_text,
    )
