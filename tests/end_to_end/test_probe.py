"""`probe` as it is typed: it asks, reports without anything of the site, and `check` and `sandbox --like` learn of it."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import yaml

from paloaltofw.panos.sanitizing import Sanitizer
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.world import AGENT_ADMIN, certificate_profile
from tests.end_to_end.canaries import Canaries, files_in, forms
from tests.end_to_end.harness import SCRIPT, Scene, clean_environment
from tests.end_to_end.terminal import run_on_terminal
from tests.probes import assert_harmless, firewall_of, scene, traces
from tests.sweeps import one_in

PROBE = ("probe", "--firewall", "fw-edge")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as made:
        yield made


def test_it_says_what_it_will_do_and_asks(place: Scene) -> None:
    done = run_on_terminal(place.config, PROBE, [("Go on?", "n")])
    assert done.code == 1
    assert "commits nothing, orders nothing" in done.out
    assert AGENT_ADMIN in done.out
    assert firewall_of(place).log == []
    done = run_on_terminal(place.config, PROBE, [("Go on?", "y")])
    assert done.code == 0, done.out
    assert "ecdsa_521                  refused" in done.out
    assert_harmless(place)


def test_without_a_terminal_yes_is_needed(place: Scene) -> None:
    for more in ((), ("--json",)):
        done = place.run(*PROBE, *more)
        assert done.code == 2
        assert "--yes" in done.out + done.err
    assert firewall_of(place).log == []


def test_an_unknown_firewall_is_a_wrong_command_line(place: Scene) -> None:
    done = place.run("probe", "--firewall", "fw-egde", "--yes")
    assert done.code == 2
    assert "fw-edge" in done.err


def test_the_report_is_a_file_of_its_own_and_json_prints_the_same(place: Scene, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    done = place.run(*PROBE, "--yes", "--report", str(file), "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(file.read_text("utf-8"))
    assert list(report) == ["version", "device", "facts"]
    assert {name: done.json[name] for name in report} == report
    assert (done.json["command"], done.json["exit_code"]) == ("probe", 0)
    assert [list(fact) for fact in report["facts"]] == [["id", "question", "answer", "evidence"]] * len(report["facts"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = len(firewall_of(place).log)
    again = place.run(*PROBE, "--yes", "--report", str(file))
    assert again.code == 2
    assert "is there already" in again.err
    nowhere = place.run(*PROBE, "--yes", "--report", str(tmp_path / "no/report.json"))
    assert (nowhere.code, "there is no folder" in nowhere.err) == (2, True)
    assert len(firewall_of(place).log) == before
    assert json.loads(file.read_text("utf-8")) == report


def test_what_cannot_be_removed_is_told_with_the_way_to_do_it(place: Scene) -> None:
    refuse = '<response status="error" code="10"><msg><line>no</line></msg></response>'

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        is_way_out = request.form.get("action") == "delete" or "<revert>" in request.form.get("cmd", "")
        return Answer(200, refuse.encode(), "application/xml") if is_way_out else handle(request)

    place.world.servers["fw-edge"].interceptor = intercept
    done = place.run(*PROBE, "--yes")
    assert done.code == 1
    assert "may still be there" in done.err
    assert "run probe again" in done.err
    assert traces(place)
    place.world.servers["fw-edge"].interceptor = None
    assert place.run(*PROBE, "--yes").code == 0
    assert_harmless(place)


def test_where_only_deleting_is_refused_its_own_changes_are_reverted(place: Scene) -> None:
    refuse = '<response status="error" code="10"><msg><line>no</line></msg></response>'

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        is_delete = request.form.get("action") == "delete"
        return Answer(200, refuse.encode(), "application/xml") if is_delete else handle(request)

    place.world.servers["fw-edge"].interceptor = intercept
    assert place.run(*PROBE, "--yes").code == 0
    assert_harmless(place)


# --- nothing of the site -----------------------------------------------------------------------------------------------

ENTRY = "bratislava-office-vpn"
SITE = {
    "an entry": ENTRY, "the administrator": AGENT_ADMIN, "a neighbour": "maria.kovacova", "the host": "fw1.corp.example.sk",
    "an address": "198.51.100.73", "a mail address": "noc@bratislava.example", "a password": "p&ss<w>ord-7f3c9d21e8",
    "a phrase": "Headquarters Bratislava", "a key": "-AQ==Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6",
}  # fmt: skip


def echoing(canaries: Canaries) -> Callable[[Request, Callable[[Request], Answer]], Answer]:
    """A device that repeats everything that it knows of the site, in every form, wherever it says anything."""
    loud = escape(" ".join(form for secret in SITE.values() for form in sorted(forms(secret))))
    text = loud.encode()

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        answer = handle(request)
        canaries.see(request, answer)
        body = answer.body
        if b"<response" in body and b"<admin>" not in body:
            for end in (b"</line>", b"</msg>", b"</subject>", b"</model>", b"</sw-version>"):
                body = body.replace(end, b" " + text + end)
            body = re.sub(rb"<result>([^<]+)</result>", lambda m: b"<result>" + m[1] + text + b"</result>", body)
        return Answer(answer.status, body, answer.content_type, answer.headers)

    return intercept


def test_a_report_holds_nothing_of_the_site_in_whatever_form_the_device_says_it(place: Scene, tmp_path: Path) -> None:
    firewall, canaries = firewall_of(place), Canaries()
    firewall.install("/config/shared/certificate", f"<entry name='{ENTRY}'><common-name>x</common-name></entry>")
    for label, secret in SITE.items():
        canaries.add(label, secret)
    canaries.add("the serial number", firewall.serial)
    canaries.add("the address", place.world.servers["fw-edge"].url.removeprefix("https://"))
    canaries.add("the API key", firewall.api_key(AGENT_ADMIN))
    place.world.servers["fw-edge"].interceptor = echoing(canaries)
    file = tmp_path / "report.json"
    done = place.run("--debug", *PROBE, "--yes", "--report", str(file), "--json")
    assert done.code == 0, done.err
    text = json.dumps(json.loads(file.read_text("utf-8")), ensure_ascii=False)
    found = [("report", text), ("stdout", done.out), *files_in(tmp_path / "state/probes")]
    assert canaries.found_in(found) == []
    assert "Bratislava" not in text
    assert "kovacova" not in text
    assert "…" in text
    secrets = Canaries()
    secrets.add("the API key", firewall.api_key(AGENT_ADMIN))
    assert secrets.found_in([("stderr", done.err), ("log", place.log)]) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Import of paloaltoagent-probe-ca failed. Mismatched public and private keys.",) * 2,
        ("request -> certificate -> generate -> ecdsa-nbits  is invalid",
         "request -> certificate -> generate -> ecdsa-nbits is invalid"),
        ("private key doesn't exist for csr",) * 2,
        ("locked by admin", "locked by …"), ("certificate vpn-1.example.com is there", "certificate … is there"),
        ("at 192.0.2.7 port 4443", "at …"), ("paloaltoagent-probe-" + "c2VjcmV0c2VjcmV0", "…"), ("", ""),
        ("a key of 2048 bits, code 17", "a key of 2048 bits, code 17"), ("key: c2VjcmV0, key", "key: … key"),
    ],
)  # fmt: skip
def test_only_words_of_the_device_itself_are_let_through(text: str, kept: str) -> None:
    assert Sanitizer(["admin"])(text) == kept


# --- what `check` learns -----------------------------------------------------------------------------------------------


def add(place: Scene, name: str, **more: object) -> None:
    profile = {**certificate_profile("fw-edge", f"{name}.example.com"), **more}
    (place.folder / f"profiles/certificates/{name}.yaml").write_text(yaml.safe_dump(profile), "utf-8")


def checked(place: Scene) -> tuple[int | None, dict[str, tuple[bool, str]]]:
    done = place.run("check", "--json")
    return done.code, {
        line["subject"]: (line["ok"], line["text"]) for line in done.json["checks"] if line["name"] == "probe"
    }


def test_without_a_report_check_says_nothing_of_it(place: Scene) -> None:
    assert checked(place) == (0, {})


def test_check_says_before_any_order_what_the_device_will_refuse(tmp_path: Path) -> None:
    with scene(tmp_path, PanosSwitches(alt_email="ignored")) as place:
        assert place.run(*PROBE, "--yes").code == 0
        code, lines = checked(place)
        (title,) = lines
        assert (code, lines[title][0]) == (0, True)
        assert "keys are not visible to this administrator" in lines[title][1]
        add(place, "big", key={"type": "ECDSA", "curve": "P521"})
        add(place, "mail", sans={"dns": ["mail.example.com"], "email": ["a@example.com"]})
        code, lines = checked(place)
        assert code == 1
        assert "refused a key of ECDSA P-521, which the profile asks for" in lines["profile big"][1]
        assert "did not take an e-mail address" in lines["profile mail"][1]
        assert place.world.scm.orders == []
        firewall_of(place).sw_version = "11.2.0"
        code, lines = checked(place)
        assert "under PAN-OS 11.1.4; it is 11.2.0 by now: run probe again" in lines[title][1]
        assert all(is_ok for is_ok, _ in lines.values())


@pytest.mark.parametrize(
    ("switches", "chain", "words"),
    [
        (PanosSwitches(keyless_import="refused"), "separate", "set chain: bundle"),
        (PanosSwitches(), "bundle", "set chain: separate"),
    ],
)
def test_check_names_the_mode_of_the_chain_that_fits(
    tmp_path: Path, switches: PanosSwitches, chain: str, words: str
) -> None:
    with scene(tmp_path, switches) as place:
        path = tmp_path / "profiles/firewalls/fw-edge.yaml"
        path.write_text(path.read_text("utf-8") + f"chain: {chain}\n", "utf-8")
        assert place.run(*PROBE, "--yes").code == 0
        _, lines = checked(place)
        assert any(words in text for _, text in lines.values())


# --- `sandbox --serve --like` -----------------------------------------------------------------------------------------


def served_like(folder: Path, report: object, *more: str) -> tuple[str, int]:
    """What `sandbox --serve --like` prints until it serves, and its exit code."""
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(report), "utf-8")
    command = [sys.executable, str(SCRIPT), "sandbox", "--serve", "--firewalls", "2", "--folder", str(folder / "new")]
    command += ["--like", str(folder / "report.json"), *more]
    served = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean_environment()
    )
    assert served.stdout is not None
    lines: list[str] = []
    try:
        while not lines or (lines[-1] and "Ctrl-C" not in lines[-1]):
            lines.append(served.stdout.readline())
        if lines[-1]:
            again = subprocess.run(
                [sys.executable, str(SCRIPT), "--config", str(folder / "new/config.yaml"), "--accept-eula", *PROBE,
                 "--yes", "--json"],
                capture_output=True, text=True, check=True, env=clean_environment(PALOALTOAGENT_SANDBOX_PACE="0.001"),
            )  # fmt: skip
            (folder / "again.json").write_text(again.stdout, "utf-8")
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(10)
        served.stdout.close()
    return "".join(lines), served.returncode


def test_a_report_is_played_by_the_sandbox(tmp_path: Path) -> None:
    switches = PanosSwitches(ecdsa_521="ok", bundle="whole", subject_form="spaced", private_key_hidden_from="nobody")
    with scene(tmp_path / "one", switches) as place:
        firewall_of(place).sw_version = "10.2.9-h1"
        report = place.run(*PROBE, "--yes", "--json").json
    report["facts"].append({"id": "phase_of_moon", "question": "?", "answer": "full", "evidence": ""})
    text, code = served_like(tmp_path / "two", report, "--switch", "bundle=leaf_only")
    assert code == 0, text
    assert "as the device  ecdsa_521=ok" in text
    assert "skipped        'phase_of_moon': the sandbox has no such switch" in text
    again = json.loads((tmp_path / "two/again.json").read_text("utf-8"))
    assert again["device"] == {"model": "PA-VM", "sw_version": "10.2.9-h1"}
    before = {fact["id"]: fact["answer"] for fact in report["facts"][:-1]}
    after = {fact["id"]: fact["answer"] for fact in again["facts"]}
    # Other people are at work there, so that one thing is not asked; and a switch that is typed wins.
    assert after == {**before, "bundle": "leaf_only", "commit_description": "not asked"}


@pytest.mark.parametrize(
    "report", one_in(3, [[], {}, {"version": 2}, {"version": 1}, {"version": 1, "facts": {}}, "x"], True)
)
def test_what_is_no_report_is_a_wrong_command_line(tmp_path: Path, report: object) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report) if report != "x" else "{", "utf-8")
    command = [sys.executable, str(SCRIPT), "sandbox", "--serve", "--like", str(tmp_path / "report.json")]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60, check=False)
    assert done.returncode == 2
    assert "--like" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        ({"id": "bundle", "answer": "unclear"}, "'bundle': unclear on the device"),
        ({"id": "bundle", "answer": "both"}, "it takes leaf_only, whole"),
        ({"id": "csr_export", "answer": "yes"}, ""), ("odd", "no such switch"), ({"id": 5, "answer": None}, "no such switch"),
        ({"id": "mismatch_text", "answer": "It's … \\ not"}, "as the device  mismatch_text=It's"),
    ],
)  # fmt: skip
def test_each_fact_is_taken_over_or_told(tmp_path: Path, fact: object, told: str) -> None:
    from paloaltofw.sandbox.likeness import read_likeness
    from paloaltofw.sandbox.switchboard import set_switches

    (tmp_path / "report.json").write_text(json.dumps({"version": 1, "facts": [fact]}), "utf-8")
    likeness = read_likeness(str(tmp_path / "report.json"))
    assert told in "\n".join(likeness.told)
    panos, _ = set_switches(likeness.settings)
    if isinstance(fact, dict) and fact["id"] == "mismatch_text":
        assert panos.mismatch_text == fact["answer"]
    else:
        assert panos == PanosSwitches()
