"""A commit that fails: whom it blocks, and what of it the agent takes back. No key is lost, nothing is ordered again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
import requests

from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.xpath import find, parse
from paloaltofw.sandbox.world import AGENT_ADMIN, WorldOptions, certificate_profile
from tests.end_to_end.harness import Done, Scene
from tests.sandbox.panos.bench import certificate, key
from tests.sweeps import one_in

ADDRESSES = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
WEB_9 = "<entry name='web-9'><ip-netmask>192.0.2.9/32</ip-netmask></entry>"
Objection = Callable[[Element], list[str]]


def certificate_is_refused(name: str) -> Objection:
    """No commit is taken while this entry holds a certificate."""

    def objects_to(root: Element) -> list[str]:
        held = find(root, parse(f"/config/shared/certificate/entry[@name='{name}']/public-key"))
        return [] if held is None else [f" shared -> certificate -> {name} is missing 'common-name'"]

    return objects_to


def binding_is_refused(profile: str, certificate: str) -> Objection:
    """No commit is taken while this service profile serves this certificate."""

    def objects_to(root: Element) -> list[str]:
        path = f"/config/shared/ssl-tls-service-profile/entry[@name='{profile}']/certificate"
        served = find(root, parse(path))
        is_refused = served is not None and served.text == certificate
        return [f'ssl-tls-service-profile->"{profile}"->certificate: unsupported key'] if is_refused else []

    return objects_to


def after_many_lines(objection: Objection) -> Objection:
    """The same, at the end of a long list of warnings."""

    def objects_to(root: Element) -> list[str]:
        lines = objection(root)
        return [f"rule {number}: application dependency is missing" for number in range(40)] + lines if lines else []

    return objects_to


def alices_address_is_refused(root: Element) -> list[str]:
    return [] if find(root, parse(f"{ADDRESSES}/entry[@name='web-9']")) is None else [" address -> web-9 is invalid"]


def scene(tmp_path: Path, type_: str, **more: Any) -> Scene:
    options = WorldOptions(firewalls=("fw-edge",))
    profiles = {"www": certificate_profile("fw-edge", "www.example.com", type_, **more)}
    return Scene(tmp_path, profiles, options, {"issuance": {"wait": "1s"}})


def commit_as(place: Scene, admin: str) -> str:
    """Another administrator commits; return how that ended."""
    firewall = place.world.firewalls["fw-edge"]
    before = len(firewall.commits)
    body = f"<commit><partial><admin><member>{admin}</member></admin></partial></commit>"
    answer = post(place, admin, {"type": "commit", "action": "partial", "cmd": body})
    assert b'status="success"' in answer
    ended = firewall.commits[before:]
    assert len(ended) == 1, answer
    return ended[0].result


def post(place: Scene, admin: str, form: dict[str, str]) -> bytes:
    server = place.world.servers["fw-edge"]
    key = place.world.firewalls["fw-edge"].api_key(admin)
    ca_file = str(place.folder / "sandbox-ca.pem")
    return requests.post(f"{server.url}/api/", form, headers={"X-PAN-KEY": key}, verify=ca_file, timeout=10).content


def error_of(done: Done) -> str:
    assert done.code == 1
    assert done.err.count("\n") == 1, done.err
    assert "the commit failed: " in done.err
    return done.err


def phase(place: Scene) -> str:
    text = place.state("journal/orders/www.json").read_text("utf-8")
    found = re.search(r'"phase": *"(\w+)"', text)
    assert found is not None
    return found[1]


def owners(firewall: Firewall) -> set[str]:
    return {admin for change in firewall.pending_changes() for admin in change.admins}


def has_key(firewall: Firewall, running: bool) -> bool:
    """Whether the entry holds a key."""
    entry = firewall.certificates(running=running).get("www")
    return entry is not None and entry.has_key


def reverts(firewall: Firewall) -> int:
    """How often the agent has asked for a revert."""
    return sum(entry.type == "op" and entry.summary.startswith("revert") for entry in firewall.log)


def pending_order(place: Scene) -> Firewall:
    """An OV order whose CSR was committed, and which SCM has issued meanwhile; alice has something uncommitted."""
    assert place.run("run").code == 3
    firewall = place.world.firewalls["fw-edge"]
    assert has_key(firewall, running=True)
    place.world.scm.approve_all()
    firewall.change_as("alice", ADDRESSES, WEB_9)
    return firewall


@pytest.mark.parametrize(
    "objection",
    one_in(
        3,
        [
            certificate_is_refused("www"),
            binding_is_refused("portal", "www"),
            after_many_lines(certificate_is_refused("www")),
        ],
    ),
)
def test_our_part_at_fault_is_taken_back_where_its_key_is_committed(tmp_path: Path, objection: Objection) -> None:
    with scene(tmp_path, "OV", bind={"ssl_tls_service_profiles": ["portal"]}) as place:
        place.world.firewalls["fw-edge"].install_certificate("other", certificate(key()), key())
        place.world.firewalls["fw-edge"].install_profile("portal", "other")
        firewall = pending_order(place)
        firewall.jobs.objections.append(objection)
        for night in (1, 2):
            text = error_of(place.run("run"))
            assert "the agent took its own uncommitted changes back, and nobody else's" in text
            assert owners(firewall) == {"alice"}
            assert reverts(firewall) == night
            assert has_key(firewall, running=False)
            assert (phase(place), len(place.world.scm.orders)) == ("issued", 1)
        assert commit_as(place, "alice") == "OK"
        firewall.jobs.objections.clear()
        assert place.run("run").code == 0
        assert firewall.running_certificate("www") is not None
        assert firewall.profile_certificate("portal") == "www"
        assert len(place.world.scm.orders) == 1


def test_a_key_that_is_only_in_the_candidate_is_never_taken_back(tmp_path: Path) -> None:
    with scene(tmp_path, "DV") as place:
        firewall = place.world.firewalls["fw-edge"]
        firewall.jobs.objections.append(certificate_is_refused("www"))
        for _ in range(2):
            text = error_of(place.run("run"))
            assert "nothing was taken back: the running configuration is not seen to hold the key of www" in text
            assert "every administrator's commit fail" in text
            assert (has_key(firewall, running=True), has_key(firewall, running=False)) == (False, True)
            assert reverts(firewall) == 0
            assert (phase(place), len(place.world.scm.orders)) == ("issued", 1)
        firewall.jobs.objections.clear()
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == 1


def test_what_others_broke_is_theirs(tmp_path: Path) -> None:
    with scene(tmp_path, "OV") as place:
        firewall = pending_order(place)
        firewall.jobs.objections.append(alices_address_is_refused)
        text = error_of(place.run("run"))
        assert "it names nothing that the agent changed, so nothing was taken back" in text
        assert "every administrator's commit fail" in text
        assert owners(firewall) == {"alice", AGENT_ADMIN}
        assert reverts(firewall) == 0
        assert commit_as(place, "alice") == "FAIL"
        firewall.jobs.objections.clear()
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == 1


def test_another_profiles_pending_key_is_not_taken_back_either(tmp_path: Path) -> None:
    profiles = {
        "www": certificate_profile("fw-edge", "www.example.com", "OV"),
        "new": certificate_profile("fw-edge", "new.example.com"),
    }
    with Scene(tmp_path, profiles, WorldOptions(firewalls=("fw-edge",)), {"issuance": {"wait": "1s"}}) as place:
        assert place.run("run", "-p", "www").code == 3
        firewall = place.world.firewalls["fw-edge"]
        place.world.scm.approve_all()
        firewall.jobs.objections.append(certificate_is_refused("www"))
        done = place.run("run")
        assert (done.code, reverts(firewall)) == (1, 0)
        assert "is not seen to hold the key of new" in done.err
        assert firewall.certificates(running=False)["new"].has_key


def refused(text: str) -> Callable[[], Answer]:
    body = f'<response status="error" code="17"><msg><line>{text}</line></msg></response>'
    return lambda: Answer(200, body.encode(), "application/xml; charset=UTF-8")


def cut() -> Answer:
    raise Cut


@pytest.mark.parametrize("is_carried_out", [True, False])
@pytest.mark.parametrize(
    ("answer", "is_lost"),
    one_in(
        5,
        [
            (refused("revert is unexpected"), False),
            (refused("Config for scope shared is currently locked by alice"), False),
            (lambda: Answer(502, b"bad gateway", "text/html"), True),
            (lambda: Answer(200, b"<html>proxy</html>", "text/html"), True),
            (cut, True),
        ],
    ),
)
def test_the_answer_to_a_revert_is_a_note_on_the_failure(
    tmp_path: Path, answer: Callable[[], Answer], is_lost: bool, is_carried_out: bool
) -> None:
    """Where the answer is lost, the list of changes tells whether the revert was carried out."""

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        if "<revert>" not in request.form.get("cmd", ""):
            return handle(request)
        if is_carried_out:
            handle(request)
        return answer()

    with scene(tmp_path, "OV") as place:
        firewall = pending_order(place)
        firewall.jobs.objections.append(certificate_is_refused("www"))
        place.world.servers["fw-edge"].interceptor = intercept
        text = error_of(place.run("run"))
        assert "is missing 'common-name'" in text
        is_told = is_lost and is_carried_out
        assert ("took its own uncommitted changes back" in text) is is_told
        assert ("every administrator's commit fail" in text) is not is_told
        assert owners(firewall) == ({"alice"} if is_carried_out else {"alice", AGENT_ADMIN})
        firewall.jobs.objections.clear()
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == 1


# --- what keeps a revert from being sent, and what is said of a bad one ------------------------------------------------

PORTAL = "/config/shared/ssl-tls-service-profile/entry[@name='portal']"


def at_commit(place: Scene, act: Callable[[Firewall], None]) -> None:
    """Something happens on the firewall right before the agent's commit, when its checks are over."""
    firewall = place.world.firewalls["fw-edge"]

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        if "<commit>" in request.form.get("cmd", ""):
            act(firewall)
        return handle(request)

    place.world.servers["fw-edge"].interceptor = intercept


def somebody_uses_the_agents_name(firewall: Firewall) -> None:
    firewall.change_as(AGENT_ADMIN, ADDRESSES, WEB_9.replace("web-9", "web-8"))


def alice_edits_the_moved_profile(firewall: Firewall) -> None:
    firewall.change_as("alice", PORTAL, "<protocol-settings><max-version>tls1-1</max-version></protocol-settings>")


def the_list_of_changes_is_empty(firewall: Firewall) -> None:
    firewall.switches = replace(firewall.switches, changes_shape="empty")


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (somebody_uses_the_agents_name, f"{AGENT_ADMIN} has changes that the agent did not make ({ADDRESSES}"),
        (alice_edits_the_moved_profile, "portal holds uncommitted changes of alice too"),
        (the_list_of_changes_is_empty, f"the firewall lists no changes of {AGENT_ADMIN}"),
    ],
)
def test_nothing_is_taken_back_where_more_than_the_agents_work_would_go(
    tmp_path: Path, act: Callable[[Firewall], None], reason: str
) -> None:
    with scene(tmp_path, "OV", bind={"ssl_tls_service_profiles": ["portal"]}) as place:
        place.world.firewalls["fw-edge"].install_certificate("other", certificate(key()), key())
        place.world.firewalls["fw-edge"].install_profile("portal", "other")
        firewall = pending_order(place)
        firewall.jobs.objections.append(certificate_is_refused("www"))
        at_commit(place, act)
        text = error_of(place.run("run"))
        assert f"but nothing was taken back: {reason}" in text
        assert reverts(firewall) == 0
        assert (phase(place), len(place.world.scm.orders)) == ("issued", 1)


def test_an_entry_that_the_agent_has_not_changed_is_not_its_fault(tmp_path: Path) -> None:
    with scene(tmp_path, "OV") as place:
        pending_order(place)
        assert place.run("run").code == 0
        firewall = place.world.firewalls["fw-edge"]
        firewall.jobs.objections.append(certificate_is_refused("www"))
        text = error_of(place.run("renew", "--force", "-p", "www", "--yes"))
        assert "it names nothing that the agent changed, so nothing was taken back" in text
        assert reverts(firewall) == 0
        assert firewall.certificates(running=False)["www-2"].has_key


def test_a_revert_that_takes_more_than_it_should_is_told(tmp_path: Path) -> None:
    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        answer = handle(request)
        if "<revert>" in request.form.get("cmd", ""):
            firewall.configuration.revert_all()
        return answer

    with scene(tmp_path, "OV") as place:
        firewall = pending_order(place)
        firewall.jobs.objections.append(certificate_is_refused("www"))
        place.world.servers["fw-edge"].interceptor = intercept
        text = error_of(place.run("run"))
        assert "but uncommitted changes of alice are gone since: tell them" in text
        assert "uncommitted changes of alice are gone since the revert" in place.log
