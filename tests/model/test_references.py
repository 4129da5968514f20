"""Who uses what: a user in doubt counts."""

from __future__ import annotations

import itertools

import pytest

from paloaltofw.model.references import Reference, Usage, listed

SCOPES = ("device", "shared", "vsys1", "vsys2")


@pytest.mark.parametrize(("user", "scope"), list(itertools.product(SCOPES, SCOPES[1:])))
def test_only_another_vsys_does_not_mean_it(user: str, scope: str) -> None:
    reference = Reference("IKE gateway", "gw", user, "www")
    is_other_vsys = user.startswith("vsys") and scope.startswith("vsys") and user != scope
    assert Usage((reference,)).of("www", scope) == (() if is_other_vsys else (reference,))
    assert Usage((reference,)).of("www-2", scope) == ()


def test_in_words_each_once() -> None:
    gateway = Reference("IKE gateway", "gw", "vsys1", "www")
    management = Reference("management interface", "", "device", "www")
    assert listed([gateway, management, gateway]) == "IKE gateway gw (vsys1), management interface"


@pytest.mark.parametrize(
    ("scope", "holder", "place", "words"),
    [
        ("shared", "", "shared", "decryption"),
        ("vsys2", "", "vsys2", "decryption (vsys2)"),
        ("shared", "template base", "template base", "decryption (template base)"),
        ("device", "template stack s", "template stack s", "decryption (template stack s)"),
        ("vsys1", "template base", "template base, vsys1", "decryption (template base, vsys1)"),
    ],
)
def test_where_a_user_is(scope: str, holder: str, place: str, words: str) -> None:
    reference = Reference("decryption", "", scope, "www", holder)
    assert (reference.place, str(reference)) == (place, words)
