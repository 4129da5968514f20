"""`probe`: settles on a real device what no document says, with throw-away entries that are never committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paloaltofw.clock import Clock, format_time
from paloaltofw.errors import AgentError, PlanBlocked, UsageError
from paloaltofw.execution.clients import open_firewall_as
from paloaltofw.execution.probe_admission import ensure_changeable, ensure_untouched
from paloaltofw.execution.probe_bench import Bench, Heard, Question, ask
from paloaltofw.execution.probe_cleanup import CleanUp, clean_up
from paloaltofw.execution.probe_closing import CLOSING
from paloaltofw.execution.probe_questions import QUESTIONS
from paloaltofw.model.firewall_objects import SystemInfo
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.probe_report import NOT_ASKED, PROBE_PREFIX, UNCLEAR, Fact, KeptReport, ProbeReport
from paloaltofw.model.records import ProbeRecord
from paloaltofw.panos.probing import ProbeClient
from paloaltofw.panos.sanitizing import Sanitizer, model_name, release
from paloaltofw.safe_files import create_file
from paloaltofw.storage.probe_reports import keep_report
from paloaltofw.storage.store import Store
from paloaltofw.workflows.session import Session, log_event, warn_event

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Done:
    """What a probe found out, and what it could not remove."""

    report: ProbeReport
    left: tuple[str, ...]


def intention(firewall: FirewallProfile) -> list[str]:
    """What a probe is about to do, in sentences."""
    return [
        f"On {firewall.title}, as {firewall.admin}, in one to three minutes and some hundred requests, probe:",
        f"  makes eleven throw-away entries named {PROBE_PREFIX}… in the candidate configuration ({firewall.vsys}),",
        "  imports certificates of a CA of its own into them, reads them, and deletes them again;",
        "  lets the device validate that there is nothing to commit;",
        "  commits nothing, orders nothing, and touches nothing else.",
    ]


def ensure_writable(path: Path) -> None:
    """See, before a device is asked, that the report can be written; raises UsageError. Nothing is overwritten."""
    if path.is_symlink() or path.exists():
        raise UsageError(f"--report {path}: is there already", remedy="give another name, or move it away")
    if not path.parent.is_dir():
        raise UsageError(f"--report {path}: there is no folder {path.parent}", remedy="correct the path")


def probe(session: Session, name: str, tell: Tell) -> Done:
    """Ask everything, remove every trace, keep the report; raises AgentError where the device must not be touched."""
    firewall = session.configuration.firewalls[name.removesuffix(".yaml")]
    session.store.prepare()
    with session.store.lock():
        client = open_firewall_as(ProbeClient, session.configuration, firewall, session.clock)
        try:
            done = _probe(session.store, client, firewall, session.clock, tell)
        finally:
            client.close()
        keep_report(session.store, firewall.id, KeptReport(format_time(session.clock.now()), done.report))
    return done


def write_report(path: Path, text: str) -> None:
    """Write a report whole or not at all, for its owner alone; raises StateError if there is such a file by now."""
    create_file(path, text.encode())


def _probe(store: Store, client: ProbeClient, firewall: FirewallProfile, clock: Clock, tell: Tell) -> Done:
    info = ensure_changeable(client, firewall)
    _finish_an_earlier_one(store, client, firewall, tell)
    ensure_untouched(client, firewall)
    if store.owes_commit(firewall.id):
        what = "a run has begun changes on this firewall that are not committed yet"
        raise PlanBlocked(what, firewall.title, "let the next run finish them: paloaltoagent run")
    sanitizer = Sanitizer(_names_of_the_site(client, firewall, info))
    bench = Bench(client, firewall.admin, clock)
    store.save_probe(ProbeRecord(firewall.id, firewall.admin, format_time(clock.now())))
    log_event("firewall=%s a probe begins", firewall.id)
    try:
        heard = _ask_all(QUESTIONS, bench, tell)
    finally:
        cleaned = _clean_up(store, client, firewall, tuple(bench.awaited), tell)
    bench.net_zero = cleaned.net_zero
    heard += _ask_all(CLOSING, bench, tell) if not cleaned.left else [(item, Heard(NOT_ASKED)) for item in CLOSING]
    facts = tuple(_fact(question, answer, sanitizer) for question, answer in heard)
    for fact in facts:
        log_event("firewall=%s probe: %s: %s", firewall.id, fact.id, fact.answer)
    return Done(ProbeReport(model_name(info.model), release(info.version), facts), cleaned.left)


def finish_an_earlier_probe(store: Store, client: ProbeClient, firewall: FirewallProfile) -> CleanUp | None:
    """Remove what a probe that was killed has left; None where there was none. To be called under the lock."""
    if store.load_probe(firewall.id) is None:
        return None
    ensure_changeable(client, firewall)
    return _clean_up(store, client, firewall, (), lambda text: None)


def _finish_an_earlier_one(store: Store, client: ProbeClient, firewall: FirewallProfile, tell: Tell) -> None:
    if store.load_probe(firewall.id) is None:
        return
    tell("removing what an earlier probe has left")
    cleaned = _clean_up(store, client, firewall, (), tell)
    if cleaned.left:
        raise PlanBlocked(f"an earlier probe has left something: {cleaned.left[0]}", firewall.title)


def _clean_up(
    store: Store, client: ProbeClient, firewall: FirewallProfile, awaited: tuple[str, ...], tell: Tell
) -> CleanUp:
    tell("removing every throw-away entry")
    try:
        cleaned = clean_up(client, firewall, awaited)
    except AgentError as error:
        warn_event("firewall=%s the probe's entries may still be there: %s", firewall.id, error)
        what = f"{error.what}; entries named {PROBE_PREFIX}… may still be there"
        remedy = "run probe again, or delete them in the web interface (Device > Certificates)"
        raise type(error)(what, error.where, remedy) from None
    for sentence in cleaned.left:
        warn_event("firewall=%s a probe left something: %s", firewall.id, sentence)
    if not cleaned.left:
        store.remove_probe(firewall.id)
        log_event("firewall=%s nothing of the probe is left (%d entries)", firewall.id, len(cleaned.removed))
    return cleaned


def _ask_all(questions: Sequence[Question], bench: Bench, tell: Tell) -> list[tuple[Question, Heard]]:
    heard = []
    for question in questions:
        tell(question.text)
        heard.append((question, ask(question, bench)))
    return heard


def _names_of_the_site(client: ProbeClient, firewall: FirewallProfile, info: SystemInfo) -> tuple[str, ...]:
    names = [firewall.id, firewall.admin, firewall.address, info.serial, *client.site_names()]
    for lock in client.locks():
        names.append(lock.owner)
    for change in client.changes() or ():
        names.append(change.owner)
    return tuple(name for name in names if not name.startswith(PROBE_PREFIX))


def _fact(question: Question, heard: Heard, sanitizer: Sanitizer) -> Fact:
    is_own = heard.answer in (*question.answers, UNCLEAR, NOT_ASKED)
    answer = heard.answer if is_own else sanitizer(heard.answer)
    evidence = "; ".join(text for text in (heard.noted, sanitizer(heard.said)) if text)
    return Fact(question.id, question.text, answer, evidence)
