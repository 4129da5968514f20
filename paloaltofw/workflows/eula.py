"""The licence terms: asked for once, recorded in the state folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from paloaltofw.clock import SystemClock, format_time
from paloaltofw.errors import EulaNotAccepted, StateError
from paloaltofw.storage.store import Store
from paloaltofw.workflows.session import Options

FILE_NAME = "SCM Client EULA v1.0.1.txt"
ENVIRONMENT_VARIABLE = "SECTIGO_ACCEPT_EULA"


def read_terms() -> str:
    """The text: beside the package in a source tree, among the licence files of an installed one."""
    path = Path(__file__).resolve().parents[2] / FILE_NAME
    if path.is_file():
        return path.read_text("utf-8")
    import importlib.metadata

    try:
        text = importlib.metadata.distribution("paloaltoagent").read_text(f"licenses/{FILE_NAME}")
    except importlib.metadata.PackageNotFoundError:
        text = None
    if text is None:
        raise StateError("the licence terms are missing", FILE_NAME, "install the program again")
    return text


def ensure_accepted(store: Store, by_option: bool, ask: Callable[[str], bool] | None, now: str) -> None:
    """See that the present terms are accepted; raises EulaNotAccepted.

    `ask` shows the terms and returns the answer; it is None where there is no terminal.
    """
    terms = read_terms()
    digest = hashlib.sha256(terms.encode()).hexdigest()
    if store.accepted_eula() == digest:
        return
    how = _how(by_option, ask, terms)
    if how is None:
        raise _not_accepted()
    store.prepare()
    store.accept_eula(digest, now, how)


def ensure_acceptable(options: Options, is_terminal: bool) -> None:
    """See that the terms are, or can be, accepted, before anything is written that needs it; raises EulaNotAccepted."""
    if not is_terminal and _how(options.accept_eula, None, "") is None:
        raise _not_accepted()


def _not_accepted() -> EulaNotAccepted:
    remedy = f"read {FILE_NAME!r}, then use --accept-eula or set {ENVIRONMENT_VARIABLE}=yes"
    return EulaNotAccepted("the licence terms are not accepted yet", remedy=remedy)


def _how(by_option: bool, ask: Callable[[str], bool] | None, terms: str) -> str | None:
    if by_option:
        return "--accept-eula"
    if os.environ.get(ENVIRONMENT_VARIABLE, "").lower() == "yes":
        return ENVIRONMENT_VARIABLE
    return "terminal" if ask is not None and ask(terms) else None


def ensure_eula(store: Store, options: Options, ask: Callable[[str], bool] | None) -> None:
    """See that the licence terms are accepted before anything is called."""
    ensure_accepted(store, options.accept_eula, ask, format_time(SystemClock().now()))
