"""Loopback HTTPS: carries requests to a simulated service and answers back, and can be told to misbehave."""

from __future__ import annotations

import contextlib
import http.server
import re
import ssl
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Protocol

LOOPBACK = "127.0.0.1"
ANY = "0.0.0.0"  # nosec B104  # clients from elsewhere are not answered
MAX_BODY = 4 * 1024 * 1024
IDLE_SECONDS = 30.0
_BARE_BOUNDARY = re.compile(r'(boundary=)([^";\s]+)', re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """One HTTP request as it arrived."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """Decoded parameters of the URL; the last of a repeated name wins."""
        return _decode(self.target.partition("?")[2])

    @property
    def content_type(self) -> str:
        """Media type of the body without parameters, lower case."""
        return str(self.headers.get_content_type()) if "content-type" in self.headers else ""

    @property
    def form(self) -> dict[str, str]:
        """Decoded fields of a form body (urlencoded, or the text parts of a multipart body)."""
        if self.content_type == "application/x-www-form-urlencoded":
            return _decode(self.body.decode("utf-8", "replace"))
        if self.content_type == "multipart/form-data":
            return {p.name: p.content.decode("utf-8", "replace") for p in self.parts if p.filename is None}
        return {}

    @property
    def parts(self) -> list[Part]:
        """Parts of a multipart/form-data body."""
        if self.content_type != "multipart/form-data":
            return []
        # Real devices take a boundary with any character, unquoted, as pan-python makes it; the parser takes it quoted.
        written = _BARE_BOUNDARY.sub(r'\1"\2"', str(self.headers["content-type"]))
        head = f"Content-Type: {written}\r\n\r\n".encode("latin-1", "replace")
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        return [Part.of(part) for part in message.iter_parts()] if message.is_multipart() else []


@dataclass(frozen=True)
class Part:
    """One part of a multipart body; a part with a file name is a file."""

    name: str
    filename: str | None
    content: bytes

    @classmethod
    def of(cls, part: Message) -> Part:
        content = part.get_payload(decode=True)
        return cls(
            name=str(part.get_param("name", "", header="content-disposition")),
            filename=part.get_filename(),
            content=content if isinstance(content, bytes) else b"",
        )


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None


class Cut(Exception):
    """Raised by an interceptor: close the connection, after sending `sent` raw bytes."""

    def __init__(self, sent: bytes = b"") -> None:
        super().__init__("connection cut")
        self.sent = sent


class Site(Protocol):
    """Something that answers requests: a simulated SCM or a simulated firewall."""

    def handle(self, request: Request) -> Answer:
        """Answer one request; called from several threads."""


Interceptor = Callable[[Request, Callable[[Request], Answer]], Answer]
"""Sits between wire and site: may answer itself, call the site first, raise `Cut`, or wait."""


def _decode(text: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


def server_context(certificate_pem: bytes, key_pem: bytes) -> ssl.SSLContext:
    """TLS context for a server from PEM (certificate first, then its chain)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # load_cert_chain takes files only
        path = Path(folder, "server.pem")
        path.touch(mode=0o600)
        path.write_bytes(key_pem + certificate_pem)
        context.load_cert_chain(path)
    return context


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together and at once: else delayed acknowledgements cost 40 ms an answer.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: _Listener

    def setup(self) -> None:
        # The handshake is done here, in the connection's own thread, so that a silent client blocks nobody else.
        self.request.settimeout(IDLE_SECONDS)
        self._context = self.server.context
        self.request = self._context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
        try:
            self.request.do_handshake()
        except (OSError, ValueError):
            self.request.close()
            raise
        super().setup()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        with contextlib.suppress(OSError):
            self.request.shutdown(SHUT_RDWR)
        self.request.close()

    def _serve(self) -> None:
        if self._context is not self.server.context:
            self.close_connection = True  # a server that starts anew with another certificate hangs up
            return
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY:
            self._send(Answer(413, b"too large", "text/plain"))
            self.close_connection = True
            return
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        owner = self.server.owner
        try:
            answer = owner.interceptor(request, owner.site.handle) if owner.interceptor else owner.site.handle(request)
            self._send(answer)
        except Cut as cut:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.wfile.write(cut.sent)
                self.wfile.flush()
        except OSError:
            self.close_connection = True

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status, answer.reason)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in answer.headers):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - the base class names them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: URLs of other people's clients hold API keys."""


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: HttpsServer, context: ssl.SSLContext, host: str, port: int) -> None:
        self.owner = owner
        self.context = context
        super().__init__((host, port), _Handler)

    def verify_request(self, request: socket | tuple[bytes, socket], client_address: object) -> bool:
        """Whoever is not on this machine is not answered, whatever address is listened on."""
        return isinstance(client_address, tuple) and str(client_address[0]).startswith("127.")

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Say nothing: a client that hangs up or does not trust us is everyday life here."""


class HttpsServer:
    """Serves one site on a loopback port of its own (0: a free one); on `host` ANY under all of 127.0.0.0/8."""

    def __init__(self, site: Site, context: ssl.SSLContext, port: int = 0, host: str = LOOPBACK) -> None:
        self.site = site
        self.interceptor: Interceptor | None = None
        self._listener = _Listener(self, context, host, port)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    def start(self) -> HttpsServer:
        self._thread.start()
        return self

    def use_context(self, context: ssl.SSLContext) -> None:
        """Present another certificate from the next connection on."""
        self._listener.context = context

    def stop(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
