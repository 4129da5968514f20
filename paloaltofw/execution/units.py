"""The units of an HA pair: which one is worked on, and whether it still is the one before each change.

Candidate changes are made on the active unit (panos.md §10, §11). A commit reaches the other unit by a synchronisation,
an uncommitted key never does; and what a passive unit does with a change is not known. So the agent asks, and stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, KeyOnOtherUnit, NotActive, PeerError
from paloaltofw.execution.clients import open_firewall
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.observe import (
    FirewallSeen,
    StoredState,
    combine,
    look_again,
    read_certificate,
    read_firewall,
    unclear_of,
)
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.pair import AT_SCM, held_by_peer, missing_here
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.high_availability import HaState, pair_objection
from paloaltofw.model.records import OrderRecord
from paloaltofw.model.settings import Configuration
from paloaltofw.panos.client import PanosClient
from paloaltofw.pki.certificate import VerificationError, parse_csr

# Seconds between two looks at a synchronisation, which takes minutes on small devices (panos.md §11).
SYNC_PAUSE = 10.0
Answer = HaState | PeerError


# --- which unit ----------------------------------------------------------------------------------------------------


def choose_unit(context: Context) -> None:
    """With both units named: let the context's client be that of the active one.

    Raises NotActive, with both units named, where that cannot be told; PeerError where neither can be asked.
    """
    peer = context.peer
    if peer is None:
        return
    first, second = context.firewall, context.firewall.other_unit()
    answers = (ask_unit(context.client), ask_unit(peer))
    objection = units_objection(answers)
    if objection:
        raise _not_active(first, second, answers, objection)
    one, other = answers
    is_second = isinstance(other, HaState) and other.is_active
    unreachable = one if is_second else other
    if is_second:
        context.client, context.peer, context.firewall = peer, context.client, second
        events.info("firewall=%s the unit %s is active and worked on", first.id, second.address)
    if isinstance(unreachable, PeerError):
        context.peer_trouble = unreachable.what
        away = context.firewall.other_unit().address
        context.notes.append(f"the other unit of the HA pair ({away}) cannot be asked: {unreachable.what}")
    _watch(context)


def ask_unit(client: PanosClient) -> Answer:
    """What a unit says of its state, or why it cannot be asked."""
    try:
        return client.ha_state() or PeerError("does not know the command for the HA state")
    except PeerError as error:
        return error


def open_unit_to_read(
    configuration: Configuration, firewall: FirewallProfile, clock: Clock
) -> tuple[PanosClient, FirewallProfile]:
    """A client for reading alone, and its unit: the active one where a unit says so, else one that answers."""
    first = open_firewall(configuration, firewall, clock)
    if firewall.ha_peer is None:
        return first, firewall
    answer = ask_unit(first)
    if isinstance(answer, HaState) and answer.is_active:
        return first, firewall
    other = firewall.other_unit()
    second = open_firewall(configuration, other, clock)
    others = ask_unit(second)
    is_second = isinstance(others, HaState) and (others.is_active or isinstance(answer, PeerError))
    (first if is_second else second).close()
    return (second, other) if is_second else (first, firewall)


def units_objection(answers: tuple[Answer, Answer]) -> str:
    """Why neither unit may be worked on; empty if one may. One unit's word is enough where the other says nothing."""
    one, other = answers
    if isinstance(one, HaState) and isinstance(other, HaState):
        return pair_objection((one, other))
    alone = one if isinstance(one, HaState) else other
    if not isinstance(alone, HaState):
        return "neither unit can be asked"
    if not alone.is_enabled:
        return "one of them is in no HA pair, and the other one cannot be asked"
    return "one of them cannot be asked, and the other one is not to be worked on" if alone.objection else ""


def _not_active(
    first: FirewallProfile, second: FirewallProfile, answers: tuple[Answer, Answer], why: str
) -> AgentError:
    said = ", ".join(
        f"{unit.address}: {answer.words if isinstance(answer, HaState) else answer.what}"
        for unit, answer in zip((first, second), answers, strict=True)
    )
    what, remedy = f"nothing was done on this HA pair, since {why} ({said})", "see to the pair; the next run asks again"
    failed = [answer for answer in answers if isinstance(answer, PeerError)]
    # Where no unit answers it is a matter of the way there, as for a single firewall.
    kind = type(failed[0]) if len(failed) == len(answers) else NotActive
    return kind(what, first.pair_title, remedy)


# --- before each change --------------------------------------------------------------------------------------------


def admit(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Before the first change on a device: a unit of an HA pair must be the active one, and hold the keys of all open
    orders, or the other unit must be seen not to hold them: what it has uncommitted ends when it takes a commit over.

    Raises NotActive or KeyOnOtherUnit.
    """
    if not context.is_in_pair:
        state = context.client.ha_state()
        if state is None or not state.is_enabled:
            return
        if state.objection:
            remedy = "nothing was done; name the other unit under ha_peer, or write the active unit's address into url"
            raise NotActive(state.objection, context.firewall.title, remedy)
        _watch(context)
    given_up = {task.profile.id for task in tasks if task.is_asked_for}
    for order in context.store.orders_on(context.firewall.id):
        if order.phase in AT_SCM and order.spki_sha256 and order.profile not in given_up:
            _ensure_key_here(context, order)


def _ensure_key_here(context: Context, order: OrderRecord) -> None:
    if _holds_key(context.client, order):
        return
    if context.peer is None:
        why = "may be on the other unit, which is not named under ha_peer"
    elif context.peer_trouble:
        why = f"may be on the other unit, which cannot be asked ({context.peer_trouble})"
    elif _holds_key(context.peer, order):
        why = f"is on the other unit ({context.firewall.other_unit().address}) alone"
    else:
        return
    what = f"the key of order {order.certificate_id or order.reference} ({order.entry}) {why}; a commit here may end it"
    hint = f"bring the pair into step, or fail back; or give it up: paloaltoagent enroll --resubmit -p {order.profile}"
    raise KeyOnOtherUnit(what, context.firewall.title, hint)


def _holds_key(client: PanosClient, order: OrderRecord) -> bool:
    """Whether an order's entry on a unit, in either configuration, is of the order's key."""
    for entry in (client.certificate(order.entry), client.running_certificate(order.entry)):
        certificate = read_certificate(entry.certificate_pem) if entry is not None else None
        if certificate is not None and certificate.spki_sha256 == order.spki_sha256:
            return True
        if entry is not None and _spki(entry.csr_pem) == order.spki_sha256:
            return True
    return _spki(client.exported_csr(order.entry)) == order.spki_sha256


def _spki(csr: str) -> str:
    try:
        return parse_csr(csr).spki_sha256 if csr else ""
    except VerificationError:
        return ""


def _watch(context: Context) -> None:
    context.is_in_pair = True
    context.ensure_active = Watch(context)


class Watch:
    """Asks before each change whether the unit still is the one to work on; if not, it is none for the whole run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lost: NotActive | None = None

    def __call__(self) -> None:
        """Raises NotActive, or the PeerError of a unit that cannot be asked."""
        if self._lost is None:
            state = self._context.client.ha_state()
            objection = state.objection if state is not None and state.is_enabled else "this unit is in no HA pair now"
            if not objection:
                return
            remedy = "nothing more was done on it; the next run goes on with the unit that is active then"
            self._lost = NotActive(objection, self._context.firewall.title, remedy)
        raise self._lost


# --- commits -------------------------------------------------------------------------------------------------------


def unit_at(context: Context, url: str) -> Context | None:
    """The context of the unit at an address, the first one if it is empty; None if that one cannot be asked now.

    Each unit has its own jobs and its own locks. An address that the profile names no more stands for the present unit.
    """
    url = url or context.first_url
    if context.peer is None or url == context.firewall.url or url not in context.firewall.urls:
        return context
    if context.peer_trouble:
        events.info("firewall=%s what an earlier run left on the other unit waits for it", context.firewall.id)
        return None
    return replace(context, client=context.peer, peer=context.client, firewall=context.firewall.other_unit())


def await_sync(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """After a commit: wait until the other unit has it too, and say so if it has not, which is no failure.

    Raises NotActive where the pair has failed over meanwhile: then the active unit may never have got it.
    """
    if not context.is_in_pair:
        return
    trouble = _sync_trouble(context)
    if trouble:
        text = f"the other unit of the HA pair is not in step after the commit ({trouble})"
        tasks[0].notes.append(f"{text}: until it is, a failover brings the earlier configuration back")


def _sync_trouble(context: Context) -> str:
    """What the pair says instead of `synchronized` when the time is over; empty if it is in step, or is not to be."""
    deadline = context.clock.monotonic() + context.firewall.ha_sync_timeout
    while True:
        left = deadline - context.clock.monotonic()
        context.clock.sleep(max(0.0, min(SYNC_PAUSE, left)))
        answer = ask_unit(context.client)
        if isinstance(answer, HaState):
            if answer.is_enabled and answer.objection:
                remedy = "whether the active unit has the commit is not known; the next run looks there"
                raise NotActive(answer.objection, context.firewall.title, remedy)
            if not answer.is_sync_enabled or answer.is_in_step:
                return ""
        said = answer.running_sync or "no word" if isinstance(answer, HaState) else answer.what
        if left <= 0 or context.peer_trouble:
            return said
        context.progress.waiting(context.firewall.id, f"the HA pair to be in step: {said}")


# --- the second witness --------------------------------------------------------------------------------------------


class PeerWitness:
    """The other unit's configuration, read once, when the first order is about to be made."""

    def __init__(self, context: Context, profiles: Sequence[CertificateProfile], stored: Sequence[StoredState]) -> None:
        self._context = context
        self._profiles = profiles
        self._stored = stored
        self._seen: FirewallSeen | None = None
        self._trouble = context.peer_trouble

    def evidence(self, profile: CertificateProfile, observed: Observation, stored: StoredState) -> str:
        """Why an order must wait for the other unit, in words; empty if it need not."""
        context, now = self._context, self._context.clock.now()
        missing = missing_here(observed, now)
        if context.peer is None:
            return self._unnamed(missing) if missing else ""
        seen = self._look(context.peer)
        if seen is None:
            what = f"{missing} is not on the active unit, and the other one cannot be asked ({self._trouble})"
            return what if missing else ""
        unclear = unclear_of(profile, seen)
        if missing and unclear is not None:
            return f"{missing} is not on the active unit, and the other one does not tell ({unclear.what})"
        held = held_by_peer(observed, combine(profile, context.firewall.admin, seen, stored), now)
        other = context.firewall.other_unit().address
        return f"the other unit of the HA pair ({other}) holds {held}, which the active one lacks" if held else ""

    def _unnamed(self, missing: str) -> str:
        answer = ask_unit(self._context.client)
        if isinstance(answer, HaState) and not answer.is_enabled:
            return ""
        if isinstance(answer, PeerError) and not self._context.is_in_pair:
            return ""  # what cannot be told of a firewall of which nothing says that it is in a pair
        return f"{missing} is not on this unit of an HA pair, and the other unit is not named under ha_peer"

    def _look(self, peer: PanosClient) -> FirewallSeen | None:
        if self._seen is None and not self._trouble:
            admin = self._context.firewall.admin
            try:
                seen = read_firewall(peer, admin, self._profiles, self._stored)
                orders = [item.order for item in self._stored if item.order is not None]
                self._seen = look_again(peer, seen, orders, self._profiles)
            except PeerError as error:
                self._trouble = error.what
        return self._seen
