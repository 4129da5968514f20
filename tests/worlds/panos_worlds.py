"""Worlds in which a firewall answers otherwise than the sandbox's does."""

from __future__ import annotations

import re
from collections.abc import Callable

from paloaltofw.sandbox.base.https import Answer
from tests.worlds.acts import (
    HTML,
    XML,
    cut,
    cut_before,
    does_but_says,
    edited,
    half,
    panos_empty,
    panos_error,
    says,
    silent,
    swapped,
    without,
)
from tests.worlds.play import NAME, World
from tests.worlds.scm_worlds import BUSY_HTML, GETS_OUT, RESUBMIT, first
from tests.worlds.stage import AGENT_ADMIN, CERTIFICATES, PORTAL, PROFILES, Call, Killed, Stage
from tests.worlds.wire import Handle

GET, SHOW = "fw get certificates", "fw show certificates"
READS = "fw (get|show) (certificates|certificate|csr)"
HIDDEN = "fw (get|show) .*"


def only_first_entry(body: bytes) -> bytes:
    """A list that breaks off behind its first entry, and is well-formed all the same; the counts stay."""
    entries = re.findall(rb"<entry name=.*?</entry>", body, re.DOTALL)
    return body.replace(b"".join(entries), entries[0]) if len(entries) > 1 else body


def entries_without(name: str) -> Callable[[bytes], bytes]:
    return lambda body: re.sub(rb"<entry name=\"" + name.encode() + rb"\".*?</entry>", b"", body, flags=re.DOTALL)


def container(call: Call, handle: Handle) -> Answer:
    """The journal names containers instead of entries."""
    answer = handle(call.request)
    body = re.sub(rb"(/(?:certificate|ssl-tls-service-profile))/entry\[@name='[^']*'\]", rb"\1", answer.body)
    return Answer(answer.status, body, answer.content_type)


def factory_reset(stage: Stage) -> None:
    """The device was replaced by a new one with the hand-made certificate only."""
    configuration = stage.firewalls["fw"].configuration
    for root in (configuration.running, configuration.candidate):
        holder = root.find("shared/certificate")
        assert holder is not None
        for entry in list(holder):
            if not entry.get("name", "").startswith("old-"):
                holder.remove(entry)
        leaf = root.find(f"shared/ssl-tls-service-profile/entry[@name='{PORTAL}']/certificate")
        assert leaf is not None
        leaf.text = f"old-{PORTAL}"


def without_bind_target(stage: Stage) -> None:
    configuration = stage.firewalls["fw"].configuration
    for root in (configuration.running, configuration.candidate):
        holder = root.find("shared/ssl-tls-service-profile")
        assert holder is not None
        holder[:] = []
    stage.watched.clear()


def pushed_profile(stage: Stage) -> None:
    configuration = stage.firewalls["fw"].configuration
    for root in (configuration.running, configuration.candidate):
        entry = root.find(f"shared/ssl-tls-service-profile/entry[@name='{PORTAL}']")
        assert entry is not None
        entry.attrib.update({"src": "tpl", "ptpl": "T"})


def own_profile(stage: Stage) -> None:
    configuration = stage.firewalls["fw"].configuration
    for root in (configuration.running, configuration.candidate):
        entry = root.find(f"shared/ssl-tls-service-profile/entry[@name='{PORTAL}']")
        assert entry is not None
        entry.attrib.pop("src", None)
        entry.attrib.pop("ptpl", None)


def down(how: str, name: str = "fw") -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.peers[stage.hosts[name]].down = how

    return scene


def untrusted(stage: Stage) -> None:
    stage.peers[stage.hosts["fw"]].is_trusted = False


def stranger_of_old(stage: Stage) -> None:
    """A certificate of another service, which must stay."""
    stage.hand_made("fw", "mail", "mail.example.com")
    stage.stranger("fw", f"{CERTIFICATES}/entry[@name='mail']")


def wrong_csr(call: Call, handle: Handle) -> Answer:
    """The firewall makes a CSR for another name than asked."""
    body = call.request.body.replace(b"www.example.com", b"wwx.example.com")
    from dataclasses import replace

    return handle(replace(call.request, body=body))


def forgets_key(call: Call, handle: Handle) -> Answer:
    """The firewall says that it made a key, and holds none."""
    answer = handle(call.request)
    call.firewall.configuration.revert_all()
    return answer


JOB_WITHOUT_DETAILS = swapped(r"<details>.*?</details>", "<p2done>yes</p2done>")
FAILED_JOB = edited(
    lambda body: re.sub(
        rb"<details>.*?</details>", b"<details><line>certificate -> other is missing 'common-name'</line></details>",
        body.replace(b"<result>OK</result>", b"<result>FAIL</result>"), flags=re.DOTALL,
    )
)  # fmt: skip


def broken_commit(call: Call, handle: Handle) -> Answer:
    """A commit job ends badly, for somebody else's fault: nothing is committed."""
    answer = handle(call.request)
    job = call.firewall.jobs.all[-1]
    job.result, job.details = "FAIL", ["certificate -> other is missing 'common-name'", "Commit failed"]
    return answer


def blames_us(call: Call, handle: Handle) -> Answer:
    answer = handle(call.request)
    job = call.firewall.jobs.all[-1]
    job.result, job.details = "FAIL", [f"certificate -> {NAME} is invalid", "Commit failed"]
    return answer


BUSY = "Another commit/validate is in progress. Please try again later"
PENDING = "A commit is pending. Please try again later."
AUTO = "Commit job was not queued since auto-commit not yet finished"
TRANSIENT = "Import of www failed. Failed to find begining of certificate in file"
NO_KEY = "Import of www failed. private key doesn't exist for csr"

READ_WORLDS = [
    *(World(f"the certificate list is {what} for one night", start="served", orders=0, codes=(0, 1), ends=(0,),
            rules=((GET, act, first(1)),))
      for what, act in {
          "empty": panos_empty,
          "a success without a result": says(200, '<response status="success"/>', XML),
          "an empty result": says(200, '<response status="success" code="19"><result total-count="0" count="0"/></response>', XML),
          "cut short": edited(only_first_entry),
          "without the agent's entry": edited(entries_without(NAME)),
          "a page in HTML": says(200, "<html>login</html>", HTML),
          "a refusal of the xpath": panos_error("Bad xpath", 6),
          "an unauthorised request": says(200, '<response status="unauth" code="16"><msg><line>Unauthorized</line></msg></response>', XML),
          "busy with a commit": panos_error(PENDING, 13),
          "an internal error": panos_error("Internal error", 2),
          "502": says(502, BUSY_HTML, HTML),
          "No such node": panos_error("No such node"),
      }.items()),
    World("the certificate list is empty every night", start="served", orders=0, codes=(0, 1), rules=((GET, panos_empty),),
          out_orders=0),
    World("the certificate list is empty every night of the renewal window", start="due", orders=0, codes=(0, 1),
          rules=((GET, panos_empty),)),
    World("candidate and running list are empty every night", start="served", orders=1, codes=(0, 1), out=GETS_OUT,
          rules=((READS, panos_empty),)),
    World("the running list is empty every night", start="due", orders=1, codes=(0, 1), rules=((SHOW, panos_empty),),
          out=GETS_OUT),
    World("the list lacks the agent's entry every night", start="served", orders=0, codes=(0, 1),
          rules=((GET, edited(entries_without(NAME))),), out_orders=0),
    World("the list is cut short every night", start="served", orders=0, codes=(0, 1),
          rules=((GET, edited(only_first_entry)),), scene=stranger_of_old, out_orders=0),
    World("certificates are garbled for one night", start="served", orders=0, codes=(0, 1), ends=(0,),
          rules=((GET, swapped("<public-key>.{80}", "<public-key>AAAA"), first(1)),)),
    World("certificates are garbled every night", start="served", orders=0, codes=(0, 1), out_orders=0,
          rules=((GET, swapped("<public-key>.{80}", "<public-key>AAAA")),)),
    World("the role does not see private keys: nothing is due", start="served", orders=0, codes=(0, 1), out_orders=0,
          rules=((HIDDEN, without("private-key")),)),
    World("the role does not see private keys: first order", rules=((HIDDEN, without("private-key")),)),
    World("the role does not see private keys: a pending order", kind="OV", codes=(0, 3), ends=(0,),
          rules=((HIDDEN, without("private-key")),), events={4: lambda s: s.scm.approve_all()}),
    World("the role does not see private keys: renewal", start="due", rules=((HIDDEN, without("private-key")),)),
    World("the role does not see CSRs: first order", rules=((HIDDEN, without("csr")),)),
    World("the role does not see CSRs: a pending order", kind="OV", codes=(0, 3), ends=(0,),
          rules=((HIDDEN, without("csr")),), events={4: lambda s: s.scm.approve_all()}),
    World("the role sees neither keys nor CSRs: a pending order", kind="OV", codes=(0, 3), ends=(0,),
          rules=((HIDDEN, without("csr", "private-key")),), events={4: lambda s: s.scm.approve_all()}),
    World("the role sees neither keys nor CSRs: renewal", start="due", rules=((HIDDEN, without("csr", "private-key")),)),
    World("private keys are hidden for one night while an order is pending", kind="OV", codes=(0, 1, 3), ends=(0,),
          rules=((HIDDEN, without("private-key"), lambda night: night == 3),), events={6: lambda s: s.scm.approve_all()}),
    World("CSRs vanish with the import", scene=lambda s: s.switch_panos(csr_kept_after_import=False)),
    World("bundles are kept whole", scene=lambda s: s.switch_panos(bundle="whole")),
    World("the device was replaced by a new one", start="served", scene=factory_reset),
    World("the device was replaced while a renewal was pending", kind="OV", start="due", orders=2, codes=(0, 1, 3), ends=(0,),
          events={3: factory_reset, 6: lambda s: s.scm.approve_all(), 8: lambda s: s.scm.approve_all(),
                  10: lambda s: s.scm.approve_all()}, out=GETS_OUT),
    World("the change journal names containers", rules=(("fw changes", container),)),
    World("the change journal names containers, every renewal", start="due", rules=(("fw changes", container),)),
    World("the change journal is always empty", scene=lambda s: s.switch_panos(changes_shape="empty")),
    World("the change journal is unknown", scene=lambda s: s.switch_panos(changes_shape="unknown_command")),
    World("the device does not say who asks", scene=lambda s: s.switch_panos(show_self=False)),
    World("the service profiles are not readable", orders=1, codes=(0, 1), rules=(("fw get profiles", panos_empty),)),
    World("a certificate was revoked on the firewall", start="served",
          scene=lambda s: s.firewalls["fw"].mark_revoked(NAME)),
]  # fmt: skip

# --- writing -----------------------------------------------------------------------------------------------------------

_WRITES = {
    "generate": "the CSR", "import": "an import", "edit profile": "the binding", "delete certificate": "a deletion",
    "commit": "a commit",
}  # fmt: skip
_CUTS = {"is cut off": cut, "never comes": silent, "breaks off": half, "is 502": does_but_says(502, BUSY_HTML, HTML)}
WRITE_WORLDS = [
    *(World(f"the answer to {words} {what}", start="due", rules=((f"fw {label}", act, first(1), 1),),
            codes=(0, 1), ends=(0,))
      for label, words in _WRITES.items() for what, act in _CUTS.items()),
    *(World(f"the answer to {words} is cut off every time", start="due", rules=((f"fw {label}", cut),), codes=(0, 1))
      for label, words in _WRITES.items()),
    *(World(f"{words} never arrives", commits=label != "commit", start="due", orders=1, rules=((f"fw {label}", cut_before),), codes=(0, 1))
      for label, words in _WRITES.items()),
    *(World(f"{words} is answered with a page in HTML", start="due", orders=1,
            rules=((f"fw {label}", does_but_says(200, "<html/>", HTML), first(2)),), codes=(0, 1), ends=(0,))
      for label, words in _WRITES.items()),
    World("generate makes nothing and says it did", orders=0, keys=2, codes=(1,),
          rules=(("fw generate", says(200, '<response status="success"><result>ok</result></response>', XML)),)),
    World("the key is gone right after generation", orders=0, keys=30, codes=(1,), rules=(("fw generate", forgets_key),)),
    # The unproven CSR of the night before is removed before another is made.
    World("the firewall makes another CSR than asked", orders=0, keys=30, codes=(1,), rules=(("fw generate", wrong_csr),),
          tells=("proof", "unknown-order", "name-taken", "blocked"), out=GETS_OUT),
    World("the firewall makes another CSR than asked, at each renewal", start="due", orders=0, keys=30, codes=(1,),
          rules=(("fw generate", wrong_csr),), tells=("proof", "unknown-order", "name-taken", "blocked"), out=GETS_OUT),
    World("P-521 is refused", orders=0, codes=(1,), keys=0, says="P-?384", profile={"key": {"type": "ECDSA", "curve": "P521"}},
          scene=lambda s: s.switch_panos(ecdsa_521="refused"),
          mends=lambda s: s.edit_profile(NAME, key={"type": "ECDSA", "curve": "P384"})),
    World("an import fails once for a passing reason", rules=(("fw import", panos_error(TRANSIENT), first(1), 1),)),
    World("every import fails", codes=(1,), rules=(("fw import", panos_error(TRANSIENT)),)),
    World("intermediates are refused", rules=(("fw import", lambda call, handle: (
        panos_error(NO_KEY)(call, handle) if "Sandbox" in call.parameters["certificate-name"] else handle(call.request))),)),
    World("the leaf is refused", codes=(1,), rules=(("fw import", lambda call, handle: (
        handle(call.request) if "Sandbox" in call.parameters["certificate-name"] else panos_error(NO_KEY)(call, handle))),)),
    World("the import says success and changes nothing", codes=(1,), rules=(
        ("fw import", says(200, '<response status="success"><result>ok</result></response>', XML)),)),
    World("imports take a mismatching key", scene=lambda s: s.switch_panos(reimport_mismatch="accepted")),
    World("names that are taken are overwritten", start="due",
          scene=lambda s: s.switch_panos(generate_existing="overwrite")),
    World("the configuration is busy for a while", rules=(
        ("fw (generate|import|edit profile)", panos_error(PENDING, 13), first(1), 2),), codes=(0, 1), ends=(0,), keys=1),
    World("the device has just booted", rules=(("fw commit", panos_error(AUTO), first(1), 3),)),
    World("another commit runs for a while", rules=(("fw commit", panos_error(BUSY), first(1), 3),)),
    World("another commit runs for three nights", commits=False, codes=(0, 1), ends=(0,), rules=(("fw commit", panos_error(BUSY), first(3)),)),
    World("the bind target is missing", codes=(0, 1), scene=without_bind_target, installs=False,
          mends=lambda s: s.firewalls["fw"].install_profile(PORTAL, f"old-{PORTAL}")),
    World("the service profile is pushed by a template", codes=(0, 1), scene=pushed_profile, mends=own_profile),
    World("the entry is pushed by a template", start="due", orders=0, codes=(1,), tells=("template",),
          scene=lambda s: s.firewalls["fw"].mark_template(NAME), installs=False, mends=lambda s: unmark(s)),
]  # fmt: skip


def unmark(stage: Stage) -> None:
    configuration = stage.firewalls["fw"].configuration
    for root in (configuration.running, configuration.candidate):
        for node in root.iter():
            node.attrib.pop("src", None)
            node.attrib.pop("ptpl", None)


COMMIT_WORLDS = [
    World("commit jobs tell no details", rules=(("fw job", JOB_WITHOUT_DETAILS),)),
    World("the job's answer is odd for a while", rules=(("fw job", says(502, BUSY_HTML, HTML), first(1), 4),)),
    World("the key is denied for a moment during the commit", rules=(
        ("fw job", says(403, "<response status = 'error' code = '403'><result><msg>Invalid credentials.</msg></result></response>", XML), first(1), 3),)),
    World("the commit's job is forgotten", codes=(0, 1), ends=(0,), rules=(
        ("fw job", says(200, '<response status="success" code="7"><result/></response>', XML), first(1)),)),
    World("each commit fails for somebody else's fault", commits=False, codes=(1,), rules=(("fw commit", broken_commit),),
          tells=("commit",)),
    World("each commit fails for somebody else's fault, at renewal", commits=False, start="due", codes=(1,),
          rules=(("fw commit", broken_commit),), tells=("commit",)),
    World("the commit fails once, and blames the agent's entry", commits=False, codes=(0, 1), ends=(0,), orders=1,
          rules=(("fw commit", blames_us, first(1)),), tells=("commit",)),
    World("the first commit fails while the order is pending", commits=False, kind="OV", codes=(0, 1, 3), ends=(0,),
          rules=(("fw commit", broken_commit, first(1)),), events={5: lambda s: s.scm.approve_all()}),
    World("descriptions are refused", scene=lambda s: s.switch_panos(commit_description="refused")),
    World("nothing to commit is an error", start="due", scene=lambda s: s.switch_panos(no_partial_changes="same_result_error")),
    World("commits are queued", start="due", scene=lambda s: s.switch_panos(busy_commit="queue")),
]  # fmt: skip


def locking(lock: str) -> Callable[[Stage], object]:
    """The agent takes locks; a commit releases none of them."""

    def scene(stage: Stage) -> None:
        stage.edit_firewall(lock=lock)
        stage.switch_panos(commit_releases_locks=False)

    return scene


def dies(call: Call, handle: Handle) -> Answer:
    """The process is killed while it holds the locks that it has just been given."""
    handle(call.request)
    call.stage._is_dead = True
    raise Killed


def never_valid(stage: Stage) -> None:
    stage.edit_firewall(validate=True)
    stage.firewalls["fw"].jobs.objections.append(
        lambda root: ["address -> other is invalid"] if stage.night_number and stage.rules else []
    )


def everybodys(stage: Stage) -> None:
    """Alice has something uncommitted, and the device commits everything, whatever it is asked for."""
    stage.switch_panos(partial_commit_takes="everything")
    stage.firewalls["fw"].change_as("alice", ADDRESSES, "<entry name='web-9'><fqdn>web</fqdn></entry>")


def both_scenes(*scenes: Callable[[Stage], object]) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        for part in scenes:
            part(stage)

    return scene


ADDRESSES = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
OWN_LOCK = "fw op request config-lock add comment"
LOCK_WORLDS = [
    *(World(f"the agent takes {lock} locks", start="due", scene=locking(lock)) for lock in ("commit", "config", "both")),
    # A lock is left each night, and released by the next; on the fifth nobody kills it any more.
    World("the agent is killed every night while it holds its locks", start="due", codes=(None, 0), ends=(0,),
          scene=locking("both"), rules=((OWN_LOCK, dies, first(4)),)),
    World("the agent is killed while it holds its locks, and takes none afterwards", start="due", codes=(None, 0),
          ends=(0,), scene=locking("both"), rules=((OWN_LOCK, dies, first(1)),),
          events={2: lambda s: s.edit_firewall(lock="none")}),
    World("somebody else holds a lock every night", start="due", orders=0, codes=(1,), keys=0, tells=("busy",),
          scene=both_scenes(locking("both"), lambda s: s.firewalls["fw"].lock_as("alice", "config")),
          mends=lambda s: s.firewalls["fw"].unlock_as("alice", "config")),
    World("somebody takes a lock just before the agent, every night", start="due", orders=0, codes=(1,), keys=0,
          tells=("busy",), scene=locking("config"),
          rules=((OWN_LOCK, panos_error("Config for scope shared is currently locked by alice", 14)),)),
    World("the role may take no locks", start="due", orders=0, codes=(1,), keys=0, tells=("permission",),
          scene=locking("config"), rules=((OWN_LOCK, panos_error("Unauthorized request", 16)),),
          says="set lock: none"),
    World("locks are not released for three nights", start="due", codes=(0, 1), ends=(0,), tells=("lock-left",),
          scene=locking("config"), rules=(("fw op request config-lock remove", panos_error("Internal error", 2), first(3)),)),
    World("a person uses the agent's administrator, and holds its lock", start="due",
          scene=both_scenes(locking("both"), lambda s: s.firewalls["fw"].lock_as(AGENT_ADMIN, "config", comment="mine"))),
    World("commits take everybody's changes along", start="due", codes=(0, 1), ends=(0,), tells=("foreign-commit",),
          scene=everybodys),
    World("commits take everybody's changes along, and no change is pending", start="due",
          scene=lambda s: s.switch_panos(partial_commit_takes="everything")),
    World("each validation fails", commits=False, start="due", codes=(1,), tells=("validate",), scene=never_valid,
          rules=(("fw nothing", panos_error("never")),)),
    World("each validation of a pending order's key fails", commits=False, kind="OV", codes=(1,), tells=("validate",),
          scene=never_valid, rules=(("fw nothing", panos_error("never")),)),
    World("validation is unknown", start="due", scene=lambda s: s.edit_firewall(validate=True),
          rules=(("fw op validate.*", panos_error("validate  is unexpected", 17)),)),
    World("answers to validations are lost", start="due", scene=lambda s: s.edit_firewall(validate=True),
          rules=(("fw op validate.*", cut),)),
]  # fmt: skip

ACCESS_WORLDS = [
    *(World(f"the firewall is {how} for ten nights", codes=(0, 1), ends=(0,), scene=down(how), events={11: down("")})
      for how in ("refused", "timeout", "unresolved")),
    World("the firewall is away in the renewal window", start="due", codes=(0, 1), ends=(0,), scene=down("timeout"),
          events={11: down("")}),
    World("the firewall goes away between order and import", codes=(0, 1, 3), ends=(0,),
          rules=(("fw import", cut_before, first(3)), ("fw .*", cut_before, lambda night: 1 < night <= 3))),
    World("the firewall is away until an issued certificate has expired", orders=2, codes=(0, 1), ends=(0,),
          rules=(("fw import", cut_before, first(2)),), events={2: lambda s: s.skip(215)}),
    World("the API key is refused for five nights", start="due", codes=(0, 1), ends=(0,), rules=(
        ("fw .*", says(403, "<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>", XML), first(5)),),
          keys=1),
    World("the role lacks a right", start="due", orders=0, codes=(1,), keys=0, rules=(
        ("fw (generate|import|commit|edit.*|delete.*)", says(200, '<response status="error" code="16"><msg><line>Unauthorized request</line></msg></response>', XML)),)),
    World("the role may not commit", commits=False, start="due", orders=1, codes=(1,), rules=(
        ("fw commit", says(200, '<response status="error" code="16"><msg><line>Unauthorized request</line></msg></response>', XML)),)),
    World("this is the passive unit", start="due", orders=0, codes=(1,), keys=0, rules=(
        ("fw (generate|import|commit|edit.*|delete.*)", panos_error("Operation not allowed on passive device", 15)),)),
    World("the firewall presents a certificate that is not trusted", start="due", orders=0, codes=(1,), keys=0,
          scene=untrusted, says="trusted"),
    World("every answer of the firewall is a login page", start="due", orders=0, codes=(1,), keys=0,
          rules=(("fw .*", says(200, "<html>login</html>", HTML)),)),
    World("every answer of the firewall is a redirect", start="due", orders=0, codes=(1,), keys=0,
          rules=(("fw .*", says(302, "", HTML, Location="https://elsewhere.example.net/")),)),
    # From the eighth night on the order is an alarm: nothing is in service.
    World("the firewall reboots before each run", kind="OV", codes=(0, 1, 3), ends=(0,),
          events={**{n: lambda s: s.firewalls["fw"].reboot() for n in range(2, 6)}, 6: lambda s: s.scm.approve_all()}),
]  # fmt: skip

WORLDS = [*READ_WORLDS, *WRITE_WORLDS, *COMMIT_WORLDS, *LOCK_WORLDS, *ACCESS_WORLDS]
__all__ = ["AGENT_ADMIN", "PROFILES", "RESUBMIT", "WORLDS"]
