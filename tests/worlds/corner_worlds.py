"""Worlds of power cuts, full disks, two runs at once, settings, and SCMs that muddle their IDs."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Callable

from paloaltofw.sandbox.base.https import Answer
from tests.worlds.acts import HTML, JSON, PEM, XML, cut, does_but_says, edited, panos_error, refuses, says, swapped
from tests.worlds.panos_worlds import down
from tests.worlds.people_worlds import both, flapping, lose, sans, with_other
from tests.worlds.play import COMMON_NAME, NAME, World
from tests.worlds.scm_worlds import BUSY_HTML, GETS_OUT, LOST, ORDER, RESUBMIT, first, from_night
from tests.worlds.stage import CERTIFICATES, PORTAL, PROFILES, Call, Stage
from tests.worlds.wire import Handle

EVERY_NIGHT = range(1, 31)


def dies_at(point: int, side: str) -> Callable[[Stage], object]:
    return lambda stage: setattr(stage, "kill_at", (point, side))


def disk(full: bool) -> Callable[[Stage], object]:
    """Nothing can be written any more, or it can again."""

    def scene(stage: Stage) -> None:
        os.fsync.side_effect = OSError(errno.ENOSPC, "No space left on device") if full else None  # type: ignore[attr-defined]

    return scene


def another_run(stage: Stage) -> None:
    """Another run hangs, and holds the lock."""
    stage.state.mkdir(exist_ok=True)
    descriptor = os.open(stage.state / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    stage.__dict__["held"] = descriptor


def other_run_ends(stage: Stage) -> None:
    os.close(stage.__dict__["held"])


def same_id(call: Call, handle: Handle) -> Answer:
    """Every order gets the ID of the first one."""
    answer = handle(call.request)
    if answer.status != 200:
        return answer
    return Answer(200, json.dumps({"certId": call.stage.scm._orders[0].id}).encode(), JSON)


def own_id(call: Call, handle: Handle) -> Answer:
    """Renew answers the ID of what is renewed, and goes on under it."""
    answer = handle(call.request)
    if answer.status == 200:
        order = call.stage.scm._orders[-1]
        order.id = call.request.path.split("/")[-2]
        return Answer(200, json.dumps({"certId": order.id}).encode(), JSON)
    return answer


def slow(days: float) -> Callable[[Stage], object]:
    return lambda stage: setattr(stage.account, "issue_delay_seconds", days * 86400)


def weaker(stage: Stage) -> None:
    """The account issues another type than the profile says."""
    stage.account.certificate_type = "DV"


def renamed_admin(stage: Stage) -> None:
    """The key in the profile belongs to Alice."""
    path = stage.folder / "profiles/firewalls/fw.yaml"
    text = path.read_text("utf-8")
    stage.__dict__["profile_text"] = text
    key = stage.firewalls["fw"].api_key("alice")
    stage.canaries.add("Alice's key", key)
    lines = [line if not line.startswith("api_key:") else f"api_key: {key}" for line in text.splitlines()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def right_admin(stage: Stage) -> None:
    (stage.folder / "profiles/firewalls/fw.yaml").write_text(stage.__dict__["profile_text"], "utf-8")


def firewall_says(line: str) -> Callable[[Stage], object]:
    """One more line in the firewall profile."""

    def scene(stage: Stage) -> None:
        path = stage.folder / "profiles/firewalls/fw.yaml"
        path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")

    return scene


def two_firewalls(stage: Stage) -> None:
    stage.add_profile(NAME, COMMON_NAME)
    stage.add_profile("branch", "branch.example.com", "fw2", "branch-portal")


def overwritten(common_name: str) -> Callable[[Stage], object]:
    """Somebody imports another certificate under the agent's name, and commits it."""

    def scene(stage: Stage) -> None:
        configuration = stage.firewalls["fw"].configuration
        for root in (configuration.running, configuration.candidate):
            holder = root.find("shared/certificate")
            for entry in list(holder if holder is not None else ()):
                if entry.get("name") == NAME:
                    holder.remove(entry)  # type: ignore[union-attr]
        stage.hand_made("fw", NAME, common_name)
        if common_name != COMMON_NAME:
            stage.watched[0].other_name = common_name
            stage.stranger("fw", f"{CERTIFICATES}/entry[@name='{NAME}']")

    return scene


def gone_again(stage: Stage) -> None:
    """The stranger takes his certificate away, and the service back to the old one."""
    stage.forget_stranger(f"{CERTIFICATES}/entry[@name='{NAME}']")
    configuration = stage.firewalls["fw"].configuration
    for root in (configuration.running, configuration.candidate):
        leaf = root.find(f"shared/ssl-tls-service-profile/entry[@name='{PORTAL}']/certificate")
        holder = root.find("shared/certificate")
        assert leaf is not None
        assert holder is not None
        leaf.text = f"old-{PORTAL}"
        for entry in list(holder):
            if entry.get("name") == NAME:
                holder.remove(entry)


def bob_commits(stage: Stage) -> None:
    stage.commit_as("bob", everything=True)


def revoke_by_agent(stage: Stage) -> None:
    done = stage.person(f"revoke --yes -p {NAME}")
    if done.code != 0:
        stage.problem(f"revoke: {done.code} {done.err}")


def force(stage: Stage) -> None:
    stage.orders_allowed = 10**6
    stage.person(f"renew --force --yes -p {NAME}")


def twice(body: bytes) -> bytes:
    """The agent's entry stands in the list twice."""
    start = body.find(b'<entry name="www"')
    end = body.find(b"</entry>", start) + len(b"</entry>")
    return body[:end] + body[start:end] + body[end:] if start >= 0 else body


CORNER_WORLDS = [
    *(World(f"the power fails {side} step {point} of each night{words}", start=start, orders=2, codes=(0, 1, 3, None),
            events=dict.fromkeys(EVERY_NIGHT, dies_at(point, side)), out=GETS_OUT, keys=3)
      for start, words in (("new", ""), ("due", ", in the renewal window"))
      for side in ("before", "after") for point in (5, 12, 16, 20, 24, 30, 40)),
    World("the disk is full for five nights", codes=(0, 1), ends=(0,), keys=1, scene=disk(True), events={6: disk(False)}),
    World("the disk is full for five nights, in the renewal window", start="due", codes=(0, 1), ends=(0,), keys=1,
          scene=disk(True), events={6: disk(False)}),
    World("the disk is full while an order is pending", kind="OV", codes=(0, 1, 3), ends=(0,), keys=1,
          events={3: disk(True), 6: both(disk(False), lambda s: s.scm.approve_all())}),
    World("another run hangs for five nights", codes=(0, 4), ends=(0,), scene=another_run, events={6: other_run_ends}),
    World("every order gets the ID of the first one", start="due", orders=2, codes=(0, 1, 3), rules=((ORDER, same_id),),
          out=GETS_OUT),
    World("renew keeps the ID", start="due", codes=(0, 1, 3), rules=(("scm renew", own_id),), out=GETS_OUT),
    World("renew with the same key keeps the ID", start="due", codes=(0, 1, 3), rules=(("scm renew", own_id),),
          profile={"renewal": {"key": "reuse"}}, out=GETS_OUT),
    World("issuance takes three days", codes=(0, 3), ends=(0,), scene=slow(3)),
    World("issuance takes three days at renewal", start="due", codes=(0, 3), ends=(0,), scene=slow(3)),
    World("issuance takes three days, and the status is away", codes=(0, 1, 3), ends=(0,), scene=slow(3),
          rules=(("scm status", says(500, BUSY_HTML, HTML), from_night(2)),)),
    World("an OV order gives a DV certificate", kind="OV", codes=(0, 1, 3), ends=(0, 1), scene=weaker,
          events={3: lambda s: s.scm.approve_all()}, out=GETS_OUT),
    World("the API key belongs to Alice", orders=0, codes=(1,), keys=0, scene=renamed_admin, mends=right_admin),
    World("the chain is imported as a bundle", scene=firewall_says("chain: bundle")),
    World("the chain is a bundle, and the firewall keeps it whole", start="due",
          scene=both(firewall_says("chain: bundle"), lambda s: s.switch_panos(bundle="whole"))),
    World("the commit window is closed at night", codes=(1, 3), never_says="approved in SCM|order again", commits=False,
          scene=firewall_says('commit_window: {days: [Sat], hours: "22:00-23:00"}'), mends=lambda s: open_window(s)),
    World("one of two firewalls is away", firewalls=("fw", "fw2"), setup=two_firewalls, orders=1, codes=(1,),
          scene=down("timeout", "fw2"), out_orders=1),
    World("one of two firewalls is away in the renewal window", firewalls=("fw", "fw2"), setup=two_firewalls, start="due",
          orders=1, codes=(1,), scene=down("refused", "fw2")),
    World("one of two firewalls makes no keys", firewalls=("fw", "fw2"), setup=two_firewalls, start="due", orders=1,
          codes=(1,), rules=(("fw generate", panos_error("Failed to generate key"), lambda night: True, 10**9, "fw2"),)),
    World("Bob commits everything, every night", kind="OV", codes=(0, 3), ends=(0,),
          events={**dict.fromkeys(range(2, 8), bob_commits), 8: lambda s: s.scm.approve_all()}),
    World("a good certificate of the same name is imported over the agent's", start="served", orders=0, codes=(0, 1),
          scene=overwritten(COMMON_NAME), installs=False),
    World("a stranger's certificate is imported over the agent's", start="served", orders=0, codes=(1,), keys=0,
          scene=overwritten("other.example.org"), tells=("name-taken",), mends=gone_again, out_orders=1),
    World("the certificate is revoked by the agent", start="served", orders=1, codes=(0,), scene=revoke_by_agent),
    World("a renewal is forced", start="served", orders=1, codes=(0,), scene=force),
    World("the limit is one order in thirty days", start="served", orders=1, codes=(0, 1), tells=("order-limit",),
          settings={"issuance": {"order_limit": "1/30d"}}, events=dict.fromkeys(EVERY_NIGHT, flapping), out=GETS_OUT),
    World("the alarm of pending orders is two days", kind="OV", codes=(1, 3), ends=(1,),
          settings={"issuance": {"pending_alarm": "2d"}}),
    World("the alarm of pending orders spares a renewal", kind="OV", start="due", codes=(3,),
          settings={"issuance": {"pending_alarm": "2d"}}),
    World("lists hold the agent's entry twice", start="due", orders=1, codes=(0, 1),
          rules=(("fw (get|show) certificates", edited(twice)),)),
    World("lists are of seventeen megabytes", start="due", orders=0, codes=(1,), keys=0,
          rules=(("fw get certificates", says(200, b"<response status='success'><result>" + b" " * (17 << 20) + b"</result></response>", XML)),)),
    World("lists bring a document type", start="due", orders=0, codes=(1,), keys=0, rules=(
        ("fw get certificates", edited(lambda body: b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + body)),)),
    World("the list claims another character set", start="due", codes=(0, 1), rules=(
        ("fw get certificates", swapped("<response", "<?xml version='1.0' encoding='utf-7'?><response")),)),
    World("refusals in HTML of a firewall before SCM", start="due", orders=0, codes=(1,), keys=1,
          rules=(("scm .*", says(403, BUSY_HTML, HTML)),)),
    World("an order's answer is lost, and the profile is edited", orders=2, codes=(0, 1, 3),
          rules=((ORDER, cut, first(1)),), settings={"issuance": {"lost_answer": "hold"}}, tells=LOST,
          events={3: sans("more.example.com")}, out=GETS_OUT, out_orders=2),
    World("an order's answer is lost, and the state folder too", codes=(1,), rules=((ORDER, cut, first(1)),), events={2: lose},
          tells=("unknown-order",), out=RESUBMIT),
    World("a pending order's certificate is revoked before it is collected", kind="OV", codes=(0, 1, 3),
          rules=(("scm download", refuses(-110, "Revoked", 404), from_night(3)),
                 ("scm status", says(200, {"status": "Revoked"}), from_night(3))), out=GETS_OUT),
    World("the status says issued for ever, the download never", codes=(1, 3),
          rules=(("scm download", says(200, b"", PEM)), ("scm status", says(200, {"status": "Issued"})))),
    World("half of the profiles are refused", orders=1, codes=(1,), setup=with_other, keys=2, rules=(
        ("scm enroll", lambda call, handle: handle(call.request) if b"mail.example" in call.request.body or not call.stage.orders
         else refuses(-1010)(call, handle)),), out=GETS_OUT, out_orders=2),
    World("redirects to the same host", orders=2, codes=(1,), tells=LOST, out=RESUBMIT,
          rules=((ORDER, does_but_says(307, "", HTML, Location="/api/v1/certificates")),)),
]  # fmt: skip


def open_window(stage: Stage) -> None:
    path = stage.folder / "profiles/firewalls/fw.yaml"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("commit_window")]
    path.write_text("\n".join(lines) + "\n", "utf-8")


WORLDS = CORNER_WORLDS
__all__ = ["PROFILES", "WORLDS"]
