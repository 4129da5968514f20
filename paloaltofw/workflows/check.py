"""`check`: proves that each credential, permission and address works, and plans the next run. Changes nothing."""

from __future__ import annotations

import datetime
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, NotActive, PlanBlocked, WrongClock
from paloaltofw.execution.admission import ensure_kind, ensure_vsys, strange_change, way_out
from paloaltofw.execution.clients import ScmClientPool, open_firewall
from paloaltofw.execution.clocks import FURTHEST_OFF
from paloaltofw.execution.left_locks import is_agents, person_holds
from paloaltofw.execution.observe import namesakes_of
from paloaltofw.execution.units import ask_unit, units_objection
from paloaltofw.lifecycle.decision import Action
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.finding import Finding
from paloaltofw.model.firewall_objects import Lock
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.high_availability import HaState
from paloaltofw.model.settings import Configuration
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.panorama_client import PanoramaClient
from paloaltofw.reporting.words import count
from paloaltofw.scm.client import ScmClient
from paloaltofw.workflows.check_panorama import panorama_proofs
from paloaltofw.workflows.check_probe import finish_probe, is_unfinished, learned
from paloaltofw.workflows.endpoints import check_endpoints
from paloaltofw.workflows.maintain import make_request, plan
from paloaltofw.workflows.session import Session

# What an administrator's role may forbid, each with a right of its own (panos.md §1).
RIGHTS = ("commit", "import", "export")


@dataclass(frozen=True)
class _Firewall:
    """A firewall as `check` looks at it; `certificate_names` are those of all its profiles, selected or not."""

    client: PanosClient
    firewall: FirewallProfile
    certificate_names: frozenset[str]


def check_everything(session: Session) -> Iterator[Finding]:
    """Check every firewall and SCM account that the session's profiles use, then what the next run would meet."""
    failed = set()
    for finding in check_peers(session.configuration, session.profiles, session.clock):
        failed |= set() if finding.is_ok else {finding.subject}
        yield finding
    titles = {name: firewall.title for name, firewall in session.configuration.firewalls.items()}
    yield from check_endpoints(session.profiles, session.store)
    sound = [profile for profile in session.profiles if titles[profile.firewall] not in failed]
    if sound:
        yield from _check_plan(replace(session, profiles=sound), titles)


def _check_plan(session: Session, titles: dict[str, str]) -> Iterator[Finding]:
    """What the next run would do, by its own rules: one line a firewall, and one for each certificate in trouble."""
    outcomes = plan(session, make_request(session, enroll=True, renew=True))
    for firewall in dict.fromkeys(outcome.firewall for outcome in outcomes):
        here = [outcome for outcome in outcomes if outcome.firewall == firewall]
        does = Counter(outcome.action for outcome in here if outcome.error is None)
        words = [f"{count(number, 'certificate')} {_DOES[action]}" for action, number in does.items()]
        if words:
            yield Finding(titles[firewall], "next run", True, ", ".join(words))
    for outcome in outcomes:
        if outcome.error is not None:
            yield Finding(f"profile {outcome.profile}", "next run", False, str(outcome.error))


_DOES = {
    Action.NONE: "left as found",
    Action.ENROLL: "to order",
    Action.RENEW: "to renew",
    Action.COLLECT: "to collect",
    Action.INSTALL: "to install",
    Action.FAILED: "in trouble",
}


def check_peers(configuration: Configuration, profiles: list[CertificateProfile], clock: Clock) -> Iterator[Finding]:
    """Check every firewall and SCM account that these profiles use."""
    for name in dict.fromkeys(profile.firewall for profile in profiles):
        bound = [profile for profile in profiles if profile.firewall == name]
        every = frozenset(item.name for item in configuration.certificates.values() if item.firewall == name)
        firewall = configuration.firewalls[name]
        units = [firewall, firewall.other_unit()] if firewall.ha_peer else [firewall]
        clients = [open_firewall(configuration, unit, clock) for unit in units]
        try:
            is_reached = False
            for unit, client in zip(units, clients, strict=True):
                place = _Firewall(client, unit, every)
                for number, finding in enumerate(_check_firewall(place, bound, configuration, clock)):
                    is_reached |= number == 0 and finding.is_ok
                    yield finding
            if is_reached:  # else it would say the same
                yield _prove(firewall.title, "high availability", functools.partial(_ha, firewall, clients))
        finally:
            for client in clients:
                client.close()
    pool = ScmClientPool(configuration, clock)
    try:
        for label in dict.fromkeys(profile.account for profile in profiles):
            yield from _check_account(pool(label), label, clock)
    finally:
        pool.close()


def _check_account(client: ScmClient, label: str, clock: Clock) -> Iterator[Finding]:
    subject = f"SCM account {label}"
    first = _prove(subject, "address and credentials", lambda: _token(client))
    yield first
    if first.is_ok:
        yield _prove(subject, "right to use the enrollment API", lambda: _enrollment(client))
        yield _prove(subject, "clock", lambda: _clock(client.peer_date, clock))


def _token(client: ScmClient) -> str:
    client.prove_credentials()
    return "the token server gives a token"


def _enrollment(client: ScmClient) -> str:
    client.prove_right()
    return "granted"


def _check_firewall(
    place: _Firewall, profiles: list[CertificateProfile], configuration: Configuration, clock: Clock
) -> Iterator[Finding]:
    client, firewall = place.client, place.firewall
    prove = functools.partial(_prove, firewall.title)
    first = prove("address and API key", lambda: _version(client, firewall))
    yield first
    if not first.is_ok:
        return  # every further line would say the same
    yield prove("clock", lambda: _clock(client.peer_date, clock))
    yield prove("administrator", lambda: _administrator(client, firewall))
    if firewall.vsys != "shared":
        yield prove("vsys", lambda: ensure_vsys(client))
    yield prove("right to read the configuration", lambda: _certificates(client))
    yield prove("right to operational requests", lambda: _operational(client, firewall))
    for kind in RIGHTS:
        yield prove(f"right to {kind}", functools.partial(_right, client, kind))
    if is_unfinished(configuration, firewall):
        yield prove("an earlier probe", lambda: finish_probe(configuration, firewall, clock))
    yield prove("uncommitted changes", lambda: _changes(place))
    yield from learned(configuration, firewall, client, profiles)
    if isinstance(client, PanoramaClient) and firewall.panorama is not None:
        for title, proof in panorama_proofs(client, firewall.panorama):
            yield prove(title, proof)
    names = sorted({name for profile in profiles for name in profile.ssl_tls_service_profiles})
    if firewall.panorama is None:
        yield prove("names in shared and in a vsys", lambda: _namesakes(client, profiles))
    if names:
        yield prove("SSL/TLS service profiles", lambda: _service_profiles(client, names))


def _prove(subject: str, name: str, proof: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, name, True, proof())
    except AgentError as error:
        # The line begins with the subject already.
        where = error.where.removeprefix(subject).lstrip(", ")
        return Finding(subject, name, False, str(type(error)(error.what, where, error.remedy)))


def _version(client: PanosClient, firewall: FirewallProfile) -> str:
    info = client.version()
    ensure_kind(info, firewall)
    return "; ".join([f"{info.model}, PAN-OS {info.version}, serial {info.serial}", *client.notes])


def _administrator(client: PanosClient, firewall: FirewallProfile) -> str:
    name = client.own_name()
    if name is None:
        return f"this release does not tell whose key it is; the profile says {firewall.admin}"
    if name != firewall.admin:
        remedy = "correct admin or api_key in the firewall profile"
        raise PlanBlocked(f"the API key belongs to {name}, the profile says {firewall.admin}", remedy=remedy)
    return f"the API key belongs to {name}"


def _clock(date: datetime.datetime | None, clock: Clock) -> str:
    if date is None:
        return "it does not tell its time"
    now = clock.now()
    if abs(date - now) > FURTHEST_OFF:
        what = f"its clock says {date:%Y-%m-%d %H:%M} UTC, this host's {now:%Y-%m-%d %H:%M} UTC"
        raise WrongClock(what, remedy="correct the one that is wrong (NTP): nothing is ordered before")
    return "agrees with this host's"


def _namesakes(client: PanosClient, profiles: list[CertificateProfile]) -> str:
    """Whether something of the profiles' names is in another scope, which would stop the next order (`shadowed`)."""
    namesakes = namesakes_of(client, profiles)
    if namesakes.found:
        what = f"there is also the {namesakes.found[0]}, and which of the two is used under this name is not certain"
        raise PlanBlocked(what, remedy="rename one of them on the firewall, or choose other names in the profile")
    return "none of the profiles' is in both" if namesakes.is_told else "the firewall does not tell those of the other"


def _ha(firewall: FirewallProfile, clients: list[PanosClient]) -> str:
    """The state of the HA pair: of the one unit that is named, or of both."""
    answers = [ask_unit(client) for client in clients]
    said = "; ".join(
        f"{unit.address} {answer.words if isinstance(answer, HaState) else answer.what}"
        for unit, answer in zip((firewall, firewall.other_unit()), answers, strict=False)
    )
    if len(answers) == 2:
        objection = units_objection((answers[0], answers[1]))
        if objection:
            raise NotActive(f"{objection} ({said})", remedy="see to the pair: nothing is done before")
        return said
    answer = answers[0]
    if not isinstance(answer, HaState):
        raise answer
    if answer.objection:
        remedy = "name the other unit under ha_peer, or write the active unit's address into url"
        raise NotActive(answer.objection, remedy=remedy)
    return "it is in no HA pair" if not answer.is_enabled else f"{answer.words}; ha_peer names no other unit"


def _changes(place: _Firewall) -> str:
    strange = strange_change(place)
    if strange:
        admin = place.firewall.admin
        what = f"{admin} has uncommitted changes that the agent did not make ({strange[:120]})"
        usual = "commit or revert them, and let nobody else use this administrator"
        raise PlanBlocked(what, remedy=way_out(strange, place.firewall, usual))
    return f"none of {place.firewall.admin} that are not the agent's"


def _certificates(client: PanosClient) -> str:
    return count(len(client.certificates()), "certificate entry", "certificate entries")


def _operational(client: PanosClient, firewall: FirewallProfile) -> str:
    locks = client.locks()
    return "; ".join(["granted", *(_held(lock, firewall) for lock in locks)]) if locks else "granted; no locks"


def _held(lock: Lock, firewall: FirewallProfile) -> str:
    if is_agents(lock, firewall):
        return f"the agent's own {lock.kind} on {lock.scope}: of a run at work, or left (the next run releases it)"
    if lock.owner == firewall.admin:
        return person_holds(lock)
    return f"{lock.owner} holds a {lock.kind} on {lock.scope}"


def _right(client: PanosClient, kind: str) -> str:
    client.prove_right(kind)
    return "granted"


def _service_profiles(client: PanosClient, names: list[str]) -> str:
    there = client.service_profiles()
    missing = [name for name in names if name not in there]
    if missing:
        raise PlanBlocked(f"there is no {missing[0]}", remedy="create it, or correct bind in the profile")
    return ", ".join(f"{name} serves {there[name].certificate or 'nothing'}" for name in names)
