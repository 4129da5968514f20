"""Syslog: this machine's, or a server that listens on UDP. What it does not take never holds or ends a run."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from logging.handlers import SysLogHandler

from paloaltofw.model.channels import Syslog
from paloaltofw.reporting.log_format import JsonLine, OneLine

PROGRAM = "paloaltoagent"
LOCAL_SOCKET = "/dev/log"
# A daemon that has stopped reading must not hold a run (seconds): after that it gets nothing more.
PATIENCE = 1.0
# What a daemon takes as a rule: rsyslog's maxMessageSize is 8 KiB.
LONGEST = 8000


class SyslogHandler(logging.Handler):
    """Sends each line; raises OSError at once where there is no daemon or no such host.

    Python's own handler waits without a bound for a local daemon that has stopped reading, and looks the server's name
    up for each line.
    """

    def __init__(self, server: Syslog, form: str) -> None:
        super().__init__()
        self._line: logging.Formatter = JsonLine() if form == "json" else OneLine("%(levelname)s %(message)s")
        self._is_local = not server.host
        self._is_stuck = False
        self._socket = _open_local() if self._is_local else _open_remote(server)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line, or lose it."""
        if self._is_stuck:
            return
        content = self.format(record).encode("utf-8", "replace")
        try:
            self._send(content)
        except TimeoutError:
            self._is_stuck = True
        except Exception:  # noqa: BLE001, RUF100 - a syslog that takes nothing must not end a run
            self._reopen_and_send(content)

    def _send(self, content: bytes) -> None:
        self._socket.sendall(content + b"\0" if self._is_local else content)

    def _reopen_and_send(self, content: bytes) -> None:
        """A daemon that was restarted listens on a new socket."""
        if not self._is_local:
            return
        with contextlib.suppress(OSError):
            reopened = _open_local()
            self._socket.close()
            self._socket = reopened
            self._send(content)

    def format(self, record: logging.LogRecord) -> str:
        """The line with its priority: the header of RFC 5424 for a server, tag and process for this machine."""
        level = SysLogHandler.priority_names.get(record.levelname.lower(), SysLogHandler.LOG_ERR)
        priority = f"<{SysLogHandler.LOG_DAEMON << 3 | level}>"
        line = self._line.format(record)[:LONGEST]
        if self._is_local:
            return f"{priority}{PROGRAM}[{os.getpid()}]: {line}"
        time = OneLine().formatTime(record)
        return f"{priority}1 {time} {socket.gethostname() or '-'} {PROGRAM} {os.getpid()} - - {line}"

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def _open_local() -> socket.socket:
    """The local daemon's socket, which is of datagrams nearly everywhere, and of a stream with some."""
    try:
        return _connected(socket.AF_UNIX, socket.SOCK_DGRAM, LOCAL_SOCKET)
    except OSError:
        return _connected(socket.AF_UNIX, socket.SOCK_STREAM, LOCAL_SOCKET)


def _open_remote(server: Syslog) -> socket.socket:
    found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
    family, kind, _, _, address = found[0]
    return _connected(family, kind, address)


def _connected(family: int, kind: int, address: object) -> socket.socket:
    made = socket.socket(family, kind)
    try:
        made.settimeout(PATIENCE)
        made.connect(address)  # type: ignore[arg-type]
    except OSError:
        made.close()
        raise
    return made
