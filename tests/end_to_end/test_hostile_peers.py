"""Peers that mean harm: each is survived with one clear line, in bounded time and bounded memory."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from paloaltofw.errors import AgentError, AnswerLost, InvalidAnswer
from paloaltofw.model.trust import Trust
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.scm.orders import Account
from paloaltofw.sandbox.world import TOKEN_PATH, certificate_profile
from paloaltofw.transport import https
from paloaltofw.transport.https import TOTAL_TIMES, Transport
from tests import files
from tests.end_to_end.harness import ENVIRONMENT, SCRIPT, Scene, WorldOptions, clean_environment
from tests.peers import RawScript, ca_file, raw_peer, scripted
from tests.sweeps import one_in

MEMORY_LIMIT = 150 * 1024 * 1024
TIMEOUT = 1
# Three attempts of a read, each of which may take its whole time, and the start of the program on a busy machine.
LONGEST = 3 * TOTAL_TIMES * TIMEOUT + 8
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n"
OPEN, SHUT = b"<response status='success'><result>", b"</result></response>"
BLOCK = b"x" * 65536


def whole(body: bytes, more: bytes = b"", status: bytes = b"200 OK") -> RawScript:
    """A complete answer with this body."""
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/xml\r\nConnection: close\r\n" + more
    return lambda peer, _: peer.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def endless(head: bytes, block: bytes, pause: float = 0.0) -> RawScript:
    """An answer that never ends: the same block again and again."""

    def script(peer: ssl.SSLSocket, _: bytes) -> None:
        peer.sendall(head)
        while True:
            peer.sendall(block)
            if pause:
                threading.Event().wait(pause)

    return script


def xml_bomb(levels: int = 12) -> bytes:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, levels))
    return f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY e0 "ha">{entities}]><r>&e{levels - 1};</r>'.encode()


# What a firewall may answer to every request. `None` as the words: which of the failures it is depends on the peer's haste.
RAW: dict[str, tuple[RawScript, str | None]] = {
    "entity bomb": (whole(xml_bomb()), "document type"),
    "external entity": (whole(b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + OPEN + b"&x;" + SHUT), "document type"),
    "entity bomb in UTF-16": (whole(xml_bomb().decode().encode("utf-16")), "not PAN-OS XML"),
    "ten gigabytes": (endless(HEAD + b"Content-Length: 10737418240\r\n\r\n", BLOCK), "more than 16 MiB"),
    "a body without end": (endless(HEAD + b"\r\n", BLOCK), "more than 16 MiB"),
    "chunks without end": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + BLOCK + b"\r\n"), "more than 16 MiB"),
    "a chunk's size without end": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65536), "broke"),
    "a negative chunk": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"-5\r\n"), None),
    "an absurd chunk": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 40 + b"\r\n", BLOCK), "more than 16 MiB"),
    "trailers without end": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 500), None),
    "headers that drip": (endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.2), "longer than 2 s"),
    "a body without length that drips": (endless(HEAD + b"Connection: close\r\n\r\n", b"x", 0.2), "longer than 2 s"),
    "a body that drips": (endless(HEAD + b"Content-Length: 100000\r\n\r\n", b"x", 0.2), "longer than 2 s"),
    "chunks that drip": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.2), "longer than 2 s"),
    "a header without end": (endless(b"HTTP/1.1 200 OK\r\nX-Long: ", BLOCK), None),
    "headers without end": (endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 500), None),
    "a status line without end": (endless(b"HTTP/1.1 200 ", BLOCK), None),
    "100 Continue without end": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "longer than 2 s"),
    "silence": (endless(b"", b"", 0.2), "time limit"),
    "a longer length than there is": (lambda peer, _: peer.sendall(HEAD + b"Content-Length: 900\r\nConnection: close\r\n\r\nx"), None),
    "a negative length": (lambda peer, _: peer.sendall(HEAD + b"Content-Length: -1\r\nConnection: close\r\n\r\n" + OPEN), None),
    "two lengths": (whole(OPEN + SHUT, b"Content-Length: 5\r\n"), None),
    "no HTTP": (lambda peer, _: peer.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"), None),
    "a bomb in gzip": (whole(gzip.compress(bytes(200_000_000), 1), b"Content-Encoding: gzip\r\n"), "the coding 'gzip'"),
    "a coding of its own": (whole(OPEN + SHUT, b"Content-Encoding: \x1b[31mred\r\n"), "the coding"),
    "UTF-16": (whole((OPEN + SHUT).decode().encode("utf-16")), "not PAN-OS XML"),
    "EBCDIC": (whole((OPEN + SHUT).decode().encode("cp500"), b"X: y\r\n"), "not PAN-OS XML"),
    "a false charset": (whole(b"<?xml version='1.0' encoding='no-such'?>" + OPEN + b"\xff\xfe" + SHUT), "not PAN-OS XML"),
    "NULs": (whole(OPEN + b"\x00" * 1000 + SHUT), "not PAN-OS XML"),
    "deep nesting": (whole(OPEN + b"<a>" * 90_000 + b"</a>" * 90_000 + SHUT), None),
    "four million elements": (whole(OPEN + b"<a/>" * 4_000_000 + SHUT), "too many elements"),
    "as many elements as are read": (whole(OPEN + b"<a/>" * 199_000 + SHUT), None),
    "two million attributes": (whole(OPEN + b"<a " + b" ".join(b"a%x=''" % n for n in range(1_200_000)) + b"/>" + SHUT), "too many elements"),
    "a text of 16 megabytes": (whole(OPEN + "\U0001f600".encode() * 4_000_000 + SHUT), None),
    "a message of 15 megabytes": (whole(b"<response status='error' code='12'><msg><line>" + b"\x1b[31m evil \xe2\x80\xae" * 0 + b"e" * 15_000_000 + b"</line></msg></response>"), "PAN-OS says: e"),
    "a thousand messages": (whole(b"<response status='error'><msg>" + b"<line>no</line>" * 50_000 + b"</msg></response>"), "PAN-OS says: no; no"),
    "bidi in a message": (whole("<response status='error' code='12'><msg><line>a\u202eb\u2028c</line></msg></response>".encode()), "\\u202e"),
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """How a run ended. `memory` in bytes, `seconds` of the wall clock."""

    code: int
    out: str
    err: str
    memory: int
    seconds: float

    def assert_survived(self, code: int = 1) -> None:
        assert self.memory < MEMORY_LIMIT, f"{self.memory >> 20} MiB"
        assert self.seconds < LONGEST, f"{self.seconds:.1f} s"
        assert "Traceback" not in self.err + self.out
        assert "unexpected" not in self.err + self.out
        assert self.code == code, self.err
        if code == 1:
            assert len(self.err.strip().splitlines()) == 1, self.err[:2000]
            assert len(self.err) < 2500
            assert self.err.strip().isprintable()


# A child's peak counts from its parent's memory at the fork, so the agent is started by a process that is small.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


def run_measured(config: Path, *argv: str) -> Measured:
    note = config.parent / "memory"
    command = [
        sys.executable,
        "-S",
        "-c",
        _LAUNCHER,
        str(note),
        sys.executable,
        str(SCRIPT),
        "--config",
        str(config),
        *argv,
    ]
    started = time.monotonic()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=clean_environment(**ENVIRONMENT),
        check=False,
    )
    seconds = time.monotonic() - started
    return Measured(done.returncode, done.stdout, done.stderr, int(note.read_text("utf-8")) * 1024, seconds)


def configure(folder: Path, firewall_url: str, scm_url: str = "https://127.0.0.1:9") -> Path:
    trusted = str(ca_file(folder))
    firewall = {**files.FIREWALL, "url": firewall_url, "verify_tls": trusted, "timeout": TIMEOUT, "commit_window": None}
    del firewall["ha_peer"]  # the time of one peer is measured
    scm = {"url": scm_url, "token_url": scm_url + TOKEN_PATH, "ca_bundle": trusted, "timeout": TIMEOUT}
    config = files.changed({**files.CONFIG, "scm": {**files.CONFIG["scm"], **scm}}, "issuance.wait", "0")
    return files.write_all(folder, config, firewalls={"fw-edge": firewall})


@pytest.mark.sweep
@pytest.mark.parametrize("name", RAW)
def test_a_hostile_firewall(tmp_path: Path, name: str) -> None:
    script, words = RAW[name]
    with raw_peer(script) as (url, heads):
        done = run_measured(configure(tmp_path, url), "run")
    assert heads
    if words is None and done.code != 1:
        pytest.fail(f"{name} was taken for an answer: {done}")
    done.assert_survived()
    assert (words or "") in done.err
    assert "firewall fw-edge (127.0.0.1:" in done.err


REDIRECTS = ("301", "302", "303", "307", "308")


@pytest.mark.parametrize("status", REDIRECTS)
def test_credentials_are_never_sent_to_another_host(tmp_path: Path, status: str) -> None:
    with scripted(lambda _: Answer(200, OPEN + SHUT, "application/xml")) as (elsewhere, other):
        redirect = Answer(int(status), b"", headers={"Location": f"{other.url}/api/"})
        with scripted(lambda _: redirect) as (site, server):
            transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 5)
            for method, is_write in (("GET", False), ("POST", True)):
                outgoing = https.Request(method, f"{server.url}/", "x", {"X-PAN-KEY": "secret"}, is_write=is_write)
                # What answers so may have carried out what it was asked.
                with pytest.raises(AnswerLost if is_write else InvalidAnswer, match="redirect"):
                    transport.send(outgoing)
            assert len(site.requests) == 2
    assert elsewhere.requests == []


TIMED = (
    "headers that drip",
    "a body without length that drips",
    "a body that drips",
    "chunks that drip",
    "100 Continue without end",
    "trailers without end",
)


@pytest.mark.parametrize("name", one_in(5, TIMED))
def test_the_whole_exchange_is_bounded(tmp_path: Path, name: str) -> None:
    transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 0.4)
    with raw_peer(RAW[name][0]) as (url, _):
        started = time.monotonic()
        with pytest.raises(AnswerLost, match=r"longer than 0\.8 s"):
            transport.send(https.Request("GET", url, "x", is_write=True))
        assert 0.7 < time.monotonic() - started < 5
        # The connection is not used again, and the next one has its own time.
        with pytest.raises(AgentError):
            transport.send(https.Request("GET", url, "x"))


# --- SCM ---------------------------------------------------------------------------------------------------------------

Change = Callable[[Request, Answer], Answer]


def on(what: str, answer: Callable[[Answer], Answer]) -> Change:
    """Change the answers to one kind of request: token, enroll, download or status."""

    def change(request: Request, original: Answer) -> Answer:
        return answer(original) if kind(request) == what else original

    return change


def kind(request: Request) -> str:
    if "token" in request.path:
        return "token"
    if request.method == "POST":
        return "enroll"
    return "status" if request.path.endswith("/status") else "download"


def body(text: str | bytes, status: int = 200, content_type: str = "application/json") -> Callable[[Answer], Answer]:
    content = text if isinstance(text, bytes) else text.encode()
    return lambda _: Answer(status, content, content_type)


def edited(**values: object) -> Callable[[Answer], Answer]:
    return lambda answer: Answer(
        answer.status, json.dumps({**json.loads(answer.body), **values}).encode(), "application/json"
    )


def of_answer(change: Callable[[bytes], bytes]) -> Callable[[Answer], Answer]:
    return lambda answer: Answer(answer.status, change(answer.body), answer.content_type)


PROBE = Answer(200, b'{"certId": "1"}', "application/json")
DEEP = "[" * 500_000
# What SCM may answer -> the exit code, and words of the failure. Where the order stays pending, the code is 3.
SCM: dict[str, tuple[Change, int, str]] = {
    "a token of another type": (on("token", edited(access_token=["a"])), 1, "sent no token"),
    "a token with a line break": (on("token", edited(access_token="a\r\nX-Evil: b")), 1, "sent no token"),
    "a negative life": (on("token", edited(expires_in=-5)), 0, ""),
    "an absurd life": (on("token", edited(expires_in=10**400)), 0, ""),
    "a life that is no number": (on("token", edited(expires_in="soon")), 0, ""),
    "a life of NaN": (on("token", lambda a: body(a.body.replace(b'"expires_in": 300', b'"expires_in": NaN'))(a)), 0, ""),
    "deep JSON": (on("token", body(DEEP)), 1, "sent no token"),
    "a number of a million digits": (on("token", body('{"access_token": ' + "9" * 900_000 + "}")), 1, "sent no token"),
    "JSON of a megabyte": (on("token", body("[" + "{}," * 340_000 + "{}]")), 1, "sent no token"),
    "two megabytes": (on("enroll", body(b"x" * 2_000_000)), 1, "more than 1 MiB"),
    "trouble of its own": (on("enroll", body(json.dumps({"code": -1, "description": "Internal"}), 400)), 1, "SCM says: Internal"),
    "an ID with a line break": (on("enroll", edited(certId="1\n2")), 1, "no certificate ID"),
    "an ID of a megabyte": (on("enroll", edited(certId="1" * 900_000)), 1, "no certificate ID"),
    "an ID that is a list": (on("enroll", edited(certId=[1])), 1, "no certificate ID"),
    "a path for an ID": (on("enroll", edited(certId="../../x?y#z")), 1, "is unknown to SCM"),
    "a description of a megabyte": (on("enroll", body(json.dumps({"code": -10, "description": "e" * 900_000}), 400)), 1, "SCM says: eee"),
    "control characters": (on("enroll", body(json.dumps({"code": -10, "description": "\x1b[31m\u202eevil\n"}), 400)), 1, "SCM says: "),
    "an absurd code": (on("enroll", body(json.dumps({"code": 10**30, "description": "x"}), 400)), 1, "SCM says: x"),
    "a page": (on("download", body("<html>", 200, "text/html")), 1, "not SCM's"),
    "no PEM": (on("download", body("no certificate")), 1, "not SCM's"),
    "broken Base64": (on("download", body("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")), 1, "holds no certificate that can be read"),
    "a broken certificate": (on("download", body("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), 1, "holds no certificate that can be read"),
    "a thousand certificates": (on("download", of_answer(lambda pem: pem * 60)), 1, "more than 20 certificates"),
    "a status that is none": (on("download", body('{"code": -1400, "description": "wait"}', 400)), 0, ""),
}  # fmt: skip


def scm_scene(folder: Path, **account: Any) -> Scene:
    sold = Account("DV_ACCOUNT", "id", "s]ecret-of-this-account", "DV", **account)
    options = WorldOptions(firewalls=("fw-edge",), accounts=(sold,))
    more: dict[str, dict[str, object]] = {"issuance": {"wait": "0"}}
    return Scene(folder, {"dv": certificate_profile("fw-edge", "dv.example.com")}, options, more)


def intercepted(change: Change) -> Callable[[Request, Callable[[Request], Answer]], Answer]:
    return lambda request, handle: change(request, handle(request))


@pytest.mark.sweep
@pytest.mark.parametrize("name", SCM)
def test_a_hostile_scm(tmp_path: Path, name: str) -> None:
    change, code, words = SCM[name]
    with scm_scene(tmp_path) as place:
        place.world.scm_server.interceptor = intercepted(change)
        done = run_measured(place.config, "run")
        if name == "a status that is none":
            assert done.code == 3
            done = Measured(0, done.out, done.err, done.memory, done.seconds)
        done.assert_survived(code)
        assert words in done.err
        assert len(place.world.scm.orders) <= 1
        # Once it is honest again, the next run ends well, and what was ordered is not ordered anew but for a lost answer.
        place.world.scm_server.interceptor = None
        # An order that was taken without a readable ID is held until a person settles it.
        is_held = words in ("no certificate ID", "is unknown to SCM")
        assert place.run("run").code == int(is_held)
        # Where the answer to the order itself was spoiled, the agent cannot know that it was placed.
        is_unknown = change(Request("POST", "/", Message(), b""), PROBE) is not PROBE
        assert len(place.world.scm.orders) <= 1 + is_unknown


@pytest.mark.parametrize(("lifetime", "age", "words"), [(10_000, 20_000, "1999-"), (2_900_000, 0, "99")])
def test_absurd_dates(tmp_path: Path, lifetime: int, age: int, words: str) -> None:
    """A certificate that ended in the last century, and one that ends in the year 9966."""
    with scm_scene(tmp_path, lifetime_days=lifetime, age_days=age) as place:
        done = place.run("run", "--json")
        assert "Traceback" not in done.err
        if age:
            assert done.code == 1
            assert words in done.err
            running = place.world.firewalls["fw-edge"].running_certificate("dv")
            assert running is None
        else:
            assert done.code == 0, done.err
            assert done.profiles["dv"]["not_after"].startswith(words)
        assert place.run("status", "--json").code in (0, 1)


def test_a_certificate_of_another_key(tmp_path: Path) -> None:
    with scm_scene(tmp_path / "other") as other:
        assert other.run("run").code == 0
        stolen = other.world.scm.orders[0].certificate
    assert stolen is not None
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = stolen.public_bytes(Encoding.PEM)
    with scm_scene(tmp_path / "this") as place:
        place.world.scm_server.interceptor = intercepted(on("download", body(pem, 200, "application/x-pem-file")))
        done = place.run("run")
        assert done.code == 1
        assert "key" in done.err
        assert not place.world.firewalls["fw-edge"].commits or not place.world.firewalls["fw-edge"].running_certificate(
            "dv"
        )
        place.world.scm_server.interceptor = None
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == 1


JOBS = {
    "negative": "-5", "huge": "1" * 40, "not a number": "NaN", "a time": "12:30:59", "a float": "1e400", "empty": "",
}  # fmt: skip


@pytest.mark.parametrize("title", one_in(3, JOBS))
def test_absurd_progress(tmp_path: Path, title: str) -> None:
    progress = JOBS[title]
    with scm_scene(tmp_path) as place:
        seen = 0

        def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
            nonlocal seen
            answer = handle(request)
            if "<jobs><id>" in request.form.get("cmd", "") and seen < 3:
                seen += 1
                job = f"<job><id>2</id><type>Commit</type><status>ACT</status><result>PEND</result><progress>{progress}</progress></job>"
                return Answer(200, OPEN + job.encode() + SHUT, "application/xml")
            return answer

        place.world.servers["fw-edge"].interceptor = intercept
        assert place.run("run").code == 0
        assert seen == 3


def test_absurd_job_ids(tmp_path: Path) -> None:
    """The commit was taken, its job's ID is nonsense: the job is found by its description."""
    with scm_scene(tmp_path) as place:

        def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
            answer = handle(request)
            if request.form.get("type") == "commit":
                return Answer(200, OPEN + b"<job>-1</job><job><![CDATA[</id><x>]]></job>" + SHUT, "application/xml")
            return answer

        place.world.servers["fw-edge"].interceptor = intercept
        assert place.run("run").code == 0
        assert len(place.world.firewalls["fw-edge"].commits) == 1
