"""Files with secrets: who else may read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paloaltofw.configuration.gpg import EncryptionFailed, Gpg
from paloaltofw.configuration.loader import load
from paloaltofw.safe_files import is_exposed
from tests import files

OWN, OTHER = os.geteuid(), os.geteuid() + 1


@pytest.mark.parametrize(
    ("mode", "me", "exposed"),
    [
        (0o600, OWN, False), (0o400, OWN, False), (0o640, OWN, True), (0o604, OWN, True), (0o660, OWN, True),
        # Of another user: a Kubernetes Secret with fsGroup, a systemd credential with an access list.
        (0o440, OTHER, False), (0o640, OTHER, False), (0o444, OTHER, True), (0o660, OTHER, True), (0o644, OTHER, True),
    ],
)  # fmt: skip
def test_who_may_read_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, me: int, exposed: bool
) -> None:
    """`me` is the user whom this process runs as; the files belong to OWN."""
    config = files.write_all(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("a passphrase", "utf-8")
    for path in (secret, tmp_path / files.FILE_OF["firewall"]):
        path.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: me)
    assert is_exposed(secret.stat()) is exposed
    assert any("readable by others" in warning for warning in load(config).warnings) is exposed


def test_a_passphrase_that_a_group_was_given_is_used(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, secret = tmp_path / "plain", tmp_path / "secret"
    for path in (plain, secret):
        path.write_text("a passphrase", "utf-8")
    secret.chmod(0o440)
    with pytest.raises(EncryptionFailed, match="readable by others"):
        Gpg(None, secret, home).encrypt_file(plain)
    monkeypatch.setattr(os, "geteuid", lambda: OTHER)
    assert "is now plain.gpg" in Gpg(None, secret, home).encrypt_file(plain)
