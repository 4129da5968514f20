"""GnuPG for real, in temporary homes: what goes wrong leaves the original untouched, and says why in one line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from paloaltofw.configuration.gpg import PASSPHRASE_VARIABLE, EncryptionFailed, Gpg
from paloaltofw.configuration.loader import load
from paloaltofw.sandbox.world import certificate_profile
from tests import files
from tests.end_to_end.harness import Scene
from tests.sweeps import one_in

PLAIN = 'api_key: "s3cr3t-ünï"\r\n# a comment, kept to the byte'.encode()
SCRIPT = Path(__file__).resolve().parents[2] / "paloaltofw" / "paloaltoagent.py"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "fw.yaml"
    path.write_bytes(PLAIN)
    return path


def make_key(home: Path, expires: str = "never") -> str:
    command = ["gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--pinentry-mode", "loopback"]
    subprocess.run(
        [*command, "--quick-generate-key", "agent@example.com", "default", "default", expires],
        check=True,
        capture_output=True,
    )
    return "agent@example.com"


def passphrase_file(folder: Path, text: str = "correct horse") -> Path:
    path = folder / "passphrase"
    path.write_text(text + "\n", "utf-8")
    path.chmod(0o600)
    return path


def test_symmetric_there_and_back(home: Path, profile: Path, tmp_path: Path) -> None:
    gpg = Gpg(None, passphrase_file(tmp_path), home)
    gpg.encrypt_file(profile)
    encrypted = tmp_path / "fw.yaml.gpg"
    assert not profile.exists()
    assert stat.S_IMODE(encrypted.stat().st_mode) == 0o600
    assert b"s3cr3t" not in encrypted.read_bytes()
    assert gpg.read(encrypted) == PLAIN
    assert "already" in gpg.encrypt_file(profile)
    gpg.decrypt_file(profile)
    assert profile.read_bytes() == PLAIN
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600
    assert "already" in gpg.decrypt_file(profile)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.sweep
def test_files_keep_their_owner(home: Path, profile: Path, tmp_path: Path) -> None:
    gpg = Gpg(None, passphrase_file(tmp_path), home)
    os.chown(profile, 1234, 2345)
    gpg.encrypt_file(profile)
    encrypted = Path(f"{profile}.gpg")
    assert (encrypted.stat().st_uid, encrypted.stat().st_gid, encrypted.stat().st_mode & 0o777) == (1234, 2345, 0o600)
    gpg.rewrite(profile, b"url: x", is_encrypted=True)
    assert encrypted.stat().st_uid == 1234
    gpg.decrypt_file(profile)
    assert (profile.stat().st_uid, profile.stat().st_gid) == (1234, 2345)


def test_recipient_there_and_back(home: Path, profile: Path, tmp_path: Path) -> None:
    gpg = Gpg(make_key(home), None, home)
    gpg.encrypt_file(profile)
    gpg.decrypt_file(profile)
    assert profile.read_bytes() == PLAIN


def refused(gpg: Gpg, profile: Path, words: str) -> None:
    with pytest.raises(EncryptionFailed, match=words) as caught:
        gpg.encrypt_file(profile)
    assert "\n" not in str(caught.value)
    assert profile.read_bytes() == PLAIN
    assert not profile.with_name("fw.yaml.gpg").exists()


def test_an_expired_key_is_refused(home: Path, profile: Path) -> None:
    recipient = _expired(home)
    refused(Gpg(recipient, None, home), profile, "expired")


def _expired(home: Path) -> str:
    command = ["gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--pinentry-mode", "loopback"]
    past = ["--faked-system-time", "20200101T000000"]
    subprocess.run(
        [*command, *past, "--quick-generate-key", "old@example.com", "default", "default", "1d"],
        check=True,
        capture_output=True,
    )
    return "old@example.com"


def test_a_missing_recipient_is_refused(home: Path, profile: Path) -> None:
    refused(Gpg("nobody@example.com", None, home), profile, "missing")


@pytest.mark.sweep
def test_an_untrusted_recipient_is_refused(home: Path, profile: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gpg") as other:
        Path(other).chmod(0o700)
        make_key(Path(other))
        public = subprocess.run(
            ["gpg", "--homedir", other, "--export", "agent@example.com"], check=True, capture_output=True
        ).stdout
        subprocess.run(["gpgconf", "--homedir", other, "--kill", "all"], check=True)
    subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--import"], input=public, check=True, capture_output=True
    )
    refused(Gpg("agent@example.com", None, home), profile, "not trusted|cannot be used")


def test_no_passphrase_is_refused(home: Path, profile: Path) -> None:
    refused(Gpg(None, None, home), profile, "no passphrase")


def test_an_exposed_passphrase_file_is_refused(home: Path, profile: Path, tmp_path: Path) -> None:
    path = passphrase_file(tmp_path)
    path.chmod(0o640)
    refused(Gpg(None, path, home), profile, "readable by others")


def test_no_gpg_is_refused(home: Path, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(Gpg(None, passphrase_file(tmp_path), home), profile, "install gnupg")


def test_a_wrong_passphrase_leaves_the_encrypted_file(home: Path, profile: Path, tmp_path: Path) -> None:
    Gpg(None, passphrase_file(tmp_path), home).encrypt_file(profile)
    with pytest.raises(EncryptionFailed, match="passphrase is wrong"):
        Gpg(None, passphrase_file(tmp_path, "wrong"), home).decrypt_file(profile)
    assert profile.with_name("fw.yaml.gpg").exists()
    assert not profile.exists()


def test_garbage_is_not_taken_for_an_encrypted_file(home: Path, profile: Path, tmp_path: Path) -> None:
    profile.rename(profile.with_name("fw.yaml.gpg"))
    with pytest.raises(EncryptionFailed, match=r"not an encrypted file|passphrase is wrong"):
        Gpg(None, passphrase_file(tmp_path), home).decrypt_file(profile)


def test_plain_and_encrypted_together_are_refused(home: Path, profile: Path, tmp_path: Path) -> None:
    profile.with_name("fw.yaml.gpg").write_bytes(b"x")
    for action in (Gpg(None, None, home).encrypt_file, Gpg(None, None, home).decrypt_file):
        with pytest.raises(EncryptionFailed, match="is there too"):
            action(profile)


@pytest.mark.sweep
def test_the_passphrase_is_in_no_childs_environment(
    home: Path, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = tmp_path / "bin" / "gpg"
    spy.parent.mkdir()
    spy.write_text(
        '#!/bin/sh\n{ env; echo "$@"; } >> "' + str(tmp_path / "seen") + '"\nexec /usr/bin/gpg "$@"\n', "utf-8"
    )
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "canary-passphrase")
    Gpg(None, None, home).encrypt_file(profile)
    seen = (tmp_path / "seen").read_text("utf-8")
    assert "--symmetric" in seen
    assert "canary-passphrase" not in seen


def agent(config: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--config", str(config), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL
    )


@pytest.mark.sweep
def test_the_commands_on_a_whole_configuration(home: Path, tmp_path: Path) -> None:
    config = files.write_all(tmp_path, config=files.changed(files.CONFIG, "encryption.gnupg_home", str(home)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.yaml")}
    secret = {PASSPHRASE_VARIABLE: "correct horse"}
    done = agent(config, "encrypt", **secret)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in tmp_path.rglob("*.gpg")) == ["fw-edge.yaml.gpg", "sectigo_credentials.yaml.gpg"]
    assert agent(config, "check", "--offline", **secret).returncode == 0
    without = agent(config, "check", "--offline")
    assert without.returncode == 2
    assert "fw-edge.yaml.gpg" in without.stderr
    assert agent(config, "decrypt", **{PASSPHRASE_VARIABLE: "wrong"}).returncode == 1
    assert agent(config, "decrypt", **secret).returncode == 0
    after = {path: path.read_bytes() for path in tmp_path.rglob("*.yaml")}
    assert after == before


@pytest.mark.parametrize("with_recipient", one_in(2, [True, False]))
def test_encrypt_run_decrypt(home: Path, tmp_path: Path, with_recipient: bool) -> None:
    recipient = make_key(home) if with_recipient else None
    encryption: dict[str, object] = {"gnupg_home": str(home), "recipient": recipient}
    folder = tmp_path / "agent"
    with Scene(
        folder, {"dv": certificate_profile("fw-edge", "dv.example.com")}, more={"encryption": encryption}
    ) as made:
        before = {path: path.read_bytes() for path in (folder / "profiles").rglob("*.yaml")}
        secret = {} if with_recipient else {PASSPHRASE_VARIABLE: "correct horse"}
        assert made.run_cold("encrypt", **secret).code == 0
        assert not (folder / "profiles/sectigo_credentials.yaml").exists()
        done = made.run_cold("run", **secret)
        assert (done.code, done.out, done.err) == (0, "", "")
        assert made.world.firewalls["fw-edge"].running_certificate("dv") is not None
        assert not list(folder.glob("profiles/firewalls/*.yaml"))
        assert made.run_cold("decrypt", **secret).code == 0
        assert {path: path.read_bytes() for path in (folder / "profiles").rglob("*.yaml")} == before


@pytest.mark.sweep
def test_firewalls_that_are_not_selected_are_not_decrypted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = {
        "a": files.changed(files.CERTIFICATE, "name", "a"),
        "b": files.changed(files.changed(files.CERTIFICATE, "name", "b"), "firewall", "fw-two"),
    }
    firewalls = {"fw-edge": files.FIREWALL, "fw-two": files.changed(files.FIREWALL, "url", "192.0.2.11")}
    config = files.write_all(
        tmp_path,
        config=files.changed(files.CONFIG, "encryption.gnupg_home", str(home)),
        certificates=certificates,
        firewalls=firewalls,
    )
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    for name in ("fw-edge", "fw-two"):
        Gpg(None, None, home).encrypt_file(tmp_path / "profiles/firewalls" / f"{name}.yaml")
    read: list[Path] = []
    original = Gpg.read

    def spy(self: Gpg, path: Path) -> bytes:
        read.append(path)
        return original(self, path)

    monkeypatch.setattr(Gpg, "read", spy)
    load(config, profiles=("a",))
    assert [path.name for path in read] == ["fw-edge.yaml.gpg"]
