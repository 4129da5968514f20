"""A client that asks a firewall what no document says, and takes every answer as it is.

Where `PanosClient` raises what an answer means, this one hands the answer over. It changes only entries whose name
begins with the probe's own prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element  # nosec B405  # only the type

from paloaltofw.errors import Busy
from paloaltofw.model.probe_report import PROBE_PREFIX
from paloaltofw.panos.answers import read_exported_csr, read_names
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.codes import BAD_CREDENTIALS_CODE, BUSY_TEXTS, TRANSIENT_TEXTS, UNAUTHORIZED_CODE
from paloaltofw.panos.commands import CsrRequest, generate_command, nested, to_xml, validate_command
from paloaltofw.panos.connection import Files
from paloaltofw.panos.envelope import OBJECT_ABSENT, parse, text_of
from paloaltofw.panos.refusals import failure
from paloaltofw.panos.verdicts import understand

# No key of the sizes that are asked for takes longer, but on the smallest device (panos.md §4).
GENERATE_SECONDS = 60.0
# How often, and after how many seconds, a request is sent again that the device is too busy for.
BUSY_REPEATS, BUSY_SECONDS = 6, 5.0
_INTERNAL_CODES = (2, 3, 4, 5, 11, 21, 22)
_DESCRIPTION = "paloaltoagent probe"


@dataclass(frozen=True)
class Reply:
    """One answer. `form` is where a success has its text; `content` a CSR that came in place of an envelope."""

    status: str
    code: int | None
    text: str
    form: str = ""
    content: str = ""
    result: Element | None = None
    seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether the device says that it did what it was asked for."""
        return bool(self.content) or (self.status == "success" and self.code in (None, 0, 19, 20))

    @property
    def is_absent(self) -> bool:
        """Whether the device says that there is nothing."""
        return self.code == OBJECT_ABSENT or self.text.startswith("No such node")

    @property
    def is_refusal(self) -> bool:
        """Whether it says no to what was asked for, and not to the one who asks, nor because something broke in it."""
        is_denied = self.code in (UNAUTHORIZED_CODE, BAD_CREDENTIALS_CODE) or "not authenticated" in self.text.lower()
        return not self.is_success and not is_denied and self.code not in _INTERNAL_CODES and not self.is_busy

    @property
    def is_busy(self) -> bool:
        """Whether the same request may be answered otherwise a moment later."""
        plain = self.text.lower()
        return not self.is_success and any(sign in plain for sign in (*BUSY_TEXTS, *TRANSIENT_TEXTS))


class ProbeClient(PanosClient):
    """One firewall, asked about itself."""

    def pause(self, seconds: float) -> None:
        """Give the device time."""
        self._clock.sleep(seconds)

    def site_names(self) -> tuple[str, ...]:
        """Names that are the site's: of the device, of administrators with sessions, of certificates."""
        system = self._asked("asking for the device's names", "<show><system><info/></system></show>").result
        tags = (
            "hostname",
            "devicename",
            "ip-address",
            "ipv6-address",
            "default-gateway",
            "serial",
            "public-ip-address",
        )
        found = [text_of(system, f"system/{tag}") for tag in tags]
        sessions = self._asked("asking who is there", "<show><admins/></show>").result
        for entry in sessions.iter("entry") if sessions is not None else ():
            found += [text_of(entry, "admin"), text_of(entry, "from")]
        return (*(name for name in found if name), *self.certificate_names())

    def certificate_names(self) -> tuple[str, ...]:
        """The names of all entries of the scope in the candidate configuration, without what is in them."""
        label = "reading the names of the certificates"
        return self._configured(label, f"{self._scope.certificates}/entry/@name", read_names) or ()

    def session_of_self(self) -> Reply:
        """Who is there, with a mark at the one who asks."""
        return self._asked("asking whose API key it is", "<show><admins/></show>")

    def list_of_changes(self) -> Reply:
        """The list of uncommitted changes."""
        return self._asked("reading the list of changes", "<show><config><list><changes/></list></config></show>")

    def get(self, xpath: str) -> Reply:
        """A get of any xpath, also of one that is none."""
        return self._attempt("reading an xpath", {"type": "config", "action": "get", "xpath": xpath}, is_write=False)

    def entry(self, name: str) -> Reply:
        """One entry of the candidate configuration."""
        return self.get(self._scope.certificate(name))

    def export_of_csr(self, name: str, vsys: str = "") -> Reply:
        """The CSR of an entry, by export."""
        parameters = {
            "type": "export", "category": "certificate", "certificate-name": _own(name), "format": "pkcs10",
            "include-key": "no", **({"vsys": vsys} if vsys else self._scope.parameters),
        }  # fmt: skip
        return self._attempt(f"exporting the CSR {name}", parameters, is_write=False)

    def attempt_generate(self, request: CsrRequest) -> Reply:
        """Let a key pair and a CSR be made."""
        name = _own(request.certificate_name)
        parameters = {"type": "op", "cmd": generate_command(request), **self._scope.parameters}
        return self._attempt(f"generating {name}", parameters, timeout=GENERATE_SECONDS)

    def attempt_import(self, name: str, pem: str) -> Reply:
        """Import a certificate, or several, under a name."""
        parameters = {
            "type": "import", "category": "certificate", "certificate-name": _own(name), "format": "pem",
            **self._scope.parameters,
        }  # fmt: skip
        files = {"file": (f"{name}.pem", pem.encode("ascii"), "application/x-pem-file")}
        return self._attempt(f"importing {name}", parameters, files=files)

    def attempt_set(self, name: str, common_name: str) -> Reply:
        """Write one leaf of an entry by its full xpath, as a client of the configuration does."""
        element = Element("common-name")
        element.text = common_name
        xpath = self._scope.certificate(_own(name))
        parameters = {"type": "config", "action": "set", "xpath": xpath, "element": to_xml(element)}
        return self._attempt(f"writing {name}", parameters)

    def attempt_delete(self, name: str) -> Reply:
        """Delete an entry."""
        parameters = {"type": "config", "action": "delete", "xpath": self._scope.certificate(_own(name))}
        return self._attempt(f"deleting {name}", parameters)

    def attempt_validate(self, admin: str, place: str) -> Reply:
        """Let the changes of one administrator be validated, never committed, with a description at a place, or none.

        Where a device took the command for a commit, there is nothing that it could commit: the caller sees to it.
        """
        root, validation = nested("commit/validate")
        partial, member = nested("partial/admin/member")
        member.text = admin
        validation.append(partial)
        holder = {"direct": root, "partial": partial}.get(place)
        if holder is not None:
            description = Element("description")
            description.text = _DESCRIPTION
            holder.append(description)
        return self._attempt("validating", {"type": "commit", "cmd": to_xml(root)})

    def attempt_validate_alone(self, admin: str) -> Reply:
        """Let the changes of one administrator be validated, by the operational command."""
        return self._attempt("validating one's own changes", {"type": "op", "cmd": validate_command(admin)})

    def _asked(self, label: str, command: str) -> Reply:
        return self._attempt(label, {"type": "op", "cmd": command}, is_write=False)

    def _attempt(
        self,
        label: str,
        parameters: Mapping[str, str],
        is_write: bool = True,
        files: Files | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send a request until the device is not too busy for it, and take the answer as it is.

        Raises what has no answer, and CredentialsRefused.
        """
        for _ in range(BUSY_REPEATS):
            reply = self._sent(label, parameters, is_write, files, timeout)
            if not reply.is_busy:
                return reply
            self._clock.sleep(BUSY_SECONDS)
        raise Busy(f"PAN-OS says: {reply.text}", self._connection.at(label), "run probe again later")

    def _sent(
        self,
        label: str,
        parameters: Mapping[str, str],
        is_write: bool,
        files: Files | None,
        timeout: float | None,
    ) -> Reply:
        started = self._clock.monotonic()
        response = self._connection.send(label, parameters, is_write, files, timeout)
        seconds = self._clock.monotonic() - started
        csr = read_exported_csr(response.body) if parameters["type"] == "export" else ""
        if csr:
            return Reply("", None, "", content=csr, seconds=seconds)
        envelope = understand(response, is_write, self._connection.at(label))
        if envelope.code == BAD_CREDENTIALS_CODE and "credential" in envelope.text.lower():
            raise failure(envelope, self._connection.at(label))
        status = parse(response.body).get("status", "")
        form, text = _form(envelope.result), envelope.text
        if form == "result_text" and envelope.result is not None:
            text = " ".join((envelope.result.text or "").split())
        return Reply(status, envelope.code, text, form, "", envelope.result, seconds)


def _own(name: str) -> str:
    """The name of an entry that a probe may change; raises ValueError for every other."""
    if not name.startswith(PROBE_PREFIX):
        raise ValueError("a probe changes its own entries only")
    return name


def _form(result: Element | None) -> str:
    if result is None:
        return ""
    if result.find("msg/line") is not None:
        return "msg_line"
    return "result_text" if (result.text or "").strip() and not len(result) else ""
