"""The data plane: what the services of a simulated firewall present by TLS, from the running configuration.

Each service is named by its SSL/TLS service profile. Which chain is sent is not known of real devices (panos.md §7):
it is a switch, and so are a plane that lags behind the commit, keeps what it had, or fails.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import socketserver
import ssl
import struct
import threading
from dataclasses import dataclass
from xml.etree.ElementTree import Element  # nosec B405  # only the type

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from paloaltofw.sandbox.base.https import LOOPBACK, server_context
from paloaltofw.sandbox.panos.certificate_store import entry_path
from paloaltofw.sandbox.panos.configuration import place_of
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.keystore import PrivateKey
from paloaltofw.sandbox.panos.xpath import Step, find

# A client that shakes hands and says nothing more is given up after so many seconds.
PATIENCE = 5.0
_NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
Service = tuple[str, str]


@dataclass(frozen=True)
class Identity:
    """What a service presents: its certificate with what it sends beside it, and the key."""

    certificates: tuple[x509.Certificate, ...]
    key: PrivateKey

    @property
    def der(self) -> tuple[bytes, ...]:
        """As they are sent."""
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in self.certificates)


class Reset(Exception):
    """The service hangs up before a handshake: it has no certificate, or is out of order."""


class DataPlane:
    """The services of one firewall. It serves what the last commit left, once that has taken effect."""

    def __init__(self, firewall: Firewall) -> None:
        self.firewall = firewall
        self._history: dict[Service, list[tuple[datetime.datetime, Identity | None]]] = {}
        self._another: Identity | None = None
        firewall.listeners.append(self._follow)

    def add(self, profile: str, vsys: str = "shared") -> None:
        """A service from now on; what it has now it had always."""
        with self.firewall.settled():
            self._history[profile, vsys] = [(_NEVER, self._running(profile, vsys))]

    def presented(self, profile: str, vsys: str = "shared") -> Identity:
        """What a client meets now; raises Reset."""
        with self.firewall.settled():
            mode = self.firewall.switches.data_plane
            if mode == "resets":
                raise Reset
            if mode == "another":
                return self._anothers()
            self._follow()
            now = self.firewall.clock.now()
            found = [identity for since, identity in self._history[profile, vsys] if since <= now][-1]
        if found is None:
            raise Reset
        return found

    def _follow(self) -> None:
        """Take over what is running, from the moment on when it takes effect."""
        switches = self.firewall.switches
        if switches.data_plane == "stays_old":
            return
        since = self.firewall.clock.now() + datetime.timedelta(seconds=switches.data_plane_delay)
        for (profile, vsys), history in self._history.items():
            identity = self._running(profile, vsys)
            if _content(identity) != _content(history[-1][1]):
                history.append((since, identity))

    def _running(self, profile: str, vsys: str) -> Identity | None:
        root, store = self.firewall.configuration.running, self.firewall.store
        path = (*place_of(vsys), Step("ssl-tls-service-profile"), Step("entry", name=profile), Step("certificate"))
        node = find(root, path)
        name = (node.text or "").strip() if node is not None else ""
        entry = find(root, entry_path(name, vsys)) if name else None
        certificates, key = store.certificates_of(entry), store.key_of(entry)
        return Identity(self._sent(root, certificates, vsys), key) if certificates and key else None

    def _sent(self, root: Element, held: list[x509.Certificate], vsys: str) -> tuple[x509.Certificate, ...]:
        """What is sent of an entry that holds these: a bundle, or one certificate whose issuers are elsewhere."""
        switches = self.firewall.switches
        if len(held) > 1:
            return tuple(held if switches.served_bundle == "whole" else held[:1])
        sent = list(held)
        container = find(root, (*place_of(vsys), Step("certificate")))
        entries = list(container) if container is not None and switches.served_chain == "found_by_issuer" else []
        others = [item for entry in entries for item in self.firewall.store.certificates_of(entry)]
        while sent[-1].issuer != sent[-1].subject:
            issuer = next((item for item in others if item.subject == sent[-1].issuer and item not in sent), None)
            if issuer is None:
                break
            sent.append(issuer)
        return tuple(sent)

    def _anothers(self) -> Identity:
        """A certificate that has nothing to do with any service here."""
        if self._another is None:
            key, now = ec.generate_private_key(ec.SECP256R1()), self.firewall.clock.now()
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "default.invalid")])
            builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
            self._another = Identity(
                (builder.not_valid_after(now + datetime.timedelta(days=3650)).sign(key, hashes.SHA256()),), key
            )
        return self._another


def _content(identity: Identity | None) -> tuple[bytes, ...]:
    return identity.der if identity is not None else ()


class DataPlaneServer:
    """One service of a data plane on a loopback port (0: a free one): it shakes hands, and that is all."""

    def __init__(self, plane: DataPlane, profile: str, vsys: str = "shared", port: int = 0) -> None:
        plane.add(profile, vsys)
        self.profile = profile
        self._plane, self._vsys = plane, vsys
        self._contexts: dict[tuple[bytes, ...], ssl.SSLContext] = {}
        self._listener = _Listener(self, port)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{LOOPBACK}:{self._listener.server_address[1]}"

    def start(self) -> DataPlaneServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, with every connection."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()

    def meet(self, connection: socket.socket) -> None:
        """Shake hands with one client."""
        connection.settimeout(PATIENCE)
        try:
            identity = self._plane.presented(self.profile, self._vsys)
        except Reset:
            # Closed with a reset instead of an end, as where nobody takes the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        with contextlib.suppress(OSError), self._context(identity).wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    def _context(self, identity: Identity) -> ssl.SSLContext:
        if identity.der not in self._contexts:
            pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in identity.certificates)
            key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            self._contexts[identity.der] = server_context(pem, key)
        return self._contexts[identity.der]


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        self.server.owner.meet(self.request)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, owner: DataPlaneServer, port: int) -> None:
        self.owner = owner
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is everyday life here."""
