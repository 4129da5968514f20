"""Endpoints as people write them."""

from __future__ import annotations

import pytest

from paloaltofw.model.serve_check import Endpoint, ServeCheck


@pytest.mark.parametrize(
    ("endpoint", "text", "name"),
    [
        (Endpoint("vpn.example.com", 443, "vpn.example.com"), "vpn.example.com:443", "vpn.example.com"),
        (Endpoint("192.0.2.7", 443, "vpn.example.com"), "192.0.2.7:443/vpn.example.com", "vpn.example.com"),
        (Endpoint("2001:db8::1", 8443), "[2001:db8::1]:8443", "2001:db8::1"),
    ],
)
def test_an_endpoint_in_words(endpoint: Endpoint, text: str, name: str) -> None:
    assert (str(endpoint), endpoint.name) == (text, name)


def test_the_order_of_endpoints_asks_nothing_else() -> None:
    one, two = Endpoint("a", 443), Endpoint("b", 443)
    assert ServeCheck((one, two)).text == ServeCheck((two, one)).text != ServeCheck((one,)).text
    assert ServeCheck((one,)).text != ServeCheck((one,), on_wrong="rollback").text
