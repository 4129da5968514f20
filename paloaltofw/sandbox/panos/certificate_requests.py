"""Certificates through the API (panos.md §4, §5, §7): generate, show, import and export, and the scope they work in."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, tostring  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.https import Answer, Part
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import (
    ABSENT,
    BadRequest,
    PanosError,
    illegal,
    missing,
    success,
    success_lines,
    text_element,
    text_of,
)
from paloaltofw.sandbox.panos.certificate_store import CERTIFICATE, KEYPAIR, PRIVATE_KEY, Export, Import
from paloaltofw.sandbox.panos.config_requests import visible
from paloaltofw.sandbox.panos.configuration import Place, place_of, without
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.generation import parse_generate
from paloaltofw.sandbox.panos.switches import Right
from paloaltofw.sandbox.panos.x509_texts import openssl_date, summary
from paloaltofw.sandbox.panos.xpath import Step, find

Parameters = Mapping[str, str]
_IMPORT_FORMATS = {CERTIFICATE: ("pem",), KEYPAIR: ("pem", "pkcs12"), PRIVATE_KEY: ("pem",)}
CONFIGURATION = "configuration"
_EXPORT_FORMATS = ("pem", "pkcs10", "pkcs12")


def generate(firewall: Firewall, admin: Administrator, element: Element, place: Place) -> Answer:
    """request certificate generate."""
    order = parse_generate(element, firewall.switches, firewall.name_limit)
    firewall.require_no_pending_commit()
    firewall.locks.require_config(admin.name, firewall.lock_scope(place_of(place)))
    with firewall.configuration.change(admin.name, firewall.local_now()) as root:
        firewall.store.generate(root, order, place, firewall.clock.now())
    text = f"Successfully generated certificate and key pair for certificate name: {order.certificate_name}"
    return success_lines(text) if firewall.switches.generate_answer == "msg_line" else success(text=text)


def show(firewall: Firewall, place: Place, name: str | None) -> Answer:
    """request certificate show: flat entries without PEM (panos.md §6)."""
    container = find(firewall.configuration.candidate, (*place_of(place), Step("certificate")))
    entries = list(container) if container is not None else []
    if name is not None:
        entries = [entry for entry in entries if entry.get("name") == name]
        if not entries:
            raise PanosError(f"certificate {name} not found", code=ABSENT)
    return success(*(_flat(firewall, entry) for entry in entries))


def _flat(firewall: Firewall, entry: Element) -> Element:
    flat = Element("entry", {"name": entry.get("name", "")})
    certificates = firewall.store.certificates_of(entry)
    fields = {"common-name": text_of(entry.find("common-name"))}
    if certificates:
        fields.update(summary(certificates[0], firewall.switches.subject_form))
        is_true = firewall.switches.certificate_show_expiry == "true"
        expiry = certificates[0].not_valid_after_utc if is_true else firewall.clock.now()
        fields |= {"not-valid-after": openssl_date(expiry), "expiry": str(int(expiry.timestamp()))}
    flat.extend(text_element(tag, text) for tag, text in fields.items() if text)
    return flat


def answer_import(firewall: Firewall, admin: Administrator, parameters: Parameters, parts: list[Part]) -> Answer:
    """type=import."""
    admin.require(Right.IMPORT, is_change=True)
    category, format_ = _import_kind(parameters)
    name = _required(parameters, "certificate-name", "importing", category)
    if category != CERTIFICATE:
        _required(parameters, "passphrase", "importing", category)
    content = next((part.content for part in parts if part.name == "file" and part.filename is not None), None)
    if content is None:
        # The part must be named `file` (panos.md §7).
        raise missing("file")
    place = firewall.place_for(parameters)
    firewall.locks.require_config(admin.name, firewall.lock_scope(place_of(place)))
    firewall.require_no_pending_commit()
    if firewall.happens("transient_import_failures"):
        raise PanosError(f"Failed to find begining of certificate in {name}.pem")
    name = firewall.store.import_name(name, firewall.name_limit)
    order = Import(category, name, content, place, format_, parameters.get("passphrase", ""))
    with firewall.configuration.change(admin.name, firewall.local_now()) as root:
        firewall.store.import_(root, order, firewall.clock.now())
    return success(text=f"Successfully imported {name} into candidate configuration")


def _import_kind(parameters: Parameters) -> tuple[str, str]:
    category = parameters.get("category")
    if not category:
        raise missing("category")
    if category not in _IMPORT_FORMATS:
        raise illegal("category", category, _IMPORT_FORMATS)
    format_ = _required(parameters, "format", "importing", category)
    if format_ not in _IMPORT_FORMATS[category]:
        raise illegal("format", format_)
    return category, format_


def answer_export(firewall: Firewall, admin: Administrator, parameters: Parameters) -> Answer:
    """type=export."""
    admin.require(Right.EXPORT)
    category = parameters.get("category")
    if not category:
        raise missing("category")
    if category == CONFIGURATION:
        return _export_configuration(firewall, admin)
    if category != CERTIFICATE:
        raise illegal("category", category, (CERTIFICATE, CONFIGURATION))
    name, format_, with_key = (
        _required(parameters, key, "exporting", category) for key in ("certificate-name", "format", "include-key")
    )
    if format_ not in _EXPORT_FORMATS:
        raise illegal("format", format_)
    if with_key not in ("yes", "no") or (with_key == "yes" and format_ == "pkcs10"):
        raise illegal("include-key", with_key)
    if with_key == "yes" or format_ == "pkcs12":
        _required(parameters, "passphrase", "exporting", category)
    place = firewall.place_for(parameters)
    order = Export(name, format_, with_key == "yes", parameters.get("passphrase", ""), place)
    file_name, content = firewall.store.export(firewall.configuration.candidate, order)
    headers = {"Content-Disposition": f"attachment; filename={file_name}"}
    return Answer(200, content, "application/octet-stream", headers)


def _export_configuration(firewall: Firewall, admin: Administrator) -> Answer:
    """The running configuration without an envelope (panos.md §2), as far as this administrator may see it."""
    [root] = visible(firewall, admin, [without(firewall.configuration.running, template_marks=True)])
    headers = {"Content-Disposition": "attachment; filename=running-config.xml"}
    return Answer(200, tostring(root), "application/xml", headers)


def _required(parameters: Parameters, name: str, doing: str, category: str) -> str:
    if not parameters.get(name):
        raise BadRequest(f'Parameter "{name}" is required while {doing} {category}')
    return parameters[name]
