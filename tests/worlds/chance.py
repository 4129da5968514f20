"""Years by chance: a whole world and everything that happens in it follow from one number.

    python -m tests.worlds.chance SEED             play one year, print what was counted
    python -m tests.worlds.chance SEED --diary     and what happened
    python -m tests.worlds.chance SEED --shrink    find the fewest events that still break it

A story is a list of events, drawn before anything is played, and each event draws its details from a number of its own:
so any of them can be taken out without changing the others. The agent runs on the nights on which something begins, ends
or was just changed, on two nights after that, and else, as in the midst of what lasts for weeks, on one night in seven:
on all others it would find what it found the night before (a certificate's window is at least two weeks wide).
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panorama_estate import PANORAMA
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.views import CertificateView
from paloaltofw.sandbox.panos.xpath import find, parse, remove
from paloaltofw.sandbox.scm.orders import Account, Order
from tests.end_to_end.canaries import Canaries
from tests.worlds import acts
from tests.worlds.acts import HTML, JSON, PEM, XML
from tests.worlds.estates import MANAGED_SITE, STANDALONE, Estate, EstateTale, draw_estate, kinds_of
from tests.worlds.panos_worlds import entries_without, only_first_entry
from tests.worlds.play import StoryBroken
from tests.worlds.scm_worlds import as_pkcs7, odd_block, other_chain, renamed_id
from tests.worlds.stage import AGENT_ADMIN, DAY, START, Act, Call, Rule, Stage
from tests.worlds.wire import Handle

DAYS = 365
EVERY = 7
OPERATOR_EVERY = 7
# A certificate may expire only where no so many days in a row of its window were free of trouble.
CLEAR_DAYS = 16
LIFETIMES = (60.0, 90.0, 200.0)
ORDERS = "scm (enroll|renew|replace)"
STRANGER = "stranger.example.org"
# How many nights something lasts. A stranger stays until somebody talks to him.
SHORT, LONG = (1, 1, 2, 3, 6), (6, 20, 40)

# What a peer may do for some nights: pattern of requests, words, act.
FAULTS: tuple[tuple[str, str, Act], ...] = (
    (ORDERS, "orders are taken, the connection is cut", acts.cut),
    (ORDERS, "orders are taken, half an answer comes", acts.half),
    (ORDERS, "orders are taken, no answer comes", acts.silent),
    (ORDERS, "the connection is cut before the order is taken", acts.cut_before),
    (ORDERS, "orders are taken, the answer is 502", acts.does_but_says(502, "<html/>", HTML)),
    (ORDERS, "orders are taken, the answer names no ID", acts.does_but_says(200, {})),
    (ORDERS, "orders are taken, the answer is HTML", acts.does_but_says(200, "<html/>", HTML)),
    (ORDERS, "orders are taken, the answer is a redirect", acts.does_but_says(302, "", HTML, Location="https://x.example/")),
    (ORDERS, "orders are taken, the answer is code -2", acts.does_but_refuses(-2)),
    (ORDERS, "orders are refused", acts.refuses(-993)),
    (ORDERS, "orders are too many", acts.says(429, "", JSON, Retry_After="9")),
    (ORDERS, "IDs are called id", acts.edited(renamed_id("id"))),
    ("scm renew", "renewals are refused", acts.refuses(-9999)),
    ("scm download", "downloads are 500", acts.says(500, "<html/>", HTML)),
    ("scm download", "downloads are being processed", acts.says(400, {"code": 0, "description": "Being processed by Sectigo"})),
    ("scm download", "downloads are 404 in HTML", acts.says(404, "<html/>", HTML)),
    ("scm download", "downloads are empty", acts.says(200, b"", PEM)),
    ("scm download", "downloads are somebody else's", other_chain),
    ("scm download", "downloads are PKCS#7", as_pkcs7(Encoding.PEM)),
    ("scm download", "downloads hold an odd block", acts.edited(odd_block)),
    ("scm download", "downloads are cut off", acts.half),
    ("scm status", "the status is 503", acts.says(503, "<html/>", HTML)),
    ("scm status", "every certificate is called revoked", acts.says(200, {"status": "Revoked"})),
    ("scm status", "every order is called rejected", acts.says(200, {"status": "Rejected"})),
    ("scm status", "the status is unknown", acts.says(200, {"status": "Quux"})),
    ("scm (status|download)", "SCM knows no ID", acts.refuses(-124, "Unknown", 404)),
    ("scm token", "no tokens", acts.says(503, "<html/>", HTML)),
    ("scm token", "tokens are refused", acts.says(401, {"error": "unauthorized_client"})),
    ("scm .*", "SCM is behind a login page", acts.says(302, "", HTML, Location="https://login.example/")),
    ("fw get certificates", "the candidate's list is empty", acts.panos_empty),
    ("fw (get|show) certificates?", "all lists are empty", acts.panos_empty),
    ("fw show certificates", "the running list is empty", acts.panos_empty),
    ("fw get certificates", "the list is cut short", acts.edited(only_first_entry)),
    ("fw get certificates", "certificates are garbled", acts.swapped("<public-key>.{80}", "<public-key>AAAA")),
    ("fw get certificates", "the list lacks an entry", acts.edited(entries_without("site0"))),
    ("fw (get|show) .*", "private keys are hidden", acts.without("private-key")),
    ("fw (get|show) .*", "CSRs are hidden", acts.without("csr")),
    ("fw (get|show) .*", "keys and CSRs are hidden", acts.without("csr", "private-key")),
    ("fw get .*", "reads are 502", acts.says(502, "<html/>", HTML)),
    ("fw (get|show) profiles", "service profiles are not seen", acts.panos_empty),
    ("fw .*", "the firewall is a login page", acts.says(200, "<html/>", HTML)),
    ("fw .*", "the API key is refused", acts.says(403, "<response status = 'error' code = '403'><result><msg>Invalid credentials.</msg></result></response>", XML)),
    ("fw generate", "generation is cut off", acts.cut),
    ("fw generate", "generation fails", acts.panos_error("Failed to generate")),
    ("fw import", "imports are cut off", acts.cut),
    ("fw import", "imports never arrive", acts.cut_before),
    ("fw import", "imports fail", acts.panos_error("Failed to find begining of certificate")),
    ("fw edit profile", "bindings are cut off", acts.cut),
    ("fw edit profile", "bindings never arrive", acts.cut_before),
    ("fw delete certificate", "deletions are cut off", acts.cut),
    ("fw get other", "who uses a certificate is not told", acts.says(200, "<html/>", HTML)),
    ("fw high-availability", "the state of the pair is not told", acts.panos_error("Server error: op command failed", 17)),
    ("fw commit", "commits are cut off", acts.cut),
    ("fw commit", "commits never arrive", acts.cut_before),
    ("fw commit", "commits are refused", acts.panos_error("Another commit/validate is in progress. Please try again later")),
    ("fw commit", "commits are 502", acts.does_but_says(502, "<html/>", HTML)),
    ("fw job", "jobs are not known", acts.says(200, '<response status="success" code="7"><result/></response>', XML)),
    ("fw .*", "writes are too early", acts.panos_error("A commit is pending. Please try again later.", 13)),
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Something that begins on a night and lasts for some; `choice` decides its details."""

    night: int
    kind: str
    nights: int
    choice: int


@dataclass(frozen=True)
class Site:
    """One certificate: where it is, and of which kind."""

    name: str
    firewall: str
    account: str
    key: str
    is_bound: bool
    begins: int = 0


@dataclass(frozen=True)
class Story:
    """A world and what happens in it."""

    seed: int
    firewalls: tuple[str, ...]
    sites: tuple[Site, ...]
    lifetimes: tuple[float, float]
    lost_answer: str
    events: tuple[Event, ...]
    days: int = DAYS
    estate: Estate = STANDALONE


@dataclass
class Year:
    """What was counted in one story."""

    seed: int
    firewalls: int = 0
    days: int = 0
    nights: int = 0
    requests: int = 0
    events: collections.Counter[str] = field(default_factory=collections.Counter)
    orders: int = 0
    orders_by_person: int = 0
    commits: int = 0
    kills: int = 0
    problems: list[str] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    seconds: float = 0.0


KINDS: dict[str, int] = {
    "fault": 30, "down": 6, "kill": 14, "alice_edits": 5, "alice_rebinds": 3, "alice_deletes": 3, "lock": 3, "revert": 4,
    "full_commit": 3, "load": 2, "reboot": 3, "restore": 3, "lose_state": 2, "spoil": 3, "host_clock": 3, "fw_clock": 2,
    "sans": 5, "reorder": 2, "new_key": 2, "rename": 2, "revoke": 2, "decline": 3, "stranger": 3, "foreign_work": 2,
}  # fmt: skip


def draw(seed: int, days: int = DAYS, estate: Estate | None = None) -> Story:
    """The story of a seed; by default its estate is drawn too."""
    rng = random.Random(seed)
    firewalls = tuple(f"fw{number}" for number in range(rng.randint(2, 5)))
    sites = tuple(
        Site(
            f"site{number}",
            firewalls[number % len(firewalls)] if number < len(firewalls) else rng.choice(firewalls),
            rng.choice(("DV_ACCOUNT", "DV_ACCOUNT", "OV_ACCOUNT")),
            rng.choice(("rotate", "rotate", "reuse")),
            rng.random() < 0.7,
            rng.choice((0, 0, rng.randint(2, max(3, days - 60)))) if number else 0,
        )
        for number in range(rng.randint(len(firewalls), 10))
    )
    drawn = draw_estate(rng, firewalls, [site.name for site in sites if site.is_bound])
    estate = estate or drawn
    possible = {**KINDS, **kinds_of(estate)}
    kinds, weights = list(possible), list(possible.values())
    events = []
    night = 3
    while True:
        night += rng.choice((1, 3, 5, 8, 13, 21))
        if night >= days - 10:
            break
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            kind = rng.choices(kinds, weights)[0]
            nights = rng.choice(LONG if kind == "stranger" else SHORT)
            events.append(Event(night, kind, nights, rng.getrandbits(32)))
    lifetimes = (rng.choice(LIFETIMES), rng.choice(LIFETIMES))
    lost_answer = rng.choice(("resubmit", "resubmit", "hold"))
    return Story(seed, firewalls, sites, lifetimes, lost_answer, tuple(events), days, estate)


class Tokens(Canaries):
    """Secrets are looked for once, at the end; of tokens only their beginnings, since there are thousands."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: set[str] = set()

    def see(self, request: Request, answer: Answer | None) -> None:
        if answer is not None and answer.body.startswith(b'{"access_token": "'):
            self.tokens.add(answer.body[18:58].decode("ascii", "replace"))
        if len(request.target) > 200 or "key" in request.target:
            self.targets.append(request.target)


class Tale:
    """A story while it is told."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story = story
        self.year = Year(story.seed, len(story.firewalls), story.days)
        self.stage = Stage(folder, story.firewalls, vsys=story.estate.vsys)
        self.estate = EstateTale(story.estate, self.stage, self._mark)
        secrets = self.stage.canaries
        self.tokens = Tokens()
        self.tokens.__dict__.update({**secrets.__dict__, "tokens": set()})
        self.stage.canaries = self.tokens
        self.texts: set[str] = set()
        self.day = 0
        self.undo: dict[int, list[Callable[[], None]]] = collections.defaultdict(list)
        self.trouble: dict[str, set[int]] = collections.defaultdict(set)
        self.person_orders: set[int] = set()
        self.ledger_from: dict[str, int] = collections.defaultdict(int)
        self.edited: dict[str, datetime.datetime] = {}
        self.names: dict[str, str] = {}
        self.grievances: collections.Counter[str] = collections.Counter()
        self.backups = 0
        self.busy_nights: set[int] = set()
        self._orders_seen = 0

    @property
    def everywhere(self) -> tuple[str, ...]:
        """All firewall profiles."""
        return (*self.story.firewalls, PANORAMA)

    # --- the whole -------------------------------------------------------------------------------------------------------

    def tell(self) -> Year:
        """Play it from the first night to the last."""
        started = time.monotonic()
        with self.stage:
            self._begin()
            by_night: dict[int, list[Event]] = collections.defaultdict(list)
            for event in self.story.events:
                by_night[event.night].append(event)
            for day in range(1, self.story.days + 1):
                self.day = day
                self._day(by_night.get(day, []))
            self._end()
        self.year.seconds = time.monotonic() - started
        return self.year

    def _begin(self) -> None:
        stage = self.stage
        for account, lifetime in zip(stage.accounts.values(), self.story.lifetimes, strict=True):
            account.lifetime_days = lifetime
        asks = "12h" if self.story.seed % 4 == 0 else "12d"
        stage.configure("issuance", lost_answer=self.story.lost_answer, revocation_check=asks)
        self.estate.build()
        if self.story.estate.has_panorama:
            stage.add_profile(MANAGED_SITE, f"{MANAGED_SITE}.example.com", PANORAMA, bound=None)
            self.names[MANAGED_SITE] = MANAGED_SITE
        self._add_sites()
        first = stage.night()
        if first.code not in (0, 3):
            raise StoryBroken(f"the first night: {first.code} {first.err}")
        self._note_orders()

    def _add_sites(self) -> None:
        """Profiles that begin today, under whatever conditions there are."""
        for site in self.story.sites:
            if site.begins == self.day:
                self.stage.kind = site.account[:2]
                bound = f"portal-{site.name}" if site.is_bound else None
                more = {"renewal": {"key": site.key}, **self.estate.serve_check(site.name)}
                self.stage.add_profile(site.name, f"{site.name}.example.com", site.firewall, bound, **more)
                if bound and "serve_check" in more:
                    self.estate.open_service(site.name, site.firewall, bound, site.key == "rotate")
                self.names[site.name] = site.name
                self.busy_nights |= set(range(self.day, self.day + 5))

    def _pick(self, rng: random.Random) -> Site:
        """A certificate whose profile is there; the first one if there is none yet."""
        return rng.choice([site for site in self.story.sites if site.name in self.names] or list(self.story.sites))

    def _day(self, events: Sequence[Event]) -> None:
        stage = self.stage
        stage.night_number = self.day
        if self.day:
            self._add_sites()
        for undo in self.undo.pop(self.day, []):
            undo()
            self.busy_nights |= {self.day, self.day + 1}
        for event in events:
            self._begin_event(event)
        if self.day % OPERATOR_EVERY == 3:
            self._operator()
        if self.day in self.busy_nights or self.day % EVERY == 0:
            self._run()
        else:
            due = self._moment()
            if due > stage.clock.now():
                stage.clock.advance((due - stage.clock.now()).total_seconds())
            self._approve()
            stage.look()
        self._excuse()

    def _moment(self) -> datetime.datetime:
        return START + (self.day + 1) * DAY

    def _run(self) -> None:
        stage = self.stage
        due = self._moment()
        if due > stage.clock.now():
            stage.clock.advance((due - stage.clock.now()).total_seconds())
        self._approve()
        stage.look()
        stage.diary.append(f"night {self.day}")
        night = stage.agent("run", "--json")
        self.year.nights += 1
        self.year.kills += night.code is None
        self.texts |= {night.err, night.out}
        stage.diary.append(f"  -> {night.code} {' '.join(night.err.split())[:400]}")
        failed = {row["profile"] for row in night.rows if isinstance(row, dict) and row.get("error")}
        for profile in stage.profiles:
            self.grievances[profile] = self.grievances[profile] + 1 if profile in failed else 0
        if night.code in (2, 4):
            stage.problem(f"exit code {night.code}: {night.err[:200]}")
        self._note_orders()
        self._note_installed()

    def _note_installed(self) -> None:
        """Certificates that were once in a running configuration: their orders gave something."""
        for name in self.stage.firewalls:
            self.stage._serials_served |= self.stage.serials_in_service(name)
        self.stage._serials_served |= self.estate.look(self._may_expire(PANORAMA))

    def _approve(self) -> None:
        """OV orders are approved within some days."""
        for order in self.stage.scm._orders:
            if order.state == "Requested" and self.stage.clock.now() - order.requested_at > 2 * DAY:
                self.stage.scm.approve(order.id)

    def _end(self) -> None:
        stage = self.stage
        stage.search_files()
        everything = "\n".join(self.texts)
        stage.problems += self.tokens.found_in([("output", everything)])
        log = (stage.folder / "logs/paloaltoagent.log").read_text("utf-8", "replace")
        if any(token in everything or token in log for token in self.tokens.tokens):
            stage.problems.append("a token stands in output or log")
        self.year.problems = stage.problems
        self.year.diary = stage.diary
        self.year.orders = len(stage.scm._orders)
        self.year.orders_by_person = len(self.person_orders)
        self.year.commits = sum(len(firewall.commits) for firewall in stage.firewalls.values())
        self.year.requests = sum(line.startswith("  ") for line in stage.diary)

    # --- the operator ----------------------------------------------------------------------------------------------------

    def _clear_strangers(self) -> None:
        """Strangers that are gone do not come back with an older configuration."""
        for name, firewall in self.stage.firewalls.items():
            known = {xpath for device, xpath, *_ in self.stage.strangers if device == name}
            for root in (firewall.configuration.running, firewall.configuration.candidate):
                holder = find(root, parse(self.stage.certificates_at))
                for entry in list(holder if holder is not None else ()):
                    is_known = self._certificate_at(entry.get("name", "")) in known
                    if entry.findtext("common-name") == STRANGER and not is_known:
                        holder.remove(entry)  # type: ignore[union-attr]

    def _operator(self) -> None:
        """Once a week somebody reads the mail and does what it says, first the mildest."""
        self._clear_strangers()
        for profile in sorted(self.stage.profiles):
            weeks = self.grievances[profile]
            if weeks < 2:
                continue
            ways = (f"enroll --resubmit -p {profile}", f"replace --yes -p {profile}",
                    f"forget --yes -p {profile}", f"enroll --resubmit -p {profile}")  # fmt: skip
            for command in ways[: 1 + min(3, weeks // 4)]:
                before = len(self.stage.scm._orders)
                done = self.stage.person(f"{command}")
                self.texts |= {done.err, done.out}
                self.person_orders |= set(range(before, len(self.stage.scm._orders)))
                if command.startswith("forget"):
                    self.ledger_from[self._site(profile)] = len(self.stage.scm._orders)
            self.busy_nights |= {self.day, self.day + 1, self.day + 2}

    def _site(self, profile: str) -> str:
        return next(site for site, name in self.names.items() if name == profile)

    # --- the brake -------------------------------------------------------------------------------------------------------

    def _note_orders(self) -> None:
        """Judge each new order by the rules of contract.md §10."""
        orders = self.stage.scm._orders
        for index in range(self._orders_seen, len(orders)):
            self._judge_order(index, orders[index])
        self._orders_seen = len(orders)

    def _judge_order(self, index: int, order: Order) -> None:
        if index in self.person_orders:
            return
        site = _site_of(order)
        orders = self.stage.scm._orders
        earlier = [
            other for number, other in enumerate(orders[:index])
            if number >= self.ledger_from[site] and _site_of(other) == site
        ]  # fmt: skip
        same = self._sent_before(earlier, order)
        if same:
            if len(same) > 1:
                self._brake(order, f"the same CSR was sent {len(same) + 1} times")
            return
        period = self._period(earlier)
        recent = [
            other for number, other in enumerate(earlier)
            if order.requested_at - other.requested_at < period and not self._sent_before(earlier[:number], other)
        ]  # fmt: skip
        if len(recent) >= 2:
            self._brake(order, f"{len(recent)} orders in the {period.days} days before")
        last = earlier[-1] if earlier else None
        hours = (order.requested_at - last.requested_at).total_seconds() / 3600 if last else 99.0
        if hours < 20 and not self._has_person_acted(site, last):
            self._brake(order, f"{hours:.1f} hours after the one before")

    def _sent_before(self, earlier: Sequence[Order], order: Order) -> list[Order]:
        """Earlier orders with the same CSR that gave nothing: this one is a resubmission, not a same-key renewal."""
        same: list[Order] = []
        for other in earlier:
            certificate = other.certificate
            if certificate is not None and certificate.serial_number in self.stage._serials_served:
                same = []
            elif other.csr_sha256 == order.csr_sha256:
                same.append(other)
        return same

    def _period(self, earlier: Sequence[Order]) -> datetime.timedelta:
        """Half of the lifetime of the last certificate that was seen in service; seven days before that."""
        for order in reversed(earlier):
            certificate = order.certificate
            if certificate is not None and certificate.serial_number in self.stage._serials_served:
                return (certificate.not_valid_after_utc - certificate.not_valid_before_utc) / 2
        return 7 * DAY

    def _has_person_acted(self, site: str, last: Order | None) -> bool:
        return last is not None and self.edited.get(site, last.requested_at) > last.requested_at

    def _brake(self, order: Order, why: str) -> None:
        self.stage.problem(f"order {order.id} ({order.operation}) for {_site_of(order)}: {why}")

    # --- excuses -----------------------------------------------------------------------------------------------------------

    def _mark(self, firewalls: Sequence[str], nights: int) -> None:
        for name in firewalls:
            self.trouble[name] |= set(range(self.day, self.day + nights + 1))

    def _excuse(self) -> None:
        """A certificate may expire where there was no time without trouble in which it could have been renewed."""
        for watched in self.stage.watched:
            seen = watched.seen
            if seen is None:
                continue
            expiry = self.day + (seen.not_after - self.stage.clock.now()).days
            watched.may_expire = self._may_expire(watched.firewall, expiry)

    def _may_expire(self, firewall: str, expiry: int = 10**9) -> bool:
        first = max(0, min(self.day, expiry) - 30)
        longest = run = 0
        for day in range(first, self.day + 1):
            run = 0 if day in self.trouble[firewall] else run + 1
            longest = max(longest, run)
        return longest < CLEAR_DAYS

    # --- events ----------------------------------------------------------------------------------------------------------------

    def _begin_event(self, event: Event) -> None:
        rng = random.Random(event.choice)
        # In the midst of what lasts for weeks a night in seven is enough; its end makes the next ones busy.
        self.busy_nights |= set(range(event.night, event.night + min(event.nights, max(SHORT)) + 2))
        if event.kind in KINDS:
            words = getattr(self, f"_{event.kind}")(event, rng)
        else:
            words = self.estate.begin(event, rng, lambda undo: self._later(event, undo))
        self.year.events[event.kind] += 1
        self.stage.diary.append(f"* night {event.night}, {event.nights} nights: {event.kind} {words}")

    def _later(self, event: Event, undo: Callable[[], None]) -> None:
        self.undo[event.night + event.nights].append(undo)

    def _firewall(self, rng: random.Random) -> str:
        return rng.choice(self.story.firewalls)

    def _certificate_at(self, entry: str) -> str:
        return f"{self.stage.certificates_at}/entry[@name='{entry}']"

    def _portal_at(self, site: Site) -> str:
        return f"{self.stage.profiles_at}/entry[@name='portal-{site.name}']"

    def _held(self, site: Site) -> dict[str, CertificateView]:
        """The certificates in service where this site is, which belong to it or are called so, by name."""
        held = self.stage.unit(site.firewall).certificates(True, self.stage.vsys)
        return {name: view for name, view in held.items() if name.partition("-")[0] == site.name}

    def _fault(self, event: Event, rng: random.Random) -> str:
        label, words, act = rng.choice(FAULTS)
        peers = [*self.story.firewalls, *([PANORAMA] if self.story.estate.has_panorama else [])]
        firewall = rng.choice(peers) if label.startswith("fw") else ""
        times = rng.choice((1, 2, 10**9))
        rule = Rule(label, act, times=times, peer=firewall)
        self.stage.rules.append(rule)
        self._later(event, lambda: self.stage.rules.remove(rule) if rule in self.stage.rules else None)
        self._mark([firewall] if firewall else self.everywhere, event.nights)
        return f"{firewall or 'SCM'}: {words}{'' if times > 9 else f', {times} times'}"

    def _down(self, event: Event, rng: random.Random) -> str:
        host = rng.choice(list(self.stage.peers))
        peer = self.stage.peers[host]
        peer.down = rng.choice(("refused", "timeout", "unresolved"))
        self._later(event, lambda: setattr(peer, "down", ""))
        # The second unit of a pair is called after the first.
        self._mark(self.everywhere if peer.name == "scm" else [peer.name.removesuffix("-b")], event.nights)
        return f"{peer.name} {peer.down}"

    def _kill(self, event: Event, rng: random.Random) -> str:
        point, side = rng.choice((3, 8, 15, 25, 40)) - rng.randint(0, 2), rng.choice(("before", "after"))
        self.stage.kill_at = (point, side)
        return f"{side} point {point}"

    def _alice_edits(self, event: Event, rng: random.Random) -> str:
        site = self._pick(rng)
        target = rng.choice(("portal", "entry"))
        device = self.stage.unit(site.firewall)
        if target == "portal" and site.is_bound:
            place = self._portal_at(site)
            text = "<protocol-settings><min-version>tls1-3</min-version></protocol-settings>"
        else:
            place = self._certificate_at(self._entry_of(site))
            if not self._exists(device, place):
                return "nothing"
            text = "<status>valid</status>"
        device.change_as("alice", place, text)
        commits = rng.random() < 0.5 and target == "portal" and site.is_bound

        def undo() -> None:
            if commits:
                self.stage.commit_as("alice", device.name)
            else:
                self.stage.revert("alice", firewall=device.name)

        self._later(event, undo)
        self._mark([site.firewall], event.nights)
        return place

    def _entry_of(self, site: Site) -> str:
        leaves = {name: view.leaf for name, view in self._held(site).items()}
        names = [name for name, leaf in leaves.items() if leaf and STRANGER not in leaf.subject.rfc4514_string()]
        return max(names, key=lambda name: int(name.partition("-")[2] or 1), default=site.name)

    def _exists(self, device: Firewall, place: str) -> bool:
        return bool(self.stage._both(device.name, place)[0])

    def _alice_rebinds(self, event: Event, rng: random.Random) -> str:
        site = self._pick(rng)
        if not site.is_bound:
            return "nothing"
        device, place = self.stage.unit(site.firewall), self._portal_at(site)
        device.change_as("alice", place, f"<certificate>old-portal-{site.name}</certificate>")
        if rng.random() < 0.4:
            self.stage.commit_as("alice", device.name)
        else:
            self._later(event, lambda: self.stage.revert("alice", firewall=device.name))
        self._mark([site.firewall], event.nights)
        return place

    def _alice_deletes(self, event: Event, rng: random.Random) -> str:
        """Uncommitted, and taken back."""
        site = self._pick(rng)
        if site.is_bound:
            return "nothing"
        device, place = self.stage.unit(site.firewall), self._certificate_at(self._entry_of(site))
        if not self._exists(device, place):
            return "nothing"
        self.stage.delete_as("alice", place, device.name)
        self._later(event, lambda: self.stage.revert("alice", firewall=device.name))
        self._mark([site.firewall], event.nights)
        return place

    def _lock(self, event: Event, rng: random.Random) -> str:
        name, kind = self._firewall(rng), rng.choice(("config", "commit"))
        device = self.stage.unit(name)
        if device.locks.of(kind, "all"):
            return "nothing"
        device.lock_as("alice", kind)

        def undo() -> None:
            if device.locks.of(kind, "all"):
                device.unlock_as("alice", kind)

        self._later(event, undo)
        self._mark([name], event.nights)
        return f"{kind} on {name}"

    def _revert(self, event: Event, rng: random.Random) -> str:
        name = self._firewall(rng)
        who = rng.choice(((), (AGENT_ADMIN,), ("alice",)))
        self.stage.revert(*who, firewall=self.stage.unit(name).name)
        self._mark([name], 1)
        return f"{who or 'everything'} on {name}"

    def _full_commit(self, event: Event, rng: random.Random) -> str:
        device = self.stage.unit(self._firewall(rng))
        if any("alice" in change.admins for change in device.pending_changes()):
            return "nothing"
        self.stage.commit_as("bob", device.name, everything=True)
        return device.name

    def _load(self, event: Event, rng: random.Random) -> str:
        """Somebody loads what was running some days ago, and commits it."""
        name = self._firewall(rng)
        device = self.stage.unit(name)
        configuration = device.configuration
        saved = copy.deepcopy(configuration.running)
        count = len(self.stage.watched)

        def undo() -> None:
            if len(self.stage.watched) > count:
                return  # services were added since, which nobody would throw away
            if self.stage.unit(name) is not device:
                return  # nobody loads the configuration of a unit into the other one
            configuration.running = copy.deepcopy(saved)
            configuration.revert_all()
            if device.ha:
                device.ha.synchronise(device)
            self.estate.is_loaded(name)
            self.stage.strangers = [
                (item[0], item[1], *self.stage._both(item[0], item[1])) for item in self.stage.strangers
            ]
            self._mark([name], 14)

        self._later(event, undo)
        self._mark([name], event.nights)
        return name

    def _reboot(self, event: Event, rng: random.Random) -> str:
        name = self._firewall(rng)
        self.stage.firewalls[name].reboot()
        return name

    def _restore(self, event: Event, rng: random.Random) -> str:
        if not self.stage.state.exists():
            return "nothing"
        self.backups += 1
        backup = f"backup{self.backups}"
        self.stage.back_up(backup)

        def undo() -> None:
            self.stage.restore(backup)
            self._ledger_is_gone()
            self._mark(self.everywhere, 1)

        self._later(event, undo)
        return backup

    def _ledger_is_gone(self) -> None:
        for site in self.names:
            self.ledger_from[site] = len(self.stage.scm._orders)

    def _lose_state(self, event: Event, rng: random.Random) -> str:
        self.stage.lose_state()
        self._ledger_is_gone()
        return ""

    def _spoil(self, event: Event, rng: random.Random) -> str:
        """A file of the journal is damaged, but not the ledger."""
        files = [path for path in sorted(self.stage.state.rglob("*")) if path.is_file() and "ledger" not in str(path)]
        files = [path for path in files if path.suffix in (".json", ".ids") and path.name != "eula.json"]
        if not files:
            return "nothing"
        path = rng.choice(files)
        path.write_bytes(rng.choice((b"", b"{", b"\x00\xff", b"null", b"[]", b'{"version": 2}')))
        self._mark(self.everywhere, 1)
        return path.name

    def _host_clock(self, event: Event, rng: random.Random) -> str:
        days = rng.choice((400, 150, 60, 3, -3, -60, -400))
        self.stage.host.skew = datetime.timedelta(days=days)

        def undo() -> None:
            self.stage.host.skew = datetime.timedelta()

        self._later(event, undo)
        self._mark(self.everywhere, event.nights)
        return f"{days} days"

    def _fw_clock(self, event: Event, rng: random.Random) -> str:
        name, days = self._firewall(rng), rng.choice((400, 2, -2, -400))
        clock = self.stage.clocks[self.stage.unit(name).name]
        clock.skew = datetime.timedelta(days=days)
        self._later(event, lambda: setattr(clock, "skew", datetime.timedelta()))
        self._mark([name], event.nights)
        return f"{name} {days} days"

    def _edit(self, site: Site, **changes: object) -> None:
        profile = self.names[site.name]
        self.stage.edit_profile(profile, **changes)
        self.edited[site.name] = self.stage.clock.now()

    def _sans(self, event: Event, rng: random.Random) -> str:
        site = self._pick(rng)
        names = [f"{word}.{site.name}.example.com" for word in rng.sample(("a", "b", "c", "d"), rng.randint(0, 3))]
        self._edit(site, sans={"dns": names})
        return f"{site.name} {names}"

    def _reorder(self, event: Event, rng: random.Random) -> str:
        site = self._pick(rng)
        names = list(self.stage.profiles[self.names[site.name]].get("sans", {}).get("dns", []))
        rng.shuffle(names)
        self.stage.edit_profile(self.names[site.name], sans={"dns": [name.upper() for name in names]})
        return site.name

    def _new_key(self, event: Event, rng: random.Random) -> str:
        site, curve = self._pick(rng), rng.choice(("P256", "P384"))
        self._edit(site, key={"type": "ECDSA", "curve": curve})
        return f"{site.name} {curve}"

    def _rename(self, event: Event, rng: random.Random) -> str:
        """The profile's file gets another name; the certificate's name stays."""
        site = self._pick(rng)
        old = self.names[site.name]
        new = f"{site.name}x{event.night}"
        self.stage.write_profile(new, {**self.stage.remove_profile(old), "name": site.name})
        self.names[site.name] = new
        return f"{old} to {new}"

    def _revoke(self, event: Event, rng: random.Random) -> str:
        """Somebody revokes a certificate in service in the portal."""
        issued = [order for order in self.stage.scm.orders if order.state == "Issued"]
        if not issued:
            return "nothing"
        order = rng.choice(issued)
        self.stage.scm.revoke(order.id)
        return order.id

    def _decline(self, event: Event, rng: random.Random) -> str:
        waiting = [order for order in self.stage.scm.orders if order.state == "Requested"]
        if not waiting:
            return "nothing"
        order = rng.choice(waiting)
        self.stage.scm.decline(order.id)
        return order.id

    def _stranger(self, event: Event, rng: random.Random) -> str:
        """Somebody uses a name of the series; the operator asks him to stop."""
        site = self._pick(rng)
        number = max([1, *(int(name.partition("-")[2] or 1) for name in self._held(site))])
        entry = f"{site.name}-{number + rng.choice((1, 1, 5))}"
        place = self._certificate_at(entry)
        if any(self._exists(unit, place) for unit in self.stage.units(site.firewall)):
            return "nothing"
        self.stage.hand_made(site.firewall, entry, STRANGER)
        self.stage.stranger(site.firewall, place)

        def undo() -> None:
            self.stage.forget_stranger(place)
            for unit in self.stage.units(site.firewall):
                for root in (unit.configuration.running, unit.configuration.candidate):
                    remove(root, parse(place))

        self._later(event, undo)
        self._mark([site.firewall], event.nights)
        return entry

    def _foreign_work(self, event: Event, rng: random.Random) -> str:
        """The agent's administrator is used by a person too."""
        name = self._firewall(rng)
        device = self.stage.unit(name)
        place = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
        text = f"<entry name='certificate-{event.night}'><ip-netmask>192.0.2.99/32</ip-netmask></entry>"
        device.change_as(AGENT_ADMIN, place, text)
        xpath = f"{place}/entry[@name='certificate-{event.night}']"

        def undo() -> None:
            if self._exists(device, xpath) and not self.stage._both(device.name, xpath)[1]:
                self.stage.delete_as(AGENT_ADMIN, xpath, device.name)

        self._later(event, undo)
        self._mark([name], event.nights)
        return name


def _site_of(order: Order) -> str:
    return order.csr.subject.rfc4514_string().partition("CN=")[2].partition(".")[0]


def tell(story: Story) -> Year:
    """Play a story."""
    with tempfile.TemporaryDirectory(prefix="year", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        tale = Tale(story, Path(name))
        try:
            return tale.tell()
        except StoryBroken as broken:
            tale.year.problems = [str(broken)]
            return tale.year


def tell_seed(seed: int) -> Year:
    """Play the story of a seed, in a process of a pool."""
    year = tell(draw(seed))
    if not year.problems:
        year.diary = []
    return year


def shrink(story: Story, breaks: Callable[[Story], bool]) -> Story:
    """The fewest events that still break it (delta debugging: ever smaller pieces are left out)."""
    events = list(story.events)
    size = max(1, len(events) // 2)
    while size:
        start = 0
        while start < len(events):
            fewer = events[:start] + events[start + size :]
            if breaks(dataclasses.replace(story, events=tuple(fewer))):
                events = fewer
            else:
                start += size
        size //= 2
    return dataclasses.replace(story, events=tuple(events))


def main(arguments: Sequence[str]) -> int:
    """Replay, shrink, show."""
    seed = int(next(item for item in arguments if item.lstrip("-").isdigit()))
    story = draw(seed)
    year = tell(story)
    if "--shrink" in arguments and year.problems:
        kind = essence(year.problems[0])
        story = shrink(story, lambda fewer: any(essence(problem) == kind for problem in tell(fewer).problems))
        year = tell(story)
        for event in story.events:
            print(event)
    if "--diary" in arguments:
        print("\n".join(year.diary))
    print(summary([year]))
    print("\n".join(year.problems))
    return int(bool(year.problems))


def essence(problem: str) -> str:
    """What kind of problem it is: without numbers and names."""
    text = problem.partition(": ")[2] or problem
    return "".join(c for c in text if not c.isdigit())[:60]


def summary(years: Sequence[Year]) -> str:
    """What was played, in one paragraph."""
    events: collections.Counter[str] = sum((year.events for year in years), collections.Counter())
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(events.items(), key=lambda item: -item[1]))
    return (
        f"{sum(year.firewalls * year.days for year in years) / DAYS:.0f} firewall-years in {len(years)} worlds, "
        f"{sum(year.nights for year in years)} runs, {sum(year.requests for year in years)} requests, "
        f"{sum(year.kills for year in years)} kills, {sum(year.orders for year in years)} orders "
        f"({sum(year.orders_by_person for year in years)} by people), {sum(year.commits for year in years)} commits, "
        f"{sum(year.seconds for year in years):.0f} s; {sum(events.values())} events: {told}"
    )


def many(seeds: Sequence[int], workers: int = 2) -> list[Year]:
    """Play many seeds on all cores."""
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(tell_seed, seeds))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

__all__ = ["Account", "Call", "Handle", "draw", "many", "shrink", "summary", "tell"]
