"""The main job from the shell: from nothing to committed, and everything that may stand in its way."""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from paloaltofw.sandbox.base.authority import ChainForm
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.sandbox.panos import generation, xpath
from paloaltofw.sandbox.panos.releases import RELEASES
from paloaltofw.sandbox.panos.switches import PanosSwitches, Right, Role
from paloaltofw.sandbox.scm.orders import Account, ScmSwitches
from paloaltofw.sandbox.tour import BOUND_PROFILE, KEYS, begin_peoples_work, examine, tour_profiles
from paloaltofw.sandbox.world import (
    AGENT_ADMIN,
    PEOPLE,
    WorldOptions,
    certificate_profile,
    default_accounts,
    write_yaml,
)
from paloaltofw.storage.codec import encode_id
from tests import files
from tests.end_to_end.harness import ROOT, SCRIPT, Scene, clean_environment
from tests.sandbox.panos import bench
from tests.sweeps import one_in

DV = certificate_profile("fw-edge", "dv.example.com")
OV = certificate_profile("fw-edge", "ov.example.com", "OV")


def scene(folder: Path, certificates: dict[str, Any] | None = None, **more: Any) -> Scene:
    return Scene(folder, certificates or {"dv": DV}, **more)


class Counter:
    """Counts requests of a server, and keeps them."""

    def __init__(self, made: Scene) -> None:
        self.requests: list[tuple[str, Request]] = []
        self.change: Callable[[str, Request, Answer], Answer] | None = None
        for name, server in (("scm", made.world.scm_server), *made.world.servers.items()):
            server.interceptor = self._interceptor(name)

    def _interceptor(self, name: str) -> Callable[[Request, Callable[[Request], Answer]], Answer]:
        def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
            self.requests.append((name, request))
            answer = handle(request)
            return self.change(name, request, answer) if self.change else answer

        return intercept

    def take(self) -> dict[str, int]:
        names = [name for name, _ in self.requests]
        self.requests.clear()
        return {name: names.count(name) for name in set(names)}


def test_every_type_and_key_on_two_firewalls(tmp_path: Path) -> None:
    certificates = tour_profiles(["fw-edge", "fw-branch"])
    with scene(tmp_path, certificates) as made:
        for firewall in made.world.firewalls.values():
            begin_peoples_work(firewall)
        counter = Counter(made)
        assert made.run("enroll").code == 3
        assert made.world.scm.approve_all() == 6
        done = made.run("enroll")
        assert (done.code, done.out, done.err) == (0, "", "")
        for name, profile in certificates.items():
            text, is_good = examine(tmp_path, made.world, made.world.firewalls[str(profile["firewall"])], name)
            assert is_good, text
            order = next(o for o in made.world.scm.orders if name in o.csr.subject.rfc4514_string())
            assert made.state(f"{name}.ids").read_bytes() == encode_id(order.id)
        assert len(made.world.scm.orders) == len(certificates)
        for firewall in made.world.firewalls.values():
            assert sorted(change.owner for change in firewall.pending_changes()) == sorted(PEOPLE)
            assert len(firewall.commits) == 2
        counter.take()
        again = made.run("enroll")
        assert (again.code, again.out, again.err) == (0, "", "")
        assert counter.take() == {"fw-edge": 2, "fw-branch": 1}
    assert {str(p["key"]) for p in certificates.values()} == {str(dict(key)) for key in KEYS.values()}


def test_started_in_three_ways_from_another_folder(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        for start in ([str(SCRIPT)], ["-m", "paloaltofw"], ["-c", "from paloaltofw.paloaltoagent import main; main()"]):
            environment = clean_environment(PYTHONPATH=str(ROOT), SECTIGO_ACCEPT_EULA="yes")
            command = [sys.executable, *start, "--config", str(made.config), "status", "--json"]
            done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=True)
            assert json.loads(done.stdout)["profiles"][0]["state"] == "absent"


def test_a_dry_run_shows_the_steps_and_changes_nothing(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        counter = Counter(made)
        done = made.run("enroll", "--dry-run")
        assert done.code == 0
        assert done.out.startswith("Plan: 1 to order, 1 commit on 1 firewall\n")
        steps = re.findall(r"^ +\d+ ([^:]+):", done.out, re.MULTILINE)
        assert steps == [
            "generate key and CSR", "order the certificate", "collect the certificate", "verify key, names and chain",
            "import the intermediates", "import the certificate", "commit", "save the certificate ID",
        ]  # fmt: skip
        # The list; before an order the running configuration, the service profiles and the names of every vsys too.
        assert counter.take() == {"fw-edge": 4}
        assert made.world.firewalls["fw-edge"].pending_changes() == []
        assert {path.name for path in (tmp_path / "state").rglob("*.*")} == {"eula.json"}


def test_json_is_one_document_with_the_promised_keys(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        done = made.run("enroll", "--json")
        document = done.json
        assert {"version", "command", "exit_code", "profiles"} <= document.keys()
        assert (document["version"], document["command"], document["exit_code"]) == (1, "enroll", 0)
        row = document["profiles"][0]
        assert {
            "profile", "firewall", "state", "action", "certificate_id", "serial", "not_after", "days_left", "error"
        } <= row.keys()  # fmt: skip
        assert (row["state"], row["action"], row["days_left"], row["error"]) == ("valid", "enroll", 199, None)
        assert row["not_after"].endswith("Z")
        assert made.run("status", "--json").profiles["dv"]["action"] == "none"


def test_the_licence_is_asked_for_once(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        counter = Counter(made)
        environment = clean_environment()
        command = [sys.executable, str(SCRIPT), "--config", str(made.config)]

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            everything = [*command, *arguments]
            return subprocess.run(
                everything, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
            )

        refused = run("status")
        assert refused.returncode == 2
        assert "--accept-eula" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert counter.take() == {}
        assert run("check", "--offline").returncode == 0
        assert run("--accept-eula", "status").returncode == 0
        assert run("status").returncode == 0


def test_a_second_run_at_the_same_time_ends_with_4(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        with made.state("lock").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            counter = Counter(made)
            done = made.run("run")
            assert done.code == 4
            assert "another run is at work" in done.err
            assert counter.take() == {}
            assert made.run("status").code == 0


# --- files that are wrong ------------------------------------------------------------------------------------------

ONE_OF_EACH = [(kind, key, values[0]) for kind, keys in files.WRONG.items() for key, values in keys.items()]


@pytest.mark.parametrize(("kind", "key", "value"), one_in(14, ONE_OF_EACH))
def test_a_wrong_value_ends_with_2_before_any_request(tmp_path: Path, kind: str, key: str, value: object) -> None:
    with scene(tmp_path / "good") as made:
        counter = Counter(made)
        config = files.write_spoiled(tmp_path / "bad", kind, files.changed(files.DOCUMENTS[kind], key, value))
        made.config = config
        done = made.run("enroll")
        assert done.code == 2
        assert (tmp_path / "bad").as_posix() in done.err
        assert counter.take() == {}
        assert not (tmp_path / "bad/state").exists()
        document = made.run("enroll", "--json").json
        assert (document["exit_code"], document["profiles"]) == (2, [])
        assert document["errors"]


@pytest.mark.parametrize(
    "arguments",
    [("enroll", "-p", "nobody"), ("enroll", "--firewall", "nobody"), ("enroll", "--wait", "soon"), ("enrol",),
     ("enroll", "--resubmit"), ("revoke", "-p", "dv")],
)  # fmt: skip
def test_a_wrong_command_line_ends_with_2_before_any_request(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with scene(tmp_path) as made:
        counter = Counter(made)
        done = made.run(*arguments)
        assert done.code == 2
        assert "Traceback" not in done.err
        assert counter.take() == {}


# --- firewalls in trouble ------------------------------------------------------------------------------------------


def off(made: Scene) -> None:
    made.world.servers["fw-edge"].stop()


def other_key(made: Scene) -> None:
    made.world.firewalls["fw-edge"].expire_api_keys()


def no_right(right: Right) -> Callable[[Scene], None]:
    def take(made: Scene) -> None:
        admin = made.world.firewalls["fw-edge"].admins.get(AGENT_ADMIN)
        assert admin is not None
        admin.role = Role(frozenset(Right) - {right})

    return take


def nonsense(answer: Answer) -> Callable[[Scene], None]:
    def speak(made: Scene) -> None:
        made.world.servers["fw-edge"].interceptor = lambda request, handle: answer

    return speak


def hang_up(made: Scene) -> None:
    def cut(request: Request, handle: object) -> Answer:
        raise Cut

    made.world.servers["fw-edge"].interceptor = cut


def wrong_admin(made: Scene) -> None:
    path = made.folder / "profiles/firewalls/fw-edge.yaml"
    path.write_text(path.read_text("utf-8").replace(f"admin: {AGENT_ADMIN}", "admin: alice"), "utf-8")


@pytest.mark.parametrize(
    ("trouble", "words"),
    one_in(
        3,
        [
            (other_key, "the API key is not accepted"),
            (no_right(Right.CONFIGURATION), "lacks a right"),
            (no_right(Right.OPERATIONAL), "lacks a right"),
            (no_right(Right.COMMIT), "lacks a right"),
            (no_right(Right.IMPORT), "lacks a right"),
            (nonsense(Answer(200, b"<html>Welcome</html>", "text/html")), "not PAN-OS XML"),
            (nonsense(Answer(200, b"\x00\xff", "application/xml")), "not PAN-OS XML"),
            (nonsense(Answer(302, b"", headers={"Location": "https://other.example/"})), "redirect"),
            (nonsense(Answer(503, b"", "text/html")), "not available"),
            (hang_up, "broke"),
            (wrong_admin, "the API key belongs to svc-certs"),
            (off, "cannot be reached"),
        ],
    ),
)
def test_one_firewall_in_trouble_does_not_stop_the_others(
    tmp_path: Path, trouble: Callable[[Scene], None], words: str
) -> None:
    certificates = {
        "dv": DV, "dv2": certificate_profile("fw-edge", "dv2.example.com"),
        "other": certificate_profile("fw-branch", "other.example.com"),
    }  # fmt: skip
    with scene(tmp_path, certificates) as made:
        trouble(made)
        done = made.run("enroll")
        assert done.code == 1
        assert words in done.err
        assert "fw-edge" in done.err
        assert done.err.count("\n") in (1, 2)
        assert done.err.count("\n") == 1 or "lacks a right" in done.err
        assert "Traceback" not in done.err
        assert made.world.firewalls["fw-branch"].running_certificate("other") is not None
        assert {"alice", "bob"} & {c.owner for c in made.world.firewalls["fw-edge"].pending_changes()} == set()
        if trouble is off:
            made.world.servers["fw-edge"] = made.world.servers["fw-branch"]


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("status", one_in(2, [200, 403]))
def test_check_names_the_right_that_is_missing_and_changes_nothing(tmp_path: Path, right: Right, status: int) -> None:
    options = WorldOptions(firewalls=("fw-edge",), panos=PanosSwitches(role_denial_http_status=status))
    with scene(tmp_path, options=options) as made:
        firewall = made.world.firewalls["fw-edge"]
        good = made.run("check", "--json")
        assert (good.code, all(check["ok"] for check in good.json["checks"])) == (0, True)
        no_right(right)(made)
        done = made.run("check", "--json")
        assert done.code == 1
        failed = [check for check in done.json["checks"] if not check["ok"]]
        assert failed
        assert all("lacks a right" in check["text"] for check in failed)
        assert any(right.value.split()[0] in check["name"] for check in failed) or right is Right.CONFIGURATION
        assert (firewall.pending_changes(), firewall.commits, made.world.scm.orders) == ([], [], [])


SYSTEM = "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/system"
TLS_PROFILES = "/config/shared/ssl-tls-service-profile"


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (SYSTEM, "<hostname>new</hostname>"),
        (TLS_PROFILES, "<entry name='new'><certificate>other</certificate></entry>"),
        (f"{TLS_PROFILES}/entry[@name='portal']", "<certificate>other</certificate>"),
    ],
)
def test_uncommitted_work_under_the_agents_own_name_stops_it(tmp_path: Path, place: str, change: str) -> None:
    with scene(tmp_path) as made:
        firewall = made.world.firewalls["fw-edge"]
        for name in ("mine", "other"):
            firewall.install_certificate(name, bench.certificate(bench.key()), bench.key())
        firewall.install_profile("portal", "mine")
        firewall.change_as(AGENT_ADMIN, place, change)
        done = made.run("enroll")
        assert done.code == 1
        assert "that the agent did not make" in done.err
        assert firewall.commits == []
        assert made.world.scm.orders == []


# --- what SCM delivers ---------------------------------------------------------------------------------------------


def swapped_chain(made: Scene) -> Callable[[str, Request, Answer], Answer]:
    """Every download holds the certificate of another order."""

    def change(name: str, request: Request, answer: Answer) -> Answer:
        if name == "scm" and answer.content_type == "application/x-pem-file":
            foreign = made.world.authority.chain_pem(made.world.authority.issuing.certificate, ChainForm())
            return Answer(200, foreign, answer.content_type)
        return answer

    return change


def test_a_certificate_of_another_key_is_refused_and_not_imported(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        counter = Counter(made)
        counter.change = swapped_chain(made)
        for _ in range(2):
            done = made.run("enroll")
            assert done.code == 1
            assert "no delivered certificate holds the key" in done.err
        assert not any(r.form.get("type") == "import" or r.parts for name, r in counter.requests if name == "fw-edge")
        assert len(made.world.scm.orders) == 1
        counter.change = None
        assert made.run("enroll").code == 0


def test_a_certificate_that_is_expired_is_refused(tmp_path: Path) -> None:
    accounts = [Account("DV_ACCOUNT", "id", "s]ecret", age_days=300)]
    with scene(tmp_path, options=WorldOptions(firewalls=("fw-edge",), accounts=accounts)) as made:
        done = made.run("enroll")
        assert done.code == 1
        assert "expired on" in done.err
        # SCM holds the order, so its CSR is committed; the certificate is nowhere.
        held = made.world.firewalls["fw-edge"].certificates(running=True)
        assert [(name, entry.certificates) for name, entry in held.items()] == [("dv", ())]


@pytest.mark.parametrize("bundle", ["whole", "leaf_only"])
def test_the_chain_may_be_imported_as_a_bundle(tmp_path: Path, bundle: Any) -> None:
    options = WorldOptions(firewalls=("fw-edge",), panos=PanosSwitches(bundle=bundle))
    with scene(tmp_path, options=options) as made:
        path = tmp_path / "profiles/firewalls/fw-edge.yaml"
        path.write_text(path.read_text("utf-8") + "chain: bundle\n", "utf-8")
        assert made.run("enroll").code == 0
        assert made.run("run").code == 0
        held = made.world.firewalls["fw-edge"].certificates(running=True)
        assert list(held) == ["dv"]
        assert len(held["dv"].certificates) == (3 if bundle == "whole" else 1)
        assert len(made.world.scm.orders) == 1


def test_a_weaker_policy_is_reported(tmp_path: Path) -> None:
    accounts = [Account("OV_ACCOUNT", "id", "s]ecret", certificate_type="DV")]
    with scene(tmp_path, {"ov": OV}, options=WorldOptions(firewalls=("fw-edge",), accounts=accounts)) as made:
        row = made.run("enroll", "--json").profiles["ov"]
        assert row["state"] == "valid"
        assert any("policy of DV" in note for note in row["notes"])


def test_a_refused_order_is_explained_and_made_again_with_the_same_key(tmp_path: Path) -> None:
    account = Account("DV_ACCOUNT", "id", "s]ecret", refusal=(-107, "DCV is incomplete for dv.example.com"))
    with scene(tmp_path, options=WorldOptions(firewalls=("fw-edge",), accounts=[account])) as made:
        done = made.run("enroll")
        assert done.code == 1
        assert "DCV is incomplete for dv.example.com (code -107)" in done.err
        assert "validate the domain" in done.err
        key = made.world.firewalls["fw-edge"].private_key("dv", running=False)
        account.refusal = None
        assert made.run("enroll").code == 0
        new = made.world.firewalls["fw-edge"].private_key("dv")
        assert key is not None
        assert new is not None
        assert key.private_numbers() == new.private_numbers()


def test_a_reset_secret_is_one_clear_line(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.world.scm.reset_secret("DV_ACCOUNT")
        done = made.run("enroll")
        assert done.code == 1
        assert "the secret may have been reset" in done.err
        assert done.err.count("\n") == 1


# --- orders that wait, end badly, or get lost ------------------------------------------------------------------------


def test_a_pending_order_is_left_and_collected(tmp_path: Path) -> None:
    with scene(tmp_path, {"ov": OV}) as made:
        first = made.run("enroll", "--json")
        assert first.code == 3
        row = first.profiles["ov"]
        assert (row["state"], row["waits_for"]) == ("pending", "approval by an SCM administrator")
        assert made.state("ov.ids").read_bytes() == encode_id(row["order_id"])
        firewall = made.world.firewalls["fw-edge"]
        assert "ov" in firewall.certificates(running=True)
        firewall.reboot()
        assert made.run("enroll").code == 3
        assert len(firewall.commits) == 1
        made.world.scm.approve_all()
        assert made.run("run").code == 0
        assert len(made.world.scm.orders) == 1


@pytest.mark.parametrize("end", ["decline", "reject"])
def test_a_dead_order_fails_every_run_until_it_is_ordered_again(tmp_path: Path, end: str) -> None:
    with scene(tmp_path, {"ov": OV}) as made:
        assert made.run("enroll").code == 3
        getattr(made.world.scm, end)(made.world.scm.orders[0].id)
        for _ in range(3):
            done = made.run("run")
            assert done.code == 1
            assert "--resubmit -p ov" in done.err
        assert len(made.world.scm.orders) == 1
        assert made.run("enroll", "--resubmit", "-p", "ov").code == 3
        made.world.scm.approve_all()
        assert made.run("run").code == 0
        assert len(made.world.scm.orders) == 2


def lose_answer(name: str, request: Request, answer: Answer) -> Answer:
    if name == "scm" and request.method == "POST" and request.path == "/api/v1/certificates":
        raise Cut
    return answer


def test_a_lost_answer_is_reported_and_the_same_csr_sent_again(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        counter = Counter(made)
        counter.change = lose_answer
        done = made.run("enroll")
        assert done.code == 1
        assert made.world.scm.orders[0].comments.strip("[]") in done.err
        assert len(made.world.scm.orders) == 1
        counter.change = None
        row = made.run("enroll", "--json").profiles["dv"]
        assert any("lost" in note for note in row["notes"])
        assert len(made.world.scm.orders_for_csr(made.world.scm.orders[0].csr_sha256)) == 2


def test_a_lost_answer_is_not_forgotten_when_scm_refuses_the_same_csr(tmp_path: Path) -> None:
    options = WorldOptions(firewalls=("fw-edge",), scm=ScmSwitches(repeated_csr="refuse"))
    with scene(tmp_path, options=options) as made:
        counter = Counter(made)
        counter.change = lose_answer
        assert made.run("enroll").code == 1
        counter.change = None
        for _ in range(2):
            row = made.run("run", "--json").profiles["dv"]
            assert row["action"] == "failed"
            assert made.world.scm.orders[0].comments.strip("[]") in str(row["notes"]) + row["error"]["message"]
        assert len(made.world.scm.orders) == 1


def test_an_order_that_waits_for_domain_validation_names_the_domain(tmp_path: Path) -> None:
    account = Account("DV_ACCOUNT", "id", "s]ecret", dcv_prevalidated=False)
    with scene(tmp_path, options=WorldOptions(firewalls=("fw-edge",), accounts=[account])) as made:
        row = made.run("enroll", "--json").profiles["dv"]
        assert (row["state"], row["waits_for"]) == ("pending", "domain validation of dv.example.com")
        assert "domain validation of dv.example.com" in made.run("status").out
        made.world.scm.complete_dcv(made.world.scm.orders[0].id)
        assert made.run("run").code == 0


def test_one_order_that_cannot_be_asked_does_not_stop_the_others_on_its_firewall(tmp_path: Path) -> None:
    with scene(tmp_path, {"ov": OV, "ov2": certificate_profile("fw-edge", "ov2.example.com", "OV")}) as made:
        assert made.run("enroll").code == 3
        waiting, issued = made.world.scm.orders
        made.world.scm.approve(issued.id)
        counter = Counter(made)

        def change(name: str, request: Request, answer: Answer) -> Answer:
            is_status = name == "scm" and request.path.endswith(f"/{waiting.id}/status")
            return Answer(200, b"<html>maintenance</html>", "text/html") if is_status else answer

        counter.change = change
        done = made.run("run")
        assert done.code == 1
        assert done.err.count("\n") == 1
        assert "not SCM's" in done.err
        name = "ov2" if "ov2" in issued.csr.subject.rfc4514_string() else "ov"
        assert made.world.firewalls["fw-edge"].running_certificate(name) is not None
        assert "not SCM's" in made.log


def test_a_lost_answer_is_held_where_the_user_wants_it(tmp_path: Path) -> None:
    with scene(tmp_path, more={"issuance": {"lost_answer": "hold"}}) as made:
        counter = Counter(made)
        counter.change = lose_answer
        assert made.run("enroll").code == 1
        counter.change = None
        for _ in range(2):
            done = made.run("run")
            assert done.code == 1
            assert "--resubmit -p dv" in done.err
        assert len(made.world.scm.orders) == 1
        assert made.run("enroll", "--resubmit", "-p", "dv").code == 0
        assert len(made.world.scm.orders_for_csr(made.world.scm.orders[0].csr_sha256)) == 2


def test_a_lost_key_is_noticed_and_the_order_replaced(tmp_path: Path) -> None:
    with scene(tmp_path, {"ov": OV}) as made:
        assert made.run("enroll").code == 3
        firewall = made.world.firewalls["fw-edge"]
        for root in (firewall.configuration.running, firewall.configuration.candidate):
            xpath.remove(root, xpath.parse("/config/shared/certificate/entry[@name='ov']"))
        made.world.scm.approve_all()
        assert made.run("run", "--json").profiles["ov"]["error"]["code"] == "order-limit"
        made.let_time_pass(1)
        row = made.run("run", "--json").profiles["ov"]
        assert any("has lost the key" in note for note in row["notes"])
        made.world.scm.approve_all()
        assert made.run("run").code == 0
        text, is_good = examine(tmp_path, made.world, firewall, "ov")
        assert is_good, text


def test_deleting_the_state_orders_nothing_that_is_in_order(tmp_path: Path) -> None:
    import shutil

    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        shutil.rmtree(tmp_path / "state")
        assert made.run("run").code == 0
        assert len(made.world.scm.orders) == 1
        assert len(made.world.firewalls["fw-edge"].commits) == 1


def test_what_an_unreadable_journal_does(tmp_path: Path) -> None:
    with scene(tmp_path, {"ov": OV}) as made:
        assert made.run("enroll").code == 3
        journal = made.state("journal/orders/ov.json")
        journal.write_text('{"version": 1, "profile": ', "utf-8")
        for _ in range(2):
            done = made.run("run")
            assert done.code == 1
            assert "ov.json.corrupt" in done.err
        assert len(made.world.scm.orders) == 1
        assert not journal.exists()


# --- renewal, replacement, revocation --------------------------------------------------------------------------------


def aged_account(days: float) -> Account:
    return Account("DV_ACCOUNT", "id", "s]ecret", age_days=days)


@pytest.mark.parametrize("key", ["rotate", "reuse"])
def test_a_due_certificate_is_renewed_once(tmp_path: Path, key: str) -> None:
    account = aged_account(150)
    profile = {**DV, "renewal": {"key": key}, "bind": {"ssl_tls_service_profiles": [BOUND_PROFILE]}}
    with scene(tmp_path, {"dv": profile}, options=WorldOptions(firewalls=("fw-edge",), accounts=[account])) as made:
        firewall = made.world.firewalls["fw-edge"]
        begin_peoples_work(firewall)
        assert made.run("enroll").code == 0
        account.age_days = 0
        made.let_time_pass(150)
        assert made.run("enroll").code == 0
        assert len(made.world.scm.orders) == 1
        assert made.run("status", "--json").profiles["dv"]["state"] == "due"
        before = firewall.private_key("dv")
        assert made.run("renew").code == 0
        assert made.run("renew").code == 0
        assert [order.operation for order in made.world.scm.orders] == ["enroll", "renew"]
        leaves = [name for name in firewall.certificates(running=True) if name.startswith("dv")]
        assert leaves == (["dv-2"] if key == "rotate" else ["dv"])
        after = firewall.private_key(leaves[0])
        assert before is not None
        assert after is not None
        assert (before.private_numbers() == after.private_numbers()) is (key == "reuse")
        assert sorted(change.owner for change in firewall.pending_changes()) == sorted(PEOPLE)


def test_a_predecessor_that_is_still_used_is_kept_and_named(tmp_path: Path) -> None:
    account = aged_account(150)
    with scene(tmp_path, options=WorldOptions(firewalls=("fw-edge",), accounts=[account])) as made:
        firewall = made.world.firewalls["fw-edge"]
        assert made.run("enroll").code == 0
        account.age_days = 0
        made.let_time_pass(150)
        path = "/config/devices/entry[@name='localhost.localdomain']/network/ike/gateway"
        local = "<authentication><certificate><local-certificate><name>dv</name></local-certificate></certificate></authentication>"
        firewall.install(path, f"<entry name='gw'>{local}</entry>")
        row = made.run("run", "--json").profiles["dv"]
        assert row["state"] == "valid"
        assert any("dv is still in use" in note and "gw" in note for note in row["notes"])
        assert {"dv", "dv-2"} <= set(firewall.certificates(running=True))
        assert any(
            "predecessor dv is still there" in note for note in made.run("status", "--json").profiles["dv"]["notes"]
        )


def test_a_changed_profile_replaces_the_certificate(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        write_yaml(tmp_path / "profiles/certificates/dv.yaml", {**DV, "sans": {"dns": ["more.example.com"]}})
        assert made.run("status", "--json").profiles["dv"]["state"] == "mismatch"
        assert made.run("enroll").code == 0
        assert len(made.world.scm.orders) == 1
        assert made.run("run").code == 0
        assert made.run("run").code == 0
        assert [order.operation for order in made.world.scm.orders] == ["enroll", "replace"]


def test_a_revoked_certificate_is_replaced_with_a_new_key(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        assert made.run("revoke", "-p", "dv", "--reason", "keyCompromise", "--yes").code == 0
        assert made.world.scm.orders[0].state == "Revoked"
        assert made.run("revoke", "-p", "dv", "--yes").code == 0
        assert made.run("status", "--json").profiles["dv"]["state"] == "revoked"
        assert made.run("enroll").code == 0
        assert [order.operation for order in made.world.scm.orders] == ["enroll", "enroll"]
        assert made.run("run").code == 0
        assert len(made.world.scm.orders) == 2


def test_a_revocation_is_remembered_where_the_journal_was_lost(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        assert made.run("replace", "-p", "dv", "--yes").code == 0
        made.state("journal/installed/dv.json").unlink()
        assert made.run("revoke", "-p", "dv", "--yes").code == 0
        assert made.run("status", "--json").profiles["dv"]["state"] == "revoked"


def test_a_csr_whose_subject_lacks_something_is_ordered_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = generation.subject
    lacking = x509.NameOID.ORGANIZATION_NAME
    monkeypatch.setattr(
        generation, "subject", lambda order: x509.Name([part for part in full(order) if part.oid != lacking])
    )
    with scene(tmp_path, {"ov": OV}) as made:
        done = made.run("enroll", "--json")
        assert done.code == 3
        assert any("the CSR's subject lacks O" in note for note in done.profiles["ov"]["notes"])


def test_what_serves_a_certificate_made_by_hand_is_moved_although_its_key_is_not_seen(tmp_path: Path) -> None:
    with scene(tmp_path, options=WorldOptions(panos=PanosSwitches(private_key_hidden_from="everybody"))) as made:
        firewall, start = made.world.firewalls["fw-edge"], datetime.datetime.now(datetime.timezone.utc)
        by_hand = bench.certificate(bench.key(), bench.name("dv.example.com"), start)
        firewall.install_certificate("dv", by_hand, bench.key())
        firewall.install_profile("portal", "dv")
        first = made.run("enroll", "--json").profiles["dv"]
        assert first["error"]["code"] == "key-not-seen"
        assert made.world.scm.orders == []
        assert made.run("enroll", "--resubmit", "-p", "dv").code == 0
        assert firewall.profile_certificate("portal") == "dv-2"
        assert "dv" in firewall.certificates(running=True)
        done = made.run("status", "--json")
        assert "its private key is not seen" in done.profiles["dv"]["notes"][0]


@pytest.mark.parametrize(("check", "asked"), [("0s", 1), ("12h", 0), ("never", 0)])
def test_a_revocation_in_the_portal_is_found_when_asked_for(tmp_path: Path, check: str, asked: int) -> None:
    with scene(tmp_path, more={"issuance": {"revocation_check": check}}) as made:
        assert made.run("enroll").code == 0
        made.world.scm.revoke(made.world.scm.orders[0].id)
        if asked:
            made.let_time_pass(1)
        assert made.run("run").code == 0
        assert len(made.world.scm.orders) == 1 + asked


def test_a_certificate_revoked_on_the_firewall_is_replaced(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        made.world.firewalls["fw-edge"].mark_revoked("dv")
        made.let_time_pass(1)
        assert made.run("enroll").code == 0
        assert len(made.world.scm.orders) == 2


def test_replace_makes_a_new_key_and_may_revoke_the_predecessor(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        assert made.run("replace", "-p", "dv", "--yes", "--revoke-predecessor").code == 0
        assert [(o.operation, o.state) for o in made.world.scm.orders] == [("enroll", "Revoked"), ("replace", "Issued")]
        assert "dv-2" in made.world.firewalls["fw-edge"].certificates(running=True)


def test_a_predecessor_that_scm_will_not_revoke_is_told_and_not_called_revoked(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("enroll").code == 0
        body = json.dumps({"code": -120, "description": "Not today"}).encode()

        def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
            return Answer(400, body, "application/json") if request.method == "DELETE" else handle(request)

        made.world.scm_server.interceptor = intercept
        done = made.run("replace", "--all", "--yes", "--revoke-predecessor", "--json")
        assert done.code == 1
        assert "was not revoked: SCM says: Not today" in done.profiles["dv"]["error"]["message"]
        assert made.run("run").code == 0  # its successor is in service
        assert "was not revoked" in made.log
        assert f"predecessor {made.world.scm.orders[0].id} revoked" not in made.log


# --- what is not known of real devices and of SCM: every switch in every position -------------------------------------

PANOS_POSITIONS: list[dict[str, Any]] = [
    {"bad_key_http_status": 200}, {"role_denial_http_status": 403}, {"show_self": False},
    {"changes_shape": "empty"}, {"changes_shape": "unknown_command"}, {"config_lock_code": None},
    {"vsys_shared": True}, {"cn_in_san": True}, {"generate_existing": "overwrite"}, {"generate_answer": "result_text"},
    {"keyless_import": "refused_leaf"}, {"reimport_mismatch": "accepted"}, {"bundle": "whole"},
    {"csr_kept_after_import": False}, {"dangling_reference": "accepted_until_commit"}, {"same_name": "shared_first"},
    {"commit_description": "direct_only"}, {"commit_description": "partial_only"}, {"commit_description": "refused"},
    {"no_partial_changes": "same_result_msg"}, {"no_partial_changes": "job_with_same_result"},
    {"busy_commit": "queue"}, {"commit_releases_locks": False}, {"bad_key_text": "Invalid Credential"},
    {"no_partial_changes": "same_result_error"}, {"subject_form": "slash"}, {"api_key_with_plus": True},
    {"config_lock_held": "already_held"}, {"keygen_without_lifetime": "new_key"},
    {"malformed_xpath": "bad_xpath", "unrooted_xpath": "bad_xpath", "web_interface": "not_found"},
    {"journal_paths": "container"}, {"journal_paths": "object"}, {"ecdsa_521": "ok"},
    {"private_key_hidden_from": "everybody"}, {"csr_hidden_from": "everybody"},
    {"private_key_hidden_from": "everybody", "csr_hidden_from": "everybody"}, {"nameless_certificate": "ignored"},
    {"validate_partial": "accepted"}, {"commit_pending": 1}, {"commit_pending": 5}, {"auto_commit_unfinished": 3}, {"transient_import_failures": 2},
    {"rsa_2048": "refused", "rsa_3072": "refused", "rsa_4096": "refused", "ecdsa_384": "refused"},
    {"alt_email": "ignored"}, {"alt_email": "unexpected"}, {"generate_existing": "kept"}, {"export_absent": "code_7"},
    {"dots_in_names": "dropped"}, {"dots_in_names": "refused"},
    {"pending_mismatch": "accepted"}, {"net_zero_changes": "listed"},
    {"unknown_command_code": 1, "changes_shape": "unknown_command"}, {"role_denial": "not_authenticated"},
    {"job_form": "p2done"}, {"forced_partial": "nested"}, {"commit_stumbles": 2}, {"sw_version": "99.9.9-h9.xfr"},
    {"commit_stumbles": 2, "stumble": "false_credentials"}, {"version_tells_multi_vsys": True},
    {"certificate_show_expiry": "true"}, {"api_key_certificate": False},
]  # fmt: skip
SCM_POSITIONS: list[dict[str, Any]] = [
    {"token_basic": False}, {"token_seconds": 1}, {"challenge": "unquoted"}, {"challenge": "realm_first"},
    {"challenge": "bare_url"}, {"csr_armour": "accept"}, {"renew_requires_profile_id": True}, {"renew_refused": True},
    {"replace_id": "same"}, {"replace_id": "same", "replace_same_serves_old": False}, {"status_words": "upper"},
    {"status_words": "spaced"}, {"dcv_info": "array"}, {"not_ready": ("empty",)}, {"not_ready": ("-109",)},
    {"certificate_ids": "base64"}, {"chain": ChainForm("root_first", with_root=True)}, {"chain": ChainForm(newline="\r\n")},
    {"chain": ChainForm(with_root=True, text_between=True, cross_signed=True)}, {"unknown_fields": "ignore"},
    {"csr_names": "ignore"}, {"repeated_csr": "merge"}, {"repeated_csr": "refuse"}, {"renew_of_ended": "accept"},
    {"token_error": "invalid_client"}, {"revoked_download_status": 400}, {"unknown_fields": "refuse"},
    {"not_ready": ("processing",)}, {"not_ready": ("processing_text",)},
    {"not_ready": ("empty", "processing", "-109", "processing_text", "-103")},
    {"order_answer": ("id",)}, {"order_answer": ("sslId",)}, {"token_place": "elsewhere"},
    {"chain": ChainForm(encoding="pkcs7_pem")}, {"chain": ChainForm(encoding="pkcs7_der", with_root=True)},
    {"chain": ChainForm(cross_expired=True)}, {"chain": ChainForm(with_root=True, cross_expired=True)},
    {"chain": ChainForm("root_first", cross_expired=True)},
    {"chain": ChainForm("root_first", with_root=True, cross_expired=True)},
]  # fmt: skip
# Of the releases the suite has the oldest, the newest and one between them; the sweep has each with each key policy.
IN_THE_SUITE = [("10.1", "rotate")]
# Positions in which the agent cannot live yet, and why. They fail here until it can.
OPEN: dict[str, str] = {}


def name_of(position: dict[str, Any]) -> str:
    """The settings of a row, of a chain those that differ from the default."""
    settings: dict[str, object] = {name: value for name, value in position.items() if name != "chain"}
    for field in dataclasses.fields(ChainForm):
        value = getattr(position.get("chain"), field.name, field.default)
        if value != field.default:
            settings[f"chain.{field.name}"] = value
    return " ".join(f"{name}={value}" for name, value in settings.items()).replace("\r\n", "CRLF")


def positions(*tables: list[dict[str, Any]]) -> list[Any]:
    """The rows of tables by their names; what is open is expected to fail."""
    rows = {name_of(row): row for table in tables for row in table}
    marks = {name: [pytest.mark.xfail(strict=True, reason=reason)] for name, reason in OPEN.items()}
    return [pytest.param(row, id=name, marks=marks.get(name, [])) for name, row in rows.items()]


def switches_of(position: dict[str, Any]) -> tuple[PanosSwitches, ScmSwitches]:
    if "release" in position:
        return RELEASES[position["release"]].switches, ScmSwitches()
    names = {field.name for field in dataclasses.fields(PanosSwitches)}
    panos = {name: value for name, value in position.items() if name in names}
    scm = {name: value for name, value in position.items() if name not in names}
    return PanosSwitches(**panos), ScmSwitches(**scm)


# One life in so many is lived in the suite, the others in the sweep.
LIVES_STRIDE = 60


def lives(*tables: list[dict[str, Any]]) -> list[Any]:
    """Each position, and one in three with the key kept too."""
    both = [
        (row, key)
        for n, row in enumerate(positions(*tables))
        for key in (("rotate", "reuse") if n % 3 == 0 else ("rotate",))
    ]
    return [
        pytest.param(
            row.values[0],
            key,
            id=f"{row.id}-{key}",
            marks=[*row.marks, *([pytest.mark.sweep] if n % LIVES_STRIDE else [])],
        )
        for n, (row, key) in enumerate(both)
    ]


@pytest.mark.parametrize(("position", "key"), lives(PANOS_POSITIONS, SCM_POSITIONS))
def test_a_whole_life_under_every_position_of_every_switch(tmp_path: Path, position: dict[str, Any], key: str) -> None:
    live(tmp_path, position, key)


@pytest.mark.parametrize(
    ("release", "key"),
    [
        pytest.param(release, key, marks=[] if (release, key) in IN_THE_SUITE else [pytest.mark.sweep])
        for release in RELEASES
        for key in ("rotate", "reuse")
    ],
)
def test_a_whole_life_under_every_release(tmp_path: Path, release: str, key: str) -> None:
    live(tmp_path, {"release": release}, key)


def live(tmp_path: Path, position: dict[str, Any], key: str) -> None:
    """From nothing to the third generation; at the end everything is in order and nobody else's work was touched."""
    panos, scm = switches_of(position)
    profile = {**OV, "renewal": {"key": key}, "bind": {"ssl_tls_service_profiles": [BOUND_PROFILE]}}
    account = Account("OV_ACCOUNT", "id", "s]ecret", "OV", auto_approve=False, age_days=150)
    options = WorldOptions(firewalls=("fw-edge",), accounts=[account], panos=panos, scm=scm)
    with scene(tmp_path, {"ov": profile}, options=options) as made:
        firewall = made.world.firewalls["fw-edge"]
        begin_peoples_work(firewall)
        assert made.run("enroll").code == 3
        account.auto_approve = True
        made.world.scm.approve_all()
        assert made.run("enroll").code == 0
        account.age_days = 0
        made.let_time_pass(150)
        assert made.run("run").code == 0
        write_yaml(tmp_path / "profiles/certificates/ov.yaml", {**profile, "sans": {"dns": ["more.example.com"]}})
        assert made.run("run").code == 0
        counter = Counter(made)
        assert made.run("run").code == 0
        assert counter.take() == {"fw-edge": 2}
        name = made.run("status", "--json").profiles["ov"]["name"]
        text, is_good = examine(tmp_path, made.world, firewall, name)
        assert is_good, text
        assert len(made.world.scm.orders) == 3
        assert sorted(change.owner for change in firewall.pending_changes()) == sorted(PEOPLE)


# Every one of these orders was taken and is paid for; what was said to it does not name it.
LOST: list[dict[str, Any]] = [
    {"order_answer": (kind,)} for kind in ("no_id", "html", "gzip", "302", "408", "499", "500")
]  # fmt: skip


@pytest.mark.parametrize("position", one_in(4, positions(LOST)))
def test_an_order_that_was_taken_is_never_paid_for_again_and_again(tmp_path: Path, position: dict[str, Any]) -> None:
    options = WorldOptions(firewalls=("fw-edge",), scm=switches_of(position)[1])
    with scene(tmp_path, options=options) as made:
        for _ in range(5):
            done = made.run("run")
            assert done.code == 1
            assert "dv" in done.err
            assert "Traceback" not in done.err
        assert len(made.world.scm.orders) <= 2
        assert len({order.csr_sha256 for order in made.world.scm.orders}) == 1


# The configured token URL is wrong. Only where none is configured is the place asked for beforehand.
NO_TOKEN: list[dict[str, Any]] = [
    {"usual_token_url": kind, "token_place": place}
    for kind in ("404", "405", "html")
    for place in ("usual", "elsewhere")
]


@pytest.mark.parametrize("position", positions(NO_TOKEN))
def test_a_wrong_token_url_is_not_called_a_reset_secret(tmp_path: Path, position: dict[str, Any]) -> None:
    options = WorldOptions(firewalls=("fw-edge",), scm=switches_of(position)[1])
    with scene(tmp_path, options=options) as made:
        done = made.run("enroll")
        assert done.code == 1
        assert "token" in done.err
        assert "reset" not in done.err
        assert done.err.count("\n") == 1
        assert made.world.scm.orders == []


def test_every_open_position_is_one_that_is_tried() -> None:
    tables = (PANOS_POSITIONS, SCM_POSITIONS, LOST, NO_TOKEN)
    assert OPEN.keys() <= {name_of(row) for table in tables for row in table}
    assert len({name_of(row) for table in tables for row in table}) == sum(map(len, tables))


P521 = certificate_profile("fw-edge", "dv.example.com", key={"type": "ECDSA", "curve": "P521"})


def test_a_curve_that_no_device_offers_costs_no_order(tmp_path: Path) -> None:
    with scene(tmp_path, {"dv": P521}) as made:
        done = made.run("enroll")
        assert done.code == 1
        assert "is invalid" in done.err
        assert made.world.scm.orders == []
        assert made.world.firewalls["fw-edge"].pending_changes() == []


def test_no_secret_in_state_or_log(tmp_path: Path) -> None:
    with scene(tmp_path, {"dv": DV, "ov": OV}) as made:
        for arguments in (("--log-level", "debug", "enroll"), ("--debug", "run"), ("--debug", "status", "--json")):
            done = made.run(*arguments)
            text = done.out + done.err + made.log
            text += "".join(p.read_text("utf-8") for p in (tmp_path / "state").rglob("*") if p.is_file())
            for secret in (
                *(a.client_secret for a in made.world.accounts),
                made.world.firewalls["fw-edge"].api_key(AGENT_ADMIN),
            ):
                assert secret not in text
            assert "PRIVATE KEY" not in text
            assert "-AQ==" not in text


def test_files_of_state_and_log_are_private(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        os.umask(0o022)
        assert made.run_cold("enroll").code == 0
        for path in (tmp_path / "state").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
        assert (tmp_path / "logs/paloaltoagent.log").stat().st_mode & 0o077 == 0
        assert default_accounts()[0].label in (tmp_path / "profiles/sectigo_credentials.yaml").read_text("utf-8")
