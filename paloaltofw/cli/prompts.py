"""Questions to a person on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click


def passphrase_prompt(is_new: bool) -> Callable[[], str]:
    """Return a question for a GPG passphrase; a new one is asked for twice."""

    def ask() -> str:
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True))

    return ask


def eula_prompt(is_json: bool = False) -> Callable[[str], bool] | None:
    """Return the question for the licence terms; None where nobody can answer."""
    return _ask_for_eula if sys.stdin.isatty() and not is_json else None


def _ask_for_eula(terms: str) -> bool:
    click.echo_via_pager(terms) if terms.count("\n") > 40 else click.echo(terms)
    return click.confirm("Do you accept these terms?", err=True)
