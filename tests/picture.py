"""Makes the picture of the page in README: half a year of a small fleet in the sandbox.

python -m tests.picture docs/images/status.png
"""

from __future__ import annotations

import datetime
import email.utils
import sys
import tempfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from paloaltofw.configuration import loader
from paloaltofw.configuration.loader import select
from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.scm.orders import Account
from paloaltofw.sandbox.world import World, WorldOptions, certificate_profile, write_yaml
from paloaltofw.storage.store import Store
from paloaltofw.workflows.maintain import carry_out, make_request, plan
from paloaltofw.workflows.session import Session
from paloaltofw.workflows.status_page import write_page
from tests.browser import browser
from tests.end_to_end.test_year import SimulatedClock

FIREWALLS = ("fw-edge", "fw-branch", "fw-dc")
BY_HAND: dict[str, Any] = {"renewal": {"auto": False}}
# Days before today on which each certificate is first asked for, its account, and what is special about it.
STORY: dict[str, tuple[int, str, str, str, dict[str, Any]]] = {
    "www-example-com": (
        172,
        "fw-edge",
        "www.example.com",
        "OV",
        {"sans": {"dns": ["example.com", "shop.example.com"]}},
    ),
    "vpn-example-com": (118, "fw-edge", "vpn.example.com", "DV", {}),
    "mail-example-com": (74, "fw-edge", "mail.example.com", "DV", {"sans": {"dns": ["autodiscover.example.com"]}}),
    "partner-example-com": (3, "fw-edge", "partner.example.com", "OV", {}),
    "extranet-example-com": (3, "fw-dc", "extranet.example.com", "OV", {}),
    "branch-portal": (140, "fw-branch", "portal.branch.example.com", "DV", {}),
    "branch-wifi": (150, "fw-branch", "wifi.branch.example.com", "DV", BY_HAND),
    "branch-mgmt": (41, "fw-branch", "mgmt.branch.example.com", "DV", {}),
    "api-example-com": (
        96,
        "fw-dc",
        "api.example.com",
        "DV",
        {"sans": {"dns": [f"{n}.api.example.com" for n in "abcd"]}},
    ),
    "idp-example-com": (138, "fw-dc", "idp.example.com", "OV", {}),
    "git-example-com": (20, "fw-dc", "git.example.com", "DV", {}),
}
NIGHTS = (*range(172, 12, -8), *range(12, -1, -1))
MAINTENANCE = Answer(503, b"<html>maintenance</html>", "text/html")


class Refusal:
    """SCM under maintenance for one night, so that the history of runs has something to tell."""

    def __init__(self) -> None:
        self.is_on = False

    def __call__(self, request: Request, handle: Callable[[Request], Answer]) -> Answer:
        return MAINTENANCE if self.is_on else handle(request)


def play(folder: Path, page: Path) -> None:
    """Let the nights pass, and write the page of the last morning."""
    today = datetime.datetime.now(datetime.timezone.utc).replace(hour=2, minute=17, second=0, microsecond=0)
    clock = ManualClock(today - datetime.timedelta(days=max(NIGHTS)))
    BaseHTTPRequestHandler.date_time_string = lambda *_: email.utils.format_datetime(clock.now(), usegmt=True)  # type: ignore[method-assign]
    accounts = [
        Account("DV_ACCOUNT", "sandbox-dv", "s]ecret", lifetime_days=200),
        Account("OV_ACCOUNT", "sandbox-ov", "s]ecret", lifetime_days=200, certificate_type="OV", auto_approve=False),
    ]
    world = World(WorldOptions(firewalls=FIREWALLS, accounts=accounts), clock)
    refusal = Refusal()
    world.scm_server.interceptor = refusal
    config = world.write_configuration(folder, {})
    with world:
        for night in NIGHTS:
            clock.advance((today - datetime.timedelta(days=night) - clock.now()).total_seconds())
            refusal.is_on = night == 6
            for name, (day, firewall, common_name, kind, more) in STORY.items():
                if day >= night:
                    profile = certificate_profile(firewall, common_name, kind, **more)
                    write_yaml(folder / "profiles/certificates" / f"{name}.yaml", profile)
            session = open_session(config, SimulatedClock(clock))
            carry_out(session, "run", make_request(session, enroll=True, renew=True), 0.0)
            if night == 1:
                world.scm.decline(next(item.id for item in world.scm.orders if "extranet.example.com" in item.names))
            if night > 9:  # since then people at SCM have no time
                world.scm.approve_all()
        # What nobody has asked for by a run yet.
        write_yaml(
            folder / "profiles/certificates/sso-example-com.yaml", certificate_profile("fw-dc", "sso.example.com")
        )
        clock.advance(6 * 3600)
        session = open_session(config, SimulatedClock(clock))
        outcomes = plan(session, make_request(session, enroll=True, renew=True), asks_orders=True)
        write_page(session, outcomes, page)


def open_session(config: Path, clock: SimulatedClock) -> Session:
    """As a command does, with the simulated clock."""
    configuration = loader.load(config)
    return Session(configuration, select(configuration, (), ()), clock, Store(configuration.settings.state))


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "status.html"
        play(Path(folder), page)
        with browser(Path(folder) / "browser") as window:
            window.open(page.as_uri())
            window.picture(Path(sys.argv[1]), 1280, 824)


if __name__ == "__main__":
    main()
