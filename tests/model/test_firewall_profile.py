"""One firewall, or the two units of an HA pair."""

from __future__ import annotations

from dataclasses import replace

from paloaltofw.model.firewall_profile import FirewallProfile, HaPeer
from paloaltofw.model.records import DeviceRecord
from paloaltofw.model.trust import Trust
from paloaltofw.secret import Secret

ALONE = FirewallProfile("fw", "https://192.0.2.10", "svc", Secret("one"))
PAIR = replace(ALONE, ha_peer=HaPeer("https://192.0.2.11", Secret("two"), Trust(off=True)))


def test_one_firewall_has_one_address() -> None:
    assert ALONE.urls == {"https://192.0.2.10"}
    assert ALONE.pair_title == ALONE.title
    assert ALONE.other_unit() is ALONE


def test_the_other_unit_has_its_own_key_and_trust_and_knows_the_first_as_its_peer() -> None:
    other = PAIR.other_unit()
    assert (other.url, other.api_key.reveal(), other.trust) == ("https://192.0.2.11", "two", Trust(off=True))
    assert other.urls == PAIR.urls == {"https://192.0.2.10", "https://192.0.2.11"}
    assert other.other_unit() == PAIR
    assert "192.0.2.10 and 192.0.2.11" in PAIR.pair_title


def test_a_device_record_knows_the_serial_number_at_each_address() -> None:
    assert DeviceRecord("fw", "1", "a").units == {"a": "1"}
    assert DeviceRecord("fw", "1", "a", "2", "b").units == {"a": "1", "b": "2"}
