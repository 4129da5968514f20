"""Rules for addresses: where firewalls and SCM are, and whose TLS certificate is accepted."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from pathlib import Path

from paloaltofw.configuration.mistakes import is_portal, web_interface_of
from paloaltofw.configuration.names import dns_name
from paloaltofw.configuration.rules import BadValue, Rule, expand, string_schema, takes, text_schema
from paloaltofw.configuration.yaml_document import Section
from paloaltofw.model.trust import SYSTEM_TRUST, Trust

_PIN = re.compile(r"sha256:((?:[0-9A-Fa-f]{2}:?){32})")
_API_PATH = "/api/v1"


@takes(string_schema(minLength=1))
def management_url(text: str) -> str:
    """A rule: URL, host name or IP address of a management interface; returns `https://host[:port]`."""
    url = _with_scheme(_one_word(text))
    address = web_interface_of(url)
    if address:
        raise BadValue("is a page of the firewall's web interface", f"write {address}")
    return https_origin(url, paths=("", "/", "/api", "/api/"))


def _one_word(text: str) -> str:
    """The text without outer blanks; urlsplit would silently drop line breaks inside."""
    text = expand(text.strip())
    if not text.isprintable() or " " in text:
        raise BadValue("holds blanks or control characters", "for example https://192.0.2.10")
    return text


def _with_scheme(text: str) -> str:
    if "://" in text:
        return text
    try:
        return f"https://[{ipaddress.IPv6Address(text)}]"
    except ValueError:
        return f"https://{text}"


def https_origin(text: str, paths: tuple[str, ...]) -> str:
    """`https://host[:port]` of a URL that has no other parts than one of these paths; raises BadValue."""
    try:
        url = urllib.parse.urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise BadValue(f"{text!r} is not a URL", "for example https://192.0.2.10") from None
    if url.scheme != "https":
        raise BadValue(f"{text!r} is not an https URL", "write https://: credentials travel over https only")
    if not host or port == 0 or url.username is not None or url.password is not None or url.query or url.fragment:
        raise BadValue("is not a plain URL with a host", "for example https://192.0.2.10")
    if url.path not in paths:
        raise BadValue(f"{text!r} has the path {url.path}", "write the address without a path")
    return f"https://{host_name(host)}:{port}" if port not in (None, 443) else f"https://{host_name(host)}"


def host_name(host: str) -> str:
    """A host name, or an IP address as a URL holds it; raises BadValue."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = dns_name(host)
        if name.startswith("*"):
            raise BadValue(f"{host!r} is not a host name", "a wildcard is no address") from None
        return name
    if "%" in host:
        raise BadValue(f"{host!r} has a zone", "an address that means the same on every host")
    return f"[{address}]" if address.version == 6 else str(address)


@takes(string_schema(r"\s*[Hh][Tt][Tt][Pp][Ss]://.+|.*\$\{.*"))
def scm_url(text: str) -> str:
    """A rule: SCM's enrollment API URL, with or without /api/v1; returns `https://host[:port]`."""
    if is_portal(text.strip()):
        allowed = "write the URL of the REST API that SCM shows under Enrollment > REST"
        raise BadValue("is the address of SCM's portal, where people log in", allowed)
    url = https_origin(_one_word(text).rstrip("/"), paths=("", _API_PATH, _API_PATH + "/certificates"))
    if "customer.enroll." in url:
        raise BadValue("still names the sample's CUSTOMER", "write the URL shown in SCM under Enrollment > REST")
    return url


@takes(string_schema(r"\s*[Hh][Tt][Tt][Pp][Ss]://.+|.*\$\{.*"))
def token_url(text: str) -> str:
    """A rule: the https URL of the OAuth token endpoint."""
    text = _one_word(text)
    try:
        url = urllib.parse.urlsplit(text)
    except ValueError:
        raise BadValue(f"{text!r} is not a URL", "https://host/path") from None
    if not url.path.strip("/") or url.query or url.fragment:
        raise BadValue(f"{text!r} is not a token URL", "https://host/path")
    origin = https_origin(f"{url.scheme}://{url.netloc}", paths=("",))
    return origin + url.path


def read_trust(document: Section, key: str, is_replaced: bool = False) -> Trust:
    """Read a value that is true, false, the path of a PEM file, or a pinned fingerprint.

    `is_replaced`: another pin is about to be written, so only a present pin is of interest.
    """
    if document.is_boolean(key):
        return Trust(off=not document.boolean(key, default=True))
    if is_replaced:
        return document.value_or(key, _pin_or_nothing, SYSTEM_TRUST)
    return document.value_or(key, _trust(document.path.parent), SYSTEM_TRUST)


def _pin_or_nothing(text: str) -> Trust:
    try:
        return Trust(pin=read_pin(text)) if text.lower().startswith("sha256:") else SYSTEM_TRUST
    except BadValue:
        return SYSTEM_TRUST


def _trust(folder: Path) -> Rule[Trust]:
    @takes(text_schema(minLength=1), lambda trust: not trust.off)
    def rule(text: str) -> Trust:
        if text.lower().startswith("sha256:"):
            return Trust(pin=read_pin(text))
        path = folder / Path(expand(text)).expanduser()
        if not path.is_file():
            raise BadValue(
                f"{text!r} is no file (looked for at {path})",
                "true, the path of a PEM file to trust, or sha256:AB:CD:…",
            )
        check_pem(path)
        return Trust(ca_file=path)

    return rule


def read_pin(text: str) -> str:
    """A rule: a fingerprint, with or without colons; returns 64 lower-case hex digits."""
    match = _PIN.fullmatch("sha256:" + text[7:])
    digits = match.group(1).replace(":", "").lower() if match else ""
    if len(digits) != 64:
        raise BadValue(f"{text!r} is not a SHA-256 fingerprint", "sha256: and 32 bytes in hex, as openssl prints them")
    return digits


def check_pem(path: Path) -> None:
    """Refuse a file of CAs that holds no certificate; raises BadValue."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadValue(f"{path} cannot be read: {error.strerror}", "correct the path or the file's rights") from None
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise BadValue(f"{path} holds no PEM certificate", "a file that begins with -----BEGIN CERTIFICATE-----")
