"""Sends messages by Apprise: all at once, each in a thread, so that a hanging server does not hold the run.

Why a message was not sent is told in Apprise's words, without any part of the channel's URL.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import threading
import time
import urllib.parse
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paloaltofw.errors import UsageError
from paloaltofw.notifications.messages import Message
from paloaltofw.notifications.troubles import FAILURE, SUCCESS, URGENT
from paloaltofw.secret import redact

if TYPE_CHECKING:
    from apprise import Apprise

# In all, for all channels (seconds).
TIME_LIMIT = 30.0
APPRISE_LOGGER = "apprise"
_INSTALL = "pip install apprise"
_SHORTEST_PART = 3


def is_available() -> bool:
    """Whether Apprise is installed."""
    return importlib.util.find_spec("apprise") is not None


def ensure_available() -> None:
    """See that Apprise is installed; raises UsageError."""
    if not is_available():
        raise UsageError("notifications need Apprise, which is not installed", remedy=f"run: {_INSTALL}")


def send(messages: Sequence[Message]) -> list[str | None]:
    """Send each message; return for each None, or why it was not seen to arrive."""
    ensure_available()
    words = _Words()
    logger = logging.getLogger(APPRISE_LOGGER)
    logger.propagate = False
    logger.setLevel(logging.WARNING)  # below it Apprise writes URLs and payloads
    logger.addHandler(words)
    try:
        couriers = [_Courier(message, words) for message in messages]
        for courier in couriers:
            courier.start()
        ends = time.monotonic() + TIME_LIMIT
        for courier in couriers:
            courier.join(max(0.0, ends - time.monotonic()))
        late = f"it was not sent within {TIME_LIMIT:g} s"
        return [late if courier.is_alive() else courier.trouble for courier in couriers]
    finally:
        logger.removeHandler(words)


class _Words(logging.Handler):
    """What Apprise says, by thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[int | None, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self._said[record.thread] = record.getMessage()

    def said(self, thread: int | None) -> str:
        return self._said.get(thread, "")


class _Courier(threading.Thread):
    """Sends one message. A daemon: the process may end while it hangs."""

    def __init__(self, message: Message, words: _Words) -> None:
        super().__init__(daemon=True)
        self._message = message
        self._words = words
        self._sender = _sender(message.channel.url.reveal())
        self.trouble: str | None = None

    def run(self) -> None:
        try:
            self.trouble = self._deliver()
        except Exception as error:
            self.trouble = f"unexpected {type(error).__name__}"
        said = self._words.said(self.ident)
        if self.trouble and said:
            self.trouble = f"{self.trouble}: {_without_parts(said, self._message.channel.url.reveal())}"

    def _deliver(self) -> str | None:
        from apprise import NotifyFormat, NotifyType

        if self._sender is None:
            return "Apprise does not know what to do with this URL; see https://github.com/caronc/apprise/wiki"
        kinds = {FAILURE: NotifyType.FAILURE, URGENT: NotifyType.WARNING, SUCCESS: NotifyType.SUCCESS}
        message = self._message
        is_sent = self._sender.notify(
            body=message.body,
            title=message.title,
            notify_type=kinds[message.kind],
            body_format=NotifyFormat.TEXT,  # so Apprise escapes what a channel shows as HTML
        )
        return None if is_sent else "it was not sent"


def _sender(url: str) -> Apprise | None:
    """Apprise with the one channel; None if it does not know this kind of URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of modules that Apprise's plugins import
        import apprise

        asset = apprise.AppriseAsset(app_id="paloaltoagent", app_desc="paloaltoagent", async_mode=False)
        plugin = apprise.Apprise.instantiate(url, asset=asset)
    if plugin is None:
        return None
    if "overflow=" not in url:
        plugin.overflow_mode = apprise.OverflowMode.TRUNCATE  # a message that is too long would be refused for ever
    sender = apprise.Apprise(asset=asset)
    sender.add(plugin)
    return sender


def _without_parts(text: str, url: str) -> str:
    """A text without anything that the URL holds behind its scheme: which part of it is a secret only Apprise knows."""
    text = redact(text)
    behind = url.partition("://")[2]
    parts = {behind, *re.split(r"[/@:?&=;,#\s]+", behind)}
    parts |= {urllib.parse.unquote(part) for part in parts}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST_PART:
            text = re.sub(re.escape(part), "***", text, flags=re.IGNORECASE)
    return " ".join(text.split())[:300]
