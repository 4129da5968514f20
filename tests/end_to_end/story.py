"""A certificate's life on each firewall, told to the agent step by step, with an accident in each step; and what must hold."""

from __future__ import annotations

import copy
import datetime
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from cryptography import x509

from paloaltofw.sandbox.base.authority import spki_der
from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.keystore import KeySpec, PrivateKey
from paloaltofw.sandbox.panos.switches import Latencies, PanosSwitches
from paloaltofw.sandbox.scm.orders import Account, Order
from paloaltofw.sandbox.tour import BOUND_PROFILE, begin_peoples_work
from paloaltofw.sandbox.world import PEOPLE, WorldOptions, certificate_profile, write_yaml
from paloaltofw.storage.codec import encode_id
from tests.end_to_end.canaries import Canaries, files_in
from tests.end_to_end.harness import AGENT_ADMIN, Done, Scene

Handle = Callable[[Request], Answer]
MOST_RUNS = 6
COMMANDS = ("enroll", "enroll", "run", "run")
ORDERS_AFTER = (1, 1, 2, 3)
CODES = (3, 0, 0, 0)


@dataclass
class Tally:
    """What a story counted."""

    accidents: int = 0
    runs: int = 0
    orders: int = 0
    commits: int = 0
    lost_answers: int = 0
    observed: int = 0
    canaries: int = 0
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.accidents + other.accidents, self.runs + other.runs, self.orders + other.orders,
            self.commits + other.commits, self.lost_answers + other.lost_answers, self.observed + other.observed,
            self.canaries + other.canaries,
            self.problems + other.problems,
        )  # fmt: skip

    def __str__(self) -> str:
        return (
            f"{self.accidents} accidents, {self.runs} runs of the agent, {self.orders} orders, {self.commits} commits, "
            f"{self.lost_answers} answers to orders lost, {self.observed} looks at the certificate in service; "
            f"{self.runs} runs searched for {self.canaries} secrets"
        )


class Story:
    """Enroll (pending), approve and collect, renew, replace. `key` is the renewal's key policy.

    On each of `size` firewalls, which are worked on in parallel, there is one certificate of the firewall's name. A
    commit is over so many requests after it was sent, whatever the real clock says; a second one would be queued and
    counted. `timeout`: how long the agent waits for an answer, in real seconds; ample, since the machine is busy.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        commit_requests: int,
        size: int = 1,
        options: tuple[str, ...] = (),
        timeout: int = 15,
    ) -> None:
        names = [f"fw{number}" for number in range(size)]
        self.profiles: dict[str, dict[str, object]] = {
            name: certificate_profile(
                name,
                f"{name}.example.com",
                "OV",
                renewal={"key": key},
                bind={"ssl_tls_service_profiles": [BOUND_PROFILE]},
            )
            for name in names
        }
        # The first certificate is due as soon as it is issued; the later ones are new.
        secret = f"s]e c&r<e>t-{secrets.token_urlsafe(18)}"
        self.account = Account("OV_ACCOUNT", "id", secret, "OV", auto_approve=False, age_days=150)
        self.options = options
        self.canaries = Canaries()
        self.clock = ManualClock(datetime.datetime.now(datetime.timezone.utc))
        kind = WorldOptions(
            firewalls=names, accounts=(self.account,), latencies=Latencies(commit_seconds=commit_requests),
            panos=PanosSwitches(busy_commit="queue"),
        )  # fmt: skip
        more: dict[str, dict[str, object]] = {"issuance": {"wait": "1s"}, "scm": {"timeout": timeout}}
        self.scene = Scene(folder, self.profiles, kind, more, self.clock)
        self.canaries.add_world(self.scene.world)
        self.rotates = key == "rotate"
        self.folder = folder
        self.firewalls = self.scene.world.firewalls
        self.tally = Tally()
        self.fault: Callable[[int, Request, Handle], Answer] | None = None
        self.requests = 0
        self.keys_made = 0
        self._was_served: set[str] = set()
        self._saved: set[tuple[str, int]] = set()
        self._kept: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        for name, firewall in self.firewalls.items():
            self._make_key = firewall.key_source
            firewall.key_source = self._count_key
            begin_peoples_work(firewall)
            path = folder / f"profiles/firewalls/{name}.yaml"
            path.write_text(path.read_text("utf-8") + f"timeout: {timeout}\ncommit_timeout: 10m\n", "utf-8")
        for server in (self.scene.world.scm_server, *self.scene.world.servers.values()):
            server.interceptor = self._intercept

    def _count_key(self, wanted: KeySpec) -> PrivateKey:
        self.keys_made += 1
        key = self._make_key(wanted)
        self.canaries.add_key(key)
        return key

    def _intercept(self, request: Request, handle: Handle) -> Answer:
        with self._lock:
            self.requests += 1
            number = self.requests
            # So the simulated time stays near the agent's, however many firewalls ask at once.
            self.clock.advance(1 / len(self.firewalls))
        answer = None
        try:
            answer = self.fault(number, request, handle) if self.fault else handle(request)
            return answer
        finally:
            self.canaries.see(request, answer)
            self.observe()

    def prepare(self, step: int) -> None:
        """What people do before a step."""
        if step == 1:
            self.scene.world.scm.approve_all()
            self.account.auto_approve = True
        elif step == 2:
            self.scene.let_time_pass(150)
        elif step == 3:
            for name, profile in self.profiles.items():
                changed = {**copy.deepcopy(profile), "sans": {"dns": [f"more.{name}.example.com"]}}
                write_yaml(self.folder / f"profiles/certificates/{name}.yaml", changed)

    def run(self, step: int, kill_at: tuple[int, str] | None = None) -> Done:
        self.tally.runs += 1
        self.requests = 0
        done = self.scene.run(*self.options, COMMANDS[step], kill_at=kill_at)
        self.tally.problems += self.canaries.found_in([("stdout", done.out), ("stderr", done.err)])
        if (
            step == 1
            and self.account.age_days
            and all(self.orders(name)[0].state == "Issued" for name in self.firewalls)
        ):
            self.account.age_days = 0
        self._note_saved_keys(step)
        self._note_kept_predecessors(step)
        return done

    def _note_kept_predecessors(self, step: int) -> None:
        """Where nobody could say who uses a predecessor it stays until the next run, whose commit is one more."""
        for name, firewall in self.firewalls.items():
            complete = [item for item in firewall.certificates(running=True).values() if item.has_key and item.leaf]
            if len(complete) > 1:
                self._kept.add((name, step))

    def _note_saved_keys(self, step: int) -> None:
        """Where a step that installs in one go was interrupted at or after its order, the key's commit is one more: SCM
        holds the order, or may hold it.
        """
        for name, firewall in self.firewalls.items():
            orders = self.orders(name)
            if step < 2 or not self.rotates or not orders:
                continue
            ordered, entries = spki_der(orders[-1].csr.public_key()), firewall.certificates(running=True).values()
            is_pending = any(entry.csr is not None and entry.leaf is None for entry in entries)
            leaves = [spki_der(entry.leaf.public_key()) for entry in entries if entry.leaf is not None]
            is_in_service = self.serving(firewall) == orders[-1].certificate
            if is_pending or (ordered in leaves and not is_in_service):
                self._saved.add((name, step))

    def orders(self, name: str) -> list[Order]:
        """The orders for one firewall's certificate."""
        return [
            order
            for order in self.scene.world.scm.orders
            if f"CN={name}.example.com" in order.csr.subject.rfc4514_string()
        ]

    def lost_orders(self, before: int) -> int:
        """How many of the orders since then are not known to the agent: their answers were lost."""
        if len(self.scene.world.scm.orders) == before:
            return 0
        folder = self.folder / "state/journal/orders"
        return sum('"phase": "submitting"' in path.read_text("utf-8") for path in folder.glob("*.json"))

    def recover(self, step: int) -> None:
        """Run again until the step is done."""
        done = None
        for _ in range(MOST_RUNS):
            done = self.run(step)
            if done.code == CODES[step] and not self.left_to_do(step):
                return
        left = self.left_to_do(step)
        self.problem(f"step {step} is not done after {MOST_RUNS} runs: {left}; {done.err if done else ''}")

    def left_to_do(self, step: int) -> str:
        """What is not as it must be after a step; an empty text if all is."""
        return "".join(self._left_on(step, name, firewall) for name, firewall in self.firewalls.items())

    def _left_on(self, step: int, name: str, firewall: Firewall) -> str:
        if step == 0:
            pending = firewall.certificates(running=True).get(name)
            return (
                "" if pending is not None and pending.csr is not None else f"{name}: the pending CSR is not committed. "
            )
        served = self.serving(firewall)
        is_last = bool(self.orders(name)) and served == self.orders(name)[-1].certificate
        return "" if is_last else f"{name}: the last order's certificate is not in service. "

    def serving(self, firewall: Firewall) -> x509.Certificate | None:
        """The certificate that the service profile of the running configuration serves, if its key is there."""
        name = firewall.profile_certificate(BOUND_PROFILE)
        certificate = firewall.running_certificate(name) if name else None
        key = firewall.private_key(name) if name else None
        if certificate is None or key is None:
            return None
        return certificate if spki_der(key.public_key()) == spki_der(certificate.public_key()) else None

    def observe(self) -> None:
        """After every request: once something is in service, something valid always is."""
        with self._lock:
            self.tally.observed += 1
            now = self.scene.world.clock.now()
            for name, firewall in self.firewalls.items():
                serving = self.serving(firewall)
                if serving is not None:
                    self._was_served.add(name)
                    if serving.not_valid_after_utc <= now:
                        self.problem(f"an expired certificate is in service on {name}")
                elif name in self._was_served:
                    self.problem(f"nothing valid is in service on {name} any more")

    def check(self, step: int) -> None:
        """What must hold after each step."""
        lost = len(self.scene.world.scm.orders) - ORDERS_AFTER[step] * len(self.firewalls)
        if lost > self.tally.lost_answers:
            self.problem(f"{lost} surplus orders for {self.tally.lost_answers} lost answers after step {step}")
        if self.keys_made > ORDERS_AFTER[step] * len(self.firewalls):
            self.problem(f"{self.keys_made} keys after step {step}")
        for name, firewall in self.firewalls.items():
            self._check_orders(step, name)
            saved = sum(1 for saved_on, _ in self._saved if saved_on == name)
            kept = sum(1 for kept_on, _ in self._kept if kept_on == name)
            if len(firewall.commits) > step + 1 + saved + kept:
                self.problem(f"{len(firewall.commits)} commits on {name} after step {step}")
            self._check_people(firewall)
        if step > 0:
            self._check_rest()

    def _check_orders(self, step: int, name: str) -> None:
        orders = self.orders(name)
        distinct = {order.csr_sha256 for order in orders} if self.rotates else None
        if len(orders) < ORDERS_AFTER[step] or (distinct is not None and len(distinct) != ORDERS_AFTER[step]):
            self.problem(f"{len(orders)} orders for {name} after step {step}")

    def _check_people(self, firewall: Firewall) -> None:
        owners = sorted(change.owner for change in firewall.pending_changes())
        if owners != sorted(PEOPLE):
            self.problem(f"uncommitted changes afterwards: {owners}")
        if any(commit.admins != (AGENT_ADMIN,) for commit in firewall.commits):
            self.problem("a commit was not limited to the agent's administrator")

    def _check_rest(self) -> None:
        state = self.folder / "state"
        for name in self.firewalls:
            if (state / f"{name}.ids").read_bytes() != encode_id(self.orders(name)[-1].id):
                self.problem(f"the .ids file of {name} does not hold the last order")
        left = [p.name for folder in ("orders", "commits") for p in (state / "journal" / folder).iterdir()]
        if left:
            self.problem(f"left in the journal: {left}")

    def problem(self, text: str) -> None:
        self.tally.problems.append(text)

    def finish(self) -> Tally:
        self.tally.orders = len(self.scene.world.scm.orders)
        self.tally.problems += self.canaries.found_in(files_in(self.folder / "state", self.folder / "logs"))
        self.tally.problems += self.canaries.found_in_requests()
        self.tally.canaries = self.canaries.count
        self.tally.commits = sum(len(firewall.commits) for firewall in self.firewalls.values())
        return self.tally


def spread(tell: Callable[..., Tally], cases: Iterable[tuple[object, ...]], workers: int = 2) -> Tally:
    """Tell many stories on all cores; gives the sum."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(tell, *case) for case in cases]
        return sum((future.result() for future in futures), Tally())
