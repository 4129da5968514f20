"""The XML API of a simulated firewall: from an HTTP request to an answer (panos.md §1, §2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.https import Answer, Cut, Part, Request
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import (
    BadCredentials,
    PanosError,
    Unauthorized,
    illegal,
    key_answer,
    missing,
    parse_xml,
)
from paloaltofw.sandbox.panos.certificate_requests import answer_export, answer_import
from paloaltofw.sandbox.panos.commit_requests import answer_commit
from paloaltofw.sandbox.panos.config_requests import answer_config
from paloaltofw.sandbox.panos.device import Firewall, LogEntry
from paloaltofw.sandbox.panos.op_requests import answer_op, version

PATHS = ("/api/", "/api")
_SUMMARY_LENGTH = 300


@dataclass(frozen=True)
class Call:
    """A request's parameters: from the URL, an urlencoded body, or multipart fields, all alike."""

    request: Request

    @cached_property
    def parameters(self) -> dict[str, str]:
        query = self.request.query
        return {**query, **self.request.form} if self._is_body_readable else query

    @property
    def parts(self) -> list[Part]:
        return self.request.parts if self._is_body_readable else []

    @property
    def _is_body_readable(self) -> bool:
        """Devices do not understand a quoted boundary (panos.md §7)."""
        content_type = str(self.request.headers.get("content-type", ""))
        return 'boundary="' not in content_type.lower()

    @property
    def type(self) -> str:
        return self.parameters.get("type", "")

    @cached_property
    def command(self) -> Element:
        """The cmd parameter as XML."""
        if not self.parameters.get("cmd"):
            raise missing("cmd")
        return parse_xml(self.parameters["cmd"])


class PanosSite:
    """Answers for one firewall, one request after the other, as its management plane does."""

    def __init__(self, firewall: Firewall) -> None:
        self.firewall = firewall

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        if self.firewall.is_off:
            raise Cut
        if request.path not in PATHS or not _is_understood(request):
            return self._web_interface()
        if request.method not in ("GET", "POST"):
            return Answer(405, b"", "text/html", {"Allow": "GET, POST"})
        with self.firewall.settled():
            if self.firewall.is_stumbling and self.firewall.happens("commit_stumbles"):
                return self._stumble()
            try:
                return self._answer(Call(request))
            except PanosError as error:
                return error.answer(self.firewall.switches)

    def _stumble(self) -> Answer:
        """The web server without its management plane, or without its authentication service yet (panos.md §10)."""
        if self.firewall.switches.stumble == "false_credentials":
            return BadCredentials().answer(self.firewall.switches)
        return Answer(502, b"<html><body>Bad Gateway</body></html>", "text/html")

    def _web_interface(self) -> Answer:
        """Whatever is no request to the API gets a page for people (panos.md §2)."""
        if self.firewall.switches.web_interface == "not_found":
            return Answer(404, b"<html><body>Not Found</body></html>", "text/html")
        return Answer(200, b"<html><head><title>Login</title></head><body></body></html>", "text/html; charset=UTF-8")

    def _answer(self, call: Call) -> Answer:
        if call.type == "keygen":
            return self._keygen(call)
        admin = self._authenticate(call)
        self._enter(call, admin)
        if not call.type:
            raise missing("type")
        if call.type in _OTHER_RIGHTS and not admin.role.is_superuser:
            raise Unauthorized  # whether the simulation knows it or not: the role does not cover it
        if call.type not in TYPES:
            raise illegal("type", call.type)
        return self._carry_out(admin, call)

    def _carry_out(self, admin: Administrator, call: Call) -> Answer:
        if "target" in call.parameters:
            # Only a Panorama has managed devices to pass a request on to.
            raise illegal("target", call.parameters["target"])
        if self.firewall.ha is not None and _is_change(call):
            self.firewall.ha.admit(self.firewall, f"{call.type} {_summary(call)}")
        return TYPES[call.type](self.firewall, admin, call)

    def _enter(self, call: Call, admin: Administrator) -> None:
        now = self.firewall.clock.now()
        start, _ = self.firewall.sessions.get(admin.name, (now, now))
        self.firewall.sessions[admin.name] = (start, now)
        self.firewall.log.append(LogEntry(call.type, _summary(call), admin.name))

    # --- who asks --------------------------------------------------------------------------------------------------

    def _keygen(self, call: Call) -> Answer:
        for parameter in ("user", "password"):
            if not call.parameters.get(parameter):
                raise missing(parameter)
        admin = self.firewall.admins.by_password(call.parameters["user"], call.parameters["password"])
        self.firewall.log.append(LogEntry("keygen", "", admin.name if admin else ""))
        self.firewall.sessions.pop(self._require(admin).name, None)  # a new key ends the user's sessions (panos.md §1)
        return key_answer(self.firewall.admins.keygen(self._require(admin)))

    def _authenticate(self, call: Call) -> Administrator:
        """By X-PAN-KEY, by key=, or by HTTP Basic (panos.md §1)."""
        key = str(call.request.headers.get("x-pan-key", "")) or call.parameters.get("key", "")
        admin = self.firewall.admins.by_key(key) if key else self._basic(call.request)
        if admin is None:
            self.firewall.log.append(LogEntry(call.type[:20], "", ""))
        return self._require(admin)

    def _basic(self, request: Request) -> Administrator | None:
        scheme, _, token = str(request.headers.get("authorization", "")).partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(token, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self.firewall.admins.by_password(user, password)

    def _require(self, admin: Administrator | None) -> Administrator:
        if admin is None or not self.firewall.is_admin_configured(admin.name):
            raise BadCredentials
        return admin


def _is_understood(request: Request) -> bool:
    """Parameters in a body need one of the two types of a form."""
    return not request.body or request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data")


# --- the types of request ------------------------------------------------------------------------------------------


def _op(firewall: Firewall, admin: Administrator, call: Call) -> Answer:
    vsys = call.parameters.get("vsys", "")
    if vsys not in ("", "shared", *firewall.vsys_names):
        raise illegal("vsys", vsys)
    return answer_op(firewall, admin, call.command, vsys)


TYPES: dict[str, Callable[[Firewall, Administrator, Call], Answer]] = {
    "version": lambda firewall, admin, call: version(firewall),
    "op": _op,
    "config": lambda firewall, admin, call: answer_config(firewall, admin, call.parameters),
    "commit": lambda firewall, admin, call: answer_commit(firewall, admin, call.parameters),
    "import": lambda firewall, admin, call: answer_import(firewall, admin, call.parameters, call.parts),
    "export": lambda firewall, admin, call: answer_export(firewall, admin, call.parameters),
}


# Types with rights of their own, which no role of the simulation has (panos.md §1).
_OTHER_RIGHTS = ("log", "report", "user-id")

_ASKING = ("get", "show", "complete", "check", "test", "debug")
# Without it a request only asks whether the administrator has the right.
_NEEDS = {"commit": "cmd", "import": "category"}


def _is_change(call: Call) -> bool:
    """Whether a request would change something."""
    if call.type == "config":
        return call.parameters.get("action", "") not in _ASKING
    if call.type == "op":
        words = [node.tag for node in call.command.iter()][:3]
        # The roles themselves may be changed on any unit, and whoever holds a lock there may give it back.
        is_harmless = words[1:] == ["high-availability", "state"] or words[2:] == ["remove"]
        return words[0] not in _ASKING and not is_harmless
    return call.type in _NEEDS and _NEEDS[call.type] in call.parameters


# --- the log -------------------------------------------------------------------------------------------------------


def _summary(call: Call) -> str:
    """What a request is about, of parameters that hold no secret."""
    parameters = call.parameters
    if call.type in ("op", "commit"):
        return _command_summary(call)
    names = {"config": ("action", "xpath"), "import": ("category", "certificate-name"),
             "export": ("format", "certificate-name")}.get(call.type, ())  # fmt: skip
    return " ".join(parameters.get(name, "") for name in names)[:_SUMMARY_LENGTH]


def _command_summary(call: Call) -> str:
    """The tags down to where the command branches, and the names in it."""
    try:
        element = call.command
    except PanosError:
        return ""
    words = [element.tag]
    while len(element) == 1:
        element = element[0]
        words.append(element.tag)
    names = [node.text or "" for node in call.command.iter() if node.tag in ("certificate-name", "id", "member")]
    return " ".join([*words, *names])[:_SUMMARY_LENGTH]
