"""Worlds in which SCM, its token server or a proxy before them answer otherwise than the sandbox does."""

from __future__ import annotations

import datetime
import gzip
import json
import shutil
from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from paloaltofw.sandbox.base.authority import CertificateAuthority, ChainForm, Issuer, _certificate_authority
from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.x509_texts import read_certificates
from tests.worlds.acts import (
    HTML,
    JSON,
    PEM,
    cut,
    cut_before,
    does_but_refuses,
    does_but_says,
    edited,
    half,
    refuses,
    says,
    silent,
    silent_before,
    swapped,
)
from tests.worlds.play import COMMON_NAME, NAME, StoryBroken, World
from tests.worlds.stage import Act, Call, Stage
from tests.worlds.wire import Handle

RESUBMIT = (f"enroll --resubmit -p {NAME}",)
GETS_OUT = (*RESUBMIT, *RESUBMIT, f"replace --yes -p {NAME}")
LOST = ("lost-answer", "answer-lost", "unknown-order", "invalid-answer")
BUSY_HTML = "<html><title>Bad gateway</title></html>"
ORDER = "scm (enroll|renew|replace)"


def first(count: int) -> Callable[[int], bool]:
    return lambda night: night <= count


def from_night(number: int) -> Callable[[int], bool]:
    return lambda night: night >= number


# --- what answers an order ---------------------------------------------------------------------------------------------

# The order is taken, and this is what comes back, for ever: the same CSR may be sent once more, then never again.
_LOST_ANSWERS = {
    "a page in HTML with 200": does_but_says(200, "<html>ok</html>", HTML),
    "plain text with 200": does_but_says(200, "OK", "text/plain"),
    "broken JSON with 200": does_but_says(200, '{"certId": "10', JSON),
    "a compressed answer": does_but_says(200, gzip.compress(b'{"certId": "1000"}'), JSON, Content_Encoding="gzip"),
    "an endless answer": does_but_says(200, b'{"certId": "' + b"1" * 1_500_000 + b'"}', JSON),
    "a redirect to a login page": does_but_says(302, "", HTML, Location="https://login.example.net/"),
    "a permanent redirect": does_but_says(308, "", HTML, Location="https://elsewhere.example.net/"),
    "408 in HTML": does_but_says(408, BUSY_HTML, HTML),
    "400 in HTML": does_but_says(400, BUSY_HTML, HTML),
    "404 in HTML": does_but_says(404, BUSY_HTML, HTML),
    "409 without a body": does_but_says(409),
    "413 of a proxy": does_but_says(413, BUSY_HTML, HTML),
    "499 of a proxy": does_but_says(499, BUSY_HTML, HTML),
    "500 with SCM's JSON": does_but_refuses(-1, "Internal error", 500),
    "502 in HTML": does_but_says(502, BUSY_HTML, HTML),
    "503 with Retry-After": does_but_says(503, BUSY_HTML, HTML, Retry_After="5"),
    "504 in HTML": does_but_says(504, BUSY_HTML, HTML),
    "520 of a proxy": does_but_says(520, BUSY_HTML, HTML),
    "400 with the internal code -1": does_but_refuses(-1, "Unknown error"),
    "400 with the internal code -2": does_but_refuses(-2, "Internal error"),
    "400 with the internal code -14": does_but_refuses(-14, "An unknown error occurred"),
    "400 with the internal code -65": does_but_refuses(-65, "Internal error"),
    "a cut connection": cut,
    "half an answer": half,
    "no answer at all": silent,
}
LOST_WORLDS = [
    World(
        f"each order is taken and answered with {what}", orders=2, codes=(1,), rules=((ORDER, act),), tells=LOST,
        out=RESUBMIT,
    )
    for what, act in _LOST_ANSWERS.items()
]  # fmt: skip

# A 2xx that can be read and names no ID: ordered, and held at once.
_NO_ID = {
    "an empty JSON object": does_but_says(200, {}),
    "an empty body": does_but_says(200, b""),
    "201 without a body": does_but_says(201, b"", ""),
    "a null as ID": does_but_says(200, {"certId": None}),
    "an ID that is a list": does_but_says(200, {"certId": ["1000"]}),
    "another field": does_but_says(200, {"status": "accepted"}),
}
LOST_WORLDS += [
    World(
        f"each order is taken and answered with {what}", orders=1, codes=(1,), rules=((ORDER, act),), tells=LOST,
        out=RESUBMIT,
    )
    for what, act in _NO_ID.items()
]  # fmt: skip


def renamed_id(name: str, kind: type = str) -> Callable[[bytes], bytes]:
    return lambda body: json.dumps({name: kind(json.loads(body)["certId"])}).encode()


ORDER_WORLDS = [
    World("the ID is a number", rules=((ORDER, edited(renamed_id("certId", int))),)),
    World("the ID is called sslId", rules=((ORDER, edited(renamed_id("sslId", int))),)),
    World("the ID is called id", rules=((ORDER, edited(renamed_id("id"))),)),
    World("IDs are Base64 with slashes", scene=lambda s: s.switch_scm(certificate_ids="base64")),
    World("the answer to the first order is lost", orders=2, codes=(0, 1, 3), ends=(0,),
          rules=((ORDER, cut, first(1)),)),
    World("the answer to the first order is lost, and SCM merges equal CSRs", codes=(0, 1, 3), ends=(0,),
          rules=((ORDER, cut, first(1)),), scene=lambda s: s.switch_scm(repeated_csr="merge")),
    World("the answer to the first order is lost, and SCM refuses equal CSRs", codes=(1,),
          rules=((ORDER, cut, first(1)),), scene=lambda s: s.switch_scm(repeated_csr="refuse"), out=GETS_OUT),
    World("lost answers are held", codes=(1,), rules=((ORDER, cut),), tells=LOST, out=RESUBMIT,
          settings={"issuance": {"lost_answer": "hold"}}),
    World("lost answers are held, 502", codes=(1,), rules=((ORDER, does_but_says(502, BUSY_HTML, HTML)),), tells=LOST,
          out=RESUBMIT, settings={"issuance": {"lost_answer": "hold"}}),
    World("a renewal's answer is lost every night", start="due", orders=2, codes=(1,), rules=((ORDER, cut),), tells=LOST,
          out=RESUBMIT),
    World("a renewal's answer names no ID", start="due", codes=(1,), rules=((ORDER, does_but_says(200, {})),), tells=LOST,
          out=RESUBMIT),
    World("a same-key renewal's answer is lost every night", start="due", orders=2, codes=(1,), rules=((ORDER, cut),),
          tells=LOST, out=RESUBMIT, profile={"renewal": {"key": "reuse"}}),
    World("the connection breaks before each order is taken", orders=0, codes=(1,), rules=((ORDER, cut_before),), keys=1,
          tells=LOST, out=RESUBMIT),
    World("SCM asks for patience once", rules=((ORDER, says(429, "", JSON, Retry_After="7"), first(99), 1),)),
    World("SCM asks for patience every time", orders=0, codes=(1,), keys=1,
          rules=((ORDER, says(429, "", JSON, Retry_After="7")),)),
    World("SCM asks for an hour's patience on the first night", codes=(0, 1), ends=(0,), keys=1,
          rules=((ORDER, says(429, "", JSON, Retry_After="3600"), first(1)),)),
    World("SCM says 403 to every order", orders=0, codes=(1,), keys=1, rules=((ORDER, refuses(-3, "No right", 403)),)),
    World("a proxy says 403 in HTML to every order", orders=0, codes=(1,), keys=1,
          rules=((ORDER, says(403, BUSY_HTML, HTML)),)),
    World("SCM says 401 to every order", orders=0, codes=(1,), keys=1, rules=((ORDER, refuses(-16, "Unknown", 401)),)),
    World("the domain is not delegated", orders=0, codes=(1,), keys=1, rules=((ORDER, refuses(-1010, "Domain")),)),
    World("a code that nobody knows refuses each order", orders=0, codes=(1,), keys=1,
          rules=((ORDER, refuses(-98765, "Computer says no")),)),
    World("the first orders are refused, then the account is corrected", codes=(0, 1), ends=(0,), keys=1,
          rules=((ORDER, refuses(-993, "Restricted"), first(5)),)),
]  # fmt: skip

# --- collecting ----------------------------------------------------------------------------------------------------------


def gone(stage: Stage) -> None:
    """SCM forgets all orders."""
    for order in stage.scm._orders:
        order.id = f"gone-{order.id}"


def found_again(stage: Stage) -> None:
    for order in stage.scm._orders:
        order.id = order.id.removeprefix("gone-")


def final(word: str) -> tuple[tuple[object, ...], ...]:
    """An order that ends with this word."""
    return (("scm status", says(200, {"status": word})), ("scm download", refuses(-183, "Not collectable", 404)))


def other_chain(call: Call, handle: Handle) -> Answer:
    """Somebody else's certificate."""
    if handle(call.request).status != 200:
        return handle(call.request)
    leaf, _ = call.stage.certificate("stranger.example.org")
    return Answer(200, call.stage.authority.chain_pem(leaf, ChainForm()), PEM)


def as_pkcs7(encoding: Encoding) -> Callable[[Call, Handle], Answer]:
    def act(call: Call, handle: Handle) -> Answer:
        answer = handle(call.request)
        if answer.status != 200 or b"BEGIN CERTIFICATE" not in answer.body:
            return answer  # another act has made it something else already
        body = pkcs7.serialize_certificates(read_certificates(answer.body), encoding)
        return Answer(200, body, "application/x-pkcs7-certificates")

    return act


def as_der(call: Call, handle: Handle) -> Answer:
    answer = handle(call.request)
    if answer.status != 200:
        return answer
    return Answer(200, read_certificates(answer.body)[0].public_bytes(Encoding.DER), "application/pkix-cert")


def with_expired_cross(call: Call, handle: Handle) -> Answer:
    """An expired cross-certificate of the root stands in the chain."""
    answer = handle(call.request)
    if answer.status != 200:
        return answer
    authority: CertificateAuthority = call.stage.authority
    now = call.stage.clock.now() - datetime.timedelta(days=21 * 365)
    old: Issuer = _certificate_authority("Sandbox Old Root 2", authority.root.key, None, now, None)
    cross = _certificate_authority("Sandbox Root R1", authority.root.key, old, now, None)
    return Answer(200, answer.body + cross.certificate.public_bytes(Encoding.PEM), PEM)


def odd_block(body: bytes) -> bytes:
    return body + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" if b"BEGIN" in body else body


def form(**values: object) -> Callable[[Stage], object]:
    return lambda stage: stage.switch_scm(chain=ChainForm(**values))  # type: ignore[arg-type]


def without_names(stage: Stage) -> None:
    """The CA leaves the alternative names out that the CSR asks for, but for another one."""
    issue = stage.authority.issue

    def issue_wrongly(csr, product, names, not_before=None, subject=None):  # type: ignore[no-untyped-def]
        return issue(csr, product, ["wrong.example.org"], not_before, subject)

    stage.authority.issue = issue_wrongly  # type: ignore[method-assign]


def right_names(stage: Stage) -> None:
    vars(stage.authority).pop("issue", None)


def once_ordered(act: Act) -> Act:
    """As this, from the moment of the first order on."""
    return lambda call, handle: act(call, handle) if call.stage.orders else handle(call.request)


PROCESSED = {"code": 0, "description": "Being processed by Sectigo"}
COLLECT_WORLDS = [
    World("downloads say that it is being processed, for three nights", codes=(0, 3), ends=(0,),
          rules=(("scm download", says(400, PROCESSED), first(3)), ("scm status", says(200, {"status": "Applied"}), first(3)))),
    World("downloads say so as bare text", codes=(0, 1, 3), ends=(0,),
          rules=(("scm download", says(400, "Being processed by Sectigo", "text/plain"), first(3)),
                 ("scm status", says(200, {"status": "Applied"}), first(3)))),
    World("downloads are refused while the status says issued", codes=(0, 1, 3), ends=(0,),
          rules=(("scm download", refuses(-179, "Not ready"), first(6)),)),
    World("downloads are 404 in HTML for five nights", codes=(0, 1, 3), ends=(0,),
          rules=(("scm download", says(404, BUSY_HTML, HTML), first(5)),)),
    World("downloads are 500 for ever", codes=(1, 3), rules=(("scm download", says(500, BUSY_HTML, HTML)),)),
    World("downloads never answer", codes=(1, 3), rules=(("scm download", silent_before),)),
    World("downloads are an empty 200 for ever", codes=(1, 3), rules=(("scm download", says(200, b"", PEM)),)),
    World("downloads are a page in HTML", codes=(1,), rules=(("scm download", says(200, "<html/>", HTML)),)),
    World("downloads are no certificate", codes=(1, 3),
          rules=(("scm download", says(200, b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n", PEM)),)),
    World("downloads are somebody else's certificate", codes=(1, 3), rules=(("scm download", other_chain),)),
    World("the order's CSR is committed though collecting fails", kind="OV", codes=(1, 3),
          rules=(("scm (download|status)", once_ordered(says(500, BUSY_HTML, HTML))),),
          events={3: lambda s: s.revert(), 4: lambda s: s.firewalls["fw"].reboot()}, keys=1),
    World("the chain is the leaf alone", scene=form(with_intermediates=False)),
    World("the chain is root first, with CRLF and text between", scene=form(order="root_first", with_root=True, newline="\r\n", text_between=True)),
    World("the chain holds a cross-certificate", scene=form(cross_signed=True)),
    World("the chain holds an expired cross-certificate", rules=(("scm download", with_expired_cross),)),
    World("the chain holds a block that cannot be read", rules=(("scm download", edited(odd_block)),)),
    World("the chain is PKCS#7 in PEM", rules=(("scm download", as_pkcs7(Encoding.PEM)),)),
    World("the chain is PKCS#7 in DER", rules=(("scm download", as_pkcs7(Encoding.DER)),)),
    World("the download is the leaf in DER", codes=(0, 1, 3), rules=(("scm download", as_der),)),
    World("the certificate holds wrong names", codes=(1,), scene=without_names, mends=right_names,
          tells=("proof",), out=GETS_OUT),
    World("the order is forgotten by SCM", kind="OV", codes=(1, 3), ends=(1,), events={4: gone}, out=RESUBMIT),
    World("the order is unknown for two nights", kind="OV", codes=(0, 1, 3), ends=(0,),
          events={4: gone, 6: found_again, 8: lambda s: s.scm.approve_all()}),
    World("the order is declined", kind="OV", codes=(1, 3), ends=(1,), tells=("order",), out=RESUBMIT,
          events={3: lambda s: s.scm.decline(s.orders[0].id)}),
    World("the order is rejected by the CA", kind="OV", codes=(1, 3), ends=(1,), tells=("order",), out=RESUBMIT,
          events={3: lambda s: s.scm.reject(s.orders[0].id)}),
    World("the order is declined, and replaced by hand", kind="OV", codes=(1, 3), ends=(1,), tells=("order",),
          out=(f"replace --yes -p {NAME}",), events={3: lambda s: s.scm.decline(s.orders[0].id)}),
    World("a status of failure is taken back the next night", kind="OV", codes=(0, 1, 3), ends=(0,),
          rules=(("scm status", says(200, {"status": "Rejected"}), lambda night: night == 4),
                 ("scm download", refuses(-183, "Not collectable", 404), lambda night: night == 4)),
          events={6: lambda s: s.scm.approve_all()}),
    World("status words that nobody knows", kind="OV", codes=(1, 3), rules=(("scm status", says(200, {"status": "Quux"})),)),
    World("the status is no JSON", kind="OV", codes=(1, 3), rules=(("scm status", says(200, "<html/>", HTML)),)),
    World("the status is a list", kind="OV", codes=(1, 3), rules=(("scm status", says(200, "[1]", JSON)),)),
    World("nobody approves", kind="OV", codes=(1, 3), ends=(1,), says="www"),
    World("approval takes ten days", kind="OV", codes=(0, 1, 3), ends=(0,), events={10: lambda s: s.scm.approve_all()}),
    World("a renewal waits ten days for approval", kind="OV", start="due", codes=(0, 3), ends=(0,),
          events={10: lambda s: s.scm.approve_all()}),
    World("a renewal waits until the old certificate has expired", kind="OV", start="last", orders=2, codes=(1, 3),
          ends=(1,), may_expire=True, says="www"),
    *(World(f"the order ends as {word}", commits=False, codes=(1, 3), ends=(1,), rules=final(word), tells=("order",), out=RESUBMIT)
      for word in ("Cancelled", "CANCELED", "Failed", "Error", "Deleted", "Invalid")),
]  # fmt: skip

# --- renewing ------------------------------------------------------------------------------------------------------------


def ten_orders(stage: Stage) -> None:
    for number in range(10):
        stage.add_profile(f"site{number}", f"site{number}.example.com", bound=f"portal{number}")


def revoke_served(stage: Stage) -> None:
    for order in stage.scm.orders:
        stage.scm.revoke(order.id)


def revoked_elsewhere(stage: Stage) -> None:
    """The saved ID is that of another order, which is revoked; the journal is lost."""
    stage.add_profile("mail", "mail.example.com", bound="mail-portal")
    night = stage.agent("enroll", "-p", "mail")
    if night.code != 0:
        raise StoryBroken(night.err)
    stage.scm.revoke(stage.scm.orders[-1].id)
    shutil.copy(stage.state / "mail.ids", stage.state / f"{NAME}.ids")
    shutil.rmtree(stage.state / "journal/installed")
    stage.remove_profile("mail")
    stage.count_from_here()


def lives(days: float) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.account.lifetime_days = days

    return scene


def aged(days: float) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.account.age_days = days

    return scene


def keeps_id(stage: Stage) -> None:
    """Replace answers the same ID, and names are added."""
    stage.switch_scm(replace_id="same")
    stage.edit_profile(NAME, sans={"dns": ["more.example.com"]})


RENEW_WORLDS = [
    World("renewal is ordinary", start="due"),
    World("renewal with the same key is ordinary", start="due", profile={"renewal": {"key": "reuse"}}, keys=0),
    World("renew is refused with a code that is known", start="due", scene=lambda s: s.switch_scm(renew_refused=True)),
    *(World(f"renew is refused with the code {code}", start="due", rules=(("scm renew", refuses(code)),))
      for code in (-9999, -124, -7, -951, -62, -38)),
    World("renew is refused with the code 0", start="due", orders=2, codes=(0, 1, 3), rules=(("scm renew", refuses(0)),),
          out=RESUBMIT),
    World("renew is refused without SCM's JSON", start="due", orders=2, codes=(0, 1, 3),
          rules=(("scm renew", says(400, BUSY_HTML, HTML)),), out=RESUBMIT),
    World("renew is not there: 404 with a code", start="due", rules=(("scm renew", refuses(-1, "Not found", 404)),),
          orders=2, codes=(0, 1, 3), out=RESUBMIT),
    World("renew needs a profile ID", start="due", scene=lambda s: s.switch_scm(renew_requires_profile_id=True)),
    World("renew needs a profile ID, which the profile names", start="due", profile={"scm": {"profile_id": 1}},
          scene=lambda s: s.switch_scm(renew_requires_profile_id=True)),
    World("a renewal with the same key is refused", start="due", profile={"renewal": {"key": "reuse"}},
          rules=(("scm renew", refuses(-9999)),)),
    World("replace is refused", start="served", rules=(("scm replace", refuses(-9999)),),
          scene=lambda s: s.edit_profile(NAME, sans={"dns": ["more.example.com"]})),
    World("replace keeps the ID", start="served", scene=keeps_id),
    World("the new certificate lives ten days", orders=7, start="due", scene=lives(10), codes=(0, 1)),
    World("the new certificate lives three days", orders=16, start="due", scene=lives(3), codes=(0, 1)),
    World("each certificate is due when it is issued", orders=2, scene=aged(150), codes=(0, 1)),
    World("each renewal ends no later than its predecessor", orders=2, start="due", scene=aged(165), codes=(0, 1)),
    World("each certificate has expired when it is issued", orders=2, scene=aged(205), codes=(1, 3), out=GETS_OUT),
    World("each certificate begins in an hour", scene=aged(-1 / 24), codes=(0, 1, 3), ends=(0,)),
    World("SCM calls every certificate revoked", start="served", orders=20, nights=15, setup=ten_orders, codes=(0, 1),
          rules=(("scm status", says(200, {"status": "Revoked"})),), says="replace", may_expire=True),
    World("SCM calls every certificate revoked for one night", start="served", orders=1, nights=5, setup=ten_orders, codes=(0, 1),
          ends=(0,), rules=(("scm status", says(200, {"status": "Revoked"}), first(1)),), says="replace"),
    World("the one certificate is revoked at SCM", start="served", scene=revoke_served, codes=(0,)),
    World("the saved ID is that of another, revoked certificate", start="served", orders=0, scene=revoked_elsewhere,
          codes=(0, 1), out=(f"replace --yes -p {NAME}",)),
    World("SCM does not know the saved ID", start="served", orders=0, scene=gone, codes=(0, 1)),
    World("the status is 500 every night", start="served", orders=0, rules=(("scm status", says(500)),), codes=(0,)),
    World("SCM calls the certificate expired", start="served", orders=0, codes=(0, 1),
          rules=(("scm status", says(200, {"status": "Expired"})),)),
    World("SCM calls the certificate declined", start="served", orders=0, codes=(0, 1),
          rules=(("scm status", says(200, {"status": "Declined"})),)),
]  # fmt: skip

# --- tokens ----------------------------------------------------------------------------------------------------------------


def scm_down(how: str) -> Callable[[Stage], object]:
    def scene(stage: Stage) -> None:
        stage.peers["scm.example.net"].down = how

    return scene


def untrusted_scm(stage: Stage) -> None:
    stage.peers["scm.example.net"].is_trusted = False


RESET = "secret may have been reset"
TOKEN_WORLDS = [
    World("the token server is away for five nights", codes=(0, 1), ends=(0,), keys=1,
          rules=(("scm token", says(503, BUSY_HTML, HTML), first(5)),)),
    World("the token URL leads to a page of 404", orders=0, codes=(1,), keys=1, never_says=RESET,
          rules=(("scm token", says(404, BUSY_HTML, HTML)),)),
    World("the token URL leads to a page of 405", orders=0, codes=(1,), keys=1, never_says=RESET,
          rules=(("scm token", says(405, BUSY_HTML, HTML)),)),
    World("the token URL leads to a login page", orders=0, codes=(1,), keys=1, rules=(("scm token", says(200, "<html/>", HTML)),)),
    World("the client's secret was reset", orders=0, codes=(1,), keys=1, says="secret",
          rules=(("scm token", says(401, {"error": "unauthorized_client", "error_description": "Invalid"})),)),
    World("tokens are refused once a night", rules=(("scm enroll", says(401, {}), first(1), 1),)),
    *(World(f"a 401 names the token server as {url}", orders=0, codes=(1,), keys=1,
            rules=(("scm (enroll|status)", says(401, "", JSON, WWW_Authenticate=f'Bearer authorization_uri="{url}"')),))
      for url in ("https://[bad/token", "https://auth.example.net:99999/token", "https://auth.sso.sectigo.com:x/t")),
    World("SCM cannot be reached for five nights", codes=(0, 1), ends=(0,), keys=1, scene=scm_down("refused"),
          events={6: scm_down("")}),
    World("SCM's name is unknown for five nights", codes=(0, 1), ends=(0,), keys=1, scene=scm_down("unresolved"),
          events={6: scm_down("")}),
    World("SCM presents a certificate that is not trusted", orders=0, codes=(1,), keys=1, scene=untrusted_scm,
          says="trusted"),
    World("SCM is away while nothing is due", start="served", orders=0, scene=scm_down("timeout")),
    World("SCM is away in the renewal window", start="due", codes=(0, 1), ends=(0,), scene=scm_down("timeout"),
          events={12: scm_down("")}, keys=1),
    World("tokens name no lifetime", rules=(("scm token", swapped(r'"expires_in": \d+, ', "")),)),
]  # fmt: skip

WORLDS = [*LOST_WORLDS, *ORDER_WORLDS, *COLLECT_WORLDS, *RENEW_WORLDS, *TOKEN_WORLDS]
__all__ = ["COMMON_NAME", "RESUBMIT", "WORLDS"]
