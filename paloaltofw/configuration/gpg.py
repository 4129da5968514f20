"""GnuPG: encrypts and decrypts credential files in place, and reads encrypted ones without plain text on the disk.

The passphrase goes to gpg through a pipe: it never stands on a command line or in a child's environment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paloaltofw.errors import AgentError, StateError
from paloaltofw.model.settings import Settings
from paloaltofw.safe_files import atomic_write, is_exposed, sync_folder
from paloaltofw.secret import Secret

if TYPE_CHECKING:
    import gnupg

ENCRYPTED_SUFFIX = ".gpg"
PASSPHRASE_VARIABLE = "SECTIGO_GPG_PASSPHRASE"  # nosec B105  # no password
CIPHER = "AES256"
MAX_BYTES = 1024 * 1024
# What gpg reports (doc/DETAILS of GnuPG, status lines) -> what is wrong, what to do. First match counts.
_TROUBLE = (
    ("KEYEXPIRED", "the key has expired", "extend it or choose another recipient"),
    ("KEYREVOKED", "the key is revoked", "choose another recipient"),
    ("INV_RECP 5", "the recipient's key has expired", "extend it or choose another recipient"),
    ("INV_RECP 4", "the recipient's key is revoked", "choose another recipient"),
    ("INV_RECP 10", "the recipient's key is not trusted", "verify it, then sign it or set its trust with gpg"),
    ("INV_RECP", "the recipient's key is missing or cannot be used", "import it, or correct encryption.recipient"),
    ("NO_SECKEY", "the secret key is not in this keyring", "import it, or correct encryption.gnupg_home"),
    ("BAD_PASSPHRASE", "the passphrase is wrong", "correct it"),
    ("bad passphrase", "the passphrase is wrong", "correct it"),
    ("Bad session key", "the passphrase is wrong", "correct it"),
    ("decryption failed", "the passphrase is wrong or the key is missing", "correct the passphrase or the keyring"),
    ("No space left", "the disk is full", "make room"),
    ("no valid OpenPGP data", "is not an encrypted file", "look at it"),
    ("NODATA", "is not an encrypted file", "look at it"),
)


class EncryptionFailed(AgentError):
    """GnuPG could not encrypt or decrypt; the original is untouched."""

    code = "encryption"


class Gpg:
    """GnuPG with the settings of config.yaml. `ask` prompts for a passphrase; None where there is no terminal."""

    def __init__(
        self,
        recipient: str | None,
        passphrase_file: Path | None,
        home: Path | None,
        ask: Callable[[], str] | None = None,
    ) -> None:
        self._recipient = recipient
        self._passphrase_file = passphrase_file
        self._home = home
        self._ask = ask
        self._asked: Secret | None = None

    def encrypt_file(self, path: Path) -> str:
        """Replace a plain file by its encrypted form; return a sentence. Encrypting what is encrypted succeeds."""
        target = path.with_name(path.name + ENCRYPTED_SUFFIX)
        if not path.exists() and target.exists():
            return f"{target} is encrypted already"
        _refuse_both(path, target)
        plain = read_file(path)
        cipher = self._encrypt(plain, path)
        if self._recipient is None and self._decrypt(cipher, target) != plain:
            raise EncryptionFailed("the encrypted form cannot be read back", str(path), "nothing was changed")
        _exchange(path, target, cipher)
        return f"{path} is now {target.name}"

    def decrypt_file(self, path: Path) -> str:
        """Replace an encrypted file by its plain form; return a sentence. Decrypting what is plain succeeds."""
        source = path.with_name(path.name + ENCRYPTED_SUFFIX)
        if path.exists() and not source.exists():
            return f"{path} is plain already"
        _refuse_both(path, source)
        _exchange(source, path, self._decrypt(read_file(source), source))
        return f"{source} is now {path.name}"

    def rewrite(self, path: Path, plain: bytes, is_encrypted: bool) -> Path:
        """Replace a file, in its plain or encrypted form, by new content; return the path that now holds it."""
        encrypted = path.with_name(path.name + ENCRYPTED_SUFFIX)
        _refuse_both(path, encrypted)
        new, old = (encrypted, path) if is_encrypted else (path, encrypted)
        content = self._encrypt(plain, path) if is_encrypted else plain
        if old.exists():
            _exchange(old, new, content)
        else:
            _write(new, content, like=new)
        return new

    def read(self, path: Path) -> bytes:
        """The plain content of an encrypted file, in memory only."""
        return self._decrypt(read_file(path), path)

    def _encrypt(self, plain: bytes, path: Path) -> bytes:
        gpg = self._program()
        if self._recipient:
            result = gpg.encrypt(plain, [self._recipient], armor=False)
        else:
            passphrase = self._passphrase(is_needed=True)
            result = gpg.encrypt(plain, None, symmetric=CIPHER, passphrase=passphrase, armor=False)
        return _content(result, path)

    def _decrypt(self, cipher: bytes, path: Path) -> bytes:
        return _content(self._program().decrypt(cipher, passphrase=self._passphrase(is_needed=False)), path)

    def _program(self) -> gnupg.GPG:
        import gnupg

        # It logs tracebacks of what becomes one sentence of ours.
        logging.getLogger("gnupg").setLevel(logging.CRITICAL)
        environment = {name: value for name, value in os.environ.items() if name != PASSPHRASE_VARIABLE}
        home = str(self._home) if self._home else None
        try:
            return gnupg.GPG(gnupghome=home, env=environment, options=["--no-tty"])
        except (OSError, ValueError) as error:
            if self._home and not self._home.is_dir():
                raise EncryptionFailed("is no folder", str(self._home), "correct encryption.gnupg_home") from None
            raise EncryptionFailed(f"gpg cannot be run ({type(error).__name__})", remedy="install gnupg") from None

    def _passphrase(self, is_needed: bool) -> str | None:
        """From the file, the environment, or a prompt; else gpg-agent may know it."""
        if self._passphrase_file:
            return _passphrase_of(self._passphrase_file)
        if os.environ.get(PASSPHRASE_VARIABLE):
            return Secret(os.environ[PASSPHRASE_VARIABLE]).reveal()
        if self._asked is None and self._ask is not None and self._recipient is None:
            self._asked = Secret(self._ask())
        if self._asked is not None:
            return self._asked.reveal()
        if is_needed:
            remedy = f"set encryption.passphrase_file or {PASSPHRASE_VARIABLE}, or encryption.recipient"
            raise EncryptionFailed("there is no passphrase", remedy=remedy)
        return None


def _passphrase_of(path: Path) -> str:
    try:
        status = path.stat()
        text = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise EncryptionFailed(f"cannot be read: {reason}", str(path), "correct encryption.passphrase_file") from None
    if is_exposed(status):
        raise EncryptionFailed("is readable by others", str(path), f"run: chmod 600 {path}")
    if not text or "\n" in text:
        raise EncryptionFailed("does not hold one line with the passphrase", str(path), "correct it")
    return Secret(text).reveal()


def _content(result: Any, path: Path) -> bytes:
    if result.ok:
        return bytes(result.data)
    report = f"{result.status or ''}\n{result.stderr or ''}"
    for sign, what, remedy in _TROUBLE:
        if sign in report:
            raise EncryptionFailed(what, str(path), remedy)
    raise EncryptionFailed(f"gpg says: {result.status or 'no reason'}", str(path), "run gpg by hand to see more")


def read_file(path: Path) -> bytes:
    """A credential file's content as it lies on the disk; raises EncryptionFailed."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise EncryptionFailed(
            f"cannot be read: {error.strerror}", str(path), "correct the path or its rights"
        ) from None
    if len(content) > MAX_BYTES:
        raise EncryptionFailed("is larger than 1 MiB", str(path), "this cannot be a profile")
    return content


def _refuse_both(plain: Path, encrypted: Path) -> None:
    if plain.exists() and encrypted.exists():
        raise EncryptionFailed(f"{encrypted.name} is there too", str(plain), "delete the one that is out of date")


def _write(path: Path, content: bytes, like: Path) -> None:
    """Write a file that belongs to whom the earlier one belonged to: root may encrypt what a service account reads."""
    try:
        status = like.stat()
        is_others = status.st_uid != os.geteuid()
        atomic_write(path, content, (status.st_uid, status.st_gid) if is_others else None)
    except StateError as error:
        raise EncryptionFailed(error.what, str(path), "the original is untouched") from None
    except OSError as error:
        raise EncryptionFailed(f"cannot be read: {error.strerror}", str(like), "check its rights") from None


def _exchange(old: Path, new: Path, content: bytes) -> None:
    """Write the new file completely before the old one goes."""
    _write(new, content, like=old)
    try:
        old.unlink()
        sync_folder(old.parent)
    except OSError as error:
        raise EncryptionFailed(f"cannot be removed: {error.strerror}", str(old), "remove it by hand") from None


def is_encryption_configured(settings: Settings) -> bool:
    """Whether config.yaml or the environment say how files are encrypted."""
    return bool(settings.gpg_recipient or settings.gpg_passphrase_file or os.environ.get(PASSPHRASE_VARIABLE))
