"""The XML API of a simulated firewall: parameters, authentication, rights, dispatch (fact sheet PAN-OS §1 to §9)."""

from __future__ import annotations

import base64
import hmac
import threading
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element, SubElement

from paloaltofw.sandbox import xpath
from paloaltofw.sandbox.firewall import DEVICE, SHARED_CERTIFICATES, Administrator, Firewall
from paloaltofw.sandbox.firewall_certificates import CertificateStore, KeySource, new_key
from paloaltofw.sandbox.firewall_jobs import job_element
from paloaltofw.sandbox.https import Answer, Request
from paloaltofw.sandbox.panos_answers import (
    BAD_XPATH,
    COMMAND_SUCCEEDED,
    SUCCESS,
    BadCredentials,
    BadRequest,
    PanosError,
    Unauthorized,
    found,
    illegal,
    invalid,
    key_answer,
    missing,
    parse_fragments,
    parse_xml,
    success,
    success_lines,
    success_message,
    text_element,
    text_of,
    unexpected,
)
from paloaltofw.sandbox.panos_switches import Right
from paloaltofw.sandbox.xpath import BadXpath, Xpath

Parameters = Mapping[str, str]
Handler = Callable[[Administrator, Parameters], Answer]
WRITING_ACTIONS = ("set", "edit", "delete")
ABSENT_ANSWER = b'<response status="success" code="7"><result/></response>'
NO_CHANGES = "There are no changes to commit."
SAME_RESULT = "The result of this commit would be the same as the previous commit/validate. No edits made."
_EXCLUSIONS = ("device-and-network", "shared-object", "policy-and-objects")


class PanosSite:
    """Answers requests for one firewall. Thread-safe. `log` keeps (type, summary, administrator), never a secret."""

    def __init__(self, firewall: Firewall, key_source: KeySource = new_key) -> None:
        self.firewall = firewall
        self.store = CertificateStore(firewall, key_source)
        self.log: list[tuple[str, str, str]] = []
        self.lock = threading.RLock()
        self._types: dict[str, tuple[Right | None, Handler]] = {
            "version": (None, self._version),
            "op": (Right.OPERATIONAL, self._op),
            "config": (Right.CONFIGURATION, self._config),
            "commit": (Right.COMMIT, self._commit),
            "import": (Right.IMPORT, self._import),
            "export": (Right.EXPORT, self._export),
        }
        self._commands: dict[str, Callable[[Administrator, Parameters, Element], Answer]] = {
            "show/system/info": self._system_info,
            "show/clock": lambda *_: success(text=f"{self.firewall.clock.now():%a %b %d %H:%M:%S UTC %Y} \n"),
            "show/admins": self._show_admins,
            "show/high-availability/state": lambda *_: success(text_element("enabled", "no")),
            "show/jobs/id": self._show_job,
            "show/jobs/all": self._show_jobs,
            "show/jobs/pending": self._show_jobs,
            "show/jobs/processed": self._show_jobs,
            "show/config/list/changes": self._show_changes,
            "check/pending-changes": lambda *_: success(text="yes" if self.firewall.changes else "no"),
            "check/full-commit-required": lambda *_: success(text="no"),
            "show/config-locks": lambda *_: self._show_locks("config-locks", self.firewall.config_locks),
            "show/commit-locks": lambda *_: self._show_locks("commit-locks", self.firewall.commit_locks),
            "request/config-lock/add": self._take_lock,
            "request/config-lock/remove": self._release_lock,
            "request/commit-lock/add": self._take_lock,
            "request/commit-lock/remove": self._release_lock,
            "request/certificate/generate": self._generate,
            "request/certificate/show": self._show_certificates,
            "revert/config/partial/admin": self._revert,
            "validate/full": lambda admin, *_: self._enqueued(admin.name, "Validate"),
        }

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path not in ("/api", "/api/"):
            return Answer(404, b"<html><body>Not Found</body></html>", "text/html")
        if request.method not in ("GET", "POST"):
            return Answer(405, b"<html><body>Method Not Allowed</body></html>", "text/html")
        with self.lock:
            self.firewall.tick()
            try:
                return self._answer(request)
            except PanosError as error:
                return error.answer(self.firewall.switches)
            except BadXpath:
                return PanosError("Invalid xpath", code=BAD_XPATH).answer(self.firewall.switches)

    def _answer(self, request: Request) -> Answer:
        content_type = str(request.headers.get("content-type", ""))
        if request.content_type == "multipart/form-data" and 'boundary="' in content_type:
            raise BadRequest("Malformed multipart request")  # a quoted boundary fails on devices (§7)
        parameters = {**request.query, **request.form}
        kind = parameters.get("type", "")
        if kind == "keygen":
            return self._keygen(parameters)
        admin = self._authenticate(request, parameters)
        if kind not in self._types:
            raise illegal("type", kind) if kind else missing("type")
        if kind == "import":
            files = [part for part in request.parts if part.name == "file"]
            parameters["file"] = files[0].content.decode("utf-8", "replace") if files else ""
        right, handler = self._types[kind]
        self.log.append((kind, _summary(parameters), admin.name))
        if right is not None and right not in admin.role.rights:
            raise Unauthorized
        return handler(admin, parameters)

    # --- authentication (§1) ---------------------------------------------------------------------------------------

    def _keygen(self, parameters: Parameters) -> Answer:
        for name in ("user", "password"):
            if not parameters.get(name):
                raise missing(name)
        admin = self.firewall.admins.get(parameters["user"])
        if admin is None or not hmac.compare_digest(admin.password, parameters["password"]):
            raise BadCredentials("invalid")
        return key_answer(self.firewall.keygen(admin))

    def _authenticate(self, request: Request, parameters: Parameters) -> Administrator:
        key = str(request.headers.get("x-pan-key", "")) or parameters.get("key", "")
        scheme, _, value = str(request.headers.get("authorization", "")).partition(" ")
        now = self.firewall.clock.now()
        for admin in self.firewall.admins.values():
            if key and hmac.compare_digest(admin.api_key.encode(), key.encode()):
                if admin.key_expires is not None and now >= admin.key_expires:
                    break
                return admin
            if not key and scheme.lower() == "basic" and _basic(value) == (admin.name, admin.password):
                return admin
        raise BadCredentials("invalid")

    # --- type=version, config (§3, §6, §8) ---------------------------------------------------------------------------

    def _version(self, admin: Administrator, parameters: Parameters) -> Answer:
        device = self.firewall
        values = {"sw-version": device.version, "multi-vsys": "off", "model": device.model, "serial": device.serial}
        return success(*(text_element(tag, text) for tag, text in values.items()))

    def _config(self, admin: Administrator, parameters: Parameters) -> Answer:
        action = parameters.get("action", "")
        if not action:
            raise missing("action")
        if not parameters.get("xpath"):
            raise missing("xpath")
        path = xpath.parse(parameters["xpath"])
        if action == "get":
            nodes = xpath.find_all(self.firewall.candidate, path)
            return found(nodes) if nodes else Answer(200, ABSENT_ANSWER, "application/xml; charset=UTF-8")
        if action == "show":
            return self._show(path)
        if action not in WRITING_ACTIONS:
            raise illegal("action", action)
        if admin.role.is_read_only:
            raise Unauthorized
        self._write(action, path, parameters, admin)
        return success_message("command succeeded", COMMAND_SUCCEEDED)

    def _show(self, path: Xpath) -> Answer:
        nodes = xpath.find_all(self.firewall.running, path)
        if not nodes:
            raise PanosError("No such node")
        if len(nodes) > 1:
            raise PanosError("xpath must match a single node")
        return success(nodes[0], code=SUCCESS)

    def _write(self, action: str, path: Xpath, parameters: Parameters, admin: Administrator) -> None:
        if action == "delete":
            self.firewall.remove(path, admin.name)
            return
        if not parameters.get("element"):
            raise missing("element")
        elements = parse_fragments(parameters["element"])
        if not all(step.is_definite for step in path):
            raise BadXpath(parameters["xpath"])
        if action == "set":
            self.firewall.merge(path, elements, admin.name)
            return
        last, element = path[-1], elements[0]
        if len(elements) != 1 or element.tag != last.tag or (last.name or None) != (element.get("name") or None):
            raise PanosError("Edit breaks config validity", code=12)
        self.firewall.replace(path, element, admin.name)

    # --- type=op (§3, §4) --------------------------------------------------------------------------------------------

    def _op(self, admin: Administrator, parameters: Parameters) -> Answer:
        if not parameters.get("cmd"):
            raise missing("cmd")
        root = parse_xml(parameters["cmd"])
        names, node = [root.tag], root
        while "/".join(names) not in self._commands:
            if len(node) != 1:
                raise unexpected(*names)
            node = node[0]
            names.append(node.tag)
        command = "/".join(names)
        if admin.role.is_read_only and names[0] in ("request", "revert"):
            raise Unauthorized
        return self._commands[command](admin, parameters, node)

    def _system_info(self, *_: object) -> Answer:
        device = self.firewall
        system = Element("system")
        for tag, text in {
            "hostname": device.name, "ip-address": "127.0.0.1", "devicename": device.name, "uptime": "1 days",
            "family": "vm", "model": device.model, "serial": device.serial, "sw-version": device.version,
            "multi-vsys": "off", "operational-mode": "normal", "platform-family": "vm",
        }.items():  # fmt: skip
            SubElement(system, tag).text = text
        return success(system)

    def _show_admins(self, admin: Administrator, *_: object) -> Answer:
        admins = Element("admins")
        entry = SubElement(admins, "entry")
        SubElement(entry, "admin").text = admin.name
        SubElement(entry, "from").text = "127.0.0.1"
        SubElement(entry, "type").text = "Web"
        if self.firewall.switches.show_self:
            SubElement(entry, "self")
        return success(admins)

    def _show_job(self, admin: Administrator, parameters: Parameters, node: Element) -> Answer:
        for job in self.firewall.jobs:
            if str(job.id) == text_of(node):
                return success(job_element(job, self.firewall))
        raise PanosError(f"job {text_of(node)} not found", code=7)

    def _show_jobs(self, admin: Administrator, parameters: Parameters, node: Element) -> Answer:
        wanted = {"pending": ("PEND",), "processed": ("OK", "FAIL")}.get(node.tag, ("PEND", "OK", "FAIL"))
        jobs = [job for job in reversed(self.firewall.jobs) if job.result in wanted]
        return success(*(job_element(job, self.firewall) for job in jobs))

    def _show_changes(self, *_: object) -> Answer:
        shape = self.firewall.switches.changes_shape
        if shape == "unknown_command":
            raise unexpected("show", "config", "list", "changes")
        if shape == "empty" or not self.firewall.changes:
            return success()
        journal = Element("journal")
        for change in self.firewall.changes.values():
            entry = SubElement(journal, "entry")
            SubElement(entry, "xpath").text = change.path
            SubElement(entry, "owner").text = change.owner
            SubElement(entry, "action").text = f" {change.action}"
            SubElement(entry, "admin-history").text = change.owner
        return success(journal)

    def _show_locks(self, tag: str, locks: Mapping[str, str]) -> Answer:
        holder = Element(tag)
        for scope, owner in locks.items():
            entry = SubElement(holder, "entry", {"name": owner})
            for name, text in (("type", scope), ("name", scope), ("loggedin", "yes"), ("comment", "(null)")):
                SubElement(entry, name).text = text
        return success(holder)

    def _take_lock(self, admin: Administrator, parameters: Parameters, node: Element) -> Answer:
        locks, kind = self._locks_of(parameters)
        return success(text=self.firewall.take_lock(locks, kind, parameters.get("vsys", "shared"), admin.name))

    def _release_lock(self, admin: Administrator, parameters: Parameters, node: Element) -> Answer:
        locks, kind = self._locks_of(parameters)
        owner = text_of(node.find("admin")) or admin.name
        return success(text=self.firewall.release_lock(locks, kind, parameters.get("vsys", "shared"), owner))

    def _locks_of(self, parameters: Parameters) -> tuple[dict[str, str], str]:
        if "<config-lock>" in parameters["cmd"]:
            return self.firewall.config_locks, "Config"
        return self.firewall.commit_locks, "Commit"

    def _generate(self, admin: Administrator, parameters: Parameters, node: Element) -> Answer:
        text = self.store.generate(node, self._scope(parameters), admin.name)
        return success(text=text) if self.firewall.switches.generate_answer == "result_text" else success_lines(text)

    def _show_certificates(self, admin: Administrator, parameters: Parameters, node: Element) -> Answer:
        entries = []
        for entry in xpath.find_all(self.firewall.candidate, (*self._scope(parameters), xpath.Step("entry"))):
            flat = Element("entry", {"name": entry.get("name", "")})
            for tag in ("common-name", "subject", "issuer", "ca", "not-valid-before", "not-valid-after"):
                SubElement(flat, tag).text = text_of(entry.find(tag))
            SubElement(flat, "expiry").text = text_of(entry.find("expiry-epoch"))
            entries.append(flat)
        return success(*entries)

    def _revert(self, admin: Administrator, parameters: Parameters, node: Element) -> Answer:
        self.firewall.revert(tuple(text_of(member) for member in node.findall("member")))
        return success(text="reverted changes from configuration")

    def _scope(self, parameters: Parameters) -> Xpath:
        """Where certificates live: `vsys=` picks the scope, nothing means shared (§4)."""
        vsys = parameters.get("vsys", "")
        if not vsys or (vsys == "shared" and self.firewall.switches.vsys_shared):
            return xpath.parse(SHARED_CERTIFICATES)
        if vsys != "vsys1":
            raise illegal("vsys", vsys)
        return xpath.parse(f"{DEVICE}/vsys/entry[@name='{vsys}']/certificate")

    # --- type=import, export (§5, §7) --------------------------------------------------------------------------------

    def _import(self, admin: Administrator, parameters: Parameters) -> Answer:
        for name in ("category", "certificate-name", "format"):
            if not parameters.get(name):
                raise BadRequest(f'Parameter "{name}" is required while importing certificate')
        if admin.role.is_read_only:
            raise Unauthorized
        if parameters["format"] not in ("pem", "pkcs12"):
            raise illegal("format", parameters["format"])
        if not parameters["file"]:
            raise BadRequest("There is no file to import")
        content, name, parent = parameters["file"].encode(), parameters["certificate-name"], self._scope(parameters)
        if parameters["category"] == "certificate":
            return success(text=self.store.import_certificate(name, content, parent, admin.name))
        if parameters["category"] == "keypair":
            phrase = parameters.get("passphrase", "")
            return success(text=self.store.import_keypair(name, content, phrase, parent, admin.name))
        raise illegal("category", parameters["category"])

    def _export(self, admin: Administrator, parameters: Parameters) -> Answer:
        for name in ("category", "certificate-name", "format", "include-key"):
            if not parameters.get(name):
                raise BadRequest(f'Parameter "{name}" is required while exporting certificate')
        if parameters["category"] != "certificate":
            raise illegal("category", parameters["category"])
        if parameters["format"] not in ("pem", "pkcs10"):
            raise illegal("format", parameters["format"])
        include_key = parameters["include-key"] == "yes"
        if include_key and not parameters.get("passphrase"):
            raise BadRequest('Parameter "passphrase" is required while exporting certificate')
        name = parameters["certificate-name"]
        phrase = parameters.get("passphrase", "")
        body = self.store.export(name, parameters["format"], phrase, include_key, self._scope(parameters))
        suffix = "csr" if parameters["format"] == "pkcs10" else "pem"
        disposition = {"Content-Disposition": f"attachment; filename={name.lower()}.{suffix}"}
        return Answer(200, body, "application/octet-stream", disposition)

    # --- type=commit (§9) --------------------------------------------------------------------------------------------

    def _commit(self, admin: Administrator, parameters: Parameters) -> Answer:
        if not parameters.get("cmd"):
            raise missing("cmd")
        if parameters.get("action") not in (None, "", "partial"):
            raise illegal("action", parameters["action"])
        if admin.role.is_read_only:
            raise Unauthorized
        root = parse_xml(parameters["cmd"])
        if root.tag != "commit":
            raise unexpected(root.tag)
        partial = root.find("partial")
        self._check_commit(root, partial)
        if root.find("validate") is not None:
            return self._enqueued(admin.name, "Validate")
        admins: tuple[str, ...] = ()
        excluded: frozenset[str] = frozenset()
        if partial is not None:
            admins = tuple(text_of(member) for member in partial.findall("admin/member"))
            excluded = frozenset(tag for tag in _EXCLUSIONS if text_of(partial.find(tag)) == "excluded")
        description = text_of(root.find("description")) or text_of(root.find("partial/description"))
        job = self.firewall.commit(admin.name, admins, description, excluded, root.find("force") is not None)
        return self._nothing_to_commit(admin) if job is None else self._job_enqueued(job.id)

    def _check_commit(self, root: Element, partial: Element | None) -> None:
        known = {"description", "partial", "force", "validate"}
        inside = {"admin", "description", "vsys", "no-vsys", *_EXCLUSIONS}
        for child in root:
            if child.tag not in known:
                raise unexpected("commit", child.tag)
        for child in partial if partial is not None else ():
            if child.tag not in inside:
                raise unexpected("commit", "partial", child.tag)
        place = self.firewall.switches.commit_description
        if root.find("description") is not None and place in ("partial_only", "refused"):
            raise unexpected("commit", "description")
        if root.find("partial/description") is not None and place in ("direct_only", "refused"):
            raise unexpected("commit", "partial", "description")
        for member in root.findall("partial/admin/member"):
            if text_of(member) not in self.firewall.admins:
                raise invalid("commit", "partial", "admin", why=f"'{text_of(member)}' is not a valid administrator")

    def _nothing_to_commit(self, admin: Administrator) -> Answer:
        form = self.firewall.switches.no_partial_changes
        if form == "job_with_same_result":
            return self._enqueued(admin.name, "Commit")
        if form == "same_result_error":
            raise PanosError(SAME_RESULT, code=13)
        return success_message(NO_CHANGES if form == "no_changes_msg" else SAME_RESULT, SUCCESS)

    def _enqueued(self, admin: str, kind: str) -> Answer:
        """A job that changes nothing."""
        job = self.firewall.commit(admin, (), "", frozenset(_EXCLUSIONS), force=True)
        assert job is not None
        job.kind = kind
        return self._job_enqueued(job.id)

    def _job_enqueued(self, number: int) -> Answer:
        line = f"Commit job enqueued with jobid {number}"
        return success_lines(line, code=SUCCESS, extra=[text_element("job", str(number))])


def _summary(parameters: Parameters) -> str:
    """What a request is about, without keys, passphrases and bodies."""
    names = ("action", "xpath", "category", "certificate-name", "cmd")
    return " ".join(parameters[name] for name in names if parameters.get(name))[:300]


def _basic(value: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password
