"""C2SP signed-note with Ed25519, and the tlog-checkpoint that it carries. Pure: text in, text out.

A note is a text that ends in a newline, an empty line, and signature lines `— <name> <base64(id ‖ sig)>`;
`id` is SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[:4]. A checkpoint's text is origin, size and root in lines.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.errors import LogTampered
from audit.tree import HASH_SIZE

ALGORITHM = b"\x01"
MAX_NOTE = 1_000_000
_NAME = re.compile(r"[^\s+]+\Z")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")


def key_id(name: str, public: bytes) -> bytes:
    """The four bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n" + ALGORITHM + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name; `text` (the vkey) is `<name>+<hex id>+<base64(0x01 ‖ key)>`."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Raises ValueError where `text` is not an Ed25519 verifier key or its id does not fit."""
        name, _, rest = text.strip().partition("+")
        mark, _, encoded = rest.partition("+")
        data = decode64(encoded)
        if not _NAME.match(name) or data[:1] != ALGORITHM or len(data) != 33:
            raise ValueError(f"not an Ed25519 verifier key: {text!r}")
        if key_id(name, data[1:]).hex() != mark:
            raise ValueError(f"the key's id does not fit its name and bytes: {text!r}")
        return cls(name, data[1:])

    @property
    def text(self) -> str:
        data = base64.b64encode(ALGORITHM + self.public).decode()
        return f"{self.name}+{key_id(self.name, self.public).hex()}+{data}"

    def verify(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: `size` leaves under `root`, of the log named `origin`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Extension lines are let through, as the format demands. Raises ValueError."""
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or lines[-1] or not _SIZE.match(lines[1]):
            raise ValueError("not a checkpoint: origin, size and root are expected, a line each")
        root = decode64(lines[2])
        if len(root) != HASH_SIZE or not all(lines[3:-1]):
            raise ValueError("not a checkpoint: the root is not a SHA-256 hash, or a line is empty")
        return cls(lines[0], int(lines[1]), root)


def signature_line(name: str, public: bytes, signature: bytes) -> str:
    return f"— {name} {base64.b64encode(key_id(name, public) + signature).decode()}\n"


def verified_text(note: str, verifier: Verifier) -> str:
    """The text of a note that `verifier` signed. Raises LogTampered.

    Signatures of unknown keys (witnesses) are ignored; a wrong one of the known key is fatal.
    """
    text, signatures = _parts(note)
    mine = (verifier.name, key_id(verifier.name, verifier.public))
    known = [signature for *key, signature in signatures if tuple(key) == mine]
    if not known or not all(verifier.verify(text, signature) for signature in known):
        raise LogTampered("the checkpoint is not signed by the log's key", where=verifier.name)
    return text


def opened(note: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint that `verifier` signed for the log of its own name. Raises LogTampered."""
    text = verified_text(note, verifier)
    try:
        checkpoint = Checkpoint.parse(text)
    except ValueError as error:
        raise LogTampered(str(error), where=verifier.name) from error
    if checkpoint.origin != verifier.name:
        raise LogTampered(f"the checkpoint is of another log: {checkpoint.origin}", where=verifier.name)
    return checkpoint


def claimed(note: str) -> tuple[Checkpoint, frozenset[tuple[str, bytes]]] | None:
    """The checkpoint that a note says, and the names and ids of the keys it names; **no signature is verified**.

    None where it is no signed checkpoint at all.
    """
    try:
        text, signatures = _parts(note)
        return Checkpoint.parse(text), frozenset((name, mark) for name, mark, _ in signatures)
    except (LogTampered, ValueError):
        return None


def _parts(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    head, gap, tail = note.rpartition("\n\n")
    control = any(c < " " and c != "\n" for c in note)
    if not gap or not tail.endswith("\n") or len(note) > MAX_NOTE or control:
        raise LogTampered("not a signed note: a text, an empty line and signatures are expected")
    return head + "\n", [_signature(line) for line in tail[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        data = decode64(encoded)
    except ValueError as error:
        raise LogTampered(f"not a signature line: {line!r}") from error
    if dash != "—" or not _NAME.match(name) or len(data) < 5:
        raise LogTampered(f"not a signature line: {line!r}")
    return name, data[:4], data[4:]


def decode64(text: str) -> bytes:
    """Strict base64: one spelling for each value. Raises ValueError."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {text!r}") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError(f"not base64 in its one spelling: {text!r}")
    return data
