"""Worlds of other people: administrators at work, entries that are not ours, profiles that are edited, clocks."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.worlds.acts import cut, cut_before, does_but_says, panos_error
from tests.worlds.play import COMMON_NAME, NAME, World
from tests.worlds.scm_worlds import GETS_OUT, LOST, ORDER, RESUBMIT, first
from tests.worlds.stage import (
    AGENT_ADMIN,
    CERTIFICATES,
    DAY,
    PORTAL,
    PROFILES,
    START,
    Stage,
    with_files,
)

STRANGER = "mail.example.com"
TAKEN = ("name-taken", "unknown-order", "blocked")


def xpath(entry: str) -> str:
    return f"{CERTIFICATES}/entry[@name='{entry}']"


def taken(entry: str, common_name: str = STRANGER, where: str = "both") -> Callable[[Stage], object]:
    """A stranger's finished entry under a name of the series: in both configurations, or in one of them."""

    def scene(stage: Stage) -> None:
        stage.hand_made("fw", entry, common_name)
        stage.firewalls["fw"].install_profile("their-service", entry)
        if where == "running":
            stage.firewalls["fw"].configuration.candidate.find("shared/ssl-tls-service-profile")
            remove_from_candidate(stage, "their-service", "ssl-tls-service-profile")
            remove_from_candidate(stage, entry, "certificate")
        stage.stranger("fw", xpath(entry))
        stage.stranger("fw", f"{PROFILES}/entry[@name='their-service']")

    return scene


def remove_from_candidate(stage: Stage, name: str, container: str) -> None:
    stage.delete_as("alice", f"/config/shared/{container}/entry[@name='{name}']")


def pending_csr(entry: str, common_name: str, admin: str, commits: bool = True) -> Callable[[Stage], object]:
    """Somebody asked for a CSR under this name."""

    def scene(stage: Stage) -> None:
        from paloaltofw.sandbox.panos.answers import parse_xml
        from paloaltofw.sandbox.panos.certificate_requests import generate

        firewall = stage.firewalls["fw"]
        text = (
            f"<generate><certificate-name>{entry}</certificate-name><name>{common_name}</name><digest>sha256</digest>"
            f"<hostname><member>{common_name}</member></hostname><signed-by>external</signed-by>"
            "<algorithm><ECDSA><ecdsa-nbits>256</ecdsa-nbits></ECDSA></algorithm></generate>"
        )
        holder = firewall.admins.get(admin)
        assert holder is not None
        with firewall.settled():
            generate(firewall, holder, parse_xml(text), "shared")
        if commits:
            stage.commit_as(admin)
        stage.keys_made = 0
        if admin != AGENT_ADMIN:
            stage.stranger("fw", xpath(entry))

    return scene


def both(*scenes: Callable[[Stage], object]) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        for part in scenes:
            part(stage)

    return scene


def drop(entry: str) -> Callable[[Stage], object]:
    """The stranger takes his things away."""

    def mend(stage: Stage) -> None:
        stage.strangers = [item for item in stage.strangers if entry not in item[1] and "their-service" not in item[1]]
        configuration = stage.firewalls["fw"].configuration
        for root in (configuration.running, configuration.candidate):
            for container, name in (("ssl-tls-service-profile", "their-service"), ("certificate", entry)):
                holder = root.find(f"shared/{container}")
                assert holder is not None
                for item in list(holder):
                    if item.get("name") == name:
                        holder.remove(item)
        configuration._forget_settled()

    return mend


def alice_deletes(entry: str) -> Callable[[Stage], object]:
    """Alice deletes the agent's entry in the candidate, and what refers to it, and does not commit."""

    def scene(stage: Stage) -> None:
        stage.hand_made("fw", "alices", COMMON_NAME)
        stage.firewalls["fw"].change_as(
            "alice", f"{PROFILES}/entry[@name='{PORTAL}']", "<certificate>alices</certificate>"
        )
        stage.delete_as("alice", xpath(entry))

    return scene


def alice_reverts(stage: Stage) -> None:
    stage.revert("alice")


def rebinds(commits: bool) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.hand_made("fw", "alices", COMMON_NAME)
        stage.firewalls["fw"].change_as(
            "alice", f"{PROFILES}/entry[@name='{PORTAL}']", "<certificate>alices</certificate>"
        )
        if commits:
            stage.commit_as("alice")

    return scene


def edits_portal(stage: Stage) -> None:
    """Alice changes the TLS settings of the service profile, and does not commit."""
    text = "<protocol-settings><min-version>tls1-3</min-version></protocol-settings>"
    stage.firewalls["fw"].change_as("alice", f"{PROFILES}/entry[@name='{PORTAL}']", text)


def edits_entry(stage: Stage) -> None:
    """Alice touches the entry in service, and does not commit."""
    stage.firewalls["fw"].change_as("alice", xpath(NAME), "<status>valid</status>")


def foreign_work(stage: Stage) -> None:
    """The agent's administrator has work that the agent did not do, whose path looks like the agent's."""
    place = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
    text = "<entry name='certificate'><ip-netmask>192.0.2.99/32</ip-netmask></entry>"
    stage.firewalls["fw"].change_as(AGENT_ADMIN, place, text)


def foreign_certificate(stage: Stage) -> None:
    """The agent's administrator has begun another certificate by hand."""
    pending_csr("by-hand", "hand.example.com", AGENT_ADMIN, commits=False)(stage)


def revert_own(stage: Stage) -> None:
    stage.revert(AGENT_ADMIN)


def locks(kind: str) -> Callable[[Stage], object]:
    return lambda stage: stage.firewalls["fw"].lock_as("alice", kind)


def unlocks(kind: str) -> Callable[[Stage], object]:
    return lambda stage: stage.firewalls["fw"].unlock_as("alice", kind)


def save_configuration(stage: Stage) -> None:
    import copy

    stage.__dict__["saved"] = copy.deepcopy(stage.firewalls["fw"].configuration.running)


def load_saved(stage: Stage) -> None:
    """Somebody loads the saved configuration, and commits it."""
    import copy

    configuration = stage.firewalls["fw"].configuration
    configuration.running = copy.deepcopy(stage.__dict__["saved"])
    configuration.revert_all()


def delete_pending(stage: Stage) -> None:
    """Alice deletes every entry with a CSR, and commits."""
    for name, view in stage.firewalls["fw"].certificates(running=False).items():
        if view.csr:
            stage.delete_as("alice", xpath(name))
            stage.commit_as("alice")


def decline_all(stage: Stage) -> None:
    for order in stage.orders:
        stage.scm.decline(order.id)


PEOPLE_WORLDS = [
    World("people have uncommitted work", start="due", scene=lambda s: s.firewalls["fw"].change_as(
        "alice", "/config/shared/address", "<entry name='x'><ip-netmask>192.0.2.5/32</ip-netmask></entry>")),
    World("Alice deletes the entry in the candidate", start="served", orders=0, codes=(0, 1), scene=alice_deletes(NAME),
          mends=alice_reverts, out_orders=0),
    World("Alice deletes the entry in the candidate, in the renewal window", start="due", orders=0, codes=(0, 1), keys=0,
          scene=alice_deletes(NAME), mends=alice_reverts),
    World("Alice deletes the entry and commits", start="served", codes=(0, 1), ends=(0,),
          scene=both(alice_deletes(NAME), lambda s: s.commit_as("alice"))),
    World("Alice rebinds the service and commits", start="served", orders=0, codes=(0, 1), scene=rebinds(True)),
    World("Alice rebinds the service, uncommitted", start="served", orders=0, codes=(0, 1), scene=rebinds(False),
          mends=alice_reverts),
    World("Alice rebinds the service, uncommitted, in the renewal window", start="due", orders=1, codes=(0, 1),
          scene=rebinds(False), mends=alice_reverts),
    World("Alice edits the service profile, uncommitted, in the renewal window", start="due", orders=1, codes=(0, 1),
          scene=edits_portal, mends=alice_reverts),
    World("Alice edits the entry, uncommitted, in the renewal window", start="due", orders=1, codes=(0, 1),
          scene=edits_entry, mends=alice_reverts),
    World("Alice edits the entry, uncommitted, at a renewal with the same key", start="due", orders=1, codes=(0, 1),
          scene=edits_entry, mends=alice_reverts, profile={"renewal": {"key": "reuse"}}),
    World("Alice commits her edit of the entry at a renewal with the same key", start="due", orders=1, codes=(0, 1),
          ends=(0,), scene=edits_entry, events={5: lambda s: s.commit_as("alice")}, profile={"renewal": {"key": "reuse"}}),
    World("Alice edits the entry while nothing is due", start="served", orders=0, codes=(0, 1), scene=edits_entry,
          mends=alice_reverts),
    World("the agent's administrator has other work", start="due", orders=0, codes=(1,), keys=0, scene=foreign_work,
          mends=revert_own, says="uncommitted"),
    World("the agent's administrator has begun another certificate", start="due", orders=0, codes=(1,), keys=0,
          scene=foreign_certificate, mends=revert_own, says="uncommitted"),
    *(World(f"Alice holds a {kind} lock for five nights", start="due", codes=(0, 1), ends=(0,), scene=locks(kind),
            events={6: unlocks(kind)}) for kind in ("config", "commit")),
    *(World(f"Alice takes a {kind} lock between order and commit", commits=False, codes=(0, 1, 3), ends=(0,), kind="OV", orders=1,
            rules=(("fw commit", panos_error("Other administrators are holding device wide commit locks.", 14), first(2)),),
            events={2: locks(kind), 5: both(unlocks(kind), lambda s: s.scm.approve_all())})
      for kind in ("config", "commit")),
    World("everything uncommitted is reverted while an order is pending", kind="OV", codes=(0, 3), ends=(0,),
          events={3: lambda s: s.revert(), 5: lambda s: s.scm.approve_all()}),
    World("the pending key is deleted by Alice, and committed", kind="OV", orders=2, codes=(0, 1, 3), ends=(0,),
          events={3: both(lambda s: s.delete_as("alice", xpath(NAME)), lambda s: s.commit_as("alice")),
                  5: lambda s: s.scm.approve_all(), 8: lambda s: s.scm.approve_all()}, out=GETS_OUT),
    World("the pending key is deleted by Alice, uncommitted", kind="OV", codes=(0, 1, 3), ends=(0,),
          events={3: lambda s: s.delete_as("alice", xpath(NAME)), 6: lambda s: s.revert("alice"),
                  8: lambda s: s.scm.approve_all()}),
    World("the pending key is deleted by Alice every night", kind="OV", orders=10, codes=(0, 1, 3),
          events=dict.fromkeys(range(2, 31), delete_pending), out=GETS_OUT),
    World("an older configuration is loaded after the renewal", start="due", orders=2, codes=(0, 1),
          scene=save_configuration, events={5: load_saved}, out=GETS_OUT),
    World("an older configuration is loaded while an order is pending", kind="OV", orders=2, codes=(0, 1, 3), ends=(0,),
          scene=save_configuration, events={5: load_saved, 8: lambda s: s.scm.approve_all(),
                                            10: lambda s: s.scm.approve_all()}, out=GETS_OUT),
    World("an older configuration is loaded every week", start="due", orders=2, codes=(0, 1), scene=save_configuration,
          events={5: load_saved, 12: load_saved, 19: load_saved, 26: load_saved}, out=GETS_OUT),
]  # fmt: skip

# --- entries that are not ours --------------------------------------------------------------------------------------------

STRANGER_WORLDS = [
    World("the first name is a stranger's", orders=0, codes=(1,), keys=0, scene=taken(NAME), tells=TAKEN, mends=drop(NAME)),
    World("the first name is a stranger's pending CSR", orders=0, codes=(1,), keys=0, tells=TAKEN,
          scene=pending_csr(NAME, STRANGER, "alice"), mends=drop(NAME)),
    World("the first name is a stranger's uncommitted CSR", orders=0, codes=(1,), keys=0, tells=TAKEN,
          scene=pending_csr(NAME, STRANGER, "alice", commits=False), mends=drop(NAME)),
    World("NAME-2 is a stranger's", start="due", orders=0, codes=(1,), keys=0, scene=taken(f"{NAME}-2"), tells=TAKEN,
          mends=drop(f"{NAME}-2")),
    World("NAME-2 is a stranger's while nothing is due", start="served", orders=0, codes=(0, 1), keys=0,
          scene=taken(f"{NAME}-2"), mends=drop(f"{NAME}-2")),
    World("NAME-2 is a stranger's at the first order", orders=0, codes=(1,), keys=0, scene=taken(f"{NAME}-2"), tells=TAKEN,
          mends=drop(f"{NAME}-2")),
    World("NAME-2 is a stranger's, which only the running configuration holds", start="due", orders=0, codes=(1,), keys=0,
          scene=taken(f"{NAME}-2", where="running"), tells=TAKEN, mends=drop(f"{NAME}-2")),
    World("NAME-2 is Alice's uncommitted CSR", start="due", orders=0, codes=(1,), keys=0, tells=TAKEN,
          scene=pending_csr(f"{NAME}-2", STRANGER, "alice", commits=False), mends=drop(f"{NAME}-2")),
    World("NAME-2 is Alice's CSR for the same name", start="due", orders=0, codes=(1,), keys=0, tells=TAKEN,
          scene=pending_csr(f"{NAME}-2", COMMON_NAME, "alice"), mends=drop(f"{NAME}-2")),
    *(World(f"NAME-{number} is a stranger's", start="due", orders=0, codes=(1,), keys=0, scene=taken(f"{NAME}-{number}"),
            tells=TAKEN, mends=drop(f"{NAME}-{number}"))
      for number in ("7", "9999", "10000", "20261128")),
    *(World(f"{NAME}-{ending} is a stranger's, and no name of the series", start="due", scene=taken(f"{NAME}-{ending}"))
      for ending in ("02", "test", "1", "2a")),
    World("a stranger's service uses the agent's certificate", start="due", orders=1, codes=(0, 1),
          scene=lambda s: s.firewalls["fw"].install_profile("other-service", NAME)),
    World("a certificate of the same name made by hand serves already", start="new", orders=1, codes=(0, 1),
          scene=lambda s: s.hand_made("fw", NAME, COMMON_NAME), installs=False),
    World("a CSR of an unknown order waits under the name", orders=0, codes=(1,), keys=0, tells=("unknown-order",),
          scene=pending_csr(NAME, COMMON_NAME, AGENT_ADMIN), out=RESUBMIT),
    World("a CSR of an unknown order waits under NAME-2", start="due", orders=0, codes=(1,), keys=0, tells=("unknown-order",),
          scene=pending_csr(f"{NAME}-2", COMMON_NAME, AGENT_ADMIN), out=RESUBMIT),
]  # fmt: skip

# --- profiles -----------------------------------------------------------------------------------------------------------------


def two_names(stage: Stage) -> None:
    """A second profile for the same entry, and one more address of the same device."""
    stage.add_profile(NAME, COMMON_NAME)
    stage.add_firewall("fw-again", device="fw")


def same_entry_elsewhere(stage: Stage) -> None:
    """A profile of the same entry on what looks like another firewall."""
    profile = {**stage.profiles[NAME], "firewall": "fw-again", "name": NAME}
    stage.write_profile("www-again", profile)


def same_entry_here(stage: Stage) -> None:
    stage.write_profile("www-again", {**stage.profiles[NAME], "name": NAME})


def renamed(name: str | None = NAME) -> Callable[[Stage], object]:
    """The profile's file gets another name; the certificate's name stays, or not."""

    def scene(stage: Stage) -> None:
        profile = stage.remove_profile(NAME)
        stage.write_profile("web", {**profile, **({"name": name} if name else {})})

    return scene


def sans(*names: str) -> Callable[[Stage], object]:
    return lambda stage: stage.edit_profile(NAME, sans={"dns": list(names)})


def flapping(stage: Stage) -> None:
    """Two tools write the profile in turn."""
    number = stage.night_number
    stage.edit_profile(NAME, sans={"dns": ["a.example.com"] if number % 2 else ["b.example.com"]})


def new_name(stage: Stage) -> None:
    stage.edit_profile(NAME, subject={"common_name": "new.example.com"})
    stage.watched[0].other_name = "new.example.com"


PROFILE_WORLDS = [
    World("one device is found under two addresses", orders=1, codes=(0, 1, 2), setup=both(two_names, same_entry_elsewhere),
          mends=lambda s: s.remove_profile("www-again")),
    World("one device is found under two addresses, later", start="served", orders=0, codes=(0, 1, 2), setup=two_names,
          scene=same_entry_elsewhere, mends=lambda s: s.remove_profile("www-again"), out_orders=0),
    World("one device is found under two addresses, in the renewal window", start="due", orders=1, codes=(0, 1, 2),
          setup=two_names, scene=same_entry_elsewhere, mends=lambda s: s.remove_profile("www-again"), ends=(1, 2)),
    World("two profiles share an entry", start="served", orders=0, codes=(2,), scene=same_entry_here,
          mends=lambda s: s.remove_profile("www-again")),
    World("the profile's file is renamed", start="served", orders=0, scene=renamed()),
    World("the profile's file is renamed, in the renewal window", start="due", scene=renamed()),
    World("the profile's file is renamed while an order is pending", kind="OV", codes=(0, 1, 3), events={4: renamed()},
          out=("enroll --resubmit -p web",)),
    World("the profile's file is renamed after a lost answer", orders=1, codes=(1,),
          rules=((ORDER, does_but_says(200, {})),), events={4: renamed()}, tells=LOST, out=("enroll --resubmit -p web",)),
    World("the profile gets another entry's name", start="served", orders=1, scene=renamed(None)),
    World("names are written in another order", start="served", orders=0,
          setup=lambda s: s.add_profile(NAME, COMMON_NAME, sans={"dns": ["a.example.com", "b.example.com"]}),
          scene=sans("B.example.com", "a.example.com")),
    World("names are listed twice", start="served", orders=0,
          setup=lambda s: s.add_profile(NAME, COMMON_NAME, sans={"dns": ["a.example.com"]}),
          scene=sans("a.example.com", COMMON_NAME)),
    World("a name is added", start="served", scene=sans("more.example.com")),
    World("a name is added while an order is pending", kind="OV", orders=2, codes=(0, 1, 3), ends=(0,),
          events={3: sans("more.example.com"), 6: lambda s: s.scm.approve_all(), 9: lambda s: s.scm.approve_all()}),
    World("a name is added on each of ten nights", start="served", orders=2, codes=(0, 1), tells=("order-limit",),
          events={n: sans(*(f"n{i}.example.com" for i in range(n))) for n in range(1, 11)}, out=GETS_OUT),
    World("two tools write the profile in turn", start="served", orders=2, codes=(0, 1), tells=("order-limit",),
          events=dict.fromkeys(range(1, 31), flapping), out=GETS_OUT),
    World("the key's type changes", start="served",
          scene=lambda s: s.edit_profile(NAME, key={"type": "ECDSA", "curve": "P384"})),
    World("the key becomes RSA", start="served", scene=lambda s: s.edit_profile(NAME, key={"type": "RSA", "size": 2048})),
    World("the common name changes", start="served", scene=new_name),
    World("the profile is away for a week while an order is pending", kind="OV", codes=(0, 1, 2, 3), ends=(0,),
          events={3: lambda s: s.__dict__.update(kept=s.remove_profile(NAME)),
                  10: lambda s: s.write_profile(NAME, s.__dict__["kept"]), 12: lambda s: s.scm.approve_all()}),
    World("the renewal window is wider than the lifetime allows", start="served", orders=1,
          scene=lambda s: s.edit_profile(NAME, renewal={"renew_before_days": 199}), codes=(0, 1)),
    World("automatic renewal is off", start="due", orders=0, scene=lambda s: s.edit_profile(NAME, renewal={"auto": False}),
          mends=lambda s: s.edit_profile(NAME, renewal={"auto": True}), codes=(0,)),
]  # fmt: skip

# --- the state folder ------------------------------------------------------------------------------------------------------------


def lose(stage: Stage) -> None:
    stage.lose_state()


def renew_once(stage: Stage) -> None:
    """A backup is made, and then a renewal takes place."""
    stage.back_up()
    stage.skip(160)
    night = stage.agent("run", "--json")
    assert night.code == 0, night.err
    stage.count_from_here()


def restored_with_open_order(stage: Stage) -> None:
    """The backup was made while the renewal was pending; it is in service since."""
    stage.account.auto_approve = False
    stage.skip(150)
    stage.agent("run", "--json")
    stage.back_up()
    stage.scm.approve_all()
    stage.account.auto_approve = True
    night = stage.agent("run", "--json")
    assert night.code == 0, night.err
    stage.count_from_here()
    stage.restore()


def spoil(name: str, content: bytes) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        for path in stage.state.rglob(name):
            if path.is_file():
                path.write_bytes(content)

    return scene


def change(pattern: str, **values: Any) -> Callable[[Stage], object]:
    """Fields of the journal's files get other values."""

    def scene(stage: Stage) -> None:
        def rewrite(path: Path) -> None:
            data = json.loads(path.read_text("utf-8"))
            if path.match(pattern) and isinstance(data, dict) and any(name in data for name in values):
                path.write_text(json.dumps({**data, **{k: v for k, v in values.items() if k in data}}), "utf-8")

        with_files(stage, rewrite)

    return scene


def with_other(stage: Stage) -> None:
    stage.add_profile(NAME, COMMON_NAME)
    stage.add_profile("mail", "mail.example.com", bound="mail-portal")


TWO_WORLDS = [
    World("two orders are lost on one firewall, and settled one after the other", orders=2, codes=(1,), setup=with_other,
          rules=((ORDER, cut, first(1)),), settings={"issuance": {"lost_answer": "hold"}}, tells=LOST,
          out=(*RESUBMIT, "enroll --resubmit -p mail"), out_orders=2),
    World("two orders never arrive on one firewall, and are settled one after the other", orders=0, codes=(1,), setup=with_other,
          rules=((ORDER, cut_before, first(1)),), settings={"issuance": {"lost_answer": "hold"}}, tells=LOST,
          out=(*RESUBMIT, "enroll --resubmit -p mail"), out_orders=2, keys=2),
    World("two orders are declined on one firewall", kind="OV", orders=2, codes=(1, 3), ends=(1,), setup=with_other,
          events={3: decline_all}, tells=("order",),
          out=(*RESUBMIT, "enroll --resubmit -p mail"), out_orders=2),
    World("the keys of held orders survive a revert and a restart", codes=(1,), rules=((ORDER, cut, first(1)),),
          settings={"issuance": {"lost_answer": "hold"}}, tells=LOST, keys=1, out=RESUBMIT,
          events={3: lambda s: s.revert(), 4: lambda s: s.firewalls["fw"].reboot()}, way_out_keys=0),
    World("the keys of orders without an ID survive a revert and a restart", codes=(1,), keys=1, tells=LOST, out=RESUBMIT,
          rules=((ORDER, does_but_says(200, {})),), events={3: lambda s: s.revert(), 4: lambda s: s.firewalls["fw"].reboot()},
          way_out_keys=0),
    World("one of two profiles is at a stranger's name", orders=1, codes=(1,), setup=with_other, scene=taken(NAME),
          tells=TAKEN, mends=drop(NAME)),
]  # fmt: skip

STATE_WORLDS = [
    World("the state folder is lost", start="served", orders=0, scene=lose),
    World("the state folder is lost in the renewal window", start="due", scene=lose),
    World("the state folder is lost every night", start="due", orders=1, events=dict.fromkeys(range(1, 31), lose)),
    World("the state folder is lost while an order is pending", kind="OV", codes=(1, 3), ends=(1,), events={4: lose},
          tells=("unknown-order",), out=RESUBMIT),
    World("the state folder is lost every night while an order is pending", kind="OV", codes=(1, 3), ends=(1,),
          events=dict.fromkeys(range(2, 31), lose), tells=("unknown-order",), out=RESUBMIT),
    World("the state folder is lost after a lost answer", codes=(1,), rules=((ORDER, does_but_says(200, {})),),
          events={2: lose}, tells=("unknown-order",), out=RESUBMIT),
    World("the state folder is lost while a renewal is pending", kind="OV", start="due", codes=(1, 3), ends=(1,),
          events={4: lose}, tells=("unknown-order",), out=RESUBMIT),
    World("an old backup of the state folder is restored", start="served", orders=0, codes=(0, 1), ends=(0,),
          scene=both(renew_once, lambda s: s.restore())),
    World("an old backup is restored every week", start="served", orders=0, codes=(0, 1), ends=(0,), scene=renew_once,
          events={n: lambda s: s.restore() for n in (2, 9, 16, 23)}),
    World("a backup with an open order is restored", kind="OV", start="served", orders=0, codes=(0, 1), ends=(0,),
          scene=restored_with_open_order),
    World("a backup with an open order is restored every night", kind="OV", start="served", orders=0, codes=(0, 1),
          scene=restored_with_open_order, events={n: lambda s: s.restore() for n in range(1, 31)}),
    World("an order's record cannot be read", kind="OV", codes=(1, 3), ends=(1,), tells=("state",),
          events={4: spoil("orders/*.json", b"{")}, out=(f"forget --yes -p {NAME}", *RESUBMIT), installs=True),
    World("an order's record cannot be read, and the other profile goes on", kind="OV", orders=2, codes=(1, 3), ends=(1,),
          setup=with_other, events={4: spoil("orders/www.json", b"{"), 6: lambda s: s.scm.approve_all()},
          out=(f"forget --yes -p {NAME}", *RESUBMIT)),
    *(World(f"an order's record says {field}={value!r}", kind="OV", codes=(0, 1, 3), ends=(0, 1, 3),
            events={4: change("orders/*.json", **{field: value})}, out=(*RESUBMIT, f"forget --yes -p {NAME}", *RESUBMIT),
            out_orders=2)
      for field, value in (("phase", "frobnicated"), ("operation", "sell"), ("entry", "../../etc/passwd"),
                           ("entry", "mail"), ("entry", "x' or '1'='1"), ("submissions", -5), ("csr", "garbage"),
                           ("certificate_id", ""), ("spki_sha256", ""), ("firewall", "elsewhere"))),
    World("what is installed cannot be read", start="served", orders=0, codes=(0, 1), ends=(0,),
          scene=spoil("installed/*.json", b"\x00")),
    World("the saved ID cannot be read", start="served", orders=0, codes=(0, 1), ends=(0,), scene=spoil("*.ids", b"%%%")),
    World("the saved ID is empty", start="served", orders=0, codes=(0, 1), ends=(0,), scene=spoil("*.ids", b"")),
    World("every file of the state folder is empty", start="due", codes=(0, 1), scene=both(spoil("*.json", b""), spoil("*.ids", b"")),
          out=(f"forget --yes -p {NAME}", *RESUBMIT)),
    World("SCM was last asked in the future", start="served", orders=0,
          scene=change("installed/*.json", checked_at="2999-01-01T00:00:00Z")),
    World("the journal says revoked, SCM does not", start="served", orders=1, codes=(0, 1),
          scene=change("installed/*.json", revoked=True)),
    World("the journal knows another certificate in service", start="served", orders=0, codes=(0, 1),
          scene=change("installed/*.json", entry="www-7")),
    World("the journal knows another request", start="served", orders=1, codes=(0, 1),
          scene=change("installed/*.json", requested="0" * 64)),
]  # fmt: skip

# --- clocks --------------------------------------------------------------------------------------------------------------------------


def host_off(days: float) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.host.skew = datetime.timedelta(days=days)

    return scene


def firewall_off(days: float) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.clocks["fw"].skew = datetime.timedelta(days=days)

    return scene


def scm_off(days: float) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.scm_clock.skew = datetime.timedelta(days=days)

    return scene


def no_dates(stage: Stage) -> None:
    for peer in stage.peers.values():
        peer.sends_date = False


def all_jump(stage: Stage) -> None:
    """The host's clock is off by a lot on every third night."""
    stage.host.skew = ((stage.night_number + 1) % 3 == 0) * 250 * DAY


CLOCK_WORLDS = [
    *(World(f"the host's clock is {days:g} days off", start="served", orders=0, codes=(0, 1), scene=host_off(days),
            says="clock" if days > 100 else "", out_orders=0, keys=1)
      for days in (400, 200, 150, 2, -2, -150, -4000)),
    *(World(f"the host's clock is {days:g} days off at the first order", orders=0, codes=(1,), scene=host_off(days),
            says="clock", keys=1) for days in (400, 1, -1, -300)),
    World("the host's clock is wrong on every third night", start="served", orders=0, codes=(0, 1),
          events=dict.fromkeys(range(1, 31), all_jump), out_orders=0),
    World("the firewall's clock is a day off in the renewal window", start="due", orders=0, codes=(1,), scene=firewall_off(1),
          says="clock", keys=1),
    World("the firewall's clock is a year behind in the renewal window", start="due", orders=0, codes=(1,),
          scene=firewall_off(-365), says="clock", keys=1),
    World("SCM's clock is three hours off in the renewal window", start="due", orders=0, codes=(1,), scene=scm_off(0.125),
          says="clock", keys=1),
    World("nobody sends a date", scene=no_dates),
    World("nobody sends a date, in the renewal window", start="due", scene=no_dates),
    World("clocks are ten minutes apart", start="due", scene=both(scm_off(10 / 1440), firewall_off(-10 / 1440))),
]  # fmt: skip

WORLDS = [*PEOPLE_WORLDS, *STRANGER_WORLDS, *PROFILE_WORLDS, *TWO_WORLDS, *STATE_WORLDS, *CLOCK_WORLDS]
__all__ = ["START", "WORLDS"]
