"""Certificates in a Panorama's template: made, imported, committed and pushed; and whatever goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panorama_estate import MANAGED, PANORAMA, STACK, PanoramaEstate
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.xpath import Step, Xpath, create, find, to_text
from paloaltofw.sandbox.world import AGENT_ADMIN, WorldOptions, certificate_profile, write_yaml
from tests.end_to_end.harness import Done, Scene
from tests.sweeps import one_in

EDGE = places.in_template("edge")
SHARED: Xpath = (Step("config"), Step("shared"))


def scene(
    tmp_path: Path, type_: str = "DV", profile: Mapping[str, Any] | None = None, agent: Mapping[str, Any] | None = None,
    **switches: Any,
) -> Scene:  # fmt: skip
    switches = {"generate_under_target": "template", **switches}
    options = WorldOptions(firewalls=(), panorama=PanoramaSwitches(**switches))
    profiles = {"www": certificate_profile(PANORAMA, "www.example.com", type_, **(agent or {}))}
    made = Scene(tmp_path, profiles, options, {"issuance": {"wait": "1s"}})
    if profile:
        path = tmp_path / f"profiles/firewalls/{PANORAMA}.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text("utf-8")) | dict(profile)), "utf-8")
    return made


def estate(place: Scene) -> PanoramaEstate:
    assert place.world.panorama is not None
    return place.world.panorama


def entry(device: Firewall, path: Xpath, name: str, running: bool = False) -> Any:
    with device.settled():
        root = device.configuration.running if running else device.configuration.candidate
        return find(root, (*path, Step("certificate"), Step("entry", name=name)))


def on_devices(place: Scene, name: str = "www") -> list[bool]:
    """Which of the firewalls run with a certificate of this name, pushed."""
    return [entry(device, SHARED, name, running=True) is not None for device in estate(place).firewalls.values()]


def orders(place: Scene) -> int:
    return len(place.world.scm.orders)


def nothing_left(place: Scene) -> bool:
    """No key anywhere on Panorama, and the session points at nothing."""
    panorama = estate(place).panorama
    everywhere = (EDGE, places.PANORAMA, SHARED)
    return not any(entry(panorama, path, "www") is not None for path in everywhere) and not panorama.targets


def row(done: Done) -> dict[str, Any]:
    return done.profiles["www"]


def connect(place: Scene, number: int, is_connected: bool) -> str:
    """Let one of the devices go or come back; gives its serial number."""
    device = list(estate(place).panorama.devices.values())[number]
    device.is_connected = is_connected
    return device.serial


def test_a_certificate_is_made_in_the_template_and_pushed_to_every_device(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        done = place.run("run", "--json")
        assert done.code == 0, done.out + done.err + place.log
        assert row(done)["state"] == "valid"
        assert on_devices(place) == [True, True]
        assert orders(place) == 1
        assert not estate(place).panorama.targets
        assert all(name in " ".join(row(done)["notes"]) for name in MANAGED)
        assert place.state("www.ids").exists()
        assert not place.state(f"journal/pushes/{PANORAMA}.json").exists()
        assert place.run("run").code == 0
        assert orders(place) == 1
        assert [commit.admins for commit in estate(place).panorama.commits] == [(AGENT_ADMIN,)]


def drafts(place: Scene) -> list[list[str]]:
    """Whose uncommitted changes wait on each of the firewalls."""
    return [[change.owner for change in device.pending_changes()] for device in estate(place).firewalls.values()]


def test_what_others_have_not_committed_on_a_firewall_stays_uncommitted(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        for device in estate(place).firewalls.values():
            device.change_as("alice", "/config/shared/certificate", "<entry name='draft'><ca>yes</ca></entry>")
        before = drafts(place)
        assert all(before)
        assert place.run("run").code == 0
        assert on_devices(place) == [True, True]
        assert drafts(place) == before
        assert on_devices(place, "draft") == [False, False]


def test_where_a_push_cannot_leave_others_changes_alone_nothing_is_pushed(tmp_path: Path) -> None:
    with scene(tmp_path, push_of_merge="unexpected") as place:
        for _night in range(2):
            done = place.run("run", "--json")
            assert done.code == 1, done.out + done.err
            assert "nothing is pushed without merge-with-candidate-cfg no" in done.out + done.err
            assert on_devices(place) == [False, False]
            assert place.state(f"journal/pushes/{PANORAMA}.json").exists()
        assert orders(place) == 1


def test_list_shows_every_certificate_in_the_templates_whoever_made_it(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert place.run("run").code == 0
        listed = place.run("list", "--json")
        assert listed.code == 0, listed.out + listed.err
        rows = {(item["scope"], item["name"]): item for item in json.loads(listed.out)["certificates"]}
        own = rows["template edge", "www"]
        assert (own["profile"], own["common_name"], own["pending"]) == ("www", "www.example.com", False)
        assert all(scope.startswith("template") for scope, _ in rows)
        told = json.loads(place.run("list", "--json", "--references").out)
        assert told["untold"], "nobody may read the answer as: not used"


def test_a_device_that_is_away_is_named_and_pushed_to_by_a_later_run(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        serial = connect(place, 1, is_connected=False)
        for _ in range(3):
            done = place.run("run", "--json")
            assert done.code == 1
            assert row(done)["error"]["code"] == "push"
            assert serial in row(done)["error"]["message"]
            assert orders(place) == 1
        assert on_devices(place) == [True, False]
        pushes = len(estate(place).panorama.pushes)
        assert pushes == 1, "what every reachable device has is not pushed again"
        connect(place, 1, is_connected=True)
        assert place.run("run").code == 0
        assert on_devices(place) == [True, True]
        assert place.run("run").code == 0
        assert (orders(place), len(estate(place).panorama.pushes)) == (1, pushes + 1)


@pytest.mark.parametrize("how", ["panorama", "refused"])
def test_a_key_that_is_not_made_in_the_template_is_removed_and_nothing_is_ordered(tmp_path: Path, how: str) -> None:
    with scene(tmp_path, generate_under_target=how) as place:
        for _ in range(2):
            done = place.run("run", "--json")
            assert done.code == 1
            assert orders(place) == 0
            assert "the template edge" in row(done)["error"]["message"]
            assert nothing_left(place)
        assert estate(place).panorama.commits == []


def profile_of(place: Scene, device: Firewall, path: Xpath, certificate: str) -> None:
    """An SSL/TLS service profile that has always been there."""
    entry = "<protocol-settings><min-version>tls1-2</min-version></protocol-settings>"
    entry += f"<certificate>{certificate}</certificate>" if certificate else ""
    device.install(to_text((*path, Step("ssl-tls-service-profile"), Step("entry", name="web"))), entry)


def served(device: Firewall, path: Xpath, running: bool = True) -> str:
    with device.settled():
        root = device.configuration.running if running else device.configuration.candidate
        found = find(root, (*path, Step("ssl-tls-service-profile"), Step("entry", name="web"), Step("certificate")))
        return (found.text or "") if found is not None else ""


def test_a_successor_is_bound_in_the_template_and_its_predecessor_goes_once_every_device_has_it(tmp_path: Path) -> None:
    with scene(tmp_path, agent={"bind": {"ssl_tls_service_profiles": ["web"]}}) as place:
        panorama, devices = estate(place).panorama, list(estate(place).firewalls.values())
        profile_of(place, panorama, EDGE, "")
        assert place.run("run").code == 0, place.log
        assert [served(device, SHARED) for device in devices] == ["www", "www"]
        connect(place, 0, is_connected=False)
        assert place.run("renew", "--force", "-p", "www", "--yes").code == 1
        assert [served(device, SHARED) for device in devices] == ["www", "www-2"]
        assert place.run("run").code == 1
        assert entry(panorama, EDGE, "www") is not None, "a device that is away still serves it"
        connect(place, 0, is_connected=True)
        assert place.run("run").code == 0
        assert [served(device, SHARED) for device in devices] == ["www-2", "www-2"]
        assert entry(panorama, EDGE, "www") is not None
        assert place.run("run").code == 0, place.log
        assert entry(panorama, EDGE, "www") is None
        assert on_devices(place, "www") == [False, False]
        assert on_devices(place, "www-2") == [True, True]
        assert place.run("run").code == 0
        assert orders(place) == 2


def test_a_predecessor_that_a_device_itself_serves_is_kept(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert place.run("run").code == 0
        device = next(iter(estate(place).firewalls.values()))
        profile_of(place, device, SHARED, "www")
        assert place.run("renew", "--force", "-p", "www", "--yes").code == 0
        for _ in range(2):
            done = place.run("run", "--json")
            assert done.code == 0, done.out
            assert f"the firewall {device.serial} itself serves it" in " ".join(row(done)["notes"])
        assert entry(estate(place).panorama, EDGE, "www") is not None


GATEWAY = (
    "<entry name='to-vienna'><authentication><certificate><local-certificate><name>www</name></local-certificate>"
    "</certificate></authentication></entry>"
)


@pytest.mark.parametrize(
    ("where", "words"),
    one_in(2, [(places.template("edge"), "template edge"), (places.stack(STACK), f"template stack {STACK}")]),
)
def test_who_uses_what_is_in_a_template_is_listed_and_keeps_a_predecessor(
    tmp_path: Path, where: Xpath, words: str
) -> None:
    with scene(tmp_path, agent={"bind": {"ssl_tls_service_profiles": ["web"]}}) as place:
        panorama = estate(place).panorama
        profile_of(place, panorama, EDGE, "")
        assert place.run("run").code == 0, place.log
        gateways = to_text((*where, *places.DEVICES, Step("network"), Step("ike"), Step("gateway")))
        panorama.install(gateways, GATEWAY)
        document = json.loads(place.run("list", "--references", "--json").out)
        (listed,) = (item for item in document["certificates"] if item["profile"] == "www")
        assert listed["references"] == [
            {"kind": "SSL/TLS service profile", "name": "web", "scope": "template edge"},
            {"kind": "IKE gateway", "name": "to-vienna", "scope": words},
        ]
        assert place.run("renew", "--force", "-p", "www", "--yes").code == 0
        notes = " ".join(row(place.run("run", "--json"))["notes"])
        assert f"www is still in use and was kept: used by IKE gateway to-vienna ({words})" in notes
        panorama.install(gateways, GATEWAY.replace(">www<", ">www-2<"))
        assert place.run("run").code == 0
        assert entry(panorama, EDGE, "www") is None


def intercept(place: Scene, is_meant: Callable[[Request], bool], body: str) -> None:
    """Panorama carries out some requests, and answers them with something else."""

    def answer(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        said = handle(request)
        return Answer(200, body.encode(), "application/xml") if is_meant(request) else said

    place.world.servers[PANORAMA].interceptor = answer


def test_an_empty_list_of_stacks_is_no_proof_that_no_firewall_serves_a_predecessor(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert place.run("run").code == 0
        assert place.run("renew", "--force", "-p", "www", "--yes").code == 0
        nothing = '<response status="success" code="7"><result/></response>'
        intercept(place, lambda request: request.form.get("xpath", "").endswith("/template-stack/entry/@name"), nothing)
        done = place.run("run", "--json")
        assert done.code == 0, done.out
        assert "none can be asked whether it serves it" in " ".join(row(done)["notes"])
        assert entry(estate(place).panorama, EDGE, "www") is not None
        place.world.servers[PANORAMA].interceptor = None
        assert place.run("run").code == 0
        assert entry(estate(place).panorama, EDGE, "www") is None


def test_an_answer_without_a_job_is_no_proof_that_there_was_nothing_to_push(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        device = list(estate(place).panorama.devices.values())[1]
        device.trouble = "too many certificates"
        nothing = '<response status="success" code="19"><msg>There are no changes to push.</msg></response>'
        intercept(place, lambda request: request.form.get("action") == "all", nothing)
        done = place.run("run", "--json")
        assert done.code == 1
        assert f"{MANAGED[1]} ({device.serial}) refused it: too many certificates" in row(done)["error"]["message"]
        device.trouble = None
        assert place.run("run").code == 0
        assert on_devices(place) == [True, True]
        assert orders(place) == 1


@pytest.mark.parametrize("is_panorama", [True, False])
def test_the_wrong_kind_of_device_is_refused_before_anything_is_changed(tmp_path: Path, is_panorama: bool) -> None:
    options = WorldOptions(firewalls=("fw",), panorama=PanoramaSwitches(generate_under_target="template"))
    name = PANORAMA if is_panorama else "fw"
    with Scene(tmp_path, {"www": certificate_profile(name, "www.example.com")}, options) as place:
        path = tmp_path / f"profiles/firewalls/{name}.yaml"
        keys = yaml.safe_load(path.read_text("utf-8"))
        kind = (
            {"type": "firewall", "panorama": None}
            if is_panorama
            else {"type": "panorama", "panorama": {"template": "edge"}}
        )
        path.write_text(yaml.safe_dump(keys | kind), "utf-8")
        done = place.run("run", "--json")
        assert done.code == 1
        assert ("is a Panorama" if is_panorama else "is no Panorama") in row(done)["error"]["message"]
        assert place.run("check").code == 1
        assert orders(place) == 0
        device = estate(place).panorama if is_panorama else place.world.firewalls["fw"]
        assert device.pending_changes() == []
        assert device.commits == []


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({"template": "edgy"}, "the template edgy"),
        ({"template_stack": "stack"}, "the template stack stack"),
        # A session cannot be pointed at a stack, as far as is known.
        ({"template_stack": STACK}, f"the template stack {STACK}"),
    ],
)
def test_where_no_key_can_be_made_nothing_is_ordered(tmp_path: Path, target: dict[str, str], says: str) -> None:
    with scene(tmp_path, profile={"panorama": target}) as place:
        done = place.run("run", "--json")
        assert done.code == 1
        assert says in row(done)["error"]["message"]
        assert orders(place) == 0
        assert nothing_left(place)


def test_a_template_stack_can_hold_the_certificate_where_panorama_makes_keys_there(tmp_path: Path) -> None:
    switches: dict[str, Any] = {"target_template_stack": "accepted"}
    with scene(tmp_path, profile={"panorama": {"template_stack": STACK}}, **switches) as place:
        assert place.run("run").code == 0, place.log
        assert on_devices(place) == [True, True]


def test_a_device_that_refuses_the_push_is_named_with_its_words(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        device = list(estate(place).panorama.devices.values())[1]
        device.trouble = "too many certificates"
        for _ in range(2):
            done = place.run("run", "--json")
            assert done.code == 1
            assert f"{MANAGED[1]} ({device.serial}) refused it: too many certificates" in row(done)["error"]["message"]
            assert place.state("www.ids").exists()
        device.trouble = None
        assert place.run("run").code == 0
        assert on_devices(place) == [True, True]
        assert orders(place) == 1


@pytest.mark.parametrize("switches", one_in(4, [
    {"push_of_admin": "unexpected"}, {"push_of_admin": "ignored"}, {"push_to_disconnected": "refused"},
    {"push_result": "worst", "push_to_disconnected": "fails"}, {"push_ends_before_devices": False},
    {"target_bound_to": "api_key"}, {"target_lifetime": 5.0},
]))  # fmt: skip
def test_whatever_position_a_panorama_takes_the_devices_get_the_certificate(
    tmp_path: Path, switches: dict[str, Any]
) -> None:
    with scene(tmp_path, **switches) as place:
        connect(place, 0, is_connected=False)
        first = place.run("run", "--json")
        assert first.code == 1
        assert on_devices(place) == [False, True]
        is_told = "cannot limit a push" in " ".join(row(first)["notes"])
        assert is_told == (switches.get("push_of_admin") == "unexpected")
        connect(place, 0, is_connected=True)
        assert place.run("run").code == 0, place.log
        assert on_devices(place) == [True, True]
        assert orders(place) == 1


def test_what_others_have_committed_and_not_pushed_stays_with_panorama(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        panorama = estate(place).panorama
        assert place.run("run").code == 0
        address = (*EDGE, Step("ssl-tls-service-profile"), Step("entry", name="alices"))
        with panorama.configuration.change("alice", panorama.local_now()) as root:
            create(root, address)
        body = "<commit><partial><admin><member>alice</member></admin></partial></commit>"
        post(place, "alice", {"type": "commit", "action": "partial", "cmd": body})
        assert place.run("renew", "--force", "-p", "www", "--yes").code == 0
        assert on_devices(place, "www-2") == [True, True]
        with panorama.settled():
            assert find(panorama.configuration.running, address) is not None
        for device in estate(place).firewalls.values():
            with device.settled():
                assert find(device.configuration.running, (*SHARED, *address[-2:])) is None


def post(place: Scene, admin: str, form: dict[str, str]) -> None:
    server = place.world.servers[PANORAMA]
    headers = {"X-PAN-KEY": estate(place).panorama.api_key(admin)}
    ca_file = str(place.folder / "sandbox-ca.pem")
    answer = requests.post(f"{server.url}/api/", form, headers=headers, verify=ca_file, timeout=10).content
    assert b"success" in answer, answer


def test_check_says_where_keys_are_made_and_which_devices_are_away(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        done = place.run("check")
        assert done.code == 0, done.out
        assert "are made on this Panorama, in the template edge" in done.out
        assert all(name in done.out for name in (*MANAGED, STACK))
        assert "in a vsys" not in done.out
        serial = connect(place, 0, is_connected=False)
        done = place.run("check")
        assert done.code == 1
        assert f"{serial} is not connected" in done.out + done.err


def test_an_order_that_waits_is_collected_pushed_and_keeps_its_key(tmp_path: Path) -> None:
    with scene(tmp_path, "OV") as place:
        assert place.run("run").code == 3
        assert estate(place).panorama.pushes == []
        place.world.scm.approve_all()
        assert place.run("run").code == 0, place.log
        assert on_devices(place) == [True, True]
        assert orders(place) == 1


# As many as the first run has, with its three last ones of the report; a test sees that there are no more.
POINTS = 70
# A kill after one request and one before the next leave the same world behind.
KILLS = [(point, ("before", "after")[point // 2 % 2]) for point in range(1, POINTS + 1)]


@pytest.mark.parametrize(("point", "side"), one_in(70, KILLS))
def test_killed_at_any_point_the_next_runs_push_and_order_no_second_certificate(
    tmp_path: Path, point: int, side: str
) -> None:
    with scene(tmp_path) as place:
        connect(place, 1, is_connected=point % 2 == 0)
        killed = place.run("run", kill_at=(point, side))
        assert killed.code is None or len(killed.points) < point
        # An order whose answer was lost is sent again with the same CSR, once.
        record = place.state("journal/orders/www.json")
        is_lost = orders(place) == 1 and record.exists() and '"submitting"' in record.read_text("utf-8")
        for _ in range(2):
            place.run("run")
        assert on_devices(place)[0], place.log
        connect(place, 1, is_connected=True)
        assert place.run("run").code == 0, place.log
        assert on_devices(place) == [True, True]
        assert orders(place) <= 1 + is_lost, place.log
        assert not estate(place).panorama.targets
        assert not place.state(f"journal/pushes/{PANORAMA}.json").exists()
        assert estate(place).panorama.pending_changes() == []


def test_the_kills_reach_the_end_of_a_run(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert POINTS - 5 < len(place.run("run", kill_at=(10**6, "before")).points) <= POINTS


@pytest.mark.parametrize(
    ("point", "side"), one_in(40, [(point, side) for point in range(14, 34) for side in ("before", "after")])
)
def test_killed_while_a_key_is_made_elsewhere_the_next_run_cleans_up(tmp_path: Path, point: int, side: str) -> None:
    with scene(tmp_path, generate_under_target="panorama") as place:
        place.run("run", kill_at=(point, side))
        for _ in range(2):
            assert place.run("run").code == 1
        assert orders(place) == 0
        assert nothing_left(place)
        assert estate(place).panorama.commits == []


@pytest.mark.parametrize("keys", [{"lock": "both"}, {"validate": True}])
def test_locks_and_validations_are_those_of_panorama(tmp_path: Path, keys: dict[str, Any]) -> None:
    with scene(tmp_path, profile=keys) as place:
        done = place.run("run")
        assert done.code == 0, done.err + place.log
        assert on_devices(place) == [True, True]
        panorama = estate(place).panorama
        assert not any(panorama.locks.of(kind, "all") for kind in ("config", "commit"))


def test_in_ten_nights_with_a_device_away_nothing_is_ordered_and_nothing_pushed_again(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        serial = connect(place, 1, is_connected=False)
        for _ in range(10):
            done = place.run("run", "--json")
            assert done.code == 1
            assert serial in row(done)["error"]["message"]
            place.let_time_pass(1)
        assert (orders(place), len(estate(place).panorama.pushes)) == (1, 1)
        assert len(estate(place).panorama.commits) == 1


def test_a_hook_runs_once_every_device_has_the_certificate(tmp_path: Path) -> None:
    mark = tmp_path / "hook-ran"
    with scene(tmp_path, agent={"hooks": {"post_install": ["touch", str(mark)]}}) as place:
        connect(place, 1, is_connected=False)
        assert place.run("run").code == 1
        assert not mark.exists()
        connect(place, 1, is_connected=True)
        assert place.run("run").code == 0
        assert mark.exists()


def test_what_a_person_made_under_the_name_elsewhere_is_not_overwritten(tmp_path: Path) -> None:
    with scene(tmp_path, generate_under_target="panorama") as place:
        panorama = estate(place).panorama
        panorama.install(to_text((*places.PANORAMA, Step("certificate"), Step("entry", name="www"))), "<ca>no</ca>")
        done = place.run("run", "--json")
        assert done.code == 1
        assert "which a new key could overwrite" in row(done)["error"]["message"]
        assert orders(place) == 0
        assert entry(panorama, places.PANORAMA, "www") is not None
        assert panorama.pending_changes() == []


def test_a_devices_own_part_of_a_stack_can_be_left_out(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        serial = connect(place, 0, is_connected=True)
        path = tmp_path / f"profiles/firewalls/{PANORAMA}.yaml"
        keys = yaml.safe_load(path.read_text("utf-8"))
        keys["panorama"]["push"] = {"template_stacks": [STACK], "devices": [serial]}
        path.write_text(yaml.safe_dump(keys), "utf-8")
        assert place.run("run").code == 0, place.log
        assert on_devices(place) == [True, False]
        keys["panorama"]["push"] = {"template_stacks": ["other"]}
        path.write_text(yaml.safe_dump(keys), "utf-8")
        assert place.run("check").code == 1


def test_a_name_that_another_template_of_the_stack_holds_is_not_used(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        panorama = estate(place).panorama
        base = places.in_template("base")
        panorama.install(to_text((*base, Step("certificate"), Step("entry", name="www"))), "<ca>no</ca>")
        done = place.run("run", "--json")
        assert done.code == 1
        assert "the template base too" in row(done)["error"]["message"]
        assert orders(place) == 0
        assert panorama.pending_changes() == []


def test_two_templates_of_one_panorama_take_turns(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        path = tmp_path / f"profiles/firewalls/{PANORAMA}.yaml"
        keys = yaml.safe_load(path.read_text("utf-8")) | {"panorama": {"template": "base"}}
        write_yaml(path.with_name("second.yaml"), keys)
        mail = certificate_profile("second", "mail.example.com")
        write_yaml(tmp_path / "profiles/certificates/mail.yaml", mail)
        assert place.run("run").code == 0, place.log
        assert on_devices(place) == on_devices(place, "mail") == [True, True]
        assert entry(estate(place).panorama, places.in_template("base"), "mail") is not None
        assert entry(estate(place).panorama, EDGE, "mail") is None
        assert place.run("run").code == 0
        assert orders(place) == 2


@pytest.mark.parametrize(("on_wrong", "code"), [("report", 0), ("rollback", 2)])
def test_a_serve_check_reports_and_does_not_go_back(tmp_path: Path, on_wrong: str, code: int) -> None:
    check = {"serve_check": {"endpoints": ["127.0.0.1:9"], "on_wrong": on_wrong}}
    with scene(tmp_path, agent=check) as place:
        done = place.run("check", "--offline")
        assert done.code == code
        assert ("does not go back by itself" in done.err + done.out) == (code == 2)
