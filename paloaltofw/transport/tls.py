"""TLS: sessions that verify by CAs, by a pin, or not at all, also through a proxy."""

from __future__ import annotations

import functools
import os
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paloaltofw.model.trust import Trust
from paloaltofw.transport.deadline import WATCHDOG

if TYPE_CHECKING:
    import requests
    from urllib3.connectionpool import HTTPSConnectionPool


def new_session(trust: Trust) -> requests.Session:
    """Return a session that verifies its peer as `trust` says; raises OSError if the CA file cannot be loaded."""
    import requests
    from requests.adapters import HTTPAdapter

    pool_class = _pool_class()
    tls: dict[str, Any] = {
        "ssl_context": _context(trust.ca_file, is_unverified(trust)),
        "assert_fingerprint": trust.pin,
    }

    class _Adapter(HTTPAdapter):
        """Hands our own TLS context on, also through a proxy: requests would read the CA file for every connection."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, **tls)  # type: ignore[misc]  # the names do not meet
            self.poolmanager.pool_classes_by_scheme = {"https": pool_class}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **tls, **kwargs)
            manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": pool_class}
            return manager

        def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            host, pool = super().build_connection_pool_key_attributes(*args, **kwargs)
            return host, {key: value for key, value in pool.items() if key not in ("ca_certs", "ca_cert_dir")}

        def cert_verify(self, conn: Any, *args: Any, **kwargs: Any) -> None:
            conn.cert_reqs = "CERT_NONE" if is_unverified(trust) else "CERT_REQUIRED"

    session = requests.Session()
    # Its look at the environment is made once by us: each request would read all of it, and ~/.netrc, which would
    # replace the Authorization header.
    session.trust_env = False
    session.headers.update({"User-Agent": "paloaltoagent", "Accept-Encoding": "identity"})
    session.mount("https://", _Adapter())
    if trust.off:
        import urllib3

        # The user chose this and is told so once a run; urllib3 would tell it once a request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return session


def _pool_class() -> type[HTTPSConnectionPool]:
    """Connections that tell the watchdog which of them the calling thread's request goes over."""
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPSConnectionPool

    class _Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn()
            WATCHDOG.hold(sock)
            return sock

        def connect(self) -> None:
            super().connect()
            WATCHDOG.connected()

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:
                WATCHDOG.hold(self.sock)
                WATCHDOG.connected()
            super().request(*args, **kwargs)

    class _Pool(HTTPSConnectionPool):
        ConnectionCls = _Connection

    return _Pool


def is_unverified(trust: Trust) -> bool:
    """Whether no chain is verified: with a pin the adapter compares the fingerprint instead."""
    return bool(trust.pin) or trust.off


@functools.lru_cache(maxsize=64)
def _context(ca_file: Path | None, is_unverified: bool) -> ssl.SSLContext:
    """One TLS context for all connections of the same trust; raises OSError if the CA file cannot be loaded."""
    import requests.utils
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE if is_unverified else ssl.CERT_REQUIRED)
    if not is_unverified:
        # The variables that requests heeds, for hosts behind a TLS-inspecting proxy.
        chosen = (
            os.environ.get("REQUESTS_CA_BUNDLE")
            or os.environ.get("CURL_CA_BUNDLE")
            or requests.utils.DEFAULT_CA_BUNDLE_PATH
        )
        path = str(ca_file or chosen)
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    return context
