"""Tell every channel what is new for it, and remember what was told."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from paloaltofw.model.channels import Channel
from paloaltofw.notifications.memory import Memory
from paloaltofw.notifications.messages import Message, message_for
from paloaltofw.notifications.sending import send
from paloaltofw.notifications.troubles import SUCCESS, Trouble
from paloaltofw.storage.notes import load_note, save_note
from paloaltofw.storage.store import Store

events = logging.getLogger("paloaltofw.events")
FILE = "told.json"
Send = Callable[[Sequence[Message]], "list[str | None]"]


@dataclass(frozen=True)
class News:
    """What a run has to tell. `seen`: the profiles that it looked at; `known`: all that there are, if that is known."""

    command: str
    troubles: Sequence[Trouble]
    successes: Sequence[str]
    seen: Collection[str]
    known: Collection[str] | None


def tell(channels: Sequence[Channel], news: News, store: Store, now: datetime.datetime, post: Send = send) -> list[str]:
    """Send what is new to each channel; return a sentence for each that was not reached, for the terminal."""
    memory = Memory(load_note(store, FILE))
    memory.keep_only(channels)
    messages = []
    for channel in channels:
        memory.forget(channel, news.seen, news.known, news.troubles)
        message = message_for(channel, news.command, news.troubles, news.successes, memory, now)
        if message is not None:
            messages.append(message)
    failed = _post(messages, memory, now, post) if messages else []
    save_note(store, FILE, memory.document)
    return failed


def _post(messages: Sequence[Message], memory: Memory, now: datetime.datetime, post: Send) -> list[str]:
    failed = []
    for message, trouble in zip(messages, post(messages), strict=True):
        channel = message.channel
        if trouble is None:
            for names, code in message.troubles:
                memory.mark(channel, names, code, now)
            memory.owe(channel, [])
            events.info("%s is told: %s", channel.title, message.title)
            continue
        if SUCCESS in channel.on:
            memory.owe(channel, list(message.successes))
        text = f"{channel.title} is not told: {trouble}; the next run tries again"
        events.warning("%s", text)
        failed.append(text)
    return failed
