"""Signing keys: the Signer port, a key in a file of mode 0600 (default), a key in the environment (development).

A key is stored as Go's note package writes it: `PRIVATE+KEY+<name>+<hex id>+<base64(0x01 ‖ seed)>`.
"""

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.errors import AuditError, LogUnavailable
from audit.note import ALGORITHM, Checkpoint, Verifier, decode64, key_id, signature_line

_PREFIX = "PRIVATE+KEY+"


class KeyInvalid(AuditError):
    """The signing key cannot be used."""


class Signer(Protocol):
    """Signs checkpoints; a KMS or PKCS#11 token is one more implementation."""

    @property
    def verifier(self) -> Verifier:
        """The public half; its name is the log's origin."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 over `message`. Called on the log's writer thread."""


class KeySigner:
    """An Ed25519 key in memory."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = seed
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> "KeySigner":
        """A new key with a new origin: no two logs share one, so one log's evidence never fits another."""
        return cls(f"flyball.local/{secrets.token_hex(8)}", secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: str, *, where: str) -> "KeySigner":
        """Raises KeyInvalid; the message never repeats the key."""
        name, _, rest = text.strip().removeprefix(_PREFIX).partition("+")
        mark, _, encoded = rest.partition("+")
        hint = "restore it from a backup; a new key begins a new log"
        try:
            data = decode64(encoded)
        except ValueError:
            data = b""
        if not text.startswith(_PREFIX) or data[:1] != ALGORITHM or len(data) != 33:
            raise KeyInvalid("not a signing key", where=where, hint=hint)
        signer = cls(name, data[1:])
        if key_id(name, signer.verifier.public).hex() != mark:
            raise KeyInvalid("the key's id does not fit its name and bytes", where=where, hint=hint)
        return signer

    @property
    def text(self) -> str:
        public = self.verifier
        data = base64.b64encode(ALGORITHM + self._seed).decode()
        return f"{_PREFIX}{public.name}+{key_id(public.name, public.public).hex()}+{data}"

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def signed(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a signed note."""
    verifier, text = signer.verifier, checkpoint.text
    line = signature_line(verifier.name, verifier.public, signer.sign(text.encode()))
    return f"{text}\n{line}"


def from_file(path: Path) -> KeySigner:
    """Raises KeyInvalid where others may read the file, LogUnavailable where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        hint = "restore the key from a backup; a log cannot continue under a new key"
        raise LogUnavailable(f"no signing key: {error.strerror}", where=str(path), hint=hint) from error
    with os.fdopen(descriptor) as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise KeyInvalid(
                f"others may read it (mode {mode:04o})", where=str(path), hint=f"chmod 600 {path}"
            )
        return KeySigner.parse(file.read(4096), where=str(path))


def create_file(path: Path) -> KeySigner:
    """A new key at `path`, mode 0600, or the one that another process put there first.

    The key appears whole or not at all: it is written aside, synced, then linked (link never overwrites).
    """
    signer = KeySigner.generate()
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(signer.text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return from_file(path)
    finally:
        aside.unlink()
    sync_folder(path.parent)
    return signer


def file_signer(path: Path) -> Signer:
    """The key beside the log at `path`. Made only where there is no log yet: a lost key is never papered over."""
    key = path.with_suffix(".key")
    if key.exists() or path.exists():
        return from_file(key)
    try:
        key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return create_file(key)
    except OSError as error:
        raise LogUnavailable(f"no key can be made: {error.strerror}", where=str(key)) from error


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
