"""How a channel of notifications is named."""

from __future__ import annotations

from paloaltofw.model.channels import Channel
from paloaltofw.secret import Secret


def test_a_channel_is_named_by_its_place_and_kind_and_never_by_its_url() -> None:
    channel = Channel(2, Secret("MailTos://ops:s]ecret@smtp.example.com"))
    assert channel.title == "notifications[1] (mailtos)"
    assert "s]ecret" not in f"{channel!r} {channel.title}"
